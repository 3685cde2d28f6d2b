"""The figures of a panel's page: what each draws, at any width, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xenograft.figures.panel import (
    best_responses,
    excess_by_moderator,
    forest_of_models,
    heterogeneity,
    readings_by_model,
)
from xenograft.figures.theme import WIDE, arm_colours
from xenograft.panels.alone import BY_FIT
from xenograft.panels.analysis import PanelAnalysis
from xenograft.panels.answers import Answer
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import schedule_of_arms
from xenograft.panels.pictures import best_by_arm, by_moderator, curves_by_model, heaviest
from xenograft.panels.verdicts import margin_of
from xenograft.quantities.estimands import interval
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

RATES = ("slowing", "waning", "onset")
"""Parameters on which the weight of a departure depends."""

DRAWN_UNTIL = 2.0
"""Horizons up to which readings and curves are drawn."""


@dataclass(frozen=True)
class PanelDrawing:
    """A figure of a panel.

    Parameters
    ----------
    name : str
        For links.
    draw : callable
        The figure of a width (inches).
    alt, caption : str
        What it is, and how it is read.
    """

    name: str
    draw: Callable[[float], Figure]
    alt: str
    caption: str


def panel_figures(analysis: PanelAnalysis) -> dict[str, Figure]:
    """The figures of a panel's page, to look at or to save.

    Parameters
    ----------
    analysis : PanelAnalysis
        From `analyse_panel`.

    Returns
    -------
    dict of str to Figure
        By name: `forest-0` and `heterogeneity-0` of the first combination, `moderator-0-0` of its first moderator and
        so on, `readings` by model, `best` responses; empty where there is no answer.
    """
    from xenograft.report.plots import shown  # with all of a report: of use in a notebook only

    return {one.name: shown(one.draw(WIDE)) for one in panel_drawings(analysis)}


def panel_drawings(analysis: PanelAnalysis) -> Iterator[PanelDrawing]:
    """The figures in the order of the page; none where there is no answer."""
    if not analysis.answers:
        return
    panel = analysis.panel
    colours = arm_colours(cast("Study", panel))
    for number, answer in enumerate(one for one in analysis.answers if one.reference == "bliss"):
        yield from _of_answer(analysis, answer, number)
    until = min(DRAWN_UNTIL * panel.horizon, panel.last_day)
    readings = panel.fitted_readings
    curves = curves_by_model(analysis, until)
    yield PanelDrawing(
        "readings",
        lambda width: readings_by_model(
            readings, curves, colours, until=until, unit=unit_in_print(panel.unit), width=width
        ),
        "Readings of every model with the curves of its arms.",
        f"Readings of every model (thin lines and dots; triangles: below the limit) up to {DRAWN_UNTIL:g} times the "
        "horizon, and the curve of the model's typical animal in each arm, as long as it was measured, under "
        f"{heaviest(analysis).card.name}.",
    )
    best = best_by_arm(analysis)
    yield PanelDrawing(
        "best",
        lambda width: best_responses(best, colours, width=width),
        "Waterfall of best responses by arm.",
        "Best change of volume of each animal (from day 10, as mRECIST counts), best on the right; line and band: what "
        "the model predicts of each rank (median, 90 %). Dashed: +35 % and −50 %.",
    )


def _of_answer(analysis: PanelAnalysis, answer: Answer, number: int) -> Iterator[PanelDrawing]:
    panel, margin = analysis.panel, margin_of("bliss")
    models = interval(answer.models).reset_index()
    own = analysis.alone[answer.combination].reindex(models["model"])
    models["fitted"] = by_fit = (own["by"] == BY_FIT).to_numpy()
    hidden = ~by_fit & (own["at_limit"] != 0).to_numpy()  # unknown too
    for name, source in (("own", "median"), ("own_lower", "lower"), ("own_upper", "upper")):
        models[name] = np.where(hidden, np.nan, own[source].to_numpy(dtype=float))
    models = models.sort_values("median")
    at = {"average model": answer.average, "new model": answer.new_model}
    together = pd.concat(
        [interval(draws.sel(day=panel.horizon)).assign(name=name) for name, draws in at.items()], ignore_index=True
    )
    yield PanelDrawing(
        f"forest-{number}",
        lambda width: forest_of_models(models, together, margin=margin, width=width),
        f"Excess of {answer.combination} in each model, in the average and in a new model.",
        f"{answer.combination}: excess over Bliss on day {panel.horizon:g} in each model: by its own readings alone "
        f"({_how_alone(by_fit, hidden)}), and in the panel (blue, drawn towards the others); the average and a new "
        "model below. Shaded: too small to matter.",
    )
    new = answer.new_model.sel(day=panel.horizon).to_numpy().ravel()
    prior = _prior_of_spread(analysis, answer)
    yield PanelDrawing(
        f"heterogeneity-{number}",
        lambda width: heterogeneity(
            new, models["median"].to_numpy(), answer.spread.to_numpy().ravel(), prior, margin=margin, width=width
        ),
        f"Where the excess of {answer.combination} lies in new models, and how much models differ.",
        f"{answer.combination}: left, where the excess of a new model lies; right, the sd between models with the "
        "readings and under the prior.",
    )
    for place, name in enumerate(panel.moderators if answer.moderators is not None else ()):
        points, band = by_moderator(analysis, answer, str(name))
        yield PanelDrawing(
            f"moderator-{number}-{place}",
            lambda width, points=points, band=band, name=name: excess_by_moderator(
                points, band, name=str(name), width=width
            ),
            f"Excess of {answer.combination} by {name}.",
            f"{answer.combination}: excess over Bliss on day {panel.horizon:g} by {name}: each model (in the panel), "
            "and the average model with its 95 % band, other moderators at their mean.",
        )


def _how_alone(by_fit: np.ndarray, hidden: np.ndarray) -> str:
    """Where a model's own estimates come from, for a caption."""
    parts: list[str] = []
    if by_fit.any():
        parts.append("open circles: its own fit, as of one study")
    if not by_fit.all():
        limit = ", not shown where the combination's readings are below the limit" if hidden.any() else ""
        parts.append(f"open triangles: least squares, for want of animals{limit}")
    return "; ".join(parts)


def _prior_of_spread(analysis: PanelAnalysis, answer: Answer) -> np.ndarray:
    """Draws of the sd of the Bliss excess at the horizon that the prior alone allows, moderators aside."""
    panel, fit = analysis.panel, heaviest(analysis)
    arm = next(one for one in panel.combinations if one.name == answer.combination)
    rates = {n: fit.posterior[n].mean(("chain", "draw")).to_numpy() for n in RATES if n in fit.posterior}
    received = schedule_of_arms(panel, panel.arms, fit.card)
    columns = effect_columns(np.array([panel.horizon]), received, panel, fit.card, rates)
    place = panel.arms.index(arm), 0, 2 + len(panel.levels) + panel.combinations.index(arm)
    prior = fit.card.on_days(panel.follow_up).prior_of("between_departure")
    return prior.draws(4000, np.random.default_rng(1)) * abs(float(columns[place]))
