"""The page of error rates: rows of the kinds asked for, with the truth they say; counts that count; a page to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import error_rates
import numpy as np
import pandas as pd
import pytest
from error_rate_rows import INDICES, Row, new_animals_of, rows, study_of

PAGE = Path(__file__).parents[1] / "docs" / "error-rates.md"
ROWS = {error_rates.key_of(row): row for row in rows()}


def _row(word: str, index: float = 1.0) -> Row:
    return next(row for row in ROWS.values() if word in row.name and row.index == index)


def _slopes(study: Any) -> pd.Series:
    """Growth rate of each animal, by a straight line through its logs (1/day)."""
    readings = study.readings.assign(z=lambda own: np.log(own["volume"]))
    return readings.groupby("animal").apply(
        lambda own: float(np.polyfit(own["day"], own["z"], 1)[0]), include_groups=False
    )


def test_the_rows_are_of_the_kinds_that_were_asked_for() -> None:
    assert len(ROWS) == len(rows())
    assert {row.index for row in ROWS.values()} == set(INDICES) == {1.0, 0.6, 0.4}
    assert {row.truth.law for row in ROWS.values()} == {"exponential", "gompertz", "logistic", "exponential-linear"}
    plain = [row for row in ROWS.values() if row.name.startswith(("exponential, ", "Gompertz, "))]
    assert {5, 8, 10} <= {next(iter(row.animals.values())) for row in plain}
    assert {row.unit for row in ROWS.values()} == {"mm3", "cm3", "photons/s"}
    for days in ("2.2", "4", "25"):
        row = _row(f"doubling time {days} d")
        assert np.log(2) / row.truth.growth == pytest.approx(float(days))
    assert np.log(2) / _row("exponential, 8").truth.growth == pytest.approx(9, abs=0.2)
    assert {row.kind for row in ROWS.values()} == {"solver", "resistant", "stopping", "carried forward"}
    assert {row.column for row in ROWS.values() if row.cage_sd} == {"cage", ""}
    assert any(row.truth.residual for row in ROWS.values())
    assert any(row.truth.sd_effect for row in ROWS.values())


def test_a_study_has_the_excess_that_its_row_says() -> None:
    for word in ("exponential, 8", "doubling time 2.2 d", "photon flux", "cages of four", "effect stops"):
        for index in INDICES:
            row = _row(word, index)
            study, true = study_of(row, 3, seed=1)
            over = study.horizon if row.kind == "solver" or row.cage_sd else min(study.horizon, 21.0)
            assert true == pytest.approx(-np.log(index) * over / row.horizon, abs=1e-3), (word, index)
    resistant, more = (study_of(_row("a tenth of the cells", index), 3, seed=1) for index in (1.0, 0.4))
    # cells that resist each agent, killed independently: no interaction, whatever the reductions
    assert resistant[1] == pytest.approx(0.0, abs=1e-12)
    assert more[1] > 0.5


def test_the_readings_show_what_was_put_in() -> None:
    plain, _ = study_of(_row("exponential, no removal"), 2, seed=1)
    sd = _slopes(plain).groupby(plain.animals["arm"]).std()
    assert sd.mean() == pytest.approx(0.015, rel=0.25)
    caged, _ = study_of(_row("cage sd 0.015/day, column given"), 2, seed=1)
    assert caged.group == "cage"
    assert caged.animals.groupby("cage")["arm"].nunique().eq(1).all()
    untold, _ = study_of(_row("cage sd 0.015/day, no column"), 2, seed=1)
    assert untold.group == "animal"
    stopped, _ = study_of(_row("effect stops"), 2, seed=1)
    assert not any(dosing.schedule_known for arm in stopped.arms for dosing in arm.dosings)
    floor, _ = study_of(_row("stronger agents"), 2, seed=1)
    both = floor.readings[floor.readings["arm"] == "A + B"]
    assert both[both["day"] > 35]["volume"].median() == pytest.approx(25, rel=0.3)
    limited = _row("below the limit")
    shares = [study_of(limited, number, seed=1)[0].readings["censored"].mean() for number in range(3)]
    assert np.mean(shares) == pytest.approx(0.2, abs=0.06)


def test_units_change_the_numbers_and_not_the_study() -> None:
    cm3, _ = study_of(_row("recorded in cm³"), 4, seed=1)
    mm3, _ = study_of(_row("exponential, 8"), 4, seed=1)
    assert cm3.readings["volume"].to_numpy() == pytest.approx(
        mm3.readings["volume"].to_numpy()
    )  # converted as it is read
    assert cm3.endpoint_volume == pytest.approx(mm3.endpoint_volume)


def test_the_mixed_model_finds_the_contrast_of_a_study_that_is_certain() -> None:
    row = _row("exponential, no removal")
    sure = row.truth.model_copy(update={"sd_growth": 0.004, "error": 0.02, "departure": {"A + B": 0.02}})
    study, true = study_of(Row("sure", sure, row.visits, row.animals, endpoint=None), 1, seed=1)
    found = error_rates.mixed_model(study)
    assert found["words"] == "enhanced"
    assert found["lower"] < true < found["upper"]
    assert true == pytest.approx(0.02 * study.horizon, abs=1e-6)


def test_a_verdict_is_wrong_where_the_true_excess_has_not_its_direction() -> None:
    sure = {"median": 0.5, "lower": 0.1, "upper": 0.9}
    up, down = {"words": "enhanced"} | sure, {"words": "less than the reference"} | sure
    outcomes: list[dict[str, Any]] = [
        {"true": 0.0, "answers": {"x": up | {"cautions": ["Floor"]}}},
        {"true": 0.3, "answers": {"x": up | {"cautions": ["Priors"]}}},
        {"true": -0.3, "answers": {"x": down}},
        {"true": 0.3, "answers": {"x": down}},
        {"true": 1e-9, "answers": {"x": {"words": "not distinguishable by these data"} | sure}},
        {"failed": "ValueError: no"},
    ]
    found = error_rates.counts(outcomes, "x")
    assert found.pop("bias") == pytest.approx(np.mean([0.5, 0.2, 0.8, 0.2, 0.5]))
    assert found.pop("width") == pytest.approx(0.8)
    assert found == {
        "studies": 6, "enhanced": 2, "less": 2, "wrong": 2, "right": 2, "none": 1, "covered": 2, "wrong_in_doubt": 1,
        "others_in_doubt": 1,
    }  # fmt: skip


def test_what_chance_does_not_explain_is_bold_and_studies_are_counted() -> None:
    good = {"words": "not distinguishable by these data", "median": 0.0, "lower": -1.0, "upper": 1.0}
    bad = {"words": "enhanced", "median": 1.0, "lower": 0.5, "upper": 1.5, "cautions": ["Floor"]}
    outcomes = [
        {"true": 0.0, "answers": dict.fromkeys(error_rates.METHODS, good if number % 4 else bad)}
        for number in range(100)
    ]
    (line,) = error_rates.table({"a truth|1": outcomes})[2:]
    assert line.startswith("| a truth | none | 100 | 0.00 | **25 / 0 / 25** | 25 of 25 | 0 of 75 | 0.25 | **75 %** |")


def test_the_page_says_how_far_both_ways_of_fitting_differ() -> None:
    answered = {"true": 0.0, "answers": {}, "by_nuts": 0, "cards": {"one": 1.0, "two": 0.0}}
    outcomes = [answered | {"difference": 0.002}, answered | {"by_nuts": 2}, answered | {"difference": 0.01}]
    text = error_rates.page({"a truth|1": outcomes})
    assert "2 of 6 fits were left to NUTS. In the 2 studies that were fitted both ways" in text
    assert "differs by 0.010 at most, and by 0.006 in half of them" in text


def test_the_page_is_what_the_script_writes_around_its_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(error_rates.page({}).split(error_rates.NONE)[0])
    rows_shown, _, _ = text.partition("## Before")[0].partition("New animals inside")
    lines = [line for line in rows_shown.splitlines() if line.startswith("| ") and error_rates.HEAD[0] not in line]
    keys = {tuple(cell.strip() for cell in line.split("|")[1:3]) for line in lines}
    assert keys <= {(row.name, "none" if row.index == 1 else f"{row.index:g}") for row in ROWS.values()}


def test_new_animals_are_those_of_the_row_and_their_share_stands_on_the_page() -> None:
    row = next(row for row in ROWS.values() if row.name.startswith("response varies"))
    found = new_animals_of(row, 28.0, 5, seed=1)
    assert found is not None
    assert found["arm"].value_counts().to_dict() == dict.fromkeys(row.animals, 5)
    by_hand = next(row for row in ROWS.values() if row.kind == "resistant")
    assert new_animals_of(by_hand, 28.0, 5, seed=1) is None
    outcomes = [{"true": 0.0, "answers": {}, "new_animals": dict.fromkeys(row.animals, share)} for share in (0.8, 0.9)]
    page = error_rates.page({error_rates.key_of(row): outcomes})
    assert f"| {row.name} | 2 | 85 % | 85 % | 85 % | 85 % |" in page
