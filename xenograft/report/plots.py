"""Figures for a notebook: from a study, a fit or a ranking to a matplotlib figure that the cell shows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import matplotlib as mpl
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from xenograft.analysis import Analysis
from xenograft.answers.averaging import AVERAGED, animal_table, curve_table, interaction_of, model_curves, whole_days
from xenograft.answers.ranking import Comparison
from xenograft.errors import InputError, NoHealthyFitError, unknown_choice
from xenograft.figures import checks as figures_checks
from xenograft.figures import interaction as figures_interaction
from xenograft.figures import volumes as figures
from xenograft.figures.axes import legend
from xenograft.figures.graph import draw_graph
from xenograft.figures.theme import PAPER, THEME
from xenograft.fitting.curves import animal_curves, curves
from xenograft.fitting.fit import Fit
from xenograft.quantities.estimands import REFERENCES
from xenograft.report.content import MARGIN, report_content
from xenograft.report.content_of_checks import densities, predictive_bands
from xenograft.report.drawings import drawings
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations, why_not_judged

RESOLUTION = 110
"""Dots per inch of a figure shown by a notebook: legible on a desk, light enough to be committed."""


class NotebookFigure(Figure):
    """A matplotlib figure that a notebook shows on paper of its own, dark theme or not."""

    def _repr_png_(self) -> bytes:
        """Without this only figures made by pyplot are shown."""
        written = io.BytesIO()
        self.savefig(written, format="png", dpi=RESOLUTION, facecolor=PAPER, bbox_inches="tight", metadata=_NO_STAMP)
        return written.getvalue()


_NO_STAMP: Mapping[str, Any] = {"Software": None}
"""The same figure gives the same bytes whatever version of matplotlib writes it."""


@mpl.rc_context(THEME)
def plot_readings(study: Study) -> Figure:
    """Every animal's readings, one panel per arm, on a log scale.

    Parameters
    ----------
    study : Study
        Arms and readings.

    Returns
    -------
    matplotlib.figure.Figure
        Triangles at the bottom: doses; squares: last reading of an animal that left early; open triangles: at or below
        the limit of quantification; crosses: excluded.
    """
    figure = figures.volume_panels(study, pd.DataFrame(), pd.DataFrame())
    for key in figure.legends:  # only what is drawn; there is no typical animal without a model
        entries = zip(key.legend_handles, (text.get_text() for text in key.get_texts()), strict=True)
        kept = [(handle, words) for handle, words in entries if not words.startswith("typical")]
        key.remove()
        legend(figure, [handle for handle, _ in kept], [words for _, words in kept], columns=6)
    return shown(figure)


def plot_fit(fit: Fit) -> Figure:
    """The readings with each animal's own curve, the typical animal of each arm and its 95 % band, under one card.

    Parameters
    ----------
    fit : Fit
        Posterior draws.
    """
    study = fit.study
    typical = curve_table(study, {fit.card.name: curves(fit)})
    last = typical["arm"].map(study.animals.groupby("arm")["last_day"].max())
    own = animal_table(animal_curves(fit, whole_days(study)), study)
    return shown(figures.volume_panels(study, typical[typical["day"] <= last], own))


def plot_curves(fits: Mapping[str, Fit], ranking: Comparison, *, model: str = AVERAGED) -> Figure:
    """The typical animal of every arm on one axis, linear and log, averaged over the answering cards or of one.

    Parameters
    ----------
    fits, ranking
        As in `interaction`.
    model : str
        "averaged" or a card's name.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    """
    study = _study(fits)
    return shown(figures.typical_curves(study, curve_table(study, {model: _curves(fits, ranking, model)})))


def plot_excess(fits: Mapping[str, Fit], ranking: Comparison, *, combination: str | None = None) -> Figure:
    """What a combination does beyond each reference, by day: the average with its 95 % band, each card as a line.

    Parameters
    ----------
    fits, ranking
        As in `interaction`.
    combination : str, optional
        The arm; the study's primary combination unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Above 0 is enhanced; shaded: closer to 0 than the smallest excess of interest, ln 1.25.

    Raises
    ------
    NoHealthyFitError
        When no answering card is healthy.
    InputError
        When the study has no such combination.
    """
    study = _study(fits)
    name = _combination(study, combination)
    _curves(fits, ranking, AVERAGED)
    answering = {n: c for n, c in model_curves(fits, ranking).items() if n == AVERAGED or fits[n].card.answers}
    found = [interaction_of(study, c, n, r).table for n, c in answering.items() for r in REFERENCES]  # pyright: ignore[reportArgumentType]
    table = pd.concat(found, ignore_index=True)
    rows = table[table["combination"] == name]
    return shown(figures_interaction.excess_by_day(rows, study.horizon, margin=MARGIN))


