"""Animals to arms: randomised so that the arms start with tumours of the same size, cages spread over the arms."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xenograft.errors import InputError, did_you_mean, missing_file, quoted

TRIES = 1000
"""Random allocations among which the best balanced is taken (re-randomisation, Morgan and Rubin 2012)."""


@dataclass(frozen=True, eq=False)
class Allocation:
    """Which animal gets which treatment, and how it was decided.

    Parameters
    ----------
    table : DataFrame
        One row per animal in the order given: `animal`, `volume` (mm³), `cage` where there are cages, `arm` (str, empty
        for an animal that is not needed).
    arms : tuple of str
        Names of the arms.
    seed : int
        The same baselines, arms and seed give the same allocation.
    tries : int
        Random allocations among which this is the best balanced.
    imbalance : float
        Largest difference between two arms in the mean of the log baselines, plus the largest in their standard
        deviation (log units); 0 is perfect balance.
    plain_imbalance : float
        The same of the first of the tries: what randomisation without balancing would have given.
    """

    table: pd.DataFrame
    arms: tuple[str, ...]
    seed: int
    tries: int
    imbalance: float
    plain_imbalance: float

    @property
    def balance(self) -> pd.DataFrame:
        """The baselines of each arm: animals, geometric mean, sd of the log, smallest, largest, cages."""
        given = self.table[self.table["arm"] != ""]
        by_arm = given.assign(log=np.log(given["volume"])).groupby("arm")
        table = pd.DataFrame(
            {
                "animals": by_arm.size(),
                "geometric mean": np.exp(by_arm["log"].mean()),
                "sd of log": by_arm["log"].std(),
                "smallest": by_arm["volume"].min(),
                "largest": by_arm["volume"].max(),
            }
        )
        if "cage" in given:
            table["cages"] = by_arm["cage"].nunique()
        return table.loc[list(self.arms)].rename_axis("arm").reset_index()

    @property
    def sentences(self) -> tuple[str, ...]:
        """How it was decided, and which animals are not needed."""
        spare = self.table.loc[self.table["arm"] == "", "animal"]
        left = (f"Not needed, farthest from the median baseline: {', '.join(spare)}.",) if len(spare) else ()
        return (
            f"Best of {self.tries} random allocations (seed {self.seed}). Largest difference between arms in mean and "
            f"sd of the log baseline, added: {self.imbalance:.3f}; of the first of them: {self.plain_imbalance:.3f}.",
            *left,
        )


def read_baselines(path: str | Path) -> pd.DataFrame:
    """Read the animals to allocate.

    Parameters
    ----------
    path : str or Path
        A CSV or TSV file with the columns animal and volume (mm³), and cage where animals share cages; one row each.

    Returns
    -------
    DataFrame
        `animal` (str), `volume` (float), and `cage` (str) where given.

    Raises
    ------
    InputError
        With a sentence for everything in the file that cannot be allocated.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            rows = [row for row in csv.reader(opened, delimiter=separator) if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise InputError(missing_file(path)) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f'{path.name}: is not a table of UTF-8 text. Save it as "CSV UTF-8".') from None
    if len(rows) < 2:
        raise InputError(f"{path.name}: has no rows. Give a header with animal and volume, and one row per animal.")
    header = [name.strip() for name in rows[0]]
    absent = [part for part in ("animal", "volume") if part not in header]
    if absent:
        raise InputError([_absent(path.name, part, header) for part in absent])
    cells = pd.DataFrame([[cell.strip() for cell in _fitted(row, len(header))] for row in rows[1:]], columns=header)
    problems = [f"{path.name}, row {row + 2}: {finding}" for row, finding in _cell_problems(cells)]
    if problems:
        raise InputError(problems)
    return cells[[part for part in ("animal", "volume", "cage") if part in header]].astype({"volume": float})


