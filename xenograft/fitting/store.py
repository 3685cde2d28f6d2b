"""Stored fits: what was fitted before with the same data, card, seed, settings and versions is not fitted again."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xenograft.errors import FitFileError
from xenograft.files import digest_of
from xenograft.fitting.fit import Fit, Refit, versions
from xenograft.model.card import ModelCard
from xenograft.study.study import Study

if TYPE_CHECKING:
    from xenograft.fitting.sampling import SamplerSettings


def fit_or_load(
    study: Study,
    cards: Mapping[str, ModelCard] | Iterable[ModelCard],
    *,
    folder: str | Path,
    seed: int = 0,
    settings: SamplerSettings | None = None,
    progress: bool = True,
) -> dict[str, Fit]:
    """Fit several cards, and keep the fits in a folder: what was fitted before is read, not fitted again.

    Parameters
    ----------
    study : Study
        The arms and readings.
    cards : mapping of str to ModelCard, or cards
        The hypotheses.
    folder : str or Path
        Of stored fits, made if needed; any file in it may be deleted at any time. A fit is reused where data, card,
        seed, settings and versions are the same (the folder that `xenograft compare --cache` uses).
    seed : int
        As in `fit`.
    settings : SamplerSettings, optional
        As in `fit`.
    progress : bool
        Show a progress bar for what is fitted.

    Returns
    -------
    dict of str to Fit
        By the card's name, in the order given.
    """
    from xenograft.fitting.sampling import SamplerSettings, fit_all

    settings = settings or SamplerSettings()
    listed = list(cards.values() if isinstance(cards, Mapping) else cards)
    store = FitStore(Path(folder), _say, tells_reuse=False)
    found = {card.name: store.find(study, card, seed=seed, settings=settings) for card in listed}
    missing = [card for card in listed if found[card.name] is None]
    new = fit_all(study, missing, seed=seed, settings=settings, progress=progress) if missing else {}
    for one in new.values():
        store.keep(one, settings=settings)
    known = {name: one for name, one in found.items() if one is not None} | new
    return {card.name: known[card.name] for card in listed}


@dataclass(frozen=True)
class FitStore:
    """A folder of fits, each under a name that tells what it depends on.

    Parameters
    ----------
    folder : Path
        Made when the first fit is kept; files may be deleted at any time.
    say : callable
        Told, in a sentence, which fit is reused or cannot be.
    tells_reuse : bool
        Whether it is told of fits that are reused as they should be.
    method : {"nuts", "importance"}
        How fits are made; those made otherwise are not reused.
    """

    folder: Path
    say: Callable[[str], None]
    tells_reuse: bool = True
    method: Literal["nuts", "importance"] = "nuts"

    def find(
        self, study: Study, card: ModelCard, *, seed: int, settings: Any, without: Sequence[str] = ()
    ) -> Fit | None:
        """The stored fit of a card, None where there is none.

        Parameters
        ----------
        study : Study
            The data; also takes the place of the stored one, whose names and prose may be older.
        card : ModelCard
            The hypothesis.
        seed : int
            As given to `fit`.
        settings : SamplerSettings
            As given to `fit`.
        without : sequence of str
            Animals left out.
        """
        path = self._path(study, card, seed=seed, settings=settings, without=without)
        if not path.is_file():
            return None
        try:
            found = replace(Fit.load(path), study=study, card=card)
        except FitFileError as error:
            self.say(f"{error} It is ignored.")
            return None
        if self.tells_reuse and not without:
            self.say(f"{card.name}: stored fit reused ({path})")
        return found

    def keep(self, fit: Fit, *, settings: Any, without: Sequence[str] = ()) -> None:
        """Store a fit."""
        fit.save(self._path(fit.study, fit.card, seed=fit.seed, settings=settings, without=without))

    def refitting(self, refit: Refit, settings: Any) -> Refit:
        """The same way to fit again, which looks into the folder first."""

        def stored(fit: Fit, animals: Sequence[str]) -> Fit:
            found = self.find(fit.study, fit.card, seed=fit.seed, settings=settings, without=animals)
            if found is None:
                found = refit(fit, animals)
                self.keep(found, settings=settings, without=animals)
            return found

        return stored

    def _path(self, study: Study, card: ModelCard, *, seed: int, settings: Any, without: Sequence[str]) -> Path:
        """Digests do not see the order of arms and animals, but labels in a file have one."""
        order = [[arm.name for arm in study.arms], [str(a) for a in study.animals.index], list(study.level_labels)]
        sampler = {name: value for name, value in asdict(settings).items() if name != "cores"} | {"method": self.method}
        content = [study.digest, card.digest, str(seed), sampler, versions(), order, sorted(without)]
        key = hashlib.sha256(digest_of(content).encode()).hexdigest()[:24]
        name = re.sub(r"[^\w.-]", "_", card.name)
        return self.folder / f"{name}{'-without' if without else ''}-{key}.nc"


def _say(words: str) -> None:
    print(words, file=sys.stderr)
