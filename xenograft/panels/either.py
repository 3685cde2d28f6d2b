"""The functions that take a study or a panel: what is fitted decides which is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from xenograft.answers import averaging, ranking
from xenograft.answers.averaging import AVERAGED, Interaction
from xenograft.answers.ranking import Comparison
from xenograft.fitting import sampling
from xenograft.fitting.fit import Fit, Refit
from xenograft.fitting.sampling import Method, SamplerSettings
from xenograft.model.card import ModelCard
from xenograft.panels.answers import compare_panel
from xenograft.panels.excess import panel_interaction
from xenograft.panels.fit import PanelFit, fit_panel
from xenograft.panels.panel import Panel
from xenograft.quantities.estimands import Reference
from xenograft.study.study import Study

if TYPE_CHECKING:
    import pymc as pm


@overload
def fit(
    study: Study,
    card: ModelCard,
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    keep: Literal["everything", "likelihood", "posterior"] = "everything",
    method: Method = "nuts",
) -> Fit: ...
@overload
def fit(
    study: Panel,
    card: ModelCard,
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    keep: Literal["everything", "likelihood", "posterior"] = "everything",
    method: Method = "nuts",
) -> PanelFit: ...
def fit(
    study: Study | Panel,
    card: ModelCard,
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    keep: Literal["everything", "likelihood", "posterior"] = "everything",
    method: Method = "nuts",
) -> Fit | PanelFit:
    """Fit one card to one study, or to a panel of models.

    Parameters
    ----------
    study : Study or Panel
        The arms and readings.
    card : ModelCard
        The hypothesis; for a panel one that says `panel = true`.
    seed : int
        Same seed, same numbers, on any number of cores; each card draws its own stream from it.
    settings : SamplerSettings, optional
        4 chains × (1000 + 1000) unless given.
    progress : bool
        Show a progress bar on standard error.
    keep : {"everything", "likelihood", "posterior"}
        "likelihood" makes no predictive distributions (of a panel, nothing of single models), "posterior" no log
        likelihood either: for thousands of fits.
    method : {"nuts", "importance"}
        "importance" draws around the mode without chains, in a tenth of the time, and turns to NUTS by itself where
        the weights may not be trusted.

    Returns
    -------
    Fit or PanelFit
        Always; look at `health` before concluding anything.

    Raises
    ------
    InputError
        When the study lacks what the card needs.
    """
    if isinstance(study, Panel):
        return fit_panel(study, card, seed=seed, settings=settings, progress=progress, keep=keep, method=method)
    return sampling.fit(study, card, seed=seed, settings=settings, progress=progress, keep=keep, method=method)


@overload
def fit_all(
    study: Study,
    cards: Mapping[str, ModelCard] | Iterable[ModelCard],
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    method: Method = "nuts",
) -> dict[str, Fit]: ...
@overload
def fit_all(
    study: Panel,
    cards: Mapping[str, ModelCard] | Iterable[ModelCard],
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    method: Method = "nuts",
) -> dict[str, PanelFit]: ...
def fit_all(
    study: Study | Panel,
    cards: Mapping[str, ModelCard] | Iterable[ModelCard],
    *,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
    method: Method = "nuts",
) -> dict[str, Fit] | dict[str, PanelFit]:
    """Fit several cards to one study, or to a panel; everything else as in `fit`.

    Returns
    -------
    dict of str to Fit or PanelFit
        By the card's name, in the order given.
    """
    given: list[ModelCard] = list(cast("Any", cards.values() if isinstance(cards, Mapping) else cards))
    if isinstance(study, Panel):
        return {
            one.name: fit_panel(study, one, seed=seed, settings=settings, progress=progress, method=method)
            for one in given
        }
    return sampling.fit_all(study, given, seed=seed, settings=settings, progress=progress, method=method)


def build(study: Study | Panel, card: ModelCard) -> pm.Model:
    """The PyMC model of a study, or of a panel, under a card.

    Parameters
    ----------
    study : Study or Panel
        The arms and readings.
    card : ModelCard
        The hypothesis.

    Returns
    -------
    pymc.Model
        Free variables as the card's priors name them. Of a study the animals' own effects are integrated out: the
        observed variable `volume_readings` (animal, reading) has one log likelihood per animal. Of a panel the effects
        of models (`model_effect`, standard normal) and of animals (`animal_effect`) are variables, to be opened and
        extended; `fit` integrates them out.
    """
    if isinstance(study, Panel):
        from xenograft.panels.pymc_model import build_panel

        return build_panel(study, card)
    from xenograft.fitting.pymc_model import build

    return build(study, card)


def compare(
    fits: Mapping[str, Fit] | Mapping[str, PanelFit], *, exact: bool = True, refit: Refit | None = None
) -> Comparison:
    """Rank fits of one study by how well they predict an animal they have not seen; of a panel, a model.

    Every animal is left out in turn by Pareto-smoothed importance sampling (Vehtari et al. 2017); where that cannot be
    trusted (Pareto k above ArviZ's limit for this number of draws, or not a number) the card is fitted again without
    the animal. Where mice carry several tumours, mice are left out with all their tumours; cages with their animals; of
    a panel, models.

    Parameters
    ----------
    fits : mapping of str to Fit or PanelFit
        By card name. Failed fits are refused with the reason, never ranked.
    exact : bool
        Fit again where importance sampling cannot be trusted; False leaves those estimates as they are, counted.
    refit : callable, optional
        How to fit again.

    Raises
    ------
    InputError
        When the fits are of different studies.
    """
    if any(isinstance(one, PanelFit) for one in fits.values()):
        return compare_panel(cast("Mapping[str, PanelFit]", fits), exact=exact, refit=cast("Any", refit))
    return ranking.compare(cast("Mapping[str, Fit]", fits), exact=exact, refit=refit)


def interaction(
    fits: Mapping[str, Fit] | Mapping[str, PanelFit],
    ranking: Comparison,
    *,
    reference: Reference = "bliss",
    model: str = AVERAGED,
) -> Interaction:
    """The excess of every combination by day, averaged over the answering cards or of one card.

    Parameters
    ----------
    fits : mapping of str to Fit or PanelFit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa", "additive"}
        What no interaction means; of a panel "bliss" or "hsa".
    model : str
        "averaged" or a card's name. Of a panel "averaged": the table then says of each row whether it is `of` the
        average model, a new model, or which of the panel's, and `draws` are of the average and of a new model.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    """
    if any(isinstance(one, PanelFit) for one in fits.values()):
        return panel_interaction(cast("Mapping[str, PanelFit]", fits), ranking, reference=reference, model=model)
    return averaging.interaction(cast("Mapping[str, Fit]", fits), ranking, reference=reference, model=model)
