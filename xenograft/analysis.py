"""Read, fit and compare: what every command that fits has in common."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from xenograft.answers.ranking import Comparison
    from xenograft.evidence.evidence import Evidence
    from xenograft.fitting.fit import Fit
    from xenograft.fitting.processes import Worker
    from xenograft.fitting.sampling import SamplerSettings
    from xenograft.fitting.store import FitStore
    from xenograft.model.card import ModelCard
    from xenograft.study.study import Study


class Analysis:
    """Read, fit and compare: what fit, compare and report have in common. `second` is its second process, until closed.

    Parameters
    ----------
    study : Path
        A study.toml or its folder.
    model : list of str or None
        Cards; None: all shipped ones.
    seed, draws, chains : int
        For the sampler.
    quiet : bool
        Say nothing on standard error.
    cache : Path, optional
        Folder of stored fits to reuse and to add to.
    exact : bool
        Fit again where the ranking needs it; False: the ranking is left as importance sampling gives it.
    thorough : bool
        Gather everything a comparison can find out, in `evidence`.
    before_fitting : callable, optional
        Called with the study and the cards, to refuse what does not fit them before time is spent.
    """

    def __init__(
        self,
        study: Path,
        model: list[str] | None,
        seed: int,
        draws: int,
        chains: int,
        quiet: bool,
        *,
        cache: Path | None = None,
        exact: bool = True,
        thorough: bool = False,
        before_fitting: Callable[[Study, dict[str, ModelCard]], None] | None = None,
    ) -> None:
        from xenograft.fitting.processes import Worker

        self._started = time.perf_counter()
        self._quiet = quiet
        self.second: Worker | None = None
        with ExitStack() as lost:
            lost.callback(self.close)
            if thorough and (os.cpu_count() or 1) > 1:
                self.second = Worker()  # it draws half of the figures of a report
            cards = self._read_both(study, model)
            if before_fitting:
                before_fitting(self.study, cards)
            self._fit(cards, seed=seed, draws=draws, chains=chains, cache=cache)
            self._compare(exact=exact, thorough=thorough)
            lost.pop_all()  # all went well: the second process is kept until the analysis is closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the second process."""
        if self.second:
            self.second.close()
        self.second = None

    def _read_both(self, place: Path, model: list[str] | None) -> dict[str, ModelCard]:
        """Read the study and the cards it can be fitted with."""
        from xenograft.model.card import read_cards
        from xenograft.model.choice import by_reason, default_cards
        from xenograft.reading.read import read_study

        cards = read_cards(*(model or ()))
        self.study: Study = read_study(place)
        for notice in self.study.notices:
            self._say(f"note: {notice}")
        self.left_out: dict[str, str] = {}
        if model:
            _refuse_unsupported(self.study, cards)
            return cards
        chosen, self.left_out = default_cards(self.study, cards)
        for reason, names in by_reason(self.left_out).items():
            self._say(f"left out {names}: {reason}")
        return chosen

    def _fit(self, cards: dict[str, ModelCard], *, seed: int, draws: int, chains: int, cache: Path | None) -> None:
        from xenograft.fitting.sampling import SamplerSettings, fit_all

        self._settings: SamplerSettings = SamplerSettings(draws=draws, tune=draws, chains=chains)
        self._store: FitStore | None = None
        fits: dict[str, Fit] = {}
        if cache is not None:
            from xenograft.fitting.store import FitStore

            self._store = FitStore(cache, self._say)
            found = {n: self._store.find(self.study, c, seed=seed, settings=self._settings) for n, c in cards.items()}
            fits = {name: one for name, one in found.items() if one is not None}
        missing = {name: card for name, card in cards.items() if name not in fits}
        if missing:
            self._say(f"fitting {len(missing)} card{'' if len(missing) == 1 else 's'}")
        settings, progress = self._settings, not self._quiet
        new = fit_all(self.study, missing, seed=seed, settings=settings, progress=progress) if missing else {}
        if self._store:
            for one in new.values():
                self._store.keep(one, settings=self._settings)
        self.fits: dict[str, Fit] = {name: (fits | new)[name] for name in cards}

    def _compare(self, *, exact: bool, thorough: bool) -> None:
        from xenograft.answers.ranking import compare

        refit = self._store.refitting(self._refit, self._settings) if self._store else self._refit
        self.ranking: Comparison = compare(self.fits, exact=exact, refit=refit)
        if thorough:
            from xenograft.evidence.evidence import gather_evidence

            self.evidence: Evidence = gather_evidence(self.fits, self.ranking, refit=refit)

    def _refit(self, fit: Fit, animals: Sequence[str]) -> Fit:
        from xenograft.fitting.sampling import refit_without

        self._say(f"{fit.card.name}: fitting again without {_named(animals)}")
        return refit_without(fit, animals)

    def _say(self, words: str) -> None:
        if not self._quiet:
            print(words, file=sys.stderr)

    @property
    def seconds(self) -> float:
        """Wall time since the analysis began."""
        return time.perf_counter() - self._started

    def write_json(self, path: Path, reference: Literal["bliss", "hsa"]) -> dict[str, Any]:
        """Write results.json and return its content."""
        from xenograft.answers.results import to_json
        from xenograft.files import write_text

        content = self.results(reference)
        write_text(path, to_json(content))
        return content

    def results(self, reference: Literal["bliss", "hsa"]) -> dict[str, Any]:
        """The content of results.json."""
        from xenograft.answers.results import collect_results

        return collect_results(self.study, self.fits, self.ranking, reference=reference, seconds=self.seconds)

    @property
    def has_no_answer(self) -> bool:
        """Whether cards that may answer were fitted and none of them is healthy."""
        return not self.ranking.answer_weights and any(one.card.answers for one in self.fits.values())


def _refuse_unsupported(study: Study, cards: dict[str, ModelCard]) -> None:
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


def _named(animals: Sequence[str]) -> str:
    return f"animal {animals[0]}" if len(animals) == 1 else f"{len(animals)} animals"
