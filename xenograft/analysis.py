"""Read, fit and compare: what every command that fits has in common."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from xenograft.cards import ModelCard
    from xenograft.comparison import Comparison
    from xenograft.fitted import Fit
    from xenograft.sampling import SamplerSettings
    from xenograft.study import Study
    from xenograft.workers import Worker


class Analysis:
    """Read, fit and compare: what fit, compare and report have in common."""

    def __init__(self, study: Path, model: list[str] | None, seed: int, draws: int, chains: int, quiet: bool) -> None:
        from xenograft.cards import read_cards
        from xenograft.workers import Worker

        self._started = time.perf_counter()
        two_cores = (os.cpu_count() or 1) > 1
        worker = Worker() if two_cores and not model else None  # the shipped cards are of two growth laws
        try:
            cards = read_cards(*(model or ()))
            if two_cores and worker is None and len({card.growth for card in cards.values()}) > 1:
                worker = Worker()
            self._read_and_fit(
                study, cards, worker, seed=seed, draws=draws, chains=chains, quiet=quiet, default=not model
            )
        finally:
            if worker:
                worker.close()

    def _read_and_fit(
        self,
        place: Path,
        cards: dict[str, ModelCard],
        worker: Worker | None,
        *,
        seed: int,
        draws: int,
        chains: int,
        quiet: bool,
        default: bool,
    ) -> None:
        from xenograft.reading import read_study

        self.study: Study = read_study(place)
        cards = _default_cards(self.study, cards) if default else cards
        if not quiet:
            for notice in self.study.notices:
                _say(f"note: {notice}")
            laws = list(dict.fromkeys(card.growth for card in cards.values()))
            _say(f"fitting {len(cards)} cards; each growth law ({', '.join(laws)}) is compiled once")
        from xenograft.comparison import compare as rank
        from xenograft.sampling import SamplerSettings, fit_all

        settings: SamplerSettings = SamplerSettings(draws=draws, tune=draws, chains=chains)
        first = next(iter(cards.values())).growth
        here = {name: card for name, card in cards.items() if worker is None or card.growth == first}
        there = {name: card for name, card in cards.items() if name not in here}
        if worker:
            worker.begin(self.study, there, seed=seed, settings=settings)
        fits = fit_all(self.study, here, seed=seed, settings=settings, progress=not quiet)
        if worker:
            if not quiet:
                _say(f"waiting for {', '.join(there)}, fitted by a second process")
            found = worker.fits()
            if found is None:
                found = fit_all(self.study, there, seed=seed, settings=settings, progress=not quiet)
            fits |= found
        self.fits: dict[str, Fit] = {name: fits[name] for name in cards}
        self.ranking: Comparison = rank(self.fits)

    def write_json(self, path: Path, reference: Literal["bliss", "hsa"]) -> dict[str, Any]:
        """Write results.json and return its content."""
        from xenograft.files import write_text
        from xenograft.results import collect_results, to_json

        seconds = time.perf_counter() - self._started
        content = collect_results(self.study, self.fits, self.ranking, reference=reference, seconds=seconds)
        write_text(path, to_json(content))
        return content

    @property
    def has_no_answer(self) -> bool:
        """Whether cards that may answer were fitted and none of them is healthy."""
        return not self.ranking.answer_weights and any(one.card.answers for one in self.fits.values())


def _default_cards(study: Study, cards: dict[str, ModelCard]) -> dict[str, ModelCard]:
    """All shipped cards; without a combination, cards that differ in the departure only are one and the same."""
    if study.combinations:
        return cards
    return {name: card for name, card in cards.items() if card.answers}


def _say(words: str) -> None:
    print(words, file=sys.stderr)
