"""Planned panels: models drawn as a truth says, fits without chains, each question counted, panel cards calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xenograft.errors import InputError
from xenograft.fitting.importance import importance_draws
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard, read_cards, shipped_cards
from xenograft.panels.fit import fit_panel
from xenograft.panels.panel import Panel
from xenograft.planning.calibration import calibrate
from xenograft.planning.calibration_trial import CalibrationTrial
from xenograft.planning.card_truth import problems_of_card
from xenograft.planning.cells import cells_of
from xenograft.planning.design import Design, read_design
from xenograft.planning.panel_calibration import bare_design, rank_one_panel
from xenograft.planning.panel_truths import panel_truth_of, prior_panel_draws
from xenograft.planning.planned_panel import PlannedPanel, names_of
from xenograft.planning.power import power, power_sentences, truths_from
from xenograft.planning.simulated_panel import example_panel, simulate_panel, true_answers
from xenograft.simulation.panel_truth import ModeratorTruth, PanelTruth
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

A, B = Dosing("A", (0.0,), schedule_known=False), Dosing("B", (0.0,), schedule_known=False)
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("both", dosings=(A, B)))
VISITS, SHORT = (0.0, 4.0, 8.0, 12.0, 16.0, 20.0), (0.0, 4.0)
MODERATOR = ModeratorTruth(mean=5.0, sd=2.0, slope_departure={"both": 0.01})
TRUTH = Truth(
    baseline=150.0, growth=0.08, sd_baseline=0.2, sd_growth=0.01, error=0.1, kill={"A": 0.03, "B": 0.02},
    departure={"both": 0.02},
    panel=PanelTruth(
        sd_baseline=0.3, sd_growth=0.02, sd_kill={"A": 0.01}, sd_departure={"both": 0.015}, moderators={"E": MODERATOR}
    ),
)  # fmt: skip
QUICK = SamplerSettings(draws=400, tune=200, chains=2)
CARDS = read_cards(shipped_cards() / "panels")


def design(models: int = 12, animals: int = 1, **changes: Any) -> Design:
    numbers = dict.fromkeys((arm.name for arm in ARMS), animals)
    return replace(Design("plan", ARMS, numbers, VISITS, panel=PlannedPanel(names_of(models), {}, {})), **changes)


def spread(**changes: Any) -> Truth:
    """The truth with something else between models."""
    assert TRUTH.panel is not None
    return TRUTH.model_copy(update={"panel": TRUTH.panel.model_copy(update=changes)})


def test_models_differ_as_the_truth_says() -> None:
    panel = simulate_panel(design(150, visits=SHORT), TRUTH, seed=1)
    own = pd.DataFrame(
        {
            "growth": t.growth,
            "A": t.kill["A"],
            "B": t.kill["B"],
            "both": t.departure["both"],
            "size": np.log(t.baseline),
        }
        for t in panel.truths.values()
    ).set_index(pd.Index(panel.models))
    beyond = panel.moderators["E"] - 5.0
    assert beyond.std() == pytest.approx(2.0, rel=0.18)
    assert own["growth"].std() == pytest.approx(0.02, rel=0.18)
    assert own["size"].std() == pytest.approx(0.3, rel=0.18)
    assert own["A"].std() == pytest.approx(0.01, rel=0.18)
    assert (own["B"] == 0.02).all()
    slope, at_mean = np.polyfit(beyond, own["both"], 1)
    assert slope == pytest.approx(0.01, abs=0.0025)
    assert at_mean == pytest.approx(0.02, abs=0.004)
    assert (own["both"] - at_mean - slope * beyond).std() == pytest.approx(0.015, rel=0.18)


def test_a_larger_panel_has_the_models_of_the_smaller_and_a_feature_leaves_the_rest_as_it_was() -> None:
    small, large = (simulate_panel(design(number), TRUTH, seed=3) for number in (4, 9))
    for model in small.models:
        pd.testing.assert_frame_equal(small.studies[model].readings, large.studies[model].readings)
    assert simulate_panel(design(4), TRUTH, seed=4).digest != small.digest
    plain = simulate_panel(design(4), spread(moderators={}), seed=3)
    for model in small.models:
        one, other = (panel.studies[model].readings.query("arm == 'vehicle'") for panel in (plain, small))
        pd.testing.assert_frame_equal(one, other)


def test_models_and_arms_are_lost_as_often_as_the_truth_says() -> None:
    panel = simulate_panel(design(120, visits=SHORT), spread(lost=0.3, missing={"A": 0.4}), seed=2)
    assert len(panel.models) == pytest.approx(84, abs=16)
    assert (panel.animals_by_arm["A"] == 0).mean() == pytest.approx(0.4, abs=0.15)
    assert (panel.animals_by_arm["vehicle"] == 1).all()
    with pytest.raises(InputError, match="models with a treated arm are left"):
        simulate_panel(design(2), spread(lost=0.99), seed=2)


def test_the_true_answers_are_those_of_the_truth_by_hand() -> None:
    panel = simulate_panel(design(), TRUTH, seed=1)
    both = panel.judged[0]
    found = true_answers(panel, both, "bliss", seed=5)
    assert found["average"] == pytest.approx(0.02 * panel.horizon)
    assert found["E"] == pytest.approx(0.01 * panel.horizon)
    new = [true_answers(panel, both, "bliss", seed=seed)["new_model"] for seed in range(40)]
    assert np.std(new) / panel.horizon == pytest.approx(np.hypot(0.015, 0.02), rel=0.35)
    assert true_answers(panel, both, "hsa", seed=5)["average"] == pytest.approx(0.04 * panel.horizon)


PANEL = """
name = "plan"
animals = 2
visits = [0, 7, 14]
[panel]
models = ["P1", "P2", "P3"]
animals.P1 = 5
animals.P2 = { both = 0 }
moderators = "moderators.csv"
[arms.vehicle]
control = true
[arms.A]
agents.A = { start = 0 }
[arms.both]
agents.A = { start = 0 }
agents.B = { start = 0 }
"""


def test_a_design_says_animals_and_moderators_of_its_models(tmp_path: Path) -> None:
    (tmp_path / "moderators.csv").write_text("model,E\nP1,1\nP2,2\nP3,6\n", encoding="utf-8")
    (tmp_path / "design.toml").write_text(PANEL, encoding="utf-8")
    made = simulate_panel(read_design(tmp_path / "design.toml"), spread(moderators={}), seed=1)
    assert made.animals_by_arm.to_numpy().tolist() == [[5, 5, 5], [2, 2, 0], [2, 2, 2]]
    assert made.moderators["E"].tolist() == [1.0, 2.0, 6.0]
    sloped = ModeratorTruth(slope_departure={"both": 0.1})
    moved = simulate_panel(
        read_design(tmp_path / "design.toml"), spread(moderators={"E": sloped}, sd_departure={}), seed=1
    )
    assert [round(t.departure["both"], 9) for t in moved.truths.values()] == [-0.18, -0.08, 0.32]


def test_what_no_panel_can_be_is_refused_in_a_sentence(tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "moderators.csv").write_text("model,E\nP1,1\nP2,2\nP3,6\n", encoding="utf-8")
    for old, new, sentence in (
        ('["P1", "P2", "P3"]', "1", "panel.models: 1 makes no panel. Write how many models, 2 or more"),
        ("animals.P1 = 5", "animals.P9 = 5", 'panel.animals."P9" is not a model.'),
        ("{ both = 0 }", "{ vehicle = 0 }", "panel.animals leaves P2 without the vehicle"),
        ("animals = 2\n", "animals = 2\ncohorts = 2\n", "cohorts has no meaning in a panel"),
        ('"moderators.csv"', '"other.csv"', "there is no such file"),
    ):
        with subtests.test(new):
            (tmp_path / "design.toml").write_text(PANEL.replace(old, new), encoding="utf-8")
            with pytest.raises(InputError) as refused:
                read_design(tmp_path / "design.toml")
            assert sentence in str(refused.value)
    for truth, sentence in (
        (TRUTH.model_copy(update={"panel": None}), "truth: it does not say how models differ"),
        (spread(missing={"vehicle": 0.1}), "is the vehicle, without which a model tells nothing"),
        (spread(sd_departure={"A": 0.1}), 'panel.sd_departure."A" is not a combination arm. Name one of both.'),
        (spread(moderators={"E": MODERATOR.model_copy(update={"like": "F"})}), "is no moderator above it"),
    ):
        with subtests.test(sentence), pytest.raises(InputError) as refused:
            simulate_panel(design(), truth, seed=1)
        assert sentence in str(refused.value)


def test_draws_of_mirrored_parameters_are_those_of_the_density() -> None:
    """Half-normal sds and a normal that depends on one: means and sds as by integration on a grid."""

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        variance = 0.2 + x[1] ** 2
        residual = 0.8 - x[0]
        value = -0.5 * residual**2 / variance - 0.5 * np.log(variance) - 0.5 * x[0] ** 2 - 0.5 * x[1] ** 2
        by_variance = 0.5 * residual**2 / variance**2 - 0.5 / variance
        return float(value), np.array([residual / variance - x[0], 2 * x[1] * by_variance - x[1]])

    def values(x: np.ndarray) -> np.ndarray:
        return np.array([value_and_gradient(one)[0] for one in x])

    rng = np.random.default_rng(1)
    found = importance_draws(
        value_and_gradient, values, np.array([[0.1, -0.5], [0.5, 1.0]]), draws=8000, rng=rng, enough=400, mirrored=(1,)
    )
    assert found is not None
    assert (found.points[:, 1] >= 0).all()
    assert found.trusted(400)
    means, sds = np.meshgrid(np.linspace(-4, 5, 400), np.linspace(0, 6, 400), indexing="ij")
    grid = np.exp(values(np.stack([means.ravel(), sds.ravel()], axis=1))).reshape(means.shape)
    grid /= grid.sum()
    for place, on_grid in enumerate((means, sds)):
        mean = (grid * on_grid).sum()
        assert found.weight @ found.points[:, place] == pytest.approx(mean, abs=0.03)
        exact = np.sqrt((grid * (on_grid - mean) ** 2).sum())
        own = np.sqrt(found.weight @ (found.points[:, place] - mean) ** 2)
        assert own == pytest.approx(exact, rel=0.05)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return simulate_panel(design(10), TRUTH, seed=6)


def test_a_panel_without_chains_has_the_posterior_that_chains_have(panel: Panel) -> None:
    card = CARDS["panel-exponential-moderators"]
    settings = SamplerSettings(draws=1000, tune=400, chains=2)
    quick = fit_panel(panel, card, seed=1, settings=settings, progress=False, keep="posterior", method="importance")
    chains = fit_panel(panel, card, seed=1, settings=settings, progress=False, keep="posterior")
    assert (quick.method, chains.method) == ("importance", "nuts")
    for name in map(str, chains.posterior):
        one, other = quick.posterior[name], chains.posterior[name]
        sd = other.std(("chain", "draw"))
        assert float((abs(one.mean(("chain", "draw")) - other.mean(("chain", "draw"))) / sd).max()) < 0.2, name
        assert float(abs(one.std(("chain", "draw")) / sd - 1).max()) < 0.2, name


def test_each_question_of_a_planned_panel_is_counted(tmp_path: Path) -> None:
    cells = cells_of(design(), panels=[(4, 1), (14, 1)], effects=[0.06])
    card = CARDS["panel-exponential-moderators"]
    table = power(cells, TRUTH, [card], tmp_path / "s.jsonl", studies=2, settings=QUICK)
    by = table.set_index(["models", "animals", "question"])
    assert list(table["question"].unique()) == ["average", "new_model", "E"]
    assert by.loc[(14, 1, "average"), "true"] == pytest.approx(0.06 * 20, rel=0.2)
    width = {place: float(value) for place, value in by["width"].items()}
    assert width[14, 1, "average"] < width[4, 1, "average"]
    assert width[14, 1, "E"] < width[4, 1, "E"]
    assert width[14, 1, "average"] < width[14, 1, "new_model"]
    assert by.loc[(14, 1, "average"), "enhanced"] == 1.0
    sentences = power_sentences(table)
    assert sentences[0].startswith("The average model: ")
    assert "14 models × 1 per arm" in " ".join(sentences)
    again = power(cells, TRUTH, [card], tmp_path / "s.jsonl", studies=2, settings=QUICK)
    pd.testing.assert_frame_equal(again, table)


def test_a_plan_of_a_panel_that_cannot_run_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    def refusal(plan: Design, truth: Truth, card: ModelCard, **asked: Any) -> str:
        with pytest.raises(InputError) as refused:
            power(cells_of(plan, **asked), truth, [card], tmp_path / "store.jsonl", studies=2)
        assert not (tmp_path / "store.jsonl").exists()
        return str(refused.value)

    plain, moderated = CARDS["panel-exponential"], CARDS["panel-exponential-moderators"]
    assert "its moderators change how models respond" in refusal(design(), spread(moderators={}), moderated)
    assert "there is no moderator whose --slope" in refusal(design(), spread(moderators={}), plain, slopes=[0.1])
    assert "truth: the design is of a panel" in refusal(design(), TRUTH.model_copy(update={"panel": None}), plain)
    assert "--panels: the design is one study" in refusal(design(panel=None), TRUTH, plain, panels=[(3, 1)])
    study = read_cards("exponential-bliss-departure")["exponential-bliss-departure"]
    assert "it is for one study" in refusal(design(), TRUTH, study)


def test_a_truth_drawn_for_a_panel_card_is_one_that_the_card_holds_possible(subtests: pytest.Subtests) -> None:
    for name, card in CARDS.items():
        with subtests.test(name):
            plan = bare_design(card)
            bare = example_panel(plan, None)
            drawn = prior_panel_draws(bare, card, 3, seed=2).isel(draw=1, drop=True)
            truth = panel_truth_of(card, drawn, bare)
            assert truth.panel is not None
            assert problems_of_card(card, truth, plan.arms) == []
            assert truth.panel.sd_growth == pytest.approx(float(drawn["between_growth"]))
            if card.moderators:
                per_sd = truth.panel.moderators["number"].slope_kill["A"] * bare.moderators["number"].std(ddof=1)
                assert per_sd == pytest.approx(float(drawn["slope_kill"].sel(agent="A", moderator="number")))
    plain = CARDS["panel-exponential"]
    assert len({truth.growth for truth in truths_from(plain, design(), 5, seed=1)}) == 5


def test_the_ranks_of_one_panel_are_of_every_parameter_and_answer() -> None:
    card = CARDS["panel-exponential-moderators"]
    ranks = rank_one_panel(CalibrationTrial(card, card, 1, 0, QUICK))["ranks"]
    assert {"departure[A + B]", "between_kill[B]", "slope_departure[A + B, number]", "log likelihood"} <= set(ranks)
    excess = "bliss excess[A + B]"
    assert {excess, f"{excess} of a new model", f"{excess} of M01"} <= set(ranks)
    assert all(0 <= rank <= 1 for rank in ranks.values())


@pytest.mark.slow
@pytest.mark.xdist_group("fits")
@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_panel_card_is_calibrated(name: str, tmp_path: Path) -> None:
    settings = SamplerSettings(draws=500, tune=500, cores=2)
    found = calibrate(CARDS[name], tmp_path / "store.jsonl", studies=60, seed=4, settings=settings)
    assert found.outside == ()
    assert found.failed <= 3
