"""Which figures a report has; here those of volumes and of the answer."""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from xenograft.answers import averaging as answers
from xenograft.printing import SHORT_REFERENCES, fixed, number, share
from xenograft.quantities.catalogue import shown
from xenograft.report.content import ReportContent
from xenograft.report.drawings_of_checks import Drawing, animal_drawings, check_drawings, sampler_drawings
from xenograft.report.explained import bends, void_additivity
from xenograft.study.tables import excluded, left_early, unit_in_print

FEW_COMBINATIONS = 3
"""Up to so many combinations each have their own figures; beyond, the primary one and the grid."""


def drawings(content: ReportContent) -> list[Drawing]:
    """Every figure that the content has data for, in the order of the report."""
    models = content.curves["model"].unique().tolist() if len(content.curves) else []
    main = answers.AVERAGED if answers.AVERAGED in models else models[0] if models else ""
    curves = content.curves[content.curves["model"] == main] if models else content.curves
    return [
        *_volumes(content, curves, main),
        *_interaction(content, curves, main),
        *animal_drawings(content),
        *check_drawings(content),
        *sampler_drawings(content),
    ]


def svg_by_name(content: ReportContent, names: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Some of the figures drawn for the page: SVG by the class of screen it is for, by name."""
    with _collector_resting():
        return {one.name: one.page_svg() for one in drawings(content) if one.name in names}


@contextmanager
def _collector_resting() -> Generator[None]:
    """Without the garbage collector, which takes a fifth of the time going through all that the fits hold."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def combinations_shown(content: ReportContent) -> list[str]:
    """Combinations that have figures of their own."""
    judged = [v for v in content.results["verdicts"] if v["kind"] == "interaction"]
    found = [v["combination"] for v in judged if v["probability"] is not None]
    if len(set(found)) <= FEW_COMBINATIONS:
        return list(dict.fromkeys(found))
    verdict = content.results["verdict"]
    return [verdict["combination"]] if verdict and verdict["kind"] == "interaction" else []


def _volumes(content: ReportContent, curves: pd.DataFrame, main: str) -> Iterator[Drawing]:
    from xenograft.figures import volumes as figures

    study, unit = content.study, unit_in_print(content.study.unit)
    own = curves[~curves["predicted"].astype(bool)] if len(curves) else curves
    last = study.animals.groupby("arm")["last_day"].max()
    seen = own[own["day"] <= own["arm"].map(last)] if len(own) else own
    places = {
        f"limit of quantification ({number(study.limit_of_quantification, 4)} {unit})": study.limit_of_quantification,
        f"endpoint volume ({number(study.endpoint_volume, 4)} {unit})": study.endpoint_volume,
    }
    lines = " and ".join(words for words, place in places.items() if place is not None)
    marks = [
        "triangles at the bottom: doses",
        *(["open triangles: at or below the limit"] if study.readings["censored"].any() else []),
        *(["crosses: excluded"] if excluded(study).any() else []),
        *(["squares: last reading of an animal that left before the last day"] if len(left_early(study)) else []),
        *([f"dashed across: {lines}, where within the axis"] if lines else []),
    ]
    open_circles = (study.readings["fitted"] | excluded(study)).all()
    typical = (
        "Thick line and band: the typical animal of the arm and its 95 % interval; thin lines: each animal's own "
        "curve; dotted: the typical control; curves end with the arm's last reading"
        if len(own)
        else "Lines join the readings of an animal; there is no healthy fit to draw"
    )
    yield Drawing(
        "panels", "main",
        lambda w: figures.volume_panels(study, seen, content.animal_curves, width=w),
        f"Volume of every animal against day, one panel per arm, on a log scale. {_where(content, own)}",
        f"Every animal's readings (log scale). {typical}; {'; '.join(marks)}."
        + ("" if open_circles else " Open circles are readings before the baseline; they are not fitted."),
        narrow=True,
    )  # fmt: skip
    if len(curves):
        yield Drawing(
            "typical", "main", lambda w: figures.typical_curves(study, curves, width=w),
            f"Typical volume of every arm against day on one axis, linear and log scale. {_where(content, curves)}",
            "The typical animal of every arm"
            + (", with 95 % intervals." if len(study.arms) <= 6 else "; intervals are in the panels of its readings.")
            + (" Dashed: predicted by the models, no such arm in the study." if curves["predicted"].any() else "")
            + (bends(content) if main == answers.AVERAGED else f" Model: {main}."),
            narrow=True,
        )  # fmt: skip
    if len(content.predictive):
        best = next((m["name"] for m in content.results["models"] if m["elpd_diff"] == 0), "the best model")
        yield Drawing(
            "predictive", "checks", lambda w: figures.predictive_panels(study, content.predictive, width=w),
            "Readings of every arm on top of what the model predicts of new animals' readings.",
            f"Could {best} have produced these readings? Dark band: half of the readings of new animals; light band: "
            "90 %; dots: the readings (open triangles: at or below the limit). About one in ten should be outside.",
        )  # fmt: skip


def _where(content: ReportContent, curves: pd.DataFrame) -> str:
    """Where the typical animals are at the horizon, in words."""
    at = curves[curves["day"] == content.study.horizon] if len(curves) else curves
    if not len(at):
        return "There is no typical curve: no fit is healthy."
    found = [f"{row['median']:,.0f} in {row['arm']}" for _, row in at.head(8).iterrows()]
    more = f" (and {len(at) - 8} more arms)" if len(at) > 8 else ""
    unit = unit_in_print(content.study.unit)
    return f"On day {content.study.horizon:g} the typical volume ({unit}) is {', '.join(found)}{more}."


def _interaction(content: ReportContent, curves: pd.DataFrame, main: str) -> Iterator[Drawing]:
    from xenograft.figures import interaction as draw

    study = content.study
    # a card that fixes the departure has nothing to say on an excess
    answering = [answers.AVERAGED, *(name for name, card in content.cards.items() if card.answers)]
    for place, name in enumerate(combinations_shown(content)):
        end = void_additivity(content.expected).get(name, np.inf)
        expected = content.expected[content.expected["combination"] == name] if len(content.expected) else None
        expected = None if expected is None else _until(expected, end)
        if expected is not None and main == answers.AVERAGED:
            yield Drawing(
                f"expected{place}", "main",
                lambda w, name=name, expected=expected: draw.combination_against_references(
                    study, name, curves, expected, width=w
                ),
                f"Volume of {name} against day, with the course that each reference predicts. "
                + _expected_words(content, name, curves, expected),
                f"{name}: its readings and typical animal (colour) beside the volume that a combination without "
                "interaction would have (grey, with the 95 % interval of Bliss)." + _ends(end, "ends before"),
                narrow=True,
            )  # fmt: skip
        rows = content.interaction[content.interaction["combination"] == name]
        rows = rows[rows["model"].isin(answering)]
        yield Drawing(
            f"excess{place}", "main",
            lambda w, rows=rows, end=end: draw.excess_by_day(
                rows, study.horizon, margin=content.margin, void_from=end, width=w
            ),
            f"Excess of {name} over Bliss, the better single agent and response additivity against day, with zero "
            f"line, margin and the day of the answer. {_excess_words(content, name)}",
            f"{name}: what it does beyond the reference; above 0 is enhanced. Green: average of the models used for "
            "the answer, with its 95 % interval; grey lines: each of them; shaded: closer to 0 than the smallest "
            f"excess of interest ({content.margin:.2f} log units)." + _ends(end, "is faint from"),
            narrow=True,
        )  # fmt: skip
    cells = dose_cells(content)
    if cells is not None:
        agents = [f"{agent} ({unit})" for agent, unit in cells.attrs["agents"]]
        largest = cells.sort_values("median").iloc[-1]
        yield Drawing(
            "grid", "main", lambda w: draw.dose_grid(cells, agents, width=w),
            f"Excess over Bliss by the doses of the two agents; the largest, {largest['median']:.2f}, at "
            f"{agents[0]} {largest['row']:g} with {agents[1]} {largest['column']:g}.",
            f"Excess over Bliss on day {number(study.horizon)} by dose (log units, 95 % interval): ▲ enhanced, ▼ less "
            "than the reference.",
            narrow=True,
        )  # fmt: skip
    rows = _measures(content)
    if len(rows):
        yield Drawing(
            "forest", "numbers", lambda w: draw.forest(study, rows, width=w),
            f"Tumour growth inhibition, growth rate and doubling time of every arm with 95 % intervals on day "
            f"{study.horizon:g}; the numbers are in the table.",
            f"The typical animal of every arm on day {number(study.horizon)}: median and 95 % interval, averaged over "
            "the models used for the answer.",
        )  # fmt: skip


def _until(rows: pd.DataFrame, end: float) -> pd.DataFrame:
    """Rows of the references, those of response additivity up to the day from which it predicts no volume."""
    return rows[(rows["reference"] != "additive") | (rows["day"] < end)]


def _ends(day: float, what: str) -> str:
    """Why the line of response additivity is no reference from a day on; empty where it is one throughout."""
    return f" Response additivity {what} day {day:g}: from then on it predicts no volume." if day < np.inf else ""


def _expected_words(content: ReportContent, name: str, curves: pd.DataFrame, expected: pd.DataFrame) -> str:
    day = content.study.horizon
    at = expected[expected["day"] == day]
    own = curves[(curves["arm"] == name) & (curves["day"] == day)]
    if not len(own) or not len(at):
        return ""
    said = [f"{row['median']:,.0f} predicted by {SHORT_REFERENCES[row['reference']]}" for _, row in at.iterrows()]
    return f"On day {day:g}: {own['median'].iloc[0]:,.0f} for the combination's typical animal, {', '.join(said)}."


def _excess_words(content: ReportContent, name: str) -> str:
    return " ".join(
        f"On day {row['day']:g} the excess over {SHORT_REFERENCES[row['reference']]} is {fixed(row['excess'])}, above "
        f"0 with probability {share(row['probability'])}."
        for row in content.results["interaction"]
        if row["model"] == answers.AVERAGED and row["combination"] == name
    )


def _measures(content: ReportContent) -> pd.DataFrame:
    columns = ["arm", "measure", "median", "lower", "upper", "reason"]
    if not len(content.arms):
        return pd.DataFrame(columns=columns)
    drawn = {one.key: one for one in shown("drawn")}
    order = {key: place for place, key in enumerate(drawn)}
    rows = content.arms[content.arms["quantity"].isin(drawn)]
    of_others = [one.key for one in drawn.values() if not one.of_control]
    rows = rows[~rows["quantity"].isin(of_others) | (rows["arm"] != content.study.control.name)]
    rows = rows.sort_values("quantity", key=lambda column: column.map(order), kind="stable")
    headings = [drawn[key].heading(unit) for key, unit in zip(rows["quantity"], rows["unit"], strict=True)]
    rows = rows.assign(measure=headings, reason=rows["reason"].replace("", "–"))
    limits = ["median", "lower", "upper"]
    return rows.assign(**{name: rows[name].where(np.isfinite(rows[name])) for name in limits})[columns]


def dose_cells(content: ReportContent) -> pd.DataFrame | None:
    """The Bliss excess at the horizon by the doses of two agents, where the study is such a grid."""
    combinations = content.study.combinations
    pairs = {tuple(dosing.agent for dosing in arm.dosings) for arm in combinations}
    if len(combinations) < 4 or len(pairs) != 1 or len(next(iter(pairs))) != 2:
        return None
    averaged = content.interaction[
        (content.interaction["model"] == answers.AVERAGED)
        & (content.interaction["reference"] == "bliss")
        & (content.interaction["day"] == content.study.horizon)
    ]
    found = averaged.set_index("combination")[["median", "lower", "upper"]].to_dict("index")
    said = {v["combination"]: v["words"] for v in content.results["verdicts"] if v.get("reference") == "bliss"}
    marks = {"enhanced": "▲", "less than the reference": "▼"}
    rows = [
        {"row": first.level, "column": second.level, "mark": marks.get(said[arm.name], "")} | found[arm.name]
        for arm in combinations
        for first, second in [arm.dosings]
        if arm.name in found and first.level is not None and second.level is not None
    ]
    table = pd.DataFrame(rows)
    if len(table) < 4 or table.duplicated(["row", "column"]).any():
        return None
    table.attrs["agents"] = [(dosing.agent, dosing.unit or "dose") for dosing in combinations[0].dosings]
    return table
