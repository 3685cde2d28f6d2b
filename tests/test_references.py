"""Stored references: what changed is named first, what drifted by parameter, and another seed is no drift."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xenograft.errors import InputError
from xenograft.evidence import drift as references
from xenograft.evidence.drift import Drift, drift, read_reference, summaries, write_reference
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import fit as fit_card
from xenograft.model.card import ModelCard

CARD = "exponential-bliss-departure"


@pytest.fixture(scope="module")
def stored(fits: Mapping[str, Fit], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("reference") / "reference.json"
    write_reference(path, {CARD: fits[CARD]})
    return read_reference(path)


def edited(fit: Fit, place: int, **values: Any) -> Fit:
    """The fit with one reading of its study changed."""
    readings = fit.study.readings.copy()
    for column, value in values.items():
        readings.loc[readings.index[place], column] = value
    return replace(fit, study=replace(fit.study, readings=readings))


def with_prior(card: ModelCard, name: str, **numbers: float) -> ModelCard:
    return card.model_copy(update={"priors": card.priors | {name: card.priors[name].model_copy(update=numbers)}})


def test_the_same_fit_has_not_changed_and_not_drifted(stored: dict[str, Any], fits: Mapping[str, Fit]) -> None:
    found = drift(stored, fits[CARD])
    assert (found.card, found.changes, found.missing) == (CARD, (), "")
    np.testing.assert_allclose(found.table["shift"], 0, atol=1e-12)
    assert found.shifts().empty


def test_every_parameter_and_every_answer_is_stored_with_its_error(stored: dict[str, Any]) -> None:
    quantities = stored["models"][CARD]["quantities"]
    for name in ("growth", "kill[T-DM1]", "departure[T-DM1 + pertuzumab]", "excess_bliss[T-DM1 + pertuzumab]",
                 "tgi[pertuzumab]", "correlation"):  # fmt: skip
        assert 0 < quantities[name]["mcse"] < quantities[name]["sd"] / 10
    assert "tgi[vehicle]" not in quantities  # 0 in every draw
    assert set(stored["versions"]) >= {"xenograft", "nutpie", "numba", "arviz"}


def test_an_edited_reading_and_an_edited_prior_are_both_named(stored: dict[str, Any], fits: Mapping[str, Fit]) -> None:
    row = fits[CARD].study.readings.iloc[20]
    fit = edited(fits[CARD], 20, volume=float(row["volume"]) * 2)
    fit = replace(fit, card=with_prior(fit.card, "kill", sigma=0.2))
    assert drift(stored, fit).changes == (
        f"animal {row['animal']}, day {row['day']:g}: volume {row['volume']:g} → {2 * row['volume']:g}",
        f"card {CARD}: prior of kill Normal(1, 3) 1/follow-up → Normal(1, 0.2) 1/follow-up",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fitted": False}, "fitted True → False"),
        ({"censored": True}, "censored False → True"),
        ({"arm": "T-DM1"}, "arm vehicle → T-DM1"),
    ],
)
def test_whatever_changes_in_a_reading_is_named(
    stored: dict[str, Any], fits: Mapping[str, Fit], change: dict[str, Any], words: str
) -> None:
    row = fits[CARD].study.readings.iloc[3]
    (said,) = drift(stored, edited(fits[CARD], 3, **change)).changes
    assert said == f"animal {row['animal']}, day {row['day']:g}: {words}"


def test_readings_that_came_and_went_are_named(stored: dict[str, Any], fits: Mapping[str, Fit]) -> None:
    study = fits[CARD].study
    row = study.readings.iloc[5]
    fewer = replace(fits[CARD], study=replace(study, readings=study.readings.drop(study.readings.index[5])))
    words = f"animal {row['animal']}, day {row['day']:g}: reading"
    assert drift(stored, fewer).changes == (f"{words} removed (volume {row['volume']:g})",)
    content = json.loads(json.dumps(stored))
    content["study"]["readings"]["rows"].pop(5)
    content["study"]["digest"] = "another"
    assert drift(content, fits[CARD]).changes == (f"{words} added (volume {row['volume']:g})",)


def test_another_schedule_another_card_and_another_version_are_named(
    stored: dict[str, Any], fits: Mapping[str, Fit], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = fits[CARD].study
    arm = study.arms[1]
    later = replace(arm, dosings=(replace(arm.dosings[0], days=(0.0, 28.0)),))
    study = replace(study, arms=(study.arms[0], later, *study.arms[2:]))
    card = fits[CARD].card.model_copy(update={"spread": "arm"})
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "numba" else stored["versions"][name])
    assert drift(stored, replace(fits[CARD], study=study, card=card)).changes == (
        "arm T-DM1: T-DM1 3, 3 on days 0, 21 → T-DM1 3, 3 on days 0, 28",
        f"card {CARD}: spread common → arm",
        f"version of numba: {stored['versions']['numba']} → 99.0",
    )


def test_prose_changes_nothing(stored: dict[str, Any], fits: Mapping[str, Fit]) -> None:
    study = replace(fits[CARD].study, name="Another name", notices=("new",))
    card = fits[CARD].card.model_copy(update={"claim": "In other words."})
    assert drift(stored, replace(fits[CARD], study=study, card=card)).changes == ()


def test_a_shift_counts_in_sds_only_beyond_the_monte_carlo_error(
    stored: dict[str, Any], fits: Mapping[str, Fit]
) -> None:
    table = drift(stored, fits[CARD]).table.head(3).assign(shift=[0.2, -0.5, 0.3], errors=[4.0, -3.1, 2.9])
    found = Drift(CARD, (), table)
    assert found.shifts().tolist() == [0.5, 0.2]
    assert found.shifts(mcse=2.0).tolist() == [0.5, 0.3, 0.2]


def test_failed_fits_are_not_stored(fits: Mapping[str, Fit], tmp_path: Path) -> None:
    sick = replace(fits[CARD], health=replace(fits[CARD].health, status="fail"))
    write_reference(tmp_path / "r.json", {CARD: sick, "exponential-bliss": fits["exponential-bliss"]})
    assert list(read_reference(tmp_path / "r.json")["models"]) == ["exponential-bliss"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "r.json: this is not JSON. Give a file that `xenograft reference` wrote."),
        ("[]", "r.json: its schema is none, not xenograft-reference/2. Give a file that `xenograft reference` wrote."),
        ('{"schema": "xenograft-reference/2", "study": {}}',
         "r.json: versions, models is missing. Give a file that `xenograft reference` wrote."),
    ],
)  # fmt: skip
def test_a_file_that_is_no_reference_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_reference(tmp_path / "r.json")
    assert str(raised.value) == sentence


def test_the_stored_numbers_are_those_of_the_draws(fits: Mapping[str, Fit]) -> None:
    table = summaries(fits[CARD])
    growth = fits[CARD].posterior["growth"]
    assert table.loc["growth", "mean"] == pytest.approx(float(growth.mean()))
    assert table.loc["growth", "sd"] == pytest.approx(float(growth.std(ddof=1)))


@pytest.mark.slow
@pytest.mark.parametrize("card", [CARD, "gompertz-bliss-departure"])
def test_twenty_other_seeds_raise_no_alarm(
    fits: Mapping[str, Fit], cards: Mapping[str, ModelCard], tmp_path: Path, card: str
) -> None:
    write_reference(tmp_path / "r.json", {card: fits[card]})
    reference = read_reference(tmp_path / "r.json")
    for seed in range(2, 22):
        found = drift(reference, fit_card(fits[card].study, cards[card], seed=seed, progress=False))
        assert found.changes == ()
        assert not (found.shifts() > references.SD).any(), (seed, found.shifts().head(3))
