"""The chance that a planned study finds what is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from running import Run

from xenograft.errors import InputError
from xenograft.figures.plans import power_curves, power_map
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard, read_cards
from xenograft.planning.cells import cells_of
from xenograft.planning.design import Design
from xenograft.planning.one_study import PlannedStudy, answer_planned_study
from xenograft.planning.power import power, power_sentences, truths_from
from xenograft.simulation.truth import Truth, truth_text
from xenograft.study.study import Arm, Dosing

WEEKLY = (0.0, 7.0, 14.0, 21.0)
A, B = Dosing("A", WEEKLY), Dosing("B", WEEKLY)
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("both", dosings=(A, B)))
DESIGN = Design("plan", ARMS, dict.fromkeys(("vehicle", "A", "B", "both"), 8), (-3.0, 0.0, 7.0, 14.0, 21.0, 28.0))
TRUTH = Truth(baseline=170.0, growth=0.08, sd_baseline=0.2, sd_growth=0.015, error=0.13, kill={"A": 0.03, "B": 0.02})
QUICK = SamplerSettings(draws=200, tune=200)
DESIGN_FILE = """
name = "plan"
animals = 8
visits = [0, 4, 7, 11, 14, 18, 21]

[arms.vehicle]
control = true

[arms.A]
agents.A = { start = 0 }

[arms.B]
agents.B = { start = 0 }