def plot_priors(fit: Fit) -> Figure:
    """What was believed of each parameter before the data, and after.

    Parameters
    ----------
    fit : Fit
        Posterior draws; rates in 1/day.
    """
    return shown(figures_checks.prior_and_posterior(densities(fit)))


def plot_predictive(fit: Fit, *, of: Literal["posterior", "prior"] = "posterior") -> Figure:
    """Readings of new animals as a fit, or its priors alone, predict them, behind the readings of the study.

    Parameters
    ----------
    fit : Fit
        Posterior draws and draws of the prior.
    of : {"posterior", "prior"}
        Before the data or after; of a good card about one reading in ten is outside the light band of the posterior.

    Raises
    ------
    InputError
        When `of` is neither.
    """
    if of not in ("posterior", "prior"):
        raise InputError(unknown_choice("plot_predictive", "of", of, ("posterior", "prior")))
    drawn = fit.draws[f"{of}_predictive"].to_dataset()
    groups = {"posterior_predictive": drawn, "constant_data": fit.draws["constant_data"].to_dataset()}
    bands = predictive_bands(replace(fit, draws=xr.DataTree.from_dict(groups)))
    return shown(figures.predictive_panels(fit.study, bands))


def plot_influence(fits: Mapping[str, Fit], ranking: Comparison) -> Figure:
    """How much each animal matters: its Pareto k under every card, with the names of those above the limit.

    Parameters
    ----------
    fits, ranking
        As in `interaction`.
    """
    return shown(figures_checks.influence(_study(fits), ranking.pareto_k, ranking.good_k))


def plot_graph(model: Any) -> Figure:
    """A PyMC model as boxes and arrows, without Graphviz: priors above, the readings below.

    Parameters
    ----------
    model : pymc.Model
        From `build`, or one of your own.
    """
    return shown(draw_graph(model))


def all_figures(study: Study, fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, Figure]:
    """Every figure of the report, by name.

    Parameters
    ----------
    study : Study
        What was analysed.
    fits, ranking
        As in `interaction`.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        "panels", "typical", "expected0" (the combination against what each reference predicts), "excess0", "forest",
        "waterfall", "survival" and so on, those that the study has data for.
    """
    analysis = Analysis(study, fits, ranking)
    content = report_content(analysis, analysis.results("bliss"), "")
    return {one.name: shown(one.draw(figures.WIDE)) for one in drawings(content)}


def shown(figure: Figure) -> Figure:
    """The same figure, which a notebook also shows: figures are drawn without pyplot, which would leak memory."""
    figure.__class__ = NotebookFigure
    return figure


def _study(fits: Mapping[str, Fit]) -> Study:
    return next(iter(fits.values())).study


def _curves(fits: Mapping[str, Fit], ranking: Comparison, model: str) -> xr.DataArray:
    available = model_curves(fits, ranking)
    if model not in available:
        raise NoHealthyFitError(f"plot: there is no healthy fit for {model}. Look at the health of the fits.")
    return available[model]


def _combination(study: Study, chosen: str | None) -> str:
    names = [arm.name for arm in judged_combinations(study)]
    if not study.combinations or study.primary_combination is None:
        raise InputError(f"plot_excess: {study.name} has no combination arm. Use a study with one.")
    asked = next((arm for arm in study.combinations if arm.name == chosen), study.primary_combination)
    if reason := why_not_judged(study, asked):
        raise InputError(f"plot_excess: {asked.name} has no excess: {reason}. Use a combination with a reference.")
    if chosen is not None and chosen not in names:
        raise InputError(unknown_choice("plot_excess", "combination", chosen, names))
    return chosen or study.primary_combination.name
