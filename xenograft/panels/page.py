"""A panel's answers as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from xenograft import printing as printed
from xenograft.figures.panel import (
    best_responses,
    excess_by_moderator,
    forest_of_models,
    heterogeneity,
    readings_by_model,
)
from xenograft.figures.theme import NARROW, WIDE, arm_colours, svg
from xenograft.files import write_text
from xenograft.panels.analysis import PanelAnalysis
from xenograft.panels.answers import Answer
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import schedule_of_arms
from xenograft.panels.pictures import best_by_arm, by_moderator, curves_by_model, heaviest
from xenograft.panels.verdicts import margin_of
from xenograft.quantities.estimands import interval
from xenograft.report.sections import TEMPLATES
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

TEMPLATE = "panel.html.jinja"

RATES = ("slowing", "waning", "onset")
"""Parameters on which the weight of a departure depends."""

DRAWN_UNTIL = 2.0
"""Horizons up to which readings and curves are drawn."""


def write_panel_page(path: str | Path, analysis: PanelAnalysis, *, title: str | None = None, command: str = "") -> None:
    """Write the page of a panel, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The HTML file.
    analysis : PanelAnalysis
        What it shows.
    title : str, optional
        Heading; the panel's name by default.
    command : str
        What makes the page again.
    """
    write_text(Path(path), panel_page(analysis, title=title, command=command))


def panel_page(analysis: PanelAnalysis, *, title: str | None = None, command: str = "") -> str:
    """The page as HTML text that needs nothing else; arguments as of `write_panel_page`."""
    results, panel = analysis.results, analysis.panel
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {
        "number": printed.number, "fixed": printed.fixed, "share": printed.share, "breakable": printed.breakable,
        "decimal": printed.decimal,
    }  # fmt: skip
    best = heaviest(analysis) if analysis.answers else next(iter(analysis.fits.values()))
    in_days = best.card.on_days(panel.follow_up).priors
    return environment.get_template(TEMPLATE).render(
        results=results,
        title=title or panel.name,
        combinations=[arm.name for arm in panel.judged] if analysis.answers else [],
        arms=[arm.name for arm in panel.arms],
        figures=_figures(analysis) if analysis.answers else [],
        heaviest=best.card.name,
        priors=[
            {"name": name, "says": prior.in_words(), "days": in_days[name].in_words() if prior.relative else "",
             "why": prior.why}
            for name, prior in best.card.priors.items()
        ],
        command=command,
    )  # fmt: skip


def _figures(analysis: PanelAnalysis) -> list[dict[str, Any]]:
    panel = analysis.panel
    colours = arm_colours(cast("Study", panel))
    found: list[dict[str, Any]] = []

    def add(name: str, draw: Any, alt: str, caption: str) -> None:
        screens = [("wide", draw(WIDE)), ("narrow", draw(NARROW))]
        parts = [
            Markup('<div class="{}">{}</div>').format(kind, Markup(svg(figure, f"{name}-{kind}")))
            for kind, figure in screens
        ]
        found.append({"name": name, "body": Markup("").join(parts), "alt": alt, "caption": caption, "narrow": True})

    for number, answer in enumerate(one for one in analysis.answers if one.reference == "bliss"):
        _of_answer(analysis, answer, number, add)
    until = min(DRAWN_UNTIL * panel.horizon, panel.last_day)
    readings = panel.fitted_readings
    curves = curves_by_model(analysis, until)
    add(
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
    add(
        "best",
        lambda width: best_responses(best, colours, width=width),
        "Waterfall of best responses by arm.",
        "Best change of volume of each animal (from day 10, as mRECIST counts), best on the right; line and band: what "
        "the model predicts of each rank (median, 90 %). Dashed: +35 % and −50 %.",
    )
    return found


def _of_answer(analysis: PanelAnalysis, answer: Answer, number: int, add: Any) -> None:
    panel, margin = analysis.panel, margin_of("bliss")
    models = interval(answer.models).reset_index()
    own = analysis.alone[answer.combination].reindex(models["model"])
    hidden = (own["at_limit"] != 0).to_numpy()  # unknown too
    for name, source in (("own", "median"), ("own_lower", "lower"), ("own_upper", "upper")):
        models[name] = np.where(hidden, np.nan, own[source].to_numpy(dtype=float))
    models = models.sort_values("median")
    at = {"average model": answer.average, "new model": answer.new_model}
    together = pd.concat(
        [interval(draws.sel(day=panel.horizon)).assign(name=name) for name, draws in at.items()], ignore_index=True
    )
    add(
        f"forest-{number}",
        lambda width: forest_of_models(models, together, margin=margin, width=width),
        f"Excess of {answer.combination} in each model, in the average and in a new model.",
        f"{answer.combination}: excess over Bliss on day {panel.horizon:g} in each model: by its own readings alone "
        "(open, grey; not shown where the combination's readings are below the limit), and in the panel (blue, drawn "
        "towards the others); the average and a new model below. Shaded: too small to matter.",
    )
    new = answer.new_model.sel(day=panel.horizon).to_numpy().ravel()
    prior = _prior_of_spread(analysis, answer)
    add(
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
        add(
            f"moderator-{number}-{place}",
            lambda width, points=points, band=band, name=name: excess_by_moderator(
                points, band, name=str(name), width=width
            ),
            f"Excess of {answer.combination} by {name}.",
            f"{answer.combination}: excess over Bliss on day {panel.horizon:g} by {name}: each model (in the panel), "
            "and the average model with its 95 % band, other moderators at their mean.",
        )


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
