"""Readings, days and animals out of line with the rest of a study: what a slip of typing or pasting looks like.

A tumour's log volume runs nearly straight from one visit to the next. How far the readings of a study depart from the
line through their neighbours says how rough the study is; one reading, or one day of nearly all animals, that departs
many times as far is asked about. See docs/study-files.md#what-check-asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from xenograft.study.study import Study

FAR, FAR_WITH_DIGITS = 5.0, 4.0
"""A reading this many robust standard deviations from the line through its neighbours is asked about; the second, where
the same digits in another order lie on the line."""
CALM = 3.0
"""Without that reading, its animal keeps within so many: else the whole animal is rough, and no reading misread."""
LEAST = np.log(1.4)
"""Smaller departures (log units) are not asked about: callipers and tumours differ as much."""
SMALLEST_SPREAD = 0.08
"""Standard deviation (log units) of a reading by callipers at its best."""
SMOOTHER = 0.8
"""Days are asked about if exchanging them leaves less than this share of the study's roughness (0.84 or more in twenty
published studies)."""
APART, ALIKE = 4.0, 2.0
"""Animals are asked about if they grow so many robust standard deviations unlike their arm, and so near to another."""
FEWEST_SORTED = 8
"""Animals whose readings of one day stand in order of size, from which on that is no chance."""
CALMER_WITHOUT = 0.5
"""A day is asked about as sorted by itself if the study without it has less than this share of its roughness."""
MOST_ANIMALS, MOST_DAYS = 300, 40
SHOWN = 5


def out_of_line_questions(study: Study) -> list[str]:
    """Questions about single readings, days and animals that are out of line.

    Parameters
    ----------
    study : Study
        As read.
    """
    lines = _lines_of(study)
    if lines is None:
        return []
    columns = [*_exchanged_days(lines), *_shifted_day(lines), *_sorted_day(study, lines)]
    return [*(columns[:1] or _single_readings(lines)), *_exchanged_animals(lines)]


@dataclass(frozen=True)
class _Lines:
    """Log volumes, one row per animal and one column per day (NaN where none was measured).

    Parameters
    ----------
    days : array (day)
    animals, arms : arrays of str (animal)
    log_volume : array (animal, day)
    """

    days: np.ndarray
    animals: np.ndarray
    arms: np.ndarray
    log_volume: np.ndarray


def _lines_of(study: Study) -> _Lines | None:
    """The measured readings that are not excluded; None where there are too few to say what is usual."""
    readings = study.readings[~study.readings["censored"]]
    if "exclude" in readings:
        readings = readings[readings["exclude"] == ""]
    if readings["day"].nunique() < 3 or readings["animal"].nunique() < 3:
        return None
    table = readings.assign(log_volume=np.log(readings["volume"])).pivot_table(
        index="animal", columns="day", values="log_volume", aggfunc="mean", sort=True
    )
    arm_of = dict(zip(readings["animal"], readings["arm"], strict=True))
    place = {arm.name: number for number, arm in enumerate(study.arms)}
    animals = sorted(arm_of, key=lambda animal: (place[arm_of[animal]], *_as_counted(animal)))
    table = table.reindex(animals)
    return _Lines(
        table.columns.to_numpy(dtype=float), np.array(animals, dtype=object),
        np.array([arm_of[animal] for animal in animals], dtype=object), table.to_numpy(dtype=float),
    )  # fmt: skip


def _as_counted(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts M2 before M10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"[0-9]+|[^0-9]+", name))


def _departures(days: np.ndarray, log_volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each reading is from the line through two others of its animal, in units of one reading's error.

    Returns
    -------
    departures : array (animal, day)
        From the line through the readings before and after; of a first or last reading, through the two next to it.
        Divided by the standard deviation that readings of error 1 would give it. NaN where an animal has fewer than 3.
    at_end : array of bool (animal, day)
        The first and last readings.
    """
    measured = np.isfinite(log_volume)
    number = measured.sum(axis=1)
    order = np.argsort(~measured, axis=1, kind="stable")  # each animal's readings first, by day
    y = np.take_along_axis(log_volume, order, axis=1)
    t = np.broadcast_to(days, log_volume.shape)
    t = np.take_along_axis(t, order, axis=1)
    place = np.arange(y.shape[1])
    last = (number - 1)[:, None]
    first_end, last_end = place[None, :] == 0, place[None, :] == last
    one = np.where(first_end, 1, np.where(last_end, last - 2, place - 1))
    other = np.where(first_end, 2, np.where(last_end, last - 1, place + 1))
    one, other = np.clip(one, 0, y.shape[1] - 1), np.clip(other, 0, y.shape[1] - 1)
    t_one, t_other = np.take_along_axis(t, one, axis=1), np.take_along_axis(t, other, axis=1)
    y_one, y_other = np.take_along_axis(y, one, axis=1), np.take_along_axis(y, other, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (t - t_one) / (t_other - t_one)
        found = (y - (1 - share) * y_one - share * y_other) / np.sqrt(1 + share**2 + (1 - share) ** 2)
    found = np.where((place[None, :] <= last) & (number[:, None] >= 3), found, np.nan)
    departures, at_end = np.full_like(log_volume, np.nan), np.zeros(log_volume.shape, dtype=bool)
    np.put_along_axis(departures, order, found, axis=1)
    np.put_along_axis(at_end, order, first_end | last_end, axis=1)
    return departures, at_end


def _spread(departures: np.ndarray) -> float:
    """Robust standard deviation: 1.4826 × median absolute value, not less than callipers' own."""
    found = np.abs(departures[np.isfinite(departures)])
    return max(1.4826 * float(np.median(found)), SMALLEST_SPREAD) if len(found) else SMALLEST_SPREAD


def _without_course_of_arm(lines: _Lines, departures: np.ndarray) -> np.ndarray:
    """Departures less the median of the arm on that day: an arm bends where its treatment begins to work."""
    found = departures.copy()
    for arm in np.unique(lines.arms):
        own = lines.arms == arm
        for day in range(found.shape[1]):
            column = departures[own, day]
            known = column[np.isfinite(column)]
            if len(known) >= 3:
                found[own, day] = column - np.median(known)
    return found


def _single_readings(lines: _Lines) -> Iterable[str]:
    departures, at_end = _departures(lines.days, lines.log_volume)
    departures = _without_course_of_arm(lines, departures)
    inner, outer = _spread(departures[~at_end]), _spread(departures[at_end])
    scale = np.where(at_end, outer, inner)
    with np.errstate(invalid="ignore"):
        far = np.abs(departures) / scale
    sentences: list[str] = []
    for animal in np.nonzero(np.nan_to_num(far).max(axis=1) > FAR_WITH_DIGITS)[0].tolist():
        found = _one_misread(lines, animal, far[animal], inner, outer)
        if found is None:
            continue
        day, expected = found
        volume = float(np.exp(lines.log_volume[animal, day]))
        scale = outer if at_end[animal, day] else inner
        turned = _digits_exchanged(volume, expected, LEAST / 2)
        if abs(departures[animal, day]) < FAR * scale and turned is None:
            continue
        question = "Is it misread?" if turned is None else f"Is it {turned}, with two digits exchanged?"
        sentences.append(
            f"Animal {lines.animals[animal]} ({lines.arms[animal]}): {volume:,.5g} on day {lines.days[day]:g}, where "
            f"its other readings lead one to expect some {expected:,.3g}. {question}"
        )
    yield from sentences[:SHOWN]
    if len(sentences) > SHOWN:
        yield f"… and {len(sentences) - SHOWN} more such readings."


def _one_misread(lines: _Lines, animal: int, far: np.ndarray, inner: float, outer: float) -> tuple[int, float] | None:
    """The one reading without which an animal is calm, and the volume its others lead to; None where there is none."""
    row = lines.log_volume[animal]
    if np.isfinite(row).sum() < 4:
        return None
    best, calm = None, np.inf
    for day in np.argsort(-np.nan_to_num(far))[:3].tolist():
        without = row.copy()
        without[day] = np.nan
        rest, ends = _departures(lines.days, without[None, :])
        worst = float(np.nanmax(np.abs(rest[0]) / np.where(ends[0], outer, inner)))
        if worst < calm:
            best, calm = day, worst
    if best is None or calm > CALM:
        return None
    others = np.nonzero(np.isfinite(row) & (np.arange(len(row)) != best))[0]
    before, after = others[others < best], others[others > best]
    one, other = (before[-1], after[0]) if len(before) and len(after) else others[:2] if len(after) else others[-2:]
    share = (lines.days[best] - lines.days[one]) / (lines.days[other] - lines.days[one])
    expected = (1 - share) * row[one] + share * row[other]
    if abs(row[best] - expected) < LEAST:
        return None
    return best, float(np.exp(expected))


def _digits_exchanged(volume: float, expected: float, near: float) -> str | None:
    """The volume with two digits beside each other exchanged that is about what is expected, None where none is."""
    text = f"{volume:.6g}"
    for at in range(len(text) - 1):
        first, second = text[at], text[at + 1]
        if not (first + second).isdigit() or first == second:
            continue
        turned = text[:at] + second + first + text[at + 2 :]
        if float(turned) > 0 and abs(np.log(float(turned) / expected)) < near:
            return f"{float(turned):g}"
    return None


def _exchanged_days(lines: _Lines) -> Iterable[str]:
    """Two days whose readings, exchanged, make nearly every animal smoother: columns pasted in the wrong order."""
    lines = replace(lines, log_volume=lines.log_volume[:MOST_ANIMALS])
    if lines.log_volume.shape[1] > MOST_DAYS:
        return
    roughness = _roughness(lines.days, lines.log_volume)
    best, least, pair = None, SMOOTHER * np.nansum(roughness), (0, 0)
    for one, other in combinations(range(len(lines.days)), 2):
        swapped = lines.log_volume.copy()
        swapped[:, [one, other]] = swapped[:, [other, one]]
        found = _roughness(lines.days, swapped)
        if np.nansum(found) < least:
            best, least, pair = found, float(np.nansum(found)), (one, other)
    if best is None:
        return
    both = np.isfinite(lines.log_volume[:, list(pair)]).all(axis=1) & np.isfinite(best)
    if both.sum() < 4 or (best[both] < roughness[both]).mean() < 0.8:
        return
    one, other = (f"{lines.days[day]:g}" for day in pair)
    yield (
        f"The readings of days {one} and {other} would fit nearly every animal better the other way round: did two "
        "columns, or two days, change places?"
    )


def _shifted_day(lines: _Lines) -> Iterable[str]:
    """A day whose readings would fit the animals beside theirs: a row pasted one cell too far."""
    log_volume = lines.log_volume[:MOST_ANIMALS]
    if log_volume.shape[1] > MOST_DAYS:
        return
    roughness = float(np.nansum(_roughness(lines.days, log_volume)))
    for day in range(len(lines.days)):
        for by in (-1, 1):
            shifted = log_volume.copy()
            shifted[:, day] = np.roll(log_volume[:, day], by)
            if np.nansum(_roughness(lines.days, shifted)) < SMOOTHER * roughness:
                yield (
                    f"The readings of day {lines.days[day]:g} would fit the animals beside theirs better: were they "
                    "entered one animal too far?"
                )
                return


def _sorted_day(study: Study, lines: _Lines) -> Iterable[str]:
    """A day whose readings ascend down the table and do not follow the animals' other days: sorted by itself."""
    place = {animal: number for number, animal in enumerate(dict.fromkeys(study.readings["animal"]))}
    written = np.argsort([place[animal] for animal in lines.animals])
    before = np.nansum(_roughness(lines.days, lines.log_volume))
    for day in range(len(lines.days)):
        column = lines.log_volume[written, day]
        steps = np.diff(column[np.isfinite(column)])
        if len(steps) + 1 < FEWEST_SORTED or not ((steps >= 0).all() or (steps <= 0).all()):
            continue
        without = lines.log_volume.copy()
        without[:, day] = np.nan
        if np.nansum(_roughness(lines.days, without)) < CALMER_WITHOUT * before:
            yield (
                f"The readings of day {lines.days[day]:g} are in order of size down the table, and do not follow those "
                "of other days: was one column sorted without the others?"
            )


def _exchanged_animals(lines: _Lines) -> Iterable[str]:
    """Two animals of two arms, each of which grows like the arm of the other and unlike its own."""
    with np.errstate(invalid="ignore"):
        centred = lines.log_volume - np.nanmean(lines.log_volume, axis=1, keepdims=True)
        day = np.where(np.isfinite(lines.log_volume), lines.days, np.nan)
        day = day - np.nanmean(day, axis=1, keepdims=True)
        square = np.nansum(day**2, axis=1)
        rate = np.where(square > 0, np.nansum(day * centred, axis=1) / np.where(square > 0, square, 1.0), np.nan)
    arms = [arm for arm in np.unique(lines.arms) if np.isfinite(rate[lines.arms == arm]).sum() >= 3]
    median = {arm: float(np.nanmedian(rate[lines.arms == arm])) for arm in arms}
    within = np.array([rate[i] - median[arm] for i, arm in enumerate(lines.arms) if arm in median])
    if len(arms) < 2 or not len(within):
        return
    spread = max(1.4826 * float(np.nanmedian(np.abs(within))), SMALLEST_SPREAD / (lines.days[-1] - lines.days[0]))
    found: list[tuple[int, int]] = []
    for one, other in combinations(arms, 2):
        if abs(median[one] - median[other]) < APART * spread:
            continue
        strangers = [
            [i for i in np.nonzero(lines.arms == own)[0].tolist()
             if abs(rate[i] - median[own]) > APART * spread and abs(rate[i] - median[theirs]) < ALIKE * spread]
            for own, theirs in ((one, other), (other, one))
        ]  # fmt: skip
        if all(len(own) == 1 for own in strangers):
            found.append((strangers[0][0], strangers[1][0]))
    if len(found) == 1:
        first, second = found[0]
        yield (
            f"Animal {lines.animals[first]} ({lines.arms[first]}) grows like arm {lines.arms[second]}, and "
            f"{lines.animals[second]} ({lines.arms[second]}) like arm {lines.arms[first]}: did they change places?"
        )


def _roughness(days: np.ndarray, log_volume: np.ndarray) -> np.ndarray:
    departures, _ = _departures(days, log_volume)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(departures).any(axis=1), np.nansum(np.abs(departures), axis=1), np.nan)
