"""Panels: the integrated likelihood against brute force, and the answers from a table to results.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from panels_of import ONCE, WEEKLY, invented, moments_of_model, position, written
from running import Run
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from xenograft.figures.panel import readings_by_model
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard, read_cards, shipped_cards
from xenograft.panels.answers import answers_of, compare_panel
from xenograft.panels.coordinates import readings_of
from xenograft.panels.density import panel_density
from xenograft.panels.fit import fit_panel
from xenograft.panels.gates import KINDS, check_panel_gates, judge_panel_gates
from xenograft.panels.likelihood import log_likelihood_at, log_probability_below, model_log_likelihood
from xenograft.panels.verdicts import panel_cautions, panel_verdicts

CARDS = read_cards(shipped_cards() / "panels")


def test_the_gradient_is_that_of_finite_differences_for_every_card(subtests: pytest.Subtests) -> None:
    for name, card in CARDS.items():
        with subtests.test(name):
            density = panel_density(invented(dosing=WEEKLY if card.exposure == "decaying" else ONCE), card)
            x, step = position(density), 1e-5
            found = density.value_and_gradient(x)[1]
            each = [
                (density.value_and_gradient(x + e)[0] - density.value_and_gradient(x - e)[0]) / (2 * step)
                for e in step * np.eye(len(x))
            ]
            np.testing.assert_allclose(found, each, rtol=1e-5, atol=1e-5)


def test_a_models_density_is_that_of_one_multivariate_normal(subtests: pytest.Subtests) -> None:
    for name, card in CARDS.items():
        with subtests.test(name):
            panel = invented(dosing=WEEKLY if card.exposure == "decaying" else ONCE)
            density, readings = panel_density(panel, card), readings_of(panel)
            x = position(density)
            below = density.coordinates.values(x[None])["below"][0]
            volumes, jacobian = readings.log_volume.copy(), np.zeros(len(readings.censored))
            volumes[readings.censored] -= np.exp(below)
            jacobian[readings.censored] = below
            found = density.models(x[None]).log_density
            for m in range(len(panel.models)):
                chosen = card.reference == "hsa" and density.coordinates.towards_first[m].any()
                each: list[float] = []
                for better in (0, 1) if chosen else (None,):
                    rows, mean, covariance = moments_of_model(density, readings, m, x[None], better)
                    known, size = slice(0, len(rows)), covariance[0][: len(rows), : len(rows)]
                    each.append(multivariate_normal.logpdf(volumes[rows], mean[0, known], size) + jacobian[rows].sum())
                    if better is not None:  # and that what decides is below 0, given the readings
                        slope = np.linalg.solve(size, covariance[0][known, -1])
                        middle = mean[0, -1] + slope @ (volumes[rows] - mean[0, known])
                        sd = np.sqrt(covariance[0][-1, -1] - slope @ covariance[0][known, -1])
                        each[-1] += norm.logcdf(-middle / sd)
                assert found[0, m] == pytest.approx(logsumexp(each), abs=1e-7)


def test_a_models_likelihood_is_that_of_all_its_readings_together(subtests: pytest.Subtests) -> None:
    """Measured readings by their covariance, those below the limit given them, in each half where there are two."""
    for name, card in CARDS.items():
        with subtests.test(name):
            panel = invented(dosing=WEEKLY if card.exposure == "decaying" else ONCE)
            density, readings = panel_density(panel, card), readings_of(panel)
            x = position(density)[None]
            found = log_likelihood_at(density, x, range(len(panel.models)))
            for m in range(len(panel.models)):
                chosen = card.reference == "hsa" and density.coordinates.towards_first[m].any()
                each: list[float] = []
                for better in (0, 1) if chosen else (None,):
                    rows, mean, covariance = moments_of_model(density, readings, m, x, better)
                    below = np.append(readings.censored[rows], np.ones(mean.shape[1] - len(rows), dtype=bool))
                    off = np.append(readings.log_volume[rows], [0.0] * (mean.shape[1] - len(rows))) - mean[0]
                    own, across = covariance[0][np.ix_(~below, ~below)], covariance[0][np.ix_(~below, below)]
                    slope = np.linalg.solve(own, across)
                    left = covariance[0][np.ix_(below, below)] - slope.T @ across
                    limit = off[below] - slope.T @ off[~below]
                    each.append(multivariate_normal.logpdf(off[~below], cov=own))
                    each[-1] += log_probability_below(limit[None], left[None])[0] if below.any() else 0.0
                assert found[0, m] == pytest.approx(logsumexp(each), abs=1e-6)


def test_the_probability_of_censored_readings_is_that_of_quadrature() -> None:
    rng = np.random.default_rng(4)
    for size in (1, 2, 4):
        root = rng.standard_normal((size, size))
        covariance = root @ root.T + 0.3 * np.eye(size)
        limit = rng.standard_normal(size) - 1
        exact = multivariate_normal.logcdf(limit, np.zeros(size), covariance)
        found = log_probability_below(limit[None], covariance[None])
        assert found[0] == pytest.approx(exact, abs=0.005)


def test_models_that_do_not_differ_have_the_likelihood_of_single_studies() -> None:
    """With sds between models of 0 a panel of one model is its study, censored readings included."""
    panel = invented(3, 3, uneven=False)
    card = CARDS["panel-gompertz"]
    density = panel_density(panel, card)
    x = position(density)
    posterior = density.parameters(x[None, None])
    same = {name: 0.0 * posterior[name] for name in posterior if str(name).startswith("between_")}
    at = density.unconstrained(posterior.assign(same), density.latents(x[None, None]))
    found = model_log_likelihood(density, at)
    alone = read_cards("gompertz-bliss-departure")["gompertz-bliss-departure"]
    for model, study in panel.studies.items():
        own = posterior.drop_vars(list(same))
        assert study.readings["censored"].any()
        expected = float(log_likelihood(own, study, alone).sum())
        assert float(found.sel(model=model).squeeze()) == pytest.approx(expected, abs=0.05)


def test_build_has_the_posterior_that_is_sampled() -> None:
    """All is normal in the effects that `build` has: their integral follows from one expansion of its density."""
    from xenograft.panels.pymc_model import build_panel

    panel, card = invented(3, 1, censored=False), CARDS["panel-exponential-moderators"]
    density = panel_density(panel, card)
    x = position(density)
    model = build_panel(panel, card)
    given = {name: value[0] for name, value in density.coordinates.values(x[None]).items()}
    start = {name: _unconstrained(name, given, value) for name, value in model.initial_point().items()}
    effects = [name for name in start if name not in given and not name.endswith("__")]
    function = model.compile_fn(model.logp(), mode="FAST_COMPILE", inputs=model.value_vars)

    def at(z: np.ndarray) -> float:
        point, first = dict(start), 0
        for name in effects:
            size = start[name].size
            point[name] = z[first : first + size].reshape(start[name].shape)
            first += size
        return float(function(point))

    size = sum(start[name].size for name in effects)
    unit, middle = np.eye(size), at(np.zeros(size))
    up, down = (np.array([at(sign * one) for one in unit]) for sign in (1, -1))
    curvature = np.diag(up + down - 2 * middle)
    for i in range(size):
        for j in range(i):
            curvature[i, j] = curvature[j, i] = at(unit[i] + unit[j]) - up[i] - up[j] + middle
    slope = (up - down) / 2
    mode = np.linalg.solve(-curvature, slope)
    integral = middle + slope @ mode / 2 + size / 2 * np.log(2 * np.pi) - np.linalg.slogdet(-curvature)[1] / 2
    sampled = density.value_and_gradient(x)[0]
    folded = [name for name in given if name.startswith(("between_", "historical_"))]  # there logs, here of either sign
    jacobian = sum(float(np.log(2 * given[name]).sum()) for name in folded)
    assert integral == pytest.approx(sampled + jacobian, abs=1e-7)


def _unconstrained(name: str, given: dict[str, np.ndarray], value: np.ndarray) -> np.ndarray:
    if name.endswith("_log__"):
        return np.log(given[name.removesuffix("_log__")])
    if name.endswith("_logodds__"):
        unit = (given[name.removesuffix("_unit_logodds__")] + 1) / 2
        return np.log(unit / (1 - unit))
    return given.get(name, value)


@pytest.mark.slow
def test_lme4_finds_the_same_where_priors_are_weak(
    subtests: pytest.Subtests, shared_data: Path, shared_reference: Path
) -> None:
    """Readings below 15 mm³ taken for 15, as lme4 was given them; agreement within 0.3 of its standard errors."""
    table = pd.read_csv(shared_reference / "panel-lme4.csv")
    wide = _with_wide_priors(CARDS["panel-exponential"])
    for combination, rows in table.groupby("combination", sort=False):
        panel = _breast_panel(shared_data, str(combination))
        found = fit_panel(panel, wide, seed=1, progress=False, settings=SamplerSettings(draws=400, tune=400, chains=2))
        assert panel.readings == rows["readings"].iloc[0]
        for row in rows.itertuples():
            name, _, agent = str(row.term).partition(" ")
            draws = found.posterior[name]
            draws = draws.sel(agent=agent) if agent else draws.squeeze()
            with subtests.test(f"{combination}: {row.term}"):
                assert abs(float(draws.mean()) - row.estimate_per_day) < 0.3 * row.se


def _with_wide_priors(card: ModelCard) -> ModelCard:
    wide = {
        name: prior.model_copy(update={"sigma": 5 * prior.sigma})
        if prior.distribution == "Normal" and prior.sigma
        else prior
        for name, prior in card.priors.items()
    }
    return card.model_copy(update={"priors": {**card.priors, **wide}})


def _breast_panel(data: Path, combination: str) -> Any:
    from xenograft.panels.panel import Panel
    from xenograft.panels.read import of_combination
    from xenograft.study.study import Arm, Dosing, Study

    table = pd.read_csv(data / "pdxe-breast-panel" / "volumes.csv")
    table = table.assign(
        volume=table["volume"].clip(lower=15.0), fitted=True, censored=False, baseline=table["day"] == 0
    )
    arms = [
        Arm(
            name,
            name == "untreated",
            tuple(Dosing(agent, (0.0,)) for agent in name.split(" + ") if name != "untreated"),
        )
        for name in sorted(table["arm"].unique(), key=lambda name: (name != "untreated", name))
    ]
    studies = {
        str(model): Study(str(model), "mm3", tuple(a for a in arms if a.name in set(own["arm"])), own)
        for model, own in table.groupby("model")
    }
    whole = Panel("breast", studies, tuple(arms), dict.fromkeys(studies, 0.0))
    return of_combination(whole, combination, "test")


GATES: dict[str, dict[str, Any]] = {
    "health": {"name": "sound", "operator": "<=", "value": 0.0},
    "average": {"name": "more", "operator": ">=", "value": 0.9},
    "new_model": {"name": "next", "operator": ">", "value": 9.0, "measure": "lower", "reference": "hsa"},
    "spread": {"name": "alike", "operator": "<=", "value": 9.0, "measure": "upper"},
    "moderator": {"name": "E decides", "operator": ">=", "value": 0.975, "moderator": "E"},
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """results.json of a panel with an interaction of 0.03/day that rises with the moderator E."""
    from xenograft.panels.analysis import analyse_panel, panel_cards
    from xenograft.panels.markdown import panel_markdown
    from xenograft.panels.read import read_panel

    panel = invented(8, 2, seed=7, censored=False, uneven=False, departure=0.03, slope=0.03)
    panel = read_panel(written(panel, tmp_path_factory.mktemp("panel")))
    cards = panel_cards(panel, ["panel-exponential-moderators", "panel-exponential-bliss"])
    settings = SamplerSettings(draws=500, tune=500, chains=2, retries=0)
    analysis = analyse_panel(panel, cards, settings=settings, quiet=True)
    rules = [KINDS[kind](kind=kind, why="A test.", **said) for kind, said in GATES.items()]
    check_panel_gates("gates.toml", rules, panel, cards)
    return json.loads(json.dumps(analysis.results, allow_nan=False)) | {
        "markdown": panel_markdown(analysis),
        "gates": {one.kind: one for one in judge_panel_gates(rules, analysis)},
    }


def test_moderators_are_answered_and_cautioned_about_where_cards_with_them_carry_no_weight() -> None:
    panel = invented(6, 2, seed=3, censored=False, uneven=False)
    settings = SamplerSettings(draws=500, tune=500, chains=2, retries=0)
    names = ("panel-exponential", "panel-exponential-moderators", "panel-gompertz-moderators")
    fits = {name: fit_panel(panel, CARDS[name], settings=settings, progress=False) for name in names}
    ranking = compare_panel(fits, exact=False)
    best = next(name for name in ranking.table.index if "moderators" in name)
    table = ranking.table.assign(answer_weight=[float("moderators" not in name) for name in ranking.table.index])
    ranking = replace(ranking, table=table)
    (one, *_) = answers_of(panel, fits, ranking)
    assert one.moderators is not None
    alone = replace(ranking, table=table.assign(answer_weight=[float(name == best) for name in table.index]))
    xr.testing.assert_allclose(one.moderators, answers_of(panel, fits, alone)[0].moderators)
    verdicts = panel_verdicts(panel, [one], ranking.answer_weights)
    assert [said.moderator for said in verdicts if said.question == "moderator"] == list(panel.moderators)
    doubts = panel_cautions(panel, fits, ranking, verdicts)
    assert any("what is said of moderators carries no weight" in words for words in doubts)


def test_the_three_questions_are_answered_with_the_truth_inside_the_intervals(answered: dict[str, Any]) -> None:
    bliss = next(one for one in answered["answers"] if one["reference"] == "bliss")
    days = bliss["day"] - 3.0
    sd = 0.03
    assert bliss["average"]["median"] > 0.1
    assert (
        bliss["average"]["upper"] - bliss["average"]["lower"]
        < bliss["new_model"]["upper"] - bliss["new_model"]["lower"]
    )
    assert bliss["spread"]["lower"] < sd * days < bliss["spread"]["upper"]
    slope = next(one for one in bliss["moderators"] if one["moderator"] == "E")
    assert slope["slope"]["lower"] < sd * days < slope["slope"]["upper"]
    assert slope["probability"] > 0.975
    other = next(one for one in bliss["moderators"] if one["moderator"] == "F")
    assert 0.01 < other["probability"] < 0.99
    questions = {(one["question"], one["moderator"]) for one in answered["verdicts"] if one["reference"] == "bliss"}
    assert questions == {("average", None), ("new_model", None), ("moderator", "E"), ("moderator", "F")}


def test_models_are_drawn_towards_the_average_and_the_null_is_beaten(answered: dict[str, Any]) -> None:
    bliss = next(one for one in answered["answers"] if one["reference"] == "bliss")
    own = np.array([one["alone"]["median"] for one in bliss["models"]])
    shrunken = np.array([one["excess"]["median"] for one in bliss["models"]])
    assert shrunken.std() < own.std()
    assert np.corrcoef(own, shrunken)[0, 1] > 0.9
    null = next(one for one in answered["cards"] if one["name"] == "panel-exponential-bliss")
    assert null["answer_weight"] is None
    assert null["elpd_diff"] < 0


def test_every_surface_says_the_same(answered: dict[str, Any]) -> None:
    plain = answered["markdown"].replace("\\", "")
    for one in answered["verdicts"]:
        assert one["sentence"] in plain
    for words in answered["cautions"]:
        assert words in plain
    assert answered["kind"] == "panel"


def test_gates_look_at_the_numbers_of_the_results(answered: dict[str, Any]) -> None:
    bliss, hsa = (next(one for one in answered["answers"] if one["reference"] == name) for name in ("bliss", "hsa"))
    gates, slope = answered["gates"], next(one for one in bliss["moderators"] if one["moderator"] == "E")
    assert gates["average"].found == bliss["average"]["probability"]
    assert gates["new_model"].found == hsa["new_model"]["lower"]
    assert gates["spread"].found == bliss["spread"]["upper"]
    assert gates["moderator"].found == slope["probability"]
    assert {kind for kind, one in gates.items() if not one.passed} == {"new_model"}


def test_gates_that_a_panel_cannot_judge_are_refused_before_anything_is_fitted(run: Run, tmp_path: Path) -> None:
    folder = written(invented(4, 2, censored=False, uneven=False), tmp_path / "panel")
    for said, sentence in (
        ('kind = "excess"', "average"),
        ('kind = "average"\ncombination = "A+B"', "A + B"),
        ('kind = "moderator"\nmoderator = "e"', "E"),
        ('kind = "moderator"\nmoderator = "E"', "panel-exponential-moderators"),
        ('kind = "health"\ncard = "panel"', "panel-exponential"),
    ):
        rule = f'[[gate]]\nname = "one"\nwhy = "A test."\noperator = ">="\nvalue = 0.5\n{said}\n'
        (tmp_path / "gates.toml").write_text(rule, encoding="utf-8")
        done = run("panel", folder, "-m", "panel-exponential", "--gates", "gates.toml", "--quiet")
        assert done.code == 2
        assert 'gates.toml, gate "one"' in done.err
        assert sentence in done.err


def test_small_panels_show_readings_and_curves_only_where_there_are_any() -> None:
    days = np.arange(0.0, 43.0, 7.0)
    curves = pd.concat(
        pd.DataFrame({"model": "M", "arm": arm, "day": days, "volume": 150 * np.exp(0.3 * days)}) for arm in "ab"
    )
    readings = curves.rename(columns={"day": "elapsed"}).assign(animal="1", censored=False)
    readings = readings[(readings["elapsed"] <= 14) & (readings["arm"] == "a")]
    figure = readings_by_model(readings, curves, {"a": "red", "b": "blue"}, until=42.0, unit="mm³")
    axis = figure.axes[0]
    figure.draw_without_rendering()
    assert axis.get_ylim()[1] < 2 * readings["volume"].max()
    assert max(float(np.max(line.get_xdata(), initial=0.0)) for line in axis.lines) == 14.0
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert "1,000" in labels
    assert not any("$" in label for label in labels)


def test_init_check_and_panel_go_from_a_table_to_an_answer(run: Run, tmp_path: Path) -> None:
    folder = written(invented(4, 2, censored=False, uneven=False), tmp_path / "panel")
    (folder / "study.toml").unlink()
    begun = run("init", folder / "volumes.csv")
    assert begun.code == 0
    assert "names 4 models" in begun.out
    assert (folder / "panel.toml").is_file()
    checked = run("check", folder)
    assert checked.code == 0
    assert "4 models" in checked.out
    assert "M3" in checked.out
    alone = folder.parent / "alone"
    alone.mkdir()
    for name in ("study.toml", "volumes.csv"):
        (alone / name).write_bytes((folder / name).read_bytes())
    for place in (alone, alone / "study.toml"):
        unasked = run("check", place)
        assert unasked.code == 0
        assert "4 models" in unasked.out
    asked = run("report", folder, "--quiet")
    assert asked.code == 2
    assert "xenograft panel" in asked.err
    rule = '[[gate]]\nname = "never"\nkind = "average"\noperator = ">"\nvalue = 1\nwhy = "A test."\n'
    (tmp_path / "gates.toml").write_text(rule, encoding="utf-8")
    short = ("--draws", 100, "--chains", 2, "--quiet", "--json", "a.json")
    done = run("panel", folder, "-m", "panel-exponential", *short, "--gates", "gates.toml", "--junit", "a.xml")
    assert done.code in (1, 3), done.err
    assert "FAIL  never" in done.out
    assert 'failures="1"' in (tmp_path / "a.xml").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text())["panel"]["models"] == 4
