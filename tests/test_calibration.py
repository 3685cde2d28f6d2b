"""Cards are calibrated: truths drawn from their priors rank anywhere among the posterior draws.

`xenograft calibrate -m CARD -o models/calibration` stores a result;
`XENOGRAFT_UPDATE_TABLES=1 uv run pytest tests/test_calibration.py` writes the table in
docs/what-was-found.md from those.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from running import Run

from xenograft.errors import InputError
from xenograft.fitting.curves import curves_of, prior_draws
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard, read_cards
from xenograft.planning.calibration import _drawn_study, bare_study, calibrate, rank_one_study
from xenograft.planning.calibration_record import (
    Calibration,
    calibration_of,
    calibration_table,
    problems_of_calibration,
    read_calibration,
    write_calibration,
)
from xenograft.planning.calibration_trial import CalibrationTrial, ranks_of
from xenograft.planning.card_truth import problems_of_card, truth_of
from xenograft.simulation.simulate import LARGEST, true_curves

QUICK = SamplerSettings(draws=200, tune=200)
ROOT = Path(__file__).parents[1]
STORED = sorted((ROOT / "models" / "calibration").glob("*.json"))
TABLE = ROOT / "docs" / "what-was-found.md"
START = "<!-- calibration: written by tests/test_calibration.py -->"
END = "<!-- end of calibration -->"
LAWFUL = [name for name, card in read_cards().items() if card.growth != "spline"]


def changed(card: ModelCard, **entries: object) -> ModelCard:
    return ModelCard.model_validate(card.model_dump() | entries)


def with_prior(card: ModelCard, name: str, **numbers: float) -> ModelCard:
    prior = card.priors[name].model_copy(update=numbers)
    return card.model_copy(update={"priors": card.priors | {name: prior}})


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return read_cards("exponential-bliss-departure")["exponential-bliss-departure"]


def test_a_truth_drawn_for_a_card_grows_the_curves_of_the_card(subtests: pytest.Subtests) -> None:
    for name in LAWFUL:
        with subtests.test(name=name):
            card = read_cards(name)[name]
            bare = bare_study(card)
            for seed in range(5):
                drawn = prior_draws(bare, card, 1, seed=seed)
                truth = truth_of(card, drawn.squeeze(("chain", "draw"), drop=True), bare.arms)
                assert problems_of_card(card, truth, bare.arms) == []
                days = [3.0, 8.0, 21.0]
                claimed = curves_of(drawn, bare, card, days).squeeze(("chain", "draw"))
                np.testing.assert_allclose(true_curves(bare.arms, truth, days), claimed, rtol=1e-6, atol=1e-6)


def test_a_truth_has_the_spreads_and_errors_that_were_drawn() -> None:
    card = read_cards("robust-bliss-departure")["robust-bliss-departure"]
    bare = bare_study(card)
    drawn = prior_draws(bare, card, 1, seed=1).squeeze(("chain", "draw"), drop=True)
    truth = truth_of(card, drawn, bare.arms)
    for arm in bare.arms:
        assert truth.sd_growth * truth.spread[arm.name] == pytest.approx(drawn["sd_growth"].sel(arm=arm.name).item())
        assert truth.error * truth.error_factor[arm.name] == pytest.approx(drawn["error"].sel(arm=arm.name).item())
    assert truth.sd_effect == drawn["sd_effect"].item()
    assert truth.degrees_of_freedom == drawn["degrees_of_freedom"].item()


def test_the_design_has_what_a_card_needs(card: ModelCard) -> None:
    assert [arm.name for arm in bare_study(card).arms] == ["vehicle", "A", "B", "A + B"]
    of_dose = changed(card, dose_effect="linear")
    assert bare_study(of_dose).level_labels == ("A 1", "A 4", "B 1", "B 4")
    assert len(bare_study(changed(card, varies=[*card.varies, "cohort"])).cohorts) == 4
    named = changed(card, exposure={"T-DM1": "constant", "default": "constant"})
    assert [arm.name for arm in bare_study(named).arms] == ["vehicle", "T-DM1", "A", "T-DM1 + A"]


def test_ranks_of_exact_posteriors_are_uniform_and_of_wrong_ones_are_not(card: ModelCard) -> None:
    rng = np.random.default_rng(1)

    def found(shift: float, narrow: float) -> Calibration:
        outcomes = {}
        for number in range(200):
            centre, posterior = rng.normal(), rng.normal(size=(4, 250))
            draws = xr.DataArray(centre + shift + narrow * posterior, dims=("chain", "draw"))
            ranks = ranks_of({"kill[A]": (draws, float(centre + rng.normal()))}, rng)
            outcomes[str(number)] = {"ranks": ranks, "redrawn": 0}
        return calibration_of(card, outcomes, seed=1, settings={}, simulator="none")

    assert found(0.0, 1.0).outside == ()
    assert found(0.5, 1.0).outside == ("kill[A]",)
    assert found(0.0, 0.6).outside == ("kill[A]",)
    assert found(0.0, 1.6).outside == ("kill[A]",)
    assert found(0.0, 1.0).covered_95["kill[A]"] in range(179, 199)


def test_draws_that_hang_together_are_thinned_before_they_are_ranked() -> None:
    rng = np.random.default_rng(2)
    steps = rng.normal(size=(4, 1000))
    chain = np.zeros_like(steps)
    for i in range(1, steps.shape[1]):
        chain[:, i] = 0.95 * chain[:, i - 1] + steps[:, i]
    ranks = [
        ranks_of({"x": (xr.DataArray(chain, dims=("chain", "draw")), 30.0)}, np.random.default_rng(seed))["x"]
        for seed in range(200)
    ]
    # above every draw: between L/(L + 1) and 1, where L is 4000/39 for the mean, and less for the tails
    assert 1 / 120 < 1 - min(ranks) < 1 / 25


@pytest.mark.usefixtures("fits")
def test_a_few_studies_of_a_calibrated_card_are_uniform(card: ModelCard, tmp_path: Path) -> None:
    found = calibrate(card, tmp_path / "store.jsonl", studies=8, seed=3, settings=QUICK)
    assert (found.studies, found.failed, found.outside) == (8, 0, ())
    assert set(found.below) == {
        "baseline", "growth", "kill[A]", "kill[B]", "departure[A + B]", "sd_baseline", "sd_growth", "correlation",
        "error", "bliss excess[A + B]", "log likelihood",
    }  # fmt: skip
    assert found.simulator == "the differential equation"
    again = calibrate(card, tmp_path / "store.jsonl", studies=8, seed=3, settings=QUICK)
    assert again == found
    assert calibrate(card, tmp_path / "fewer.jsonl", studies=2, seed=4, settings=QUICK).below != found.below


@pytest.mark.usefixtures("fits")
def test_truths_that_the_prior_does_not_expect_are_noticed(card: ModelCard, tmp_path: Path) -> None:
    narrow = with_prior(card, "departure", sigma=0.2)  # log units at the end of the follow-up
    wrong = with_prior(narrow, "departure", mu=2.0)
    found = calibrate(narrow, tmp_path / "store.jsonl", studies=16, settings=QUICK, truths_from=wrong)
    assert {"departure[A + B]", "bliss excess[A + B]"} <= set(found.outside)
    assert "error" not in found.outside
    with pytest.raises(InputError, match="truths from"):
        calibrate(narrow, tmp_path / "store.jsonl", studies=16, settings=QUICK)


@pytest.mark.usefixtures("fits")
def test_the_excess_of_a_null_is_that_over_the_other_reference() -> None:
    for name, reference in (("exponential-bliss", "hsa"), ("exponential-hsa", "bliss")):
        card = read_cards(name)[name]
        found = rank_one_study(CalibrationTrial(card, card, 1, 0, QUICK))
        assert f"{reference} excess[A + B]" in found["ranks"]
        assert not any(key.startswith("departure") for key in found["ranks"])


def test_a_study_that_no_computer_can_hold_is_drawn_again(card: ModelCard) -> None:
    wild = with_prior(card, "growth", mu=2.65, sigma=0.5)  # 14/day: ln volume beyond 300 in half of the studies
    found = [_drawn_study(CalibrationTrial(card, wild, 1, number, QUICK)) for number in range(10)]
    assert {redrawn > 0 for _, _, _, redrawn, _ in found} == {True, False}
    for study, drawn, _, _, _ in found:
        assert np.log(study.readings["volume"]).abs().max() <= LARGEST
        assert drawn["growth"].item() < LARGEST / 21
    impossible = with_prior(card, "growth", mu=5.0)
    with pytest.raises(InputError) as refused:
        rank_one_study(CalibrationTrial(card, impossible, 1, 0, QUICK))
    assert str(refused.value) == "no study could be simulated: tumours beyond any volume. Use narrower priors."


@pytest.mark.usefixtures("fits")
def test_a_fit_that_does_not_converge_is_counted_and_not_ranked(card: ModelCard, tmp_path: Path) -> None:
    rough = SamplerSettings(draws=10, tune=10, retries=0)
    found = calibrate(card, tmp_path / "s.jsonl", studies=2, settings=rough, method="nuts")
    assert (found.studies, found.failed, found.passed) == (2, 2, False)
    assert all(reason.startswith("did not converge: ") for reason in found.reasons)
    assert problems_of_calibration("x.json", found, card) == [
        "x.json: 2 of 2 fits did not converge. Find out why first."
    ]


@pytest.fixture
def kept(card: ModelCard) -> Calibration:
    rng = np.random.default_rng(1)
    outcomes = {str(i): {"ranks": {"growth": rng.uniform(), "error": 0.9}, "redrawn": 0} for i in range(50)}
    return calibration_of(card, outcomes, seed=1, settings={"draws": 500}, simulator="none")


def test_a_calibration_is_kept_as_it_was_found(kept: Calibration, tmp_path: Path) -> None:
    write_calibration(tmp_path / "kept.json", kept)
    assert read_calibration(tmp_path / "kept.json") == kept


def test_ranks_that_are_not_uniform_are_said(kept: Calibration, card: ModelCard) -> None:
    assert problems_of_calibration("kept.json", kept, card) == [
        "kept.json: ranks of error are not uniform over 50 studies. Do not use the card before the reason is found."
    ]


def test_the_calibration_of_a_card_that_changed_is_refused(kept: Calibration, card: ModelCard) -> None:
    uniform = replace(kept, below={"growth": kept.below["growth"]})
    assert problems_of_calibration("kept.json", uniform, card) == []
    assert problems_of_calibration("kept.json", uniform, with_prior(card, "departure", sigma=0.031)) == [
        "kept.json: it is of the card exponential-bliss-departure as it was, and the card has changed. "
        "Run `xenograft calibrate -m exponential-bliss-departure` again."
    ]


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for text in ["", "[]", "{}", '{"schema": "xenograft-calibration/1"}', '{"schema": "other/1"}']:
        with subtests.test(text=text):
            (tmp_path / "other.json").write_text(text)
            with pytest.raises(InputError) as refused:
                read_calibration(tmp_path / "other.json")
            expected = f"{tmp_path / 'other.json'}: this is no calibration. Run `xenograft calibrate` again."
            assert str(refused.value) == expected


@pytest.mark.usefixtures("fits")
def test_the_command_calibrates_in_two_processes_as_in_one(run: Run, card: ModelCard, tmp_path: Path) -> None:
    found = run("calibrate", "-m", card.name, "-n", 3, "--seed", 5, "--workers", 2, "-o", "out", "--quiet")
    assert (found.code, found.err) == (0, "")
    assert card.name in found.out
    assert "Wrote out: a .json and a .svg for each card; studies/ holds the single studies." in found.out
    assert "bliss excess[A + B]" in (tmp_path / "out" / f"{card.name}.svg").read_text(encoding="utf-8")
    here = calibrate(card, tmp_path / "here.jsonl", studies=3, seed=5)
    assert read_calibration(tmp_path / "out" / f"{card.name}.json") == here


def test_what_is_stored_says_that_the_card_as_it_is_is_calibrated(subtests: pytest.Subtests) -> None:
    for path in STORED:
        with subtests.test(path=path):
            found = read_calibration(path)
            assert found.card == path.stem
            assert problems_of_calibration(path.name, found, read_cards(path.stem)[path.stem]) == []
            assert found.studies >= 200
            assert path.with_suffix(".svg").is_file()


def test_the_table_says_what_is_stored() -> None:
    text = TABLE.read_text(encoding="utf-8")
    lines = _lines({path.stem: read_calibration(path) for path in STORED})
    if os.environ.get("XENOGRAFT_UPDATE_TABLES"):
        before, after = text[: text.index(START) + len(START)], text[text.index(END) :]
        text = "\n".join([before, *lines, after])
        TABLE.write_text(text, encoding="utf-8")
    assert text[text.index(START) + len(START) : text.index(END)].strip().splitlines() == lines


def _lines(found: Mapping[str, Calibration]) -> list[str]:
    table = calibration_table(found)
    rows = [
        [f"[`{name}`](../models/calibration/{name}.svg)", *map(str, row)] for name, *row in table.to_numpy().tolist()
    ]
    head = ["card", "studies", "failed fits", "quantities", "not uniform", "excess in 50 %", "excess in 95 %",
            "all in 50 %", "all in 95 %"]  # fmt: skip
    assert list(table.columns) in ([], head)
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
