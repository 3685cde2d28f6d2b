"""What a calibration found, as it is kept: ranks by twentieths, coverage, and whether it is still of the card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from xenograft.errors import InputError, missing_file
from xenograft.files import write_text
from xenograft.fitting.fit import versions
from xenograft.model.card import ModelCard

SCHEMA = "xenograft-calibration/1"
LEVEL = 0.99
"""Probability that no quantity of a calibrated card leaves its band."""

FAILED_AT_MOST = 0.05
"""Share of the fits that may fail to converge."""

PARTS = 20
"""Equal parts into which the unit interval is cut; the distribution function is looked at where they meet."""


@dataclass(frozen=True)
class Calibration:
    """The calibration of a card.

    Parameters
    ----------
    card, digest : str
        The card's name, and what it said.
    seed : int
        Of the calibration.
    studies, failed, redrawn : int
        Simulated and fitted; of these not converged; and studies drawn again since no computer could hold a reading.
    reasons : mapping of str to int
        Why fits failed.
    settings : mapping of str to int
        Draws and tuning of each chain, chains.
    simulator : str
        What the studies were simulated with.
    below : mapping of str to tuple of int
        Of each quantity, how many ranks are at or below 1/20, 2/20, … 19/20.
    covered_50, covered_95 : mapping of str to int
        In how many studies the central 50 % and 95 % interval holds the truth.
    versions : mapping of str to str
        Of the packages.
    """

    card: str
    digest: str
    seed: int
    studies: int
    failed: int
    redrawn: int
    reasons: Mapping[str, int]
    settings: Mapping[str, int]
    simulator: str
    below: Mapping[str, tuple[int, ...]]
    covered_50: Mapping[str, int]
    covered_95: Mapping[str, int]
    versions: Mapping[str, str] = field(default_factory=versions)

    @property
    def ranked(self) -> int:
        """Studies whose fits converged."""
        return self.studies - self.failed

    @property
    def quantity_level(self) -> float:
        """Probability that one calibrated quantity stays within its band, so that all do with `LEVEL` (Bonferroni)."""
        return 1 - (1 - LEVEL) / max(len(self.below), 1)

    @property
    def outside(self) -> tuple[str, ...]:
        """Quantities whose ranks are not uniform."""
        if not self.ranked:
            return tuple(self.below)
        lower, upper = band(self.ranked, self.quantity_level)
        counts = {name: np.array(count) for name, count in self.below.items()}
        return tuple(name for name, count in counts.items() if ((count < lower) | (count > upper)).any())

    @property
    def passed(self) -> bool:
        """Whether every rank is uniform and nearly all fits converged."""
        return bool(self.below) and not self.outside and self.failed <= FAILED_AT_MOST * self.studies


def calibration_of(
    card: ModelCard,
    outcomes: Mapping[str, Mapping[str, Any]],
    *,
    seed: int,
    settings: Mapping[str, int],
    simulator: str,
) -> Calibration:
    """Count the ranks of all studies.

    Parameters
    ----------
    card : ModelCard
        What was fitted.
    outcomes : mapping
        Of each study: `ranks` and `redrawn`, or `failed`.
    seed, settings, simulator
        As in `Calibration`.
    """
    ranked = [outcome for outcome in outcomes.values() if "failed" not in outcome]
    table = pd.DataFrame([outcome["ranks"] for outcome in ranked])
    reasons = Counter(str(outcome["failed"]) for outcome in outcomes.values() if "failed" in outcome)
    middle = (table - 0.5).abs()
    return Calibration(
        card=card.name,
        digest=card.digest,
        seed=seed,
        studies=len(outcomes),
        failed=len(outcomes) - len(ranked),
        redrawn=sum(outcome.get("redrawn", 0) for outcome in outcomes.values()),
        reasons=dict(reasons),
        settings=dict(settings),
        simulator=simulator,
        below={str(name): tuple(counts_below(ranks).tolist()) for name, ranks in table.items()},
        covered_50={str(name): int((distance <= 0.25).sum()) for name, distance in middle.items()},
        covered_95={str(name): int((distance <= 0.475).sum()) for name, distance in middle.items()},
    )


def write_calibration(path: str | Path, found: Calibration) -> None:
    """Write a calibration as JSON, a line per quantity."""
    content = {"schema": SCHEMA, **asdict(found)}
    lines = [f"  {json.dumps(key)}: {_indented(value)}" for key, value in content.items()]
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def read_calibration(path: str | Path) -> Calibration:
    """Read what `write_calibration` wrote.

    Raises
    ------
    InputError
        The file is missing or is no calibration.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise ValueError(SCHEMA)
        below = {name: tuple(counts) for name, counts in content.pop("below").items()}
        return Calibration(below=below, **content)
    except FileNotFoundError:
        raise InputError(missing_file(path)) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(f"{path}: this is no calibration. Run `xenograft calibrate` again.") from None