def allocate(
    baselines: pd.DataFrame, arms: Sequence[str], per_arm: int, *, seed: int, tries: int = TRIES
) -> Allocation:
    """Put animals into arms at random, so that the arms start with tumours of the same size.

    The best balanced of many random allocations is taken. Animals of a cage are spread over as many arms as possible.
    Animals that are not needed are those whose log baseline is farthest from the median.

    Parameters
    ----------
    baselines : DataFrame
        As from `read_baselines`.
    arms : sequence of str
        Names of the arms.
    per_arm : int
        Animals in each arm.
    seed : int
        The same seed gives the same allocation.
    tries : int
        Random allocations to choose from; 1 is plain randomisation (within cages, where there are any).

    Raises
    ------
    InputError
        There are too few animals, or the arms cannot be told apart.
    """
    problems = list(_request_problems(baselines, arms, per_arm, tries))
    if problems:
        raise InputError(problems)
    log_volume = np.log(baselines["volume"].to_numpy(dtype=float))
    farthest_last = np.argsort(np.abs(log_volume - np.median(log_volume)), kind="stable")
    needed = np.sort(farthest_last[: len(arms) * per_arm])
    cage = baselines["cage"].to_numpy()[needed] if "cage" in baselines else np.zeros(len(needed))
    rng = np.random.default_rng(seed)
    drawn = np.stack([_random_arms(cage, len(arms), rng) for _ in range(tries)])
    imbalance = _imbalances(log_volume[needed], drawn, len(arms))
    best = int(np.argmin(imbalance))
    arm = np.full(len(baselines), "", dtype=object)
    arm[needed] = np.array(arms, dtype=object)[drawn[best]]
    table = baselines.reset_index(drop=True).assign(arm=arm)
    return Allocation(table, tuple(arms), seed, tries, float(imbalance[best]), float(imbalance[0]))


def _random_arms(cage: NDArray[np.generic], arms: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The arm of each animal: cages and the animals in them in random order, arms in rotation in random order.

    Every arm gets the same number, and no two arms differ by more than one animal of a cage.
    """
    _, cage_of = np.unique(cage, return_inverse=True)
    order = np.lexsort((rng.random(len(cage)), rng.permutation(cage_of.max() + 1)[cage_of]))
    drawn = np.empty(len(cage), dtype=np.int64)
    drawn[order] = rng.permutation(arms)[np.arange(len(cage)) % arms]
    return drawn


def _imbalances(log_volume: NDArray[np.float64], drawn: NDArray[np.int64], arms: int) -> NDArray[np.float64]:
    """The imbalance (see `Allocation`) of each allocation (try, animal)."""
    member = drawn[:, None, :] == np.arange(arms)[:, None]
    number = member.sum(axis=-1)
    mean = (member * log_volume).sum(axis=-1) / number
    square = (member * (log_volume - mean[..., None]) ** 2).sum(axis=-1)
    return np.ptp(mean, axis=-1) + np.ptp(np.sqrt(square / np.maximum(number - 1, 1)), axis=-1)


def _request_problems(baselines: pd.DataFrame, arms: Sequence[str], per_arm: int, tries: int) -> Iterable[str]:
    if len(arms) < 2 or len(set(arms)) < len(arms) or not all(arms):
        yield f"arms: {', '.join(arms) or '(none)'} are not two or more different names. Name each arm once."
    if per_arm < 1:
        yield f"per-arm: {per_arm} animals per arm; it must be 1 or more."
    if tries < 1:
        yield f"tries: {tries}; it must be 1 or more."
    asked = len(arms) * per_arm
    if asked > len(baselines):
        yield (
            f"baselines: {len(baselines)} animals for {len(arms)} arms of {per_arm}, which need {asked}. "
            "Add animals, or ask for fewer."
        )


def _absent(place: str, part: str, header: Sequence[str]) -> str:
    columns = ", ".join(name for name in header if name)
    return f'{place}: there is no column "{part}".{did_you_mean(part, header)} Rename one of its columns: {columns}.'


def _fitted(row: Sequence[str], width: int) -> list[str]:
    return [*row[:width], *[""] * (width - len(row))]


def _cell_problems(cells: pd.DataFrame) -> Iterable[tuple[int, str]]:
    seen: dict[str, int] = {}
    for row, (animal, volume) in enumerate(zip(cells["animal"], cells["volume"], strict=True)):
        if not animal:
            yield row, "animal is blank. Every row needs the animal's name."
        elif animal in seen:
            yield row, f"animal {animal} is in row {seen[animal] + 2} already. Give one baseline per animal."
        else:
            seen[animal] = row
        if not _is_volume(volume):
            yield row, f"volume is {quoted(volume)}; it must be a number above 0. Correct it, or remove the animal."
        if "cage" in cells and not cells["cage"].iloc[row]:
            yield row, "cage is blank. Name the cage of every animal, or remove the column."


def _is_volume(text: str) -> bool:
    try:
        return 0 < float(text) < np.inf
    except ValueError:
        return False
