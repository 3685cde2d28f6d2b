"""Read a panel, fit its cards, compare them, answer: what the command and Python have in common."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from xenograft.answers.ranking import Comparison
from xenograft.errors import InputError
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard, read_cards, shipped_cards
from xenograft.panels.alone import alone, fits_of_models
from xenograft.panels.answers import Answer, answers_of, compare_panel
from xenograft.panels.fit import PanelFit, fit_panel, refit_without_models, why_not
from xenograft.panels.panel import Panel
from xenograft.panels.results import panel_results
from xenograft.panels.verdicts import PanelVerdict, panel_cautions, panel_verdicts

LASTING = ("panel-exponential", "panel-exponential-bliss", "panel-gompertz", "panel-gompertz-bliss")
"""Shipped cards that are fitted to every panel unless others are named."""

MODERATED = ("panel-exponential-moderators", "panel-gompertz-moderators")
"""Fitted as well where something was measured of the models."""


@dataclass(frozen=True, eq=False)
class PanelAnalysis:
    """A panel, its fits, how well each predicts, and what they say together.

    Parameters
    ----------
    panel : Panel
        What was analysed.
    fits : mapping of str to PanelFit
        By card name, failed ones too.
    ranking : Comparison
        Of the fits, each model left out in turn.
    began : float
        When, on `time.perf_counter`.
    """

    panel: Panel
    fits: Mapping[str, PanelFit]
    ranking: Comparison
    began: float

    @cached_property
    def answers(self) -> list[Answer]:
        """Draws of the answers; empty without a healthy card that may answer."""
        return answers_of(self.panel, self.fits, self.ranking)

    @cached_property
    def verdicts(self) -> list[PanelVerdict]:
        """The answers to the three questions."""
        return panel_verdicts(self.panel, self.answers, self.ranking.answer_weights)

    @cached_property
    def cautions(self) -> list[str]:
        """What weakens them; nothing where nothing was concluded."""
        return panel_cautions(self.panel, self.fits, self.ranking, self.verdicts) if self.answers else []

    @cached_property
    def alone(self) -> dict[str, pd.DataFrame]:
        """What each model's readings say by themselves, by combination."""
        weights = self.ranking.answer_weights
        if not weights:
            return {}
        best = self.fits[max(weights, key=lambda name: weights[name])]
        own = fits_of_models(self.panel, best.card, seed=best.seed)
        return {arm.name: alone(self.panel, best, arm, own) for arm in self.panel.judged}

    @property
    def reason(self) -> str | None:
        """Why there is no answer; None where there is one."""
        if self.answers:
            return None
        if not self.panel.judged:
            return "no conclusion: no model gives a combination whose agents some model gives alone"
        reasons = [f"{name}: {why}" for name, why in self.ranking.refused.items() if self.fits[name].card.answers]
        if not reasons:
            return "no conclusion: no fitted card leaves the combination free"
        return f"no conclusion: the sampler did not converge ({'; '.join(reasons)})"

    @property
    def has_no_answer(self) -> bool:
        """Whether cards that may answer were fitted and none of them is healthy."""
        return not self.ranking.answer_weights and any(fit.card.answers for fit in self.fits.values())

    @cached_property
    def results(self) -> dict[str, Any]:
        """The content of results.json."""
        return panel_results(
            self.panel, self.fits, self.ranking, self.answers, self.verdicts, alone=self.alone,
            cautions=self.cautions, reason=self.reason, seconds=time.perf_counter() - self.began,
        )  # fmt: skip


def panel_cards(panel: Panel, chosen: Sequence[str] | None = None) -> dict[str, ModelCard]:
    """The cards that are fitted to a panel: those named, else the shipped ones that suit it.

    Parameters
    ----------
    panel : Panel
        Whether it has moderators.
    chosen : sequence of str, optional
        Names of shipped cards, files or folders.

    Raises
    ------
    InputError
        When a named card cannot be fitted to the panel.
    """
    shipped = read_cards(shipped_cards() / "panels")
    if not chosen:
        wanted = (*LASTING, *(MODERATED if panel.moderators.shape[1] else ()))
        cards = {name: shipped[name] for name in wanted}
        return {n: card for n, card in cards.items() if card.answers or panel.judged}
    cards = read_cards(*chosen)
    if problems := [
        f"{name}: it cannot be fitted to {panel.name}: {reason}. Choose another card."
        for name, card in cards.items()
        if (reason := why_not(panel, card))
    ]:
        raise InputError(problems)
    return cards


def analyse_panel(
    panel: Panel,
    cards: Mapping[str, ModelCard],
    *,
    seed: int = 1,
    settings: SamplerSettings | None = None,
    quiet: bool = False,
    say: Callable[[str], None] | None = None,
) -> PanelAnalysis:
    """Fit the cards to a panel and compare them.

    Parameters
    ----------
    panel : Panel
        From `read_panel`.
    cards : mapping of str to ModelCard
        From `panel_cards`.
    seed, settings
        As in `fit`.
    quiet : bool
        No progress on standard error.
    say : callable, optional
        Told what is being done; default standard error, where not quiet.
    """
    began = time.perf_counter()
    tell = say or (_silence if quiet else _say)
    for notice in panel.notices:
        tell(f"note: {notice}")
    fits = {
        name: fit_panel(panel, card, seed=seed, settings=settings, progress=not quiet) for name, card in cards.items()
    }

    def again(fit: PanelFit, models: Sequence[str]) -> PanelFit:
        return refit_without_models(fit, models, say=tell)

    return PanelAnalysis(panel, fits, compare_panel(fits, refit=again), began)


def _say(words: str) -> None:
    print(words, file=sys.stderr)


def _silence(words: str) -> None:
    """Say nothing."""