[arms.both]
agents.A = { start = 0 }
agents.B = { start = 0 }
"""


@pytest.fixture(scope="module")
def answering() -> ModelCard:
    return read_cards("exponential-bliss-departure")["exponential-bliss-departure"]


def row(**values: Any) -> dict[str, Any]:
    shares = {"enhanced": 0.0, "less": 0.0, "not distinguishable": 0.0, "no conclusion": 0.0, "covered": 0.95}
    numbers = {"model": "card", "studies": 500, "true": 0.5, "width": 1.0, "bias": 0.0} | shares | values
    return numbers | {f"{name} ±": 0.03 for name in (*shares, "width", "bias")}


def test_cells_are_all_combinations_of_what_is_asked_for() -> None:
    cells = cells_of(DESIGN, animals=[4, 6], durations=[14, 21], effects=[0.0, 0.02])
    assert len(cells) == 8
    assert cells[0].varied == {"animals": 4, "duration": 14, "effect": 0.0}
    assert cells[0].design.animals == dict.fromkeys(("vehicle", "A", "B", "both"), 4)
    assert cells[0].design.visits == (-3.0, 0.0, 7.0, 14.0)
    assert cells[-1].effect == 0.02
    assert [cell.varied for cell in cells_of(DESIGN)] == [{}]
    assert cells_of(DESIGN)[0].design == DESIGN


def test_visits_are_evenly_spaced_from_the_first_dose_on() -> None:
    (cell,) = cells_of(DESIGN, every=[3.5])
    assert cell.design.visits == (0.0, 3.5, 7.0, 10.5, 14.0, 17.5, 21.0, 24.5, 28.0)
    (longer,) = cells_of(DESIGN, every=[14.0], durations=[42.0])
    assert longer.design.visits == (0.0, 14.0, 28.0, 42.0)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"animals": [1]}, "--animals: 1 is no number of animals per arm. Give 2 or more."),
        ({"every": [0.0]}, "--visits: 0 days between visits. Give a number above 0."),
        ({"durations": [-1.0]}, "--duration: -1 days. Give a number above 0."),
        (
            {"durations": [35.0]},
            "--duration: 35 days are more than the design's visits, which end 28 days after the first dose. "
            "Add visits to the design, or give --visits.",
        ),
    ],
)
def test_what_is_no_design_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        cells_of(DESIGN, **asked)
    assert str(refused.value) == sentence


def test_a_horizon_after_the_last_visit_of_a_cell_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        cells_of(replace(DESIGN, horizon=28.0), durations=[14.0])
    assert str(refused.value) == (
        "design: horizon = 28 is after the last visit (day 14) of a cell. Remove horizon, or give longer durations."
    )


def test_an_effect_without_a_combination_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        cells_of(replace(DESIGN, arms=ARMS[:3]), effects=[0.1])
    assert str(refused.value) == "design: no arm is a combination, so --effect changes nothing. Leave it out."


def test_cards_and_truths_that_cannot_run_are_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    cards = read_cards()
    null, spline = cards["exponential-bliss"], cards["spline"]

    def refusal(design: Design, truth: Truth, *chosen: ModelCard, effects: tuple[float, ...] = ()) -> str:
        with pytest.raises(InputError) as refused:
            power(cells_of(design, effects=effects), truth, chosen, tmp_path / "store.jsonl", studies=2)
        assert not (tmp_path / "store.jsonl").exists()
        return str(refused.value)

    assert refusal(DESIGN, TRUTH, null) == (
        "exponential-bliss: it fixes the combination, so it has no verdict. Choose a card that answers."
    )
    assert refusal(replace(DESIGN, visits=(0.0, 7.0)), TRUTH, spline) == (
        "spline: it cannot be fitted to this design: a curve that bends needs readings on 4 days or more, and the "
        "study has 2. Choose another card."
    )
    hsa = TRUTH.model_copy(update={"reference": "hsa"})
    assert refusal(DESIGN, hsa, spline, effects=(0.1,)) == (
        'truth: reference = "hsa" leaves no departure, so --effect changes nothing. Leave one out.'
    )
    assert refusal(replace(DESIGN, arms=ARMS[:3]), TRUTH, spline) == (
        "design: no arm is a combination, and its verdict is what is counted. Add one."
    )


@pytest.mark.usefixtures("fits")
def test_more_animals_and_larger_effects_give_narrower_and_surer_answers(answering: ModelCard, tmp_path: Path) -> None:
    cells = cells_of(DESIGN, animals=[4, 12], effects=[0.0, 0.1])
    table = power(cells, TRUTH, [answering], tmp_path / "store.jsonl", studies=6, settings=QUICK)
    by = table.set_index(["animals", "effect"])
    assert (by.loc[12, "width"] < by.loc[4, "width"]).all()
    assert by.loc[(12, 0.1), "enhanced"] == 1.0
    assert by.loc[(12, 0.0), "enhanced"] < 0.5
    assert by.loc[(4, 0.1), "true"] == pytest.approx(2.8)
    assert by.loc[(4, 0.0), "true"] == 0.0
    assert (by[["enhanced", "less", "not distinguishable", "no conclusion"]].sum(axis=1).round(9) == 1).all()
    assert (by["covered"] >= 0.5).all()
    assert (by["by_nuts"] <= 0.1).all()
    assert by["difference"].between(0, 0.15).all()  # four errors of so few draws
    assert "probabilities differ by 0." in power_sentences(table)[-1]
    before = (tmp_path / "store.jsonl").read_text()
    again = power(cells, TRUTH, [answering], tmp_path / "store.jsonl", studies=6, settings=QUICK)
    pd.testing.assert_frame_equal(again, table)
    assert (tmp_path / "store.jsonl").read_text() == before
    with pytest.raises(InputError, match="other: settings"):
        power(cells, TRUTH, [answering], tmp_path / "store.jsonl", studies=6, settings=QUICK, method="nuts")
    with pytest.raises(InputError, match="other: reference"):
        power(cells, TRUTH, [answering], tmp_path / "store.jsonl", studies=6, settings=QUICK, reference="hsa")


@pytest.mark.usefixtures("fits")
def test_two_cards_are_answered_each_and_averaged() -> None:
    cards = read_cards("exponential-bliss-departure", "gompertz-bliss-departure", "exponential-bliss")
    planned = PlannedStudy(DESIGN, TRUTH, tuple(cards.values()), "hsa", 1, 0, QUICK)
    found = answer_planned_study(planned)
    assert list(found["answers"]) == [*cards, "averaged"]
    assert found["day"] == 28.0
    assert found["true"] == pytest.approx(0.02 * 28)  # the weaker agent's kill
    own = [found["answers"][name]["median"] for name in list(cards)[:2]]
    assert min(own) - 0.1 <= found["answers"]["averaged"]["median"] <= max(own) + 0.1
    json.dumps(found)


@pytest.mark.usefixtures("fits")
def test_fits_that_do_not_converge_give_no_conclusion(answering: ModelCard, tmp_path: Path) -> None:
    rough = SamplerSettings(draws=10, tune=10, retries=0)
    table = power(
        cells_of(DESIGN), TRUTH, [answering], tmp_path / "store.jsonl", studies=2, settings=rough, method="nuts"
    )
    assert table.loc[0, "no conclusion"] == 1.0
    assert np.isnan(table.loc[0, "width"])


def test_truths_come_from_a_posterior(fits: dict[str, Fit], answering: ModelCard) -> None:
    fitted = fits[answering.name]
    design = Design("next", fitted.study.arms, {arm.name: 8 for arm in fitted.study.arms}, (0.0, 7.0, 14.0, 21.0))
    truths = truths_from(fitted, design, 50, seed=1)
    departures = [next(iter(truth.departure.values())) for truth in truths]
    posterior = fitted.posterior["departure"]
    assert set(departures) <= set(posterior.to_numpy().ravel())
    assert np.mean(departures) == pytest.approx(posterior.mean().item(), abs=4 * posterior.std().item() / 50**0.5)
    assert truths_from(fitted, design, 60, seed=1)[:50] == truths
    assert truths_from(fitted, design, 50, seed=2) != truths


def test_truths_come_from_a_prior(answering: ModelCard) -> None:
    truths = truths_from(answering, DESIGN, 150, seed=1)
    assert np.std([truth.departure["both"] for truth in truths]) == pytest.approx(2 / 28, rel=0.3), (
        "1/day, of a follow-up of 28 days"
    )
    assert truths_from(answering, DESIGN, 120, seed=1) == truths[:120]


def test_the_sentence_names_the_smallest_number_that_suffices() -> None:
    table = pd.DataFrame([row(animals=4, enhanced=0.4), row(animals=8, enhanced=0.82), row(animals=12, enhanced=0.9)])
    assert power_sentences(table) == ['8 animals per arm give 82 % (±3) chance of the verdict "enhanced".']
    assert power_sentences(table[:1]) == ['4 animals per arm give 40 % (±3) chance of the verdict "enhanced".']
    few = pd.DataFrame([row(animals=4, enhanced=0.4, effect=0.02), row(animals=6, enhanced=0.5, effect=0.02)])
    assert power_sentences(few) == [
        '6 animals per arm give 50 % (±3) chance of the verdict "enhanced" with a departure of 0.02/day; '
        "no number of animals reaches 80 %."
    ]
    less = pd.DataFrame([row(less=0.9, true=-0.5, every=3.5, duration=28)])
    assert power_sentences(less) == [
        'The design gives 90 % (±3) chance of the verdict "less than the reference" with visits every 3.5 days, '
        "28 days."
    ]
    nothing = pd.DataFrame([row(animals=4, true=0.0, enhanced=0.02, less=0.02)])
    assert power_sentences(nothing) == [
        "4 animals per arm give a wrong verdict in 4 % (±4) of the studies, where nothing is to be found."
    ]


def test_curves_and_map_show_every_cell() -> None:
    rows = [row(animals=n, effect=e, enhanced=n * e * 3) for n in (4, 8, 12) for e in (0.01, 0.02)]
    table = pd.DataFrame(rows)
    curves, drawn = power_curves(table), power_map(table)
    assert curves is not None
    assert drawn is not None
    assert {round(float(y), 2) for y in curves.axes[0].lines[0].get_ydata()} == {0.12, 0.24, 0.36}
    assert [text.get_text() for text in drawn.axes[0].texts] == ["24 %", "48 %", "72 %", "12 %", "24 %", "36 %"]
    assert power_curves(table[["model", *[c for c in table if c not in ("model", "animals", "effect")]]]) is None
    assert power_map(table.drop(columns="effect")) is None


@pytest.mark.usefixtures("fits")
def test_the_command_writes_table_figures_and_sentence(run: Run) -> None:
    Path("design.toml").write_text(DESIGN_FILE)
    Path("truth.toml").write_text(truth_text(TRUTH))
    words = ["power", "design.toml", "--truth", "truth.toml", "--animals", "3,6", "-n", 2, "--workers", 2, "-o", "out"]
    found = run(*words, "--effect", "0.2", "--quiet")
    assert (found.code, found.err) == (0, "")
    assert 'chance of the verdict "enhanced" with a departure of 0.2/day' in found.out
    assert "Wrote out: power.csv, power.png, power.svg" in found.out
    table = pd.read_csv("out/power.csv")
    assert table["animals"].tolist() == [3, 6]
    assert len(Path("out/studies.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "power: neither of --truth and --from given. Give one: it says what studies are made with."),
        (
            ["--truth", "truth.toml", "--from", "prior"],
            "power: both of --truth and --from given. Give one: it says what studies are made with.",
        ),
        (
            ["--truth", "truth.toml", "--animals", "4;6"],
            '--animals: "4;6" is no list of whole numbers. Separate whole numbers by commas.',
        ),
        (
            ["--truth", "truth.toml", "--effect", "big"],
            '--effect: "big" is no list of numbers. Separate numbers by commas.',
        ),
        (["--from", "fit.nc"], "fit.nc: there is no such file. Check the path."),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(run: Run, words: list[str], sentence: str) -> None:
    Path("design.toml").write_text(DESIGN_FILE)
    Path("truth.toml").write_text(truth_text(TRUTH))
    found = run("power", "design.toml", *words)
    assert (found.code, found.err.strip()) == (2, sentence)
