"""Read, fit and compare: what every command that fits has in common."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from xenograft.answers.findings import Findings
    from xenograft.answers.inhibition import Inhibition
    from xenograft.answers.ranking import Comparison
    from xenograft.answers.verdicts import Verdict
    from xenograft.evidence.cautions import Caution
    from xenograft.evidence.predictive_check import PredictiveCheck
    from xenograft.fitting.fit import Fit, Refit
    from xenograft.fitting.left_out import LeftOut
    from xenograft.fitting.processes import Worker
    from xenograft.fitting.sampling import Method
    from xenograft.model.card import ModelCard
    from xenograft.study.study import Study


@dataclass(frozen=True, eq=False)
class Analysis:
    """A study, its fits, and how well each predicts.

    Parameters
    ----------
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name, failed ones too.
    ranking : Comparison
        Of the fits.
    left_out : mapping of str to str
        Why a card that is fitted to other studies was not fitted to this one, by name.
    refit : callable or None
        How to fit again without some animals; None: as `refit_without`.
    began : float or None
        When, on `time.perf_counter`.
    second : Worker or None
        A process that computes what needs the fits alone while this one computes the findings.
    """

    study: Study
    fits: Mapping[str, Fit]
    ranking: Comparison
    left_out: Mapping[str, str] = field(default_factory=dict)
    refit: Refit | None = None
    began: float | None = None
    second: Worker | None = None

    @property
    def findings(self) -> Findings:
        """What the fits say together, computed once."""
        return self._computed[0]

    @cached_property
    def _computed(self) -> tuple[Findings, _Meanwhile | None]:
        """The findings, and what the second process has computed meanwhile; None without one."""
        from xenograft.answers.findings import findings

        if self.second is None:
            return findings(self.study, self.fits, self.ranking), None
        heavy = {name: self.fits[name] for name in self.ranking.answer_weights}
        self.second.begin(_meanwhile, heavy, self.ranking)
        return findings(self.study, self.fits, self.ranking), self.second.answer()

    @cached_property
    def left_out_draws(self) -> dict[str, LeftOut | None]:
        """The posteriors of the answering cards that matter without one animal each."""
        from xenograft.evidence.sensitivity import drawn_without_each

        _, computed = self._computed
        return drawn_without_each(self.fits, self.ranking) if computed is None else computed.left_out

    @cached_property
    def cut_curves(self) -> xr.DataArray | None:
        """Averaged typical curves at the horizon from the readings up to it; see `curves_of_cut`."""
        from xenograft.evidence.removal import curves_of_cut

        _, computed = self._computed
        return curves_of_cut(self.fits, self.ranking) if computed is None else computed.cut

    @property
    def seconds(self) -> float | None:
        """Wall time since the analysis began."""
        return None if self.began is None else time.perf_counter() - self.began

    @property
    def has_no_answer(self) -> bool:
        """Whether cards that may answer were fitted and none of them is healthy."""
        return not self.ranking.answer_weights and any(one.card.answers for one in self.fits.values())

    @cached_property
    def checks(self) -> Mapping[str, PredictiveCheck]:
        """Whether the answering cards that carry weight reproduce the readings."""
        computed = None if self.second is None else self._computed[1]
        return _checks(self.fits, self.ranking) if computed is None else computed.checks

    @cached_property
    def priors(self) -> Mapping[str, pd.DataFrame]:
        """What the answers of each answering card owe to its priors."""
        from xenograft.evidence.cautions import owed_to_priors

        return owed_to_priors(self.fits, self.ranking, self.findings.curves)

    @cached_property
    def without(self) -> tuple[pd.DataFrame | None, ...]:
        """The answer without each animal in turn, of each verdict that claims a direction."""
        from xenograft.answers.inhibition import Inhibition
        from xenograft.evidence.cautions import concludes
        from xenograft.evidence.sensitivity import without_each_animal

        verdicts = self.findings.verdicts
        if not any(concludes(one) for one in verdicts):
            return (None,) * len(verdicts)
        drawn = self.left_out_draws

        def of(one: Verdict | Inhibition) -> pd.DataFrame:
            given = self.fits, self.ranking
            if isinstance(one, Inhibition):
                return without_each_animal(*given, arm=one.arm, control=one.control, refit=self.refit, drawn=drawn)
            return without_each_animal(
                *given, combination=one.combination, reference=one.reference, refit=self.refit, drawn=drawn
            )

        return tuple(of(one) if concludes(one) else None for one in verdicts)

    @cached_property
    def cautions(self) -> tuple[tuple[Caution, ...], ...]:
        """What weakens each of the verdicts."""
        from xenograft.evidence.cautions import cautions_about

        given = self.study, self.fits, self.ranking, self.checks, self.priors
        both = zip(self.findings.verdicts, self.without, strict=True)
        return tuple(cautions_about(one, *given, without) for one, without in both)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdicts for people, each with what the growth laws do and what weakens it."""
        from xenograft.answers.verdicts import agreement_in_words
        from xenograft.evidence.cautions import none_reproduces

        shared = none_reproduces(self.ranking, self.checks)
        told: list[str] = []
        for words, verdict, doubts in zip(self.findings.sentences, self.findings.verdicts, self.cautions, strict=True):
            laws = "" if shared or any(one.about == "Growth laws" for one in doubts) else verdict.agreement
            cautious = "".join(f" Caution: {one.words}" for one in doubts)
            told.append(f"{words}{agreement_in_words(laws or None)}{cautious}")
        return tuple(told)

    def results(self, reference: str, *, seconds: float | None = None) -> dict[str, Any]:
        """The content of results.json.

        Parameters
        ----------
        reference : {"bliss", "hsa"}
            Under which the primary verdict is given.
        seconds : float, optional
            Wall time of the whole analysis; since it began unless given.
        """
        from xenograft.answers.results import results_of

        return results_of(
            self.findings, self.fits, self.ranking, reference=reference,
            cautions=[[one.words for one in doubts] for doubts in self.cautions], sentences=self.sentences,
            seconds=self.seconds if seconds is None else seconds,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Meanwhile:
    """What the second process computes, as `Analysis.left_out_draws`, `Analysis.cut_curves` and `Analysis.checks`."""

    left_out: dict[str, LeftOut | None]
    cut: xr.DataArray | None
    checks: dict[str, PredictiveCheck]


def _meanwhile(fits: Mapping[str, Fit], ranking: Comparison) -> _Meanwhile:
    from xenograft.evidence.removal import curves_of_cut
    from xenograft.evidence.sensitivity import drawn_without_each

    if not fits:
        return _Meanwhile({}, None, {})
    return _Meanwhile(drawn_without_each(fits, ranking), curves_of_cut(fits, ranking), _checks(fits, ranking))


def _checks(fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, PredictiveCheck]:
    from xenograft.evidence.cautions import carrying
    from xenograft.evidence.predictive_check import predictive_check

    return {name: predictive_check(fits[name]) for name in carrying(ranking)}


def collect_results(
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    reference: str = "bliss",
    seconds: float | None = None,
) -> dict[str, Any]:
    """The content of results.json.

    Parameters
    ----------
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa"}
        Under which the primary verdict is given.
    seconds : float, optional
        Wall time of the whole analysis.

    Returns
    -------
    dict
        Plain data; numbers that are not finite are None, with a reason beside them.
    """
    return Analysis(study, fits, ranking).results(reference, seconds=seconds)


def analyse(
    place: Path,
    model: Sequence[str] | None = None,
    *,
    seed: int = 1,
    draws: int = 1000,
    chains: int = 4,
    quiet: bool = False,
    cache: Path | None = None,
    exact: bool = True,
    method: Method = "nuts",
    before_fitting: Callable[[Study, dict[str, ModelCard]], None] | None = None,
) -> Analysis:
    """Read, fit and compare.

    Parameters
    ----------
    place : Path
        A study.toml or its folder.
    model : sequence of str or None
        Cards; None: those of the shipped ones that suit the study.
    seed, draws, chains : int
        For the sampler.
    quiet : bool
        Say nothing on standard error.
    cache : Path, optional
        Folder of stored fits to reuse and to add to.
    exact : bool
        Fit again where the ranking needs it; False: the ranking is left as importance sampling gives it.
    method : {"nuts", "importance"}
        As in `fit`.
    before_fitting : callable, optional
        Called with the study and the cards, to refuse what does not fit them before time is spent.
    """
    began = time.perf_counter()
    say = _silence if quiet else _say
    study, cards, left_out = _read(place, model, say)
    if before_fitting:
        before_fitting(study, cards)
    from xenograft.answers.ranking import compare
    from xenograft.fitting.sampling import SamplerSettings, fit_all, refit_without
    from xenograft.fitting.store import FitStore

    settings = SamplerSettings(draws=draws, tune=draws, chains=chains)
    store = None if cache is None else FitStore(cache, say, method=method)
    stored = {n: store.find(study, c, seed=seed, settings=settings) for n, c in cards.items()} if store else {}
    missing = {name: card for name, card in cards.items() if stored.get(name) is None}
    if missing:
        say(f"fitting {len(missing)} card{'' if len(missing) == 1 else 's'}")
    new = fit_all(study, missing, seed=seed, settings=settings, progress=not quiet, method=method) if missing else {}
    if store:
        for one in new.values():
            store.keep(one, settings=settings)

    def again(fit: Fit, animals: Sequence[str]) -> Fit:
        say(f"{fit.card.name}: fitting again without {_named(animals, fit.study)}")
        return refit_without(fit, animals)

    refit = store.refitting(again, settings) if store else again
    known = new | {name: one for name, one in stored.items() if one is not None}
    fits = {name: known[name] for name in cards}
    return Analysis(study, fits, compare(fits, exact=exact, refit=refit), left_out, refit, began)


def _read(
    place: Path, model: Sequence[str] | None, say: Callable[[str], None]
) -> tuple[Study, dict[str, ModelCard], dict[str, str]]:
    """The study, the cards it is fitted with, and the default ones that it is not fitted with, and why."""
    from xenograft.model.card import read_cards
    from xenograft.model.choice import by_reason, default_cards
    from xenograft.reading.read import read_study

    cards = read_cards(*(model or ()))
    study = read_study(place)
    for notice in study.notices:
        say(f"note: {notice}")
    if model:
        _refuse_unsupported(study, cards)
        return study, cards, {}
    chosen, left_out = default_cards(study, cards)
    for reason, names in by_reason(left_out).items():
        say(f"left out {names}: {reason}")
    return study, chosen, left_out


def _refuse_unsupported(study: Study, cards: Mapping[str, ModelCard]) -> None:
    from xenograft.errors import InputError
    from xenograft.model.choice import why_not

    reasons = {name: why_not(study, card) for name, card in cards.items()}
    problems = [
        f"{name}: it cannot be fitted to {study.name}: {reason}. Choose another card."
        for name, reason in reasons.items()
        if reason
    ]
    if problems:
        raise InputError(problems)


def _named(animals: Sequence[str], study: Study) -> str:
    from xenograft.study.groups import PLURAL

    return f"{study.group} {animals[0]}" if len(animals) == 1 else f"{len(animals)} {PLURAL[study.group]}"


def _say(words: str) -> None:
    print(words, file=sys.stderr)


def _silence(words: str) -> None:
    """Say nothing."""
