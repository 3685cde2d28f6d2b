"""Figures, tested on what they draw and not on pixels: two arms, four arms, a grid of sixteen, hostile names."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from test_reporting import HOSTILE

from xenograft.drawing import PAPER, left_early, short, svg
from xenograft.figures import (
    NARROW,
    WIDE,
    arm_colours,
    dose_grid,
    excess_by_day,
    typical_curves,
    volume_panels,
)
from xenograft.study import Arm, Dosing, Study

DAYS = (-3.0, 0.0, 7.0, 14.0)
NO_CURVES = pd.DataFrame(columns=["animal", "arm", "day", "median"])
LEVELS = (0.0, 1.0, 3.0, 10.0)


def a_study(arms: tuple[Arm, ...]) -> Study:
    """Three animals an arm, read before and after dosing; the first of each treated arm leaves after day 7."""
    rows = [
        {"animal": f"{place}-{i}", "arm": arm.name, "day": day, "volume": volume}
        for place, arm in enumerate(arms)
        for i in range(3)
        for day in DAYS
        for volume in [100.0 * 1.2**i * np.exp(0.08 * day / (place + 1))]
        if arm.control or i or day < 14
    ]
    readings = pd.DataFrame(rows).assign(reason_left="").astype({"animal": "str", "arm": "str"})
    readings["fitted"] = readings["day"] >= 0
    readings["censored"] = readings["volume"] <= 90
    readings["baseline"] = readings["day"] == 0
    return Study("A study", "mm3", arms, readings, limit_of_quantification=90.0, endpoint_volume=200.0)


def dosed(agent: str, level: float = 3.0) -> Dosing:
    return Dosing(agent, (0.0, 7.0), (level, level), "mg/kg")


def named(names: tuple[str, ...]) -> Study:
    """Arms of these names, the first the control, the fourth the combination."""
    given = ((), (dosed("A"),), (dosed("B"),), (dosed("A"), dosed("B")))
    return a_study(tuple(Arm(n, control=not d, dosings=d) for n, d in zip(names, given, strict=False)))


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


STUDIES = {
    "two": named(("vehicle", "A")),
    "four": named(("vehicle", "A", "B", "A + B")),
    "sixteen": a_grid(),
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


def excess_of(*models: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"model": model, "reference": reference, "day": day, "median": 0.02 * day * (1 + place), "lower": -0.01 * day,
         "upper": 0.05 * day}
        for place, model in enumerate(models) for reference in ("bliss", "hsa", "additive") for day in DAYS[1:]
    )  # fmt: skip


@pytest.fixture(params=list(STUDIES))
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]


def texts_of(drawing: str) -> list[str]:
    """The words of an SVG as a browser shows them."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", drawing, re.DOTALL)
    plain = [re.sub(r"<[^>]+>", "", text).strip() for text in found]
    return [t.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").lstrip("\u200b") for t in plain]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_arm_has_its_panel_in_the_studys_order(study: Study, width: float) -> None:
    figure = volume_panels(study, curves_of(study), NO_CURVES, width=width)
    assert len(figure.axes) == len(study.arms)
    for axis, arm in zip(figure.axes, study.arms, strict=True):
        start = axis.get_title(loc="left").split("…")[0]
        assert arm.name.startswith(start)


def test_panels_show_every_reading_once(study: Study) -> None:
    figure = volume_panels(study, curves_of(study), NO_CURVES)
    for axis, arm in zip(figure.axes, study.arms, strict=True):
        marks = [line for line in axis.lines if line.get_marker() in ("o", "v")]
        shown = sorted(float(y) for line in marks for y in line.get_ydata())
        assert shown == pytest.approx(sorted(study.readings.loc[study.readings["arm"] == arm.name, "volume"]))


def test_readings_that_are_not_fitted_are_open_and_in_the_key() -> None:
    figure = volume_panels(STUDIES["four"], curves_of(STUDIES["four"]), NO_CURVES)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    hollow = [line for line in marks if line.get_markerfacecolor() == PAPER]
    readings = STUDIES["four"].readings
    early = readings[(readings["arm"] == "vehicle") & ~readings["fitted"] & (readings["volume"] > 90)]
    assert sum(len(line.get_ydata()) for line in hollow) == len(early) > 0
    assert "not fitted" in texts_of(svg(figure, "a"))


def test_animals_that_left_are_marked_at_their_last_reading() -> None:
    study = STUDIES["four"]
    figure = volume_panels(study, curves_of(study), NO_CURVES)
    for axis, arm in zip(figure.axes, study.arms, strict=True):
        crosses = [line for line in axis.lines if line.get_marker() == "x"]
        left = left_early(study)
        volumes = left.loc[left["arm"] == arm.name, "last_volume"].tolist()
        assert [list(line.get_ydata()) for line in crosses] == [volumes]


def test_limit_and_endpoint_are_lines_only_where_the_study_has_them() -> None:
    study = STUDIES["four"]
    levels = {float(line.get_ydata()[0]) for line in volume_panels(study, curves_of(study), NO_CURVES).axes[0].lines
              if list(line.get_xdata()) == [0, 1]}  # fmt: skip
    assert levels == {90.0, 200.0}


def test_all_panels_share_their_axes_and_volumes_are_logarithmic(study: Study) -> None:
    axes = volume_panels(study, curves_of(study), NO_CURVES).axes
    assert {axis.get_yscale() for axis in axes} == {"log"}
    assert len({(axis.get_xlim(), axis.get_ylim()) for axis in axes}) == 1


def test_panels_need_no_curves(study: Study) -> None:
    assert "<svg" in svg(volume_panels(study, NO_CURVES, NO_CURVES), "a")


def test_an_arm_has_one_colour_in_every_figure(study: Study) -> None:
    curves, colours = curves_of(study), arm_colours(study)
    assert len(set(colours.values())) == len(study.arms)
    together = [to_hex(line.get_color()) for line in typical_curves(study, curves).axes[0].lines[: len(study.arms)]]
    assert together == list(colours.values())
    for axis, arm in zip(volume_panels(study, curves, NO_CURVES).axes, study.arms, strict=True):
        assert max(axis.lines, key=lambda line: line.get_linewidth()).get_color() == colours[arm.name]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_typical_curves_name_every_arm(study: Study, width: float) -> None:
    words = texts_of(svg(typical_curves(study, curves_of(study), width=width), "a"))
    for arm in study.arms:
        assert any(arm.name == word or ("…" in word and arm.name.startswith(word.split("…")[0])) for word in words)


def test_bands_are_left_out_where_they_would_bury_each_other() -> None:
    assert len(typical_curves(STUDIES["four"], curves_of(STUDIES["four"])).axes[0].collections) == 4
    assert not typical_curves(STUDIES["sixteen"], curves_of(STUDIES["sixteen"])).axes[0].collections


def test_names_at_the_ends_of_curves_stay_apart_and_on_the_figure() -> None:
    study = STUDIES["sixteen"]
    axis = typical_curves(study, curves_of(study)).axes[0]
    heights = sorted(text.xyann[1] for text in axis.texts if getattr(text, "arrow_patch", None))
    assert len(heights) == 16
    assert heights[0] >= -0.01
    assert heights[-1] <= 1.0
    assert min(np.diff(heights)) > 0.04


def test_a_predicted_arm_is_dashed() -> None:
    study, curves = STUDIES["four"], curves_of(STUDIES["four"])
    extra = curves[curves["arm"] == "A"].assign(arm="B 5 mg/kg (predicted)")
    lines = typical_curves(study, pd.concat([curves, extra])).axes[0].lines
    assert [line.get_linestyle() for line in lines[:5]] == ["-", "-", "-", "-", "--"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_excess_shows_the_average_with_its_band_and_each_model_as_a_line(width: float) -> None:
    figure = excess_by_day(excess_of("averaged", "_first", "second"), 7.0, width=width)
    assert len(figure.axes) == 2  # bliss and hsa; the additive one has another scale and stays in the tables
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
        drawing = svg(typical_curves(study, curves_of(study)), "a")
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
