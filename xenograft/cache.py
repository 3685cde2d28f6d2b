"""Stored fits: what was fitted before with the same data, card, seed, settings and versions is not fitted again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xenograft.cards import ModelCard
from xenograft.comparison import Refit
from xenograft.digests import digest_of
from xenograft.errors import FitFileError
from xenograft.fitted import Fit, versions
from xenograft.study import Study


@dataclass(frozen=True)
class FitStore:
    """A folder of fits, each under a name that tells what it depends on.

    Parameters
    ----------
    folder : Path
        Made when the first fit is kept; files may be deleted at any time.
    say : callable
        Told, in a sentence, which fit is reused or cannot be.
    """

    folder: Path
    say: Callable[[str], None]

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
        if not without:
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
        sampler = {name: value for name, value in asdict(settings).items() if name != "cores"}
        content = [study.digest, card.digest, str(seed), sampler, versions(), order, sorted(without)]
        key = hashlib.sha256(digest_of(content).encode()).hexdigest()[:24]
        name = re.sub(r"[^\w.-]", "_", card.name)
        return self.folder / f"{name}{'-without' if without else ''}-{key}.nc"