def problems_of_calibration(place: str, found: Calibration, card: ModelCard) -> list[str]:
    """A sentence for everything that keeps a stored calibration from saying that the card is calibrated.

    Parameters
    ----------
    place : str
        What sentences call the file.
    found : Calibration
        As stored.
    card : ModelCard
        As it is now.
    """
    again = f"Run `xenograft calibrate -m {card.name}` again."
    if found.digest != card.digest:
        return [f"{place}: it is of the card {found.card} as it was, and the card has changed. {again}"]
    problems: list[str] = []
    if found.outside:
        problems.append(
            f"{place}: ranks of {', '.join(found.outside)} are not uniform over {found.ranked} studies. "
            "Do not use the card before the reason is found."
        )
    if found.failed > FAILED_AT_MOST * found.studies:
        problems.append(f"{place}: {found.failed} of {found.studies} fits did not converge. Find out why first.")
    return problems


def calibration_table(found: Mapping[str, Calibration]) -> pd.DataFrame:
    """A row per card: studies, failed fits, quantities ranked, those not uniform, coverage of the excess and of all."""
    rows = [
        {
            "card": calibration.card,
            "studies": calibration.studies,
            "failed fits": calibration.failed,
            "quantities": len(calibration.below),
            "not uniform": ", ".join(calibration.outside) or "none",
            "excess in 50 %": _share(calibration.covered_50, calibration.ranked, "excess"),
            "excess in 95 %": _share(calibration.covered_95, calibration.ranked, "excess"),
            "all in 50 %": _share(calibration.covered_50, calibration.ranked),
            "all in 95 %": _share(calibration.covered_95, calibration.ranked),
        }
        for calibration in found.values()
    ]
    return pd.DataFrame(rows)


def _share(covered: Mapping[str, int], ranked: int, word: str = "") -> str:
    """Covered truths in percent, of the quantities whose name holds a word."""
    counts = [count for name, count in covered.items() if word in name]
    return f"{100 * np.mean(counts) / ranked:.1f} %" if counts and ranked else "–"


def _indented(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    rows = [f"    {json.dumps(key, ensure_ascii=False)}: {json.dumps(one)}" for key, one in value.items()]
    return "{\n" + ",\n".join(rows) + "\n  }"


def places() -> NDArray[np.float64]:
    """Where the distribution function is looked at: 1/20, 2/20, … 19/20."""
    return np.arange(1, PARTS) / PARTS


def counts_below(values: ArrayLike) -> NDArray[np.int64]:
    """How many values are at or below each of `places`.

    Parameters
    ----------
    values : array (study)
        Between 0 and 1.
    """
    return np.searchsorted(np.sort(np.asarray(values, dtype=float)), places(), side="right")


@lru_cache(maxsize=64)
def band(number: int, level: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest and largest counts that uniform values keep to at all `places` at once.

    Parameters
    ----------
    number : int
        How many values there are.
    level : float
        Probability that uniform values stay within at every place.

    Returns
    -------
    lower, upper : int arrays (place)
        Quantiles of the binomial distributions at one pointwise level, the largest tail that keeps `level`
        (Säilynoja, Bürkner & Vehtari 2022, Stat Comput 32:32, their exact recursion).
    """
    low, high = 0.0, (1 - level) / 2  # of each tail; the larger, the narrower the band
    for _ in range(30):
        tail = (low + high) / 2
        if _inside(number, *_pointwise(number, tail)) >= level:
            low = tail
        else:
            high = tail
    return _pointwise(number, low)


def _pointwise(number: int, tail: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if tail <= 0:
        return np.zeros(PARTS - 1, dtype=np.int64), np.full(PARTS - 1, number)
    lower, upper = (stats.binom.ppf(share, number, places()).astype(np.int64) for share in (tail, 1 - tail))
    return np.maximum(lower, 0), upper


def _inside(number: int, lower: NDArray[np.int64], upper: NDArray[np.int64]) -> float:
    """Probability that the counts of uniform values are within at every place, one place after the other."""
    count, probability, before = np.array([0]), np.array([1.0]), 0.0
    for place, least, most in zip(places(), lower, upper, strict=True):
        after = np.arange(least, most + 1)
        step = stats.binom.pmf(after[:, None] - count, number - count, (place - before) / (1 - before))
        count, probability, before = after, step @ probability, float(place)
    return float(probability.sum())
