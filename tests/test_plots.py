"""Figures for a notebook: the right data, shown without pyplot, and refused where there is nothing to show."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import xenograft as xg
from xenograft.answers.ranking import Comparison, compare
from xenograft.figures.graph import model_edges
from xenograft.fitting.fit import Fit
from xenograft.model.card import ModelCard
from xenograft.study.study import Arm, Study

LAWS = ("exponential-bliss-departure", "gompertz-bliss-departure")


@pytest.fixture(scope="module")
def two(fits: Mapping[str, Fit]) -> dict[str, Fit]:
    return {name: fits[name] for name in LAWS}


@pytest.fixture(scope="module")
def ranking(two: Mapping[str, Fit]) -> Comparison:
    return compare(two, exact=False)


def titles(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes]


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_notebook_shows_each_on_opaque_paper(two: Mapping[str, Fit], ranking: Comparison, study: Study) -> None:
    fit = two[LAWS[0]]
    drawn: dict[str, Callable[[], Figure]] = {
        "readings": lambda: xg.plot_readings(study),
        "fit": lambda: xg.plot_fit(fit),
        "curves": lambda: xg.plot_curves(two, ranking),
        "excess": lambda: xg.plot_excess(two, ranking),
        "priors": lambda: xg.plot_priors(fit),
        "predictive": lambda: xg.plot_predictive(fit),
        "influence": lambda: xg.plot_influence(two, ranking),
        "graph": lambda: xg.plot_graph(xg.build(study, fit.card)),
    }
    for name, draw in drawn.items():
        figure: Any = draw()
        assert isinstance(figure, Figure), name
        png = figure._repr_png_()
        image = Image.open(io.BytesIO(png)).convert("RGBA")
        assert image.getpixel((0, 0))[3] == 255, name
        assert 600 < image.width < 1200, name
        assert re.search(rb"/(home|work|tmp)/", png) is None


def test_a_fit_is_drawn_with_its_own_curves(two: Mapping[str, Fit], study: Study) -> None:
    fit = two[LAWS[0]]
    figure = xg.plot_fit(fit)
    assert titles(figure) == [arm.name for arm in study.arms]
    median = np.exp(xg.curves(fit, [study.horizon]).sel(arm="T-DM1").median()).item()
    thick = [line for line in figure.axes[1].get_lines() if line.get_linewidth() == 2.2]
    days, volumes = thick[0].get_data()
    assert np.interp(study.horizon, days, volumes) == pytest.approx(median, rel=1e-6)


def test_curves_are_of_the_model_asked_for(two: Mapping[str, Fit], ranking: Comparison, study: Study) -> None:
    def last(model: str) -> float:
        return float(xg.plot_curves(two, ranking, model=model).axes[0].get_lines()[0].get_ydata()[-1])

    for name in LAWS:
        expected = np.exp(xg.curves(two[name]).sel(arm=study.control.name).isel(day=-1).median()).item()
        assert last(name) == pytest.approx(expected, rel=1e-6)
    assert last("averaged") != last(LAWS[1])


def test_the_excess_shows_the_average_and_each_answering_card(two: Mapping[str, Fit], ranking: Comparison) -> None:
    figure = xg.plot_excess(two, ranking)
    assert set(LAWS) < set(legend_of(figure))
    assert len(figure.axes) == 3
    assert xg.plot_excess(two, ranking, combination="T-DM1 + pertuzumab").axes[0].get_ylim() == (
        figure.axes[0].get_ylim()
    )


def test_the_prior_alone_expects_more_than_the_posterior(two: Mapping[str, Fit]) -> None:
    fit = two[LAWS[0]]
    before, after = xg.plot_predictive(fit, of="prior"), xg.plot_predictive(fit)
    low, high = before.axes[0].get_ylim()
    inside = after.axes[0].get_ylim()
    assert high / low > 10 * inside[1] / inside[0]


def test_the_reports_figures_can_be_had_one_by_one(two: Mapping[str, Fit], ranking: Comparison, study: Study) -> None:
    found = xg.all_figures(study, two, ranking)
    assert {"panels", "typical", "expected0", "excess0", "forest", "predictive", "residuals", "influence"} < set(found)
    assert all(isinstance(figure, Figure) for figure in found.values())


def test_what_cannot_be_drawn_is_refused_in_a_sentence(two: Mapping[str, Fit], ranking: Comparison) -> None:
    with pytest.raises(xg.NoHealthyFitError, match=r"^plot: there is no healthy fit for spline\. Look at"):
        xg.plot_curves(two, ranking, model="spline")
    with pytest.raises(xg.InputError, match=r'plot_excess: combination = "both" is not one of T-DM1 \+ pertuzumab'):
        xg.plot_excess(two, ranking, combination="both")
    with pytest.raises(xg.InputError, match=r'plot_predictive: of = "priors" is not one of posterior, prior\. Did'):
        xg.plot_predictive(two[LAWS[0]], of="priors")  # pyright: ignore[reportArgumentType]
    study = next(iter(two.values())).study
    single = {n: replace(f, study=replace(study, arms=study.arms[:3])) for n, f in two.items()}
    with pytest.raises(xg.InputError, match=r"has no combination arm\. Use a study with one\.$"):
        xg.plot_excess(single, ranking)


@pytest.mark.parametrize("name", ["exponential-bliss", "gompertz-bliss-departure", "robust-bliss-departure"])
def test_the_graph_has_every_variable_and_what_it_is_made_from(
    study: Study, cards: Mapping[str, ModelCard], name: str
) -> None:
    model = xg.build(study, cards[name])
    edges = model_edges(model)
    assert set(edges) == set(model.named_vars)
    assert edges["correlation"] == ["correlation_unit"]
    assert edges["growth"] == []
    assert {"baseline", "growth", "kill", "error", "sd_growth", "correlation"} < set(edges["volume_readings"])
    assert "correlation_unit" not in edges["volume_readings"]
    boxes = [text.get_text() for text in xg.plot_graph(model).axes[0].texts]
    assert {variable.name for variable in model.basic_RVs} < set(boxes)
    kill = cards[name].on(study).prior_of("kill").arguments
    assert f"Normal({kill['mu']:.3g}, {kill['sigma']:.3g})\n2 agents" in boxes
    assert "log_volume" not in boxes


def test_arms_keep_their_colours(two: Mapping[str, Fit], study: Study) -> None:
    from xenograft.figures.theme import arm_colours

    arm: Arm = study.arms[1]
    thick, _ = [line for line in xg.plot_fit(two[LAWS[0]]).axes[1].get_lines() if line.get_linewidth() == 2.2]
    assert thick.get_color() == arm_colours(study)[arm.name]
