"""Figures, tested on what they draw and not on pixels: two arms, four arms, a grid of sixteen, hostile names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, override

import numpy as np
import pandas as pd
import pytest
from invented_report import HOSTILE
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from xenograft.figures.animals import CUT, body_weight, spider, survival, swimmer, waterfall
from xenograft.figures.checks import influence, prior_and_posterior, residuals, traces
from xenograft.figures.interaction import combination_against_references, dose_grid, excess_by_day, forest
from xenograft.figures.theme import NARROW, PAPER, SOFT, WIDE, arm_colours, save_figures, settled, short, svg
from xenograft.figures.volumes import predictive_panels, typical_curves, volume_panels
from xenograft.study.study import Arm, Dosing, Study
from xenograft.study.tables import left_early

pytestmark = pytest.mark.xdist_group("figures")  # they share what `figure_of` has drawn

DAYS = (-3.0, 0.0, 7.0, 14.0)
NO_CURVES = pd.DataFrame(columns=["animal", "arm", "day", "median"])
LEVELS = (0.0, 1.0, 3.0, 10.0)


def a_study(arms: tuple[Arm, ...], animals: int = 3) -> Study:
    """Animals of every arm, read before and after dosing; the first of each treated arm leaves after day 7."""
    rows = [
        {"animal": f"{place}-{i}", "arm": arm.name, "day": day, "volume": volume}
        for place, arm in enumerate(arms)
        for i in range(animals)
        for day in DAYS
        for volume in [100.0 * 1.2 ** (i % 7) * np.exp(0.08 * day / (place + 1))]
        if arm.control or i or animals == 1 or day < 14
    ]
    readings = pd.DataFrame(rows).assign(reason_left="").astype({"animal": "str", "arm": "str"})
    readings["fitted"] = readings["day"] >= 0
    readings["censored"] = readings["volume"] <= 90
    readings["baseline"] = readings["day"] == 0
    return Study("A study", "mm3", arms, readings, limit_of_quantification=90.0, endpoint_volume=200.0)


def dosed(agent: str, level: float = 3.0) -> Dosing:
    return Dosing(agent, (0.0, 7.0), (level, level), "mg/kg")


def named(names: tuple[str, ...], animals: int = 3) -> Study:
    """Arms of these names, the first the control, the fourth the combination."""
    given = ((), (dosed("A"),), (dosed("B"),), (dosed("A"), dosed("B")))
    return a_study(tuple(Arm(n, control=not d, dosings=d) for n, d in zip(names, given, strict=False)), animals)


def a_grid() -> Study:
    arms = [
        Arm(
            f"drug_{first:02g}_other_{second:02g}",
            control=not first and not second,
            dosings=tuple(dosed(agent, dose) for agent, dose in (("drug", first), ("other", second)) if dose),
        )
        for first, second in itertools.product(LEVELS, LEVELS)
    ]
    return a_study(tuple(arms))


def all_censored() -> Study:
    study = named(("vehicle", "A", "B", "A + B"))
    return replace(study, readings=study.readings.assign(volume=16.0, censored=True), limit_of_quantification=16.0)


STUDIES = {
    "two": named(("vehicle", "A")),
    "four": named(("vehicle", "A", "B", "A + B")),
    "sixteen": a_grid(),
    "one animal an arm": named(("vehicle", "A", "B", "A + B"), animals=1),
    "all censored": all_censored(),
    "1,000 animals": named(("vehicle", "A", "B", "A + B"), animals=250),
    "hostile": named(("vehicle", *HOSTILE[:3])),
    "more hostile": named(("_control", "_hidden", *HOSTILE[3:])),
}


def curves_of(study: Study) -> pd.DataFrame:
    return pd.DataFrame(
        {"arm": arm.name, "day": day, "median": m, "lower": m / 1.2, "upper": m * 1.2}
        for place, arm in enumerate(study.arms)
        for day in DAYS[1:]
        for m in [100 * np.exp(0.08 * day / (place + 1))]
    )


def ratios_of(study: Study) -> pd.DataFrame:
    rows = study.fitted_readings
    ratio = rows["volume"] / rows["animal"].map(study.animals["baseline"])
    return rows[["animal", "arm", "day", "censored"]].assign(ratio=ratio)


def excess_of(*models: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"model": model, "reference": reference, "day": day, "median": 0.02 * day * (1 + place), "lower": -0.01 * day,
         "upper": 0.05 * day}
        for place, model in enumerate(models) for reference in ("bliss", "hsa", "additive") for day in DAYS[1:]
    )  # fmt: skip


@cache
def figure_of(name: str, kind: str, width: float = WIDE) -> Figure:
    """A figure of one kind of study; the tests that look at it share it, since drawing takes a second."""
    return DRAW[name](STUDIES[kind], width)


NARROW_KINDS = ("four", "sixteen", "more hostile")
"""Kinds whose figures are drawn for a telephone as well."""


def figures_of(name: str, *, narrow: bool = True) -> Iterator[tuple[str, Study, Figure]]:
    """A figure of every kind of study, as wide as a page and, where it may matter, as narrow as a telephone."""
    for kind, study in STUDIES.items():
        yield kind, study, figure_of(name, kind)
    for kind in NARROW_KINDS if narrow else ():
        yield f"{kind}, narrow", STUDIES[kind], figure_of(name, kind, NARROW)


def texts_of(drawing: str) -> list[str]:
    """The words of an SVG as a browser shows them."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", drawing, re.DOTALL)
    plain = [re.sub(r"<[^>]+>", "", text).strip() for text in found]
    return [t.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").lstrip("\u200b") for t in plain]


def test_every_arm_has_its_panel_in_the_studys_order(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("panels"):
        with subtests.test(kind):
            assert len(figure.axes) == len(study.arms)
            for axis, arm in zip(figure.axes, study.arms, strict=True):
                start = axis.get_title(loc="left").split("…")[0]
                assert arm.name.startswith(start)


def test_panels_show_every_reading_once(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("panels", narrow=False):
        with subtests.test(kind):
            for axis, arm in zip(figure.axes, study.arms, strict=True):
                marks = [line for line in axis.lines if line.get_marker() in ("o", "v")]
                shown = sorted(float(y) for line in marks for y in line.get_ydata())
                assert shown == pytest.approx(sorted(study.readings.loc[study.readings["arm"] == arm.name, "volume"]))


def test_readings_that_are_not_fitted_are_open_and_in_the_key() -> None:
    figure = volume_panels(STUDIES["four"], curves_of(STUDIES["four"]), NO_CURVES)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    hollow = [line for line in marks if line.get_markerfacecolor() == PAPER]
    readings = STUDIES["four"].readings
    early = readings[(readings["arm"] == "vehicle") & ~readings["fitted"] & ~readings["censored"]]
    assert sum(len(line.get_ydata()) for line in hollow) == len(early) > 0
    assert "not fitted" in texts_of(svg(figure, "a"))


def test_animals_that_left_are_marked_at_their_last_reading() -> None:
    study = STUDIES["four"]
    figure = volume_panels(study, curves_of(study), NO_CURVES)
    for axis, arm in zip(figure.axes, study.arms, strict=True):
        crosses = [line for line in axis.lines if line.get_marker() == "s"]
        left = left_early(study)
        volumes = left.loc[left["arm"] == arm.name, "last_volume"].tolist()
        assert [list(line.get_ydata()) for line in crosses] == [volumes]


def test_limit_and_endpoint_are_lines_only_where_the_study_has_them() -> None:
    study = STUDIES["four"]
    levels = {float(line.get_ydata()[0]) for line in volume_panels(study, curves_of(study), NO_CURVES).axes[0].lines
              if list(line.get_xdata()) == [0, 1]}  # fmt: skip
    assert levels == {90.0, 200.0}


def test_all_panels_share_their_axes_and_volumes_are_logarithmic(subtests: pytest.Subtests) -> None:
    for kind, _, figure in figures_of("panels"):
        with subtests.test(kind):
            axes = figure.axes
            assert {axis.get_yscale() for axis in axes} == {"log"}
            assert len({(axis.get_xlim(), axis.get_ylim()) for axis in axes}) == 1


def test_panels_need_no_curves() -> None:
    for kind in ("two", "one animal an arm", "all censored"):
        drawn = svg(volume_panels(STUDIES[kind], NO_CURVES, NO_CURVES), "a")
        assert "reading" in texts_of(drawn)
        assert not any("typical" in text for text in texts_of(drawn)), "a key of curves that are not there"


def test_a_settled_figure_is_not_laid_out_anew() -> None:
    for figure in (
        volume_panels(STUDIES["four"], NO_CURVES, NO_CURVES),
        typical_curves(STUDIES["four"], curves_of(STUDIES["four"])),
    ):
        settled(figure)
        places = [axis.get_position().bounds for axis in figure.axes]
        engine = figure.get_layout_engine()
        assert engine is not None
        assert engine.adjust_compatible, "Shiny would put one of its own in its place"
        figure.draw_without_rendering()
        assert [axis.get_position().bounds for axis in figure.axes] == places


def test_an_arm_has_one_colour_in_every_figure(subtests: pytest.Subtests) -> None:
    for kind, study, panels in figures_of("panels", narrow=False):
        with subtests.test(kind):
            colours = arm_colours(study)
            assert len(set(colours.values())) == len(study.arms)
            for axis in figure_of("typical", kind).axes:
                assert [to_hex(line.get_color()) for line in axis.lines[: len(study.arms)]] == list(colours.values())
            for axis, arm in zip(panels.axes, study.arms, strict=True):
                assert max(axis.lines, key=lambda line: line.get_linewidth()).get_color() == colours[arm.name]


def test_typical_curves_name_every_arm(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("typical"):
        with subtests.test(kind):
            words = texts_of(svg(figure, "a"))
            for arm in study.arms:
                assert any(
                    arm.name == word or ("…" in word and arm.name.startswith(word.split("…")[0])) for word in words
                )


def test_bands_are_left_out_where_they_would_bury_each_other() -> None:
    assert [len(axis.collections) for axis in typical_curves(STUDIES["four"], curves_of(STUDIES["four"])).axes] == [
        4,
        4,
    ]
    assert not typical_curves(STUDIES["sixteen"], curves_of(STUDIES["sixteen"])).axes[0].collections


def test_names_at_the_ends_of_curves_stay_apart_and_on_the_figure() -> None:
    study = STUDIES["sixteen"]
    axis = typical_curves(study, curves_of(study)).axes[-1]
    heights = sorted(text.xyann[1] for text in axis.texts if getattr(text, "arrow_patch", None))
    assert len(heights) == 16
    assert heights[0] >= -0.01
    assert heights[-1] <= 1.0
    assert min(np.diff(heights)) > 0.04


def test_a_typical_curve_fades_from_the_day_on_which_half_of_its_animals_have_left() -> None:
    study, curves = STUDIES["four"], curves_of(STUDIES["four"])
    days = study.readings["day"].unique()
    leaving = study.animals.index[study.animals["arm"] == "A"][: -(-int((study.animals["arm"] == "A").sum()) // 2) + 1]
    kept = study.readings[~(study.readings["animal"].isin(leaving) & (study.readings["day"] > days[1]))]
    study = replace(study, readings=kept)
    for axis in (typical_curves(study, curves).axes[0], volume_panels(study, curves, NO_CURVES).axes[1]):
        colour = arm_colours(study)["A"]
        own = [line for line in axis.lines if line.get_color() == colour and line.get_linewidth() >= 2]
        whole, faded = (next(line for line in own if (line.get_alpha() is not None) is dim) for dim in (False, True))
        assert np.nanmax(whole.get_xdata()) == days[1]
        assert np.nanmax(faded.get_xdata()) == days[-1]


def test_the_forest_shows_0_and_the_control_as_references() -> None:
    study = STUDIES["four"]
    rows = pd.DataFrame(
        {"arm": name, "measure": "rate", "median": median, "lower": median - 0.01, "upper": median + 0.01, "reason": ""}
        for name, median in (("vehicle", 0.08), ("A", 0.05))
    )
    axis = forest(study, rows).axes[0]
    low, high = axis.get_xlim()
    assert low <= 0 <= high
    assert [line.get_xdata()[0] for line in axis.lines if list(line.get_ydata()) == [0, 1]] == [0.0, 0.08]


def test_a_predicted_arm_is_dashed() -> None:
    study, curves = STUDIES["four"], curves_of(STUDIES["four"])
    extra = curves[curves["arm"] == "A"].assign(arm="B 5 mg/kg (predicted)")
    lines = typical_curves(study, pd.concat([curves, extra])).axes[0].lines
    assert [line.get_linestyle() for line in lines[:5]] == ["-", "-", "-", "-", "--"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_excess_shows_the_average_with_its_band_and_each_model_as_a_line(width: float) -> None:
    table = excess_of("averaged", "_first", "second")
    table.loc[table["reference"] == "additive", ["median", "lower", "upper"]] /= 10
    figure = excess_by_day(table, 7.0, width=width)
    assert len(figure.axes) == 3
    bliss, hsa, additive = figure.axes
    assert bliss.get_ylim() == hsa.get_ylim() != additive.get_ylim()  # another unit
    for axis in figure.axes:
        assert len(axis.collections) == 1
        assert 0.0 in [line.get_ydata()[0] for line in axis.lines if list(line.get_xdata()) == [0, 1]]
        assert [7.0, 7.0] in [list(line.get_xdata()) for line in axis.lines]
        low, high = axis.get_ylim()
        assert low < 0 < high
    assert {"_first", "second", "▲ enhanced"} <= set(texts_of(svg(figure, "a")))


def test_without_an_average_no_model_is_singled_out() -> None:
    figure = excess_by_day(excess_of("first", "second"), 7.0)
    assert all(not axis.collections for axis in figure.axes)


def test_the_only_model_has_its_band() -> None:
    assert all(len(axis.collections) == 1 for axis in excess_by_day(excess_of("first"), 7.0).axes)


def cells(missing: int = 0) -> pd.DataFrame:
    rows = [
        {"row": a, "column": b, "median": 0.1 * a - 0.2 * b, "lower": -1.0, "upper": 1.0, "mark": "▲" if a > b else ""}
        for a, b in itertools.product(LEVELS[1:], LEVELS[1:])
    ]
    return pd.DataFrame(rows[missing:])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_dose_grid_has_a_cell_for_every_pair_of_doses(width: float) -> None:
    axis = dose_grid(cells(), ("A (mg/kg)", "$B$ (mg/kg)"), width=width).axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["10", "3", "1"]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "3", "10"]
    assert len(axis.texts) == 9
    assert axis.texts[0].get_text().startswith("+0.80 ▲")


def test_a_dose_pair_without_an_arm_stays_empty() -> None:
    axis = dose_grid(cells(missing=1), ("A", "B")).axes[0]
    assert len([text for text in axis.texts if text.get_text()]) == 8


def test_the_margin_is_shaded_where_the_excess_has_its_unit() -> None:
    with_margin, without = (excess_by_day(excess_of("averaged"), 7.0, margin=margin) for margin in (0.2, None))
    spans = [[patch.get_extents().get_points() for patch in axis.patches] for axis in with_margin.axes]
    assert [len(found) for found in spans] == [1, 1, 0]
    shaded = with_margin.axes[0].patches[0].get_xy()
    assert (min(shaded[1], -0.2), with_margin.axes[0].patches[0].get_height()) == (-0.2, pytest.approx(0.4))
    assert not any(axis.patches for axis in without.axes)


def expected_of(study: Study) -> pd.DataFrame:
    course = curves_of(study)
    course = course[course["arm"] == study.combinations[0].name]
    factors = {"bliss": 2.0, "hsa": 3.0, "additive": 0.0}
    return pd.concat(
        course.assign(reference=name, median=f * course["median"], lower=course["lower"], upper=3 * course["upper"])
        for name, f in factors.items()
    )


@pytest.mark.parametrize("key", ["four", "sixteen", "one animal an arm", "all censored", "1,000 animals"])
def test_the_combination_stands_beside_what_each_reference_predicts(key: str) -> None:
    study = STUDIES[key]
    name = study.combinations[0].name
    figure = combination_against_references(study, name, curves_of(study), expected_of(study))
    axis = figure.axes[0]
    grey = [line for line in axis.lines if to_hex(line.get_color()) == SOFT and len(line.get_xdata()) == len(DAYS) - 1]
    bliss = expected_of(study).query("reference == 'bliss'")["median"]
    assert len(grey) == 3
    assert list(grey[0].get_ydata()) == list(bliss)
    readings = study.fitted_readings.query("arm == @name")
    shown = [float(y) for line in axis.lines if line.get_marker() in ("o", "v") for y in line.get_ydata()]
    assert sorted(shown) == pytest.approx(sorted(readings["volume"]))
    words = texts_of(svg(figure, "a"))
    assert {"predicted by Bliss", "predicted by HSA", "predicted by response additivity"} <= set(words)


def test_an_excluded_reading_is_a_cross_and_a_censored_one_an_open_triangle() -> None:
    study = STUDIES["four"]
    readings = study.readings.assign(exclude="")
    readings.loc[readings.index[2], ["exclude", "fitted"]] = ["torn label", False]
    study = replace(study, readings=readings)
    figure = volume_panels(study, curves_of(study), NO_CURVES)
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines if line.get_marker() == "x"] == [[readings["volume"].iloc[2]]]
    triangles = [line for line in lines if line.get_marker() == "v"]
    low = readings.query("arm == 'vehicle' and censored")
    assert [float(y) for line in triangles for y in line.get_ydata()] == list(low["volume"])
    assert {line.get_markerfacecolor() for line in triangles} == {PAPER}
    assert {"excluded", "at or below the limit"} <= set(texts_of(svg(figure, "a")))


def bands_of(study: Study) -> pd.DataFrame:
    course = curves_of(study)
    middle = course["median"]
    return course.assign(lower50=middle / 1.3, upper50=middle * 1.3, lower90=middle / 2, upper90=middle * 2)


def test_predictions_stand_behind_every_fitted_reading(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("predictive", narrow=False):
        with subtests.test(kind):
            for axis, arm in zip(figure.axes, study.arms, strict=True):
                assert len(axis.collections) == 2
                outer = axis.collections[0].get_paths()[0].vertices[:, 1]
                course = bands_of(study).loc[lambda table, arm=arm: table["arm"] == arm.name]
                assert (outer.min(), outer.max()) == pytest.approx((course["lower90"].min(), course["upper90"].max()))
                shown = [float(y) for line in axis.lines if line.get_marker() in ("o", "v") for y in line.get_ydata()]
                fitted = study.fitted_readings.loc[lambda table, arm=arm: table["arm"] == arm.name]
                assert sorted(shown) == pytest.approx(sorted(fitted["volume"]))


def measures_of(study: Study) -> pd.DataFrame:
    treated = [arm.name for arm in study.arms if not arm.control]
    rows = [{"arm": name, "measure": "TGI (%)", "median": 50.0, "lower": 5.0, "upper": 60.0} for name in treated]
    rows += [{"arm": name, "measure": "days", "median": 9.0, "lower": 5.0, "upper": np.nan} for name in treated]
    rows += [{"arm": study.control.name, "measure": "days", "median": np.nan, "lower": np.nan, "upper": np.nan}]
    return pd.DataFrame(rows).assign(reason="does not grow")


def test_the_forest_has_a_line_per_arm_and_words_for_what_is_not_finite(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("forest"):
        with subtests.test(kind):
            inhibition, doubling = figure.axes
            colours = [c for arm, c in arm_colours(study).items() if arm != study.control.name]
            assert [to_hex(line.get_color()) for line in inhibition.lines if line.get_marker() == "o"] == colours
            assert [text.get_text() for text in doubling.texts] == ["does not grow"]
            assert [line.get_marker() for line in doubling.lines].count(">") == len(study.arms) - 1  # no upper limit


CLASSES = ("CR", "PR", "SD", "PD")


def responses_of(study: Study) -> pd.DataFrame:
    ratio = ratios_of(study).groupby("animal", sort=False)["ratio"].min()
    best = 100 * (ratio - 1)
    table = study.animals[["arm"]].assign(best=best).reset_index(names="animal")
    return table.assign(response=[CLASSES[place % 4] for place in range(len(table))])


def test_the_waterfall_falls_within_each_arm_filled_by_class(
    subtests: pytest.Subtests,
) -> None:
    for kind, study, figure in figures_of("waterfall"):
        with subtests.test(kind):
            table = responses_of(study)
            assert len(figure.axes) == len(study.arms)
            for axis, arm in zip(figure.axes, study.arms, strict=True):
                rows = table[table["arm"] == arm.name].sort_values("best", ascending=False)
                heights = [bar.get_height() for bar in axis.patches]
                assert heights == sorted(heights, reverse=True)
                assert len(heights) == len(rows)
                bars = dict(zip(rows["response"], axis.patches, strict=True))
                fillings = {bar.get_facecolor() for bar in bars.values()}
                assert len(fillings) == len(bars)
                assert {to_hex(bar.get_edgecolor()) for bar in bars.values()} == {arm_colours(study)[arm.name]}


def test_a_bar_beyond_the_cut_is_cut_and_says_so() -> None:
    study = STUDIES["four"]
    table = responses_of(study)
    table.loc[0, "best"] = 900.0
    axis = waterfall(study, table, classes=CLASSES).axes[0]
    assert max(bar.get_height() for bar in axis.patches) == CUT
    assert [len(line.get_xdata()) for line in axis.lines if line.get_marker() == "^"] == [1]


def test_the_limits_of_the_classes_are_lines_of_the_waterfall() -> None:
    study = STUDIES["four"]
    axis = waterfall(study, responses_of(study), classes=CLASSES, thresholds=(-30.0,)).axes[0]
    assert [line.get_ydata()[0] for line in axis.lines if list(line.get_xdata()) == [0, 1]] == [0.0, -30.0]


def test_the_spider_draws_every_animal_from_its_own_baseline(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("spider", narrow=False):
        with subtests.test(kind):
            changes = ratios_of(study)
            for axis, arm in zip(figure.axes, study.arms, strict=True):
                legs = axis.collections[0].get_segments()
                assert len(legs) == changes.loc[lambda table, arm=arm: table["arm"] == arm.name]["animal"].nunique()
                assert all(leg[0, 1] == pytest.approx(1.0) for leg in legs)


def test_a_tumour_of_which_nothing_is_left_stays_on_the_spider() -> None:
    study = STUDIES["four"]
    axis = spider(study, ratios_of(study).assign(ratio=0.0, censored=True)).axes[0]
    heights = [float(y) for line in axis.lines if line.get_marker() == "v" for y in line.get_ydata()]
    assert len(heights) == 9
    assert min(heights) > axis.get_ylim()[0]


def kaplan_meier_of(study: Study) -> pd.DataFrame:
    return pd.DataFrame(
        {"arm": arm.name, "day": day, "survival": share, "censored": float(day == 7.0)}
        for arm in study.arms for day, share in ((0.0, 1.0), (7.0, 0.6), (14.0, 0.2))
    )  # fmt: skip


def survival_bands_of(study: Study) -> pd.DataFrame:
    return pd.DataFrame(
        {"arm": arm.name, "day": day, "median": 0.5, "lower": 0.3, "upper": 0.8} for arm in study.arms for day in DAYS
    )


def test_survival_shows_observed_steps_predicted_bands_and_who_left(subtests: pytest.Subtests) -> None:
    for kind, _, figure in figures_of("survival", narrow=False):
        with subtests.test(kind):
            for axis in figure.axes:
                steps = next(line for line in axis.lines if line.get_drawstyle() == "steps-post")
                assert list(steps.get_ydata()) == [1.0, 0.6, 0.2]
                assert [list(line.get_xdata()) for line in axis.lines if line.get_marker() == "|"] == [[7.0]]
                assert len(axis.collections) == 1
            assert any("volume of 200 mm³ reached" in word for word in texts_of(svg(figure, "a")))


def test_survival_needs_no_prediction() -> None:
    study = STUDIES["two"]
    figure = survival(study, kaplan_meier_of(study), pd.DataFrame(), event="endpoint")
    assert not any(axis.collections for axis in figure.axes)


def swimmers_of(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    animals = study.animals.reset_index(names="animal").rename(columns={"last_day": "end"}).assign(start=0.0)
    left = animals[animals["end"] < 14.0]
    return animals, left[["animal"]].assign(day=left["end"], event="_left $early$")


def test_the_swimmer_has_a_bar_per_animal_and_a_mark_per_event(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("swimmer"):
        with subtests.test(kind):
            animals, events = swimmers_of(study)
            axis = figure.axes[0]
            lengths = sorted(bar.get_width() for bar in axis.patches)
            assert lengths == sorted(animals["end"])
            assert sum(len(line.get_xdata()) for line in axis.lines) == len(events)


def test_body_weights_have_a_median_per_arm_and_lines_at_the_losses(subtests: pytest.Subtests) -> None:
    for kind, _, figure in figures_of("weight", narrow=False):
        with subtests.test(kind):
            for axis in figure.axes:
                thick = max(axis.lines, key=lambda line: line.get_linewidth())
                assert list(thick.get_ydata()) == [0.0, -7.0, -14.0]
                assert -10.0 in [line.get_ydata()[0] for line in axis.lines if list(line.get_xdata()) == [0, 1]]


def residuals_of(study: Study) -> pd.DataFrame:
    rows = study.fitted_readings
    return rows[["animal", "arm", "day"]].assign(expected=rows["volume"], residual=np.linspace(-2, 2, len(rows)))


def test_residuals_stand_by_day_by_volume_and_against_the_normal(subtests: pytest.Subtests) -> None:
    for kind, study, figure in figures_of("residuals"):
        with subtests.test(kind):
            table = residuals_of(study)
            by_day, by_volume, normal = figure.axes
            for axis in (by_day, by_volume):
                assert sum(len(line.get_ydata()) for line in axis.lines if line.get_marker() == "o") == len(table)
            assert list(normal.lines[0].get_ydata()) == sorted(table["residual"])
            assert normal.lines[0].get_xdata()[0] == pytest.approx(-normal.lines[0].get_xdata()[-1])


def test_residuals_may_be_none_when_all_readings_are_censored() -> None:
    study = STUDIES["all censored"]
    assert "<svg" in svg(residuals(study, residuals_of(study).iloc[:0]), "a")


def test_animals_above_the_limit_of_pareto_k_are_named(subtests: pytest.Subtests) -> None:
    for kind in ("two", "one animal an arm", "hostile", "1,000 animals"):
        study = STUDIES[kind]
        with subtests.test(kind):
            names = list(study.animals.index)
            table = pd.DataFrame({"first": np.linspace(0.0, 0.5, len(names)), "second": 0.3}, index=names)
            table.loc[names[0], "second"] = 0.9
            table.loc[names[-1], "first"] = np.nan
            figure = influence(study, table, 0.7)
            shown = [text.get_text() for text in figure.axes[0].texts]
            assert names[0] in shown
            assert len(shown) == 2  # the limit and the one animal
            assert {line.get_ydata()[0] for line in figure.axes[0].lines if list(line.get_xdata()) == [0, 1]} == {0.7}


def densities_of(*names: str) -> pd.DataFrame:
    value = np.linspace(-1, 1, 9)
    return pd.concat(
        pd.DataFrame({"parameter": name, "unit": "1/day", "value": value, "prior": 0.5, "posterior": 1 - value**2})
        for name in names
    )


@pytest.mark.parametrize("number", [1, 5, 30])
def test_priors_stand_before_posteriors_one_panel_a_parameter(number: int) -> None:
    names = [f"_kill[{place}]" for place in range(number)]
    figure = prior_and_posterior(densities_of(*names))
    assert [axis.get_title(loc="left") for axis in figure.axes] == names[:24]
    for axis in figure.axes:
        assert set(axis.lines[0].get_ydata()) == {0.5}
        assert axis.collections[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(1.0)


def draws_of(*names: str, chains: int = 4, draws: int = 100) -> pd.DataFrame:
    rank = np.arange(chains * draws) / (chains * draws)
    chain, draw = np.repeat(range(chains), draws), np.tile(range(draws), chains)
    return pd.concat(
        pd.DataFrame({"parameter": name, "chain": chain, "draw": draw, "value": rank, "rank": rank}) for name in names
    )  # fmt: skip


def test_chains_that_disagree_have_uneven_ranks() -> None:
    figure = traces(draws_of("growth", "kill[A]"), bins=10)
    assert len(figure.axes) == 4
    left, right = figure.axes[:2]
    assert [len(line.get_xdata()) for line in left.lines] == [100] * 4
    counts = np.array([steps.get_data().values for steps in right.patches])
    assert counts.shape == (4, 10)
    assert counts.sum() == 400
    assert counts[0, :2].tolist() == [40, 40]
    assert counts[0, 3:].sum() == 0


def test_many_marks_become_an_image_inside_the_figure_and_few_stay_vectors() -> None:
    few, many = (svg(volume_panels(s, curves_of(s), NO_CURVES), "a") for s in (STUDIES["four"], crowd()))
    assert "<image" not in few
    assert 'href="data:image/png' in many
    assert len(many) < 1_500_000


def crowd() -> Study:
    return named(("vehicle", "A", "B", "A + B"), animals=300)


def test_figures_are_written_as_png_svg_and_pdf(tmp_path: Path) -> None:
    study = STUDIES["four"]
    figure = typical_curves(study, curves_of(study))
    written = save_figures(tmp_path / "new", {"typical": figure})
    assert [path.name for path in written] == ["typical.png", "typical.svg", "typical.pdf"]
    starts = [path.read_bytes()[:5] for path in written]
    assert (starts[0][1:4], starts[1], starts[2]) == (b"PNG", b"<?xml", b"%PDF-")
    again = save_figures(tmp_path / "again", {"typical": typical_curves(study, curves_of(study))})
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(written, again, strict=True)] == [True, True, True]


DRAW: dict[str, Callable[[Study, float], Figure]] = {
    "panels": lambda study, width: volume_panels(study, curves_of(study), NO_CURVES, width=width),
    "typical": lambda study, width: typical_curves(study, curves_of(study), width=width),
    "predictive": lambda study, width: predictive_panels(study, bands_of(study), width=width),
    "forest": lambda study, width: forest(study, measures_of(study), width=width),
    "waterfall": lambda study, width: waterfall(study, responses_of(study), classes=CLASSES, width=width),
    "spider": lambda study, width: spider(study, ratios_of(study), width=width),
    "survival": lambda study, width: survival(
        study, kaplan_meier_of(study), survival_bands_of(study), event="volume of 200 mm³ reached", width=width
    ),
    "swimmer": lambda study, width: swimmer(study, *swimmers_of(study), width=width),
    "weight": lambda study, width: body_weight(study, weights_of(study), limits=(-10.0,), width=width),
    "residuals": lambda study, width: residuals(study, residuals_of(study), width=width),
    "influence": lambda study, width: influence(study, influence_of(study), 0.7, width=width),
}


def weights_of(study: Study) -> pd.DataFrame:
    return ratios_of(study).assign(change=lambda table: -table["day"])


def influence_of(study: Study) -> pd.DataFrame:
    k = np.linspace(0.1, 0.9, len(study.animals))
    return pd.DataFrame({"one card": k, "another": k[::-1]}, index=study.animals.index)


def test_words_and_numbers_around_panels_of_fixed_margins_are_on_the_figure(subtests: pytest.Subtests) -> None:
    for name in ("panels", "predictive", "waterfall", "spider", "survival", "weight"):
        for kind in ("two", "four", "sixteen", "one animal an arm", "all censored"):
            with subtests.test(figure=name, kind=kind):
                figure = figure_of(name, kind)
                drawn = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())  # inches
                width, height = figure.get_size_inches()
                assert drawn.x0 >= 0
                assert drawn.y0 >= 0
                assert drawn.x1 <= width
                assert drawn.y1 <= height


class WordsSeen(RendererAgg):
    """Draws a figure and keeps where its words came to stand (pixels)."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(int(figure.bbox.width), int(figure.bbox.height), figure.dpi)
        self.words: list[tuple[str, Bbox]] = []
        figure.draw(self)

    @override
    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        if mtext is not None and s.strip():
            self.words.append((s, Text.get_window_extent(mtext, self)))  # an annotation's own has its arrow in it


def covering(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of words that lie on each other by more than the space around letters."""
    pairs = itertools.combinations(WordsSeen(figure).words, 2)
    both = [(one, other, Bbox.intersection(box, second)) for (one, box), (other, second) in pairs]
    return [(one, other) for one, other, shared in both if shared and min(shared.width, shared.height) > 2.5]


def test_no_words_cover_each_other(subtests: pytest.Subtests) -> None:
    for name in DRAW:
        for kind in ("two", "four", "sixteen", "one animal an arm", "all censored"):
            with subtests.test(figure=name, kind=kind):
                figure = figure_of(name, kind)
                assert covering(figure) == []
    crowded = Figure()
    crowded.text(0.5, 0.5, "above")
    crowded.text(0.51, 0.5, "below")
    assert covering(crowded) == [("above", "below")]


def test_every_figure_is_drawn_for_every_kind_of_study_within_its_size(subtests: pytest.Subtests) -> None:
    for name in DRAW:
        for kind in ("two", "sixteen", "one animal an arm", "all censored", "1,000 animals"):
            with subtests.test(figure=name, kind=kind):
                figure = figure_of(name, kind)
                drawing = svg(figure, name)
                assert "<script" not in drawing
                assert len(drawing) < 1_500_000
                width, height = figure.get_size_inches()
                assert width <= WIDE
                assert height <= 12


def test_svg_has_unique_ids_no_date_and_is_the_same_every_time() -> None:
    study = STUDIES["four"]
    once, twice = (svg(volume_panels(study, curves_of(study), NO_CURVES), "p") for _ in range(2))
    ids = re.findall(r'\bid="([^"]+)"', once)
    assert once == twice
    assert len(ids) == len(set(ids))
    assert all(name.startswith("p-") for name in ids)
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', once)) <= set(ids)
    assert "http" not in once
    assert "<metadata" not in once


def test_hostile_names_are_shown_as_they_are() -> None:
    for key in ("hostile", "more hostile"):
        study = STUDIES[key]
        drawing = svg(typical_curves(study, curves_of(study), scales=("log",)), "a")
        assert "<script" not in drawing
        words = texts_of(drawing)
        assert all(arm.name in words for arm in study.arms if len(arm.name) < 34)


def test_figures_follow_the_theme_of_the_page() -> None:
    drawing = svg(typical_curves(STUDIES["two"], curves_of(STUDIES["two"])), "a")
    assert "var(--ink)" in drawing
    assert "#1b2431" not in drawing


@pytest.mark.parametrize("characters", [3, 8, 20])
def test_a_shortened_name_fits_and_keeps_its_end(characters: int) -> None:
    cut = short("gdc0084_18_temo_80 and more", characters)
    assert len(cut) <= characters
    assert cut.startswith("g")
    assert cut.endswith("e")


def test_figures_leave_pyplot_alone() -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    figure = volume_panels(STUDIES["two"], NO_CURVES, NO_CURVES)
    assert isinstance(figure, Figure)
    assert pyplot.get_fignums() == before


def test_a_curve_that_leaves_the_readings_behind_does_not_flatten_the_linear_panel() -> None:
    study = STUDIES["four"]
    curves = curves_of(study)
    curves.loc[curves["arm"] == "vehicle", ["median", "lower", "upper"]] *= 1e5
    linear, log = typical_curves(study, curves).axes
    largest = study.readings["volume"].max()
    assert largest < linear.get_ylim()[1] < 2 * largest
    assert log.get_ylim()[1] > 1e5 * largest / 2
    named = {text.get_text(): text.xy[1] for text in linear.texts if getattr(text, "arrow_patch", None)}
    assert named["vehicle"] == linear.get_ylim()[1], "the line that leads to its name stays on the panel"


def test_an_interval_far_beyond_the_medians_ends_in_an_arrow() -> None:
    study = STUDIES["four"]
    rows = pd.DataFrame(
        {"arm": name, "measure": "days", "median": 10.0, "lower": 5.0, "upper": upper, "reason": ""}
        for name, upper in (("A", 15.0), ("B", 1e6))
    )
    axis = forest(study, rows).axes[0]
    assert [list(line.get_xdata()) for line in axis.lines if line.get_marker() == ">"] == [[30.0]]
    assert max(axis.get_xlim()) < 50


def test_a_median_of_another_size_does_not_flatten_the_others() -> None:
    study = STUDIES["four"]
    rows = pd.DataFrame(
        {"arm": name, "measure": "days", "median": median, "lower": median / 2, "upper": upper, "reason": ""}
        for name, median, upper in (("A", 20.0, 25.0), ("B", 38.0, 50.0), ("A + B", 3240.0, np.inf))
    )
    axis = forest(study, rows).axes[0]
    assert max(axis.get_xlim()) < 150
    assert [text.get_text().strip() for text in axis.texts] == ["3,240"]
    assert [list(line.get_xdata()) for line in axis.lines if line.get_marker() == "o"] == [[20.0], [38.0]]
