"""What a reader of a study should know, and what a careful one would ask: nothing is an error, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from xenograft.errors import quoted
from xenograft.printing import listed
from xenograft.reading.cages import cage_notices, cage_questions
from xenograft.reading.leaving import carried_forward, leaving_notices, leaving_questions
from xenograft.reading.levels import floor_value
from xenograft.reading.out_of_line import out_of_line_questions
from xenograft.reading.problems import place_of
from xenograft.reading.schema import Formula, StudyEntry
from xenograft.reading.study_toml import counted
from xenograft.study.flattening import flattenings
from xenograft.study.study import Arm, Study
from xenograft.study.tables import unit_in_print
from xenograft.study.tested import comparators, untested, why_not_judged

_FORMULA_WORDS: Mapping[Formula, str] = {
    "1/2 L W^2": "½ · length · width²",
    "pi/6 L W^2": "π/6 · length · width²",
    "0.52 L W^2": "0.52 · length · width²",
    "1/2 L W H": "½ · length · width · height",
    "pi/6 L W H": "π/6 · length · width · height",
}


JUMP, JUMP_DAYS = 5.0, 2.0
"""A tumour does not become five times larger or smaller in two days: lines double in 8 to 14 days.

See models/README.md#where-the-priors-come-from.
"""
SPIKE = 4.0
"""A reading this many times above both its neighbours (or below both), and as far from its arm, is asked about."""
OUTLYING = 4.0
"""Robust standard deviations (1.4826 × median absolute deviation) from its arm's median growth rate."""
SMALLEST_SPREAD = 0.01
"""Growth rates (1/day) closer to their arm's median than four times this are not asked about."""
PLAUSIBLE_BASELINE = (5.0, 5000.0)
"""Median baselines (mm³) outside this range are usually cm³ taken for mm³, or the reverse."""
FEWEST = 5
SHOWN = 5
_BLANK = ("", "na", "nan", "n/a", ".")


def notices_of(study: Study, place: str, rows: pd.DataFrame, entry: StudyEntry) -> list[str]:
    """Sentences about readings left out, words taken as readings, arms not analysed, what is not fitted, and leaving.

    Parameters
    ----------
    study : Study
        As read.
    place : str
        Name of its table.
    rows : DataFrame
        From `rows_in_our_words`, the analysed arms, animals as the study names them.
    entry : StudyEntry
        What study.toml says.
    """
    more = [*_fit_notices(study, rows), *leaving_notices(study), *carried_forward(study), *cage_notices(study)]
    return [*_arm_notices(study), *_table_notices(place, rows, entry), *more]


def questions_about(study: Study) -> list[str]:
    """Questions that a study's readings raise.

    Parameters
    ----------
    study : Study
        As read; nothing in it is changed.

    Returns
    -------
    list of str
        About the unit, impossible jumps, readings, days and animals out of line with the rest, growth unlike the rest
        of the arm, readings carried forward, and arms whose readings stop falling near the study's smallest volumes.
    """
    jumps = list(_jumps(study))
    asked = {sentence.split(" on day ")[0] for sentence in jumps}  # of the same reading, one question is enough
    out_of_line = [line for line in out_of_line_questions(study) if line.split(" on day ")[0] not in asked]
    left = [*carried_forward(study), *leaving_questions(study)]
    others = [*_outlying_growth(study), *left, *_floors(study), *cage_questions(study)]
    return [*_doses_of_some_arms(study), *_unit_questions(study), *jumps, *out_of_line, *others]


def _arm_notices(study: Study) -> Iterable[str]:
    for name, animals in study.ignored.items():
        yield f"Arm {name} ({counted(animals, 'animal')}) is listed with ignore = true and not analysed."
    if not study.combinations:
        treated = [arm.name for arm in study.arms if arm.dosings]
        judged = f": {listed(treated)} {'is' if len(treated) == 1 else 'are'} judged against {study.control.name}"
        yield f"No arm receives two agents or more, so there is no interaction to judge{judged if treated else ''}."
    alone: dict[str, list[str]] = {}
    for combination in study.combinations:
        references = study.reference_arms(combination)
        never = untested(study, combination)
        for dosing in combination.dosings:
            if references[dosing.agent] is None and dosing not in never:
                alone.setdefault(dosing.label(), []).append(combination.name)
    for label, names in alone.items():
        yield (
            f"No arm receives {label} alone on the days of {', '.join(names)}: "
            "the reference uses the model's own curve for it, not an arm."
        )
    for combination in study.combinations:
        if reason := why_not_judged(study, combination):
            against = listed([arm.name for arm in comparators(study, combination)])
            yield (
                f"Nothing can be concluded on the interaction of {combination.name}: {reason}. "
                f"It is compared with {against}."
            )
        elif len(combination.dosings) > 2:
            yield _what_a_triple_tells(study, combination)


def _doses_of_some_arms(study: Study) -> Iterable[str]:
    """An agent whose dose some arms say and others do not counts as two different treatments."""
    for agent in dict.fromkeys(agent for agent, _ in study.levels):
        given = [(arm.name, dosing) for arm in study.arms for dosing in arm.dosings if dosing.agent == agent]
        silent = [name for name, dosing in given if dosing.level is None]
        said = {dosing.label(): name for name, dosing in given if dosing.level is not None}
        if silent and said:
            label, name = next(iter(said.items()))
            yield (
                f"{listed(silent)} {'gives' if len(silent) == 1 else 'give'} {agent} without a dose, and {name} gives "
                f"{label}: the two count as different treatments. Are they the same? Then write the dose in "
                f"{listed(silent)} too."
            )


def _what_a_triple_tells(study: Study, combination: Arm) -> str:
    """Which smaller combinations are arms decides what a combination of three agents or more can be judged against."""
    given = {frozenset(arm.dosings): arm.name for arm in study.combinations}
    sizes = range(2, len(combination.dosings))
    smaller = [part for size in sizes for part in combinations(combination.dosings, size)]
    arms = [given[frozenset(part)] for part in smaller if frozenset(part) in given]
    labels = [" + ".join(dosing.label() for dosing in part) for part in smaller if frozenset(part) not in given]
    judged = f"{combination.name} is judged against its single agents"
    if arms:
        judged += f", and against {listed(arms)} with the agents that are not in it"
    if not labels:
        return f"{judged}."
    missing = f"{listed(labels)} {'is no arm' if len(labels) == 1 else 'are no arms'}"
    return f"{judged}; {missing}, so its interaction cannot be told apart from theirs."


def _table_notices(place: str, rows: pd.DataFrame, entry: StudyEntry) -> Iterable[str]:
    missing = rows[rows["missing"] & (rows["left"] == "")]
    if "cell" in rows:  # a wide table has blank cells after every animal that left: only the gaps are worth a word
        last = rows[~rows["missing"]].groupby("animal")["day_number"].max()
        missing = missing[missing["day_number"] < missing["animal"].map(last).astype(float)]
    if len(missing):
        where = place_of("", rows, missing.index[0]).removeprefix(", ")
        cells = [word for part in ("volume", "length") if part in rows for word in missing[part].unique().tolist()]
        words = [word for word in cells if word.lower() not in _BLANK]
        said = f"blank or {_or(words)}" if words else "blank"
        count = counted(len(missing), "reading")
        yield f"{place}: {count} left out because the volume is {said} (the first in {where})."
    gone = rows[rows["left"] != ""]
    if len(gone):
        words = _or(gone["left"].unique().tolist())
        yield f"{place}: {counted(gone['animal'].nunique(), 'animal')} marked as gone in place of a reading ({words})."
    words = rows.loc[rows["below"] & ~rows["missing"], "volume"] if "volume" in rows else pd.Series(dtype="str")
    words = words[~words.str.startswith(("<", "≤"))]
    if len(words):
        said = _or(words.unique().tolist())
        yield f"{place}: {counted(len(words), 'reading')} of {said} taken as at or below the limit of quantification."
    if "width" in rows:
        wider = rows.index[rows["width_number"] > rows["length_number"]]
        if len(wider):
            where = place_of("", rows, wider[0]).removeprefix(", ")
            count = counted(len(wider), "reading")
            used = _FORMULA_WORDS[entry.volume_formula]
            yield f"{place}: {count} with a width above the length (the first in {where}), used as {used}."


def _or(words: Sequence[str]) -> str:
    return " or ".join(quoted(word) for word in words[:5]) + (" …" if len(words) > 5 else "")


def _fit_notices(study: Study, rows: pd.DataFrame) -> Iterable[str]:
    readings, day = study.readings, f"the first dose (day {study.first_dose:g})"
    fitted = study.fitted_readings
    if study.fit_from is not None:
        yield f"Readings from day {study.fit_from:g} on are fitted (fit_from), not from the last one before {day} on."
    else:
        late = study.animals.index[study.animals["baseline"].isna()].tolist()
        if late:
            yield f"{_named(late, 'animal')} without a reading on or before {day}, fitted from the first reading."
    excluded = readings["exclude"].ne("") if "exclude" in readings else pd.Series(data=False, index=readings.index)
    earlier = len(readings) - len(fitted) - int(excluded.sum())
    if earlier:
        yield f"{counted(earlier, 'earlier reading')} kept and drawn, not fitted."
    if excluded.any():
        reasons = "; ".join(
            f"{reason}: {_named(found['animal'].unique().tolist(), 'animal')}"
            for reason, found in readings[excluded].groupby("exclude", sort=False)
        )
        yield f"{counted(int(excluded.sum()), 'reading')} excluded, kept and drawn, not fitted ({reasons})."
    idle = [animal for animal in rows["animal"].unique().tolist() if animal not in study.animals.index]
    if idle:
        yield f"{_named(idle, 'animal')} without a reading to fit, not analysed."


def _named(names: Sequence[str], thing: str) -> str:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{counted(len(names), thing)} ({shown})"


def _unit_questions(study: Study) -> Iterable[str]:
    baseline = float(study.animals["baseline"].median())
    if study.unit != "mm3" or not np.isfinite(baseline):
        return
    low, high = PLAUSIBLE_BASELINE
    if baseline < low:
        yield f'The median baseline is {baseline:.2g} mm³: are the volumes in cm³? Then write unit = "cm3".'
    elif baseline > high:
        yield f'The median baseline is {baseline:,.0f} mm³: are the volumes in mm³? Then write unit = "mm3".'


def _jumps(study: Study) -> Iterable[str]:
    """Readings that are far from the one before and the one after in one direction, or from the one before alone."""
    readings = _measured(study)
    if (floor := floor_value(study)) is not None:  # asked about as what is written for no tumour
        readings = readings[readings["volume"] != floor]
    columns = ["day", "volume", "log_volume"]
    groups = readings.groupby("animal", sort=False)
    before, after = groups[columns].shift(), groups[columns].shift(-1)
    up, down = readings["log_volume"] - before["log_volume"], readings["log_volume"] - after["log_volume"]
    spikes = (np.sign(up) == np.sign(down)) & (np.minimum(up.abs(), down.abs()) >= np.log(SPIKE))
    arms = readings.groupby(["arm", "day"])["log_volume"]
    unlike = (readings["log_volume"] - arms.transform("median")).abs() >= np.log(SPIKE)
    spikes &= unlike | arms.transform("size").lt(FEWEST)
    days = readings["day"] - before["day"]
    jumped = up.abs() >= np.log(JUMP) * np.maximum(days, JUMP_DAYS) / JUMP_DAYS
    asked = jumped & jumped.groupby(readings["animal"]).shift(-1, fill_value=False)  # there and back, each asked about
    answered = pd.Series(data=False, index=readings.index)
    decades_away = (readings["log_volume"] - (before["log_volume"] + after["log_volume"]) / 2) / np.log(10)
    sentences: list[str] = []
    for row in readings.index[spikes]:
        animal, arm, day, volume = readings.loc[row, ["animal", "arm", "day", "volume"]]
        decades = float(decades_away[row])
        ten = abs(abs(decades) - round(abs(decades))) < 0.25 and round(abs(decades)) >= 1
        if asked[row] and not ten:
            continue
        answered[row] = True
        times = {1: "ten", 2: "a hundred", 3: "a thousand"}.get(round(abs(decades)), "many")
        word = f"{times} times too {'large' if decades > 0 else 'small'}" if ten else "right"
        earlier, later = (f"{beside['volume'][row]:,.4g} on day {beside['day'][row]:g}" for beside in (before, after))
        seen = f"Animal {animal} ({arm}): {volume:,.4g} on day {day:g}, between {earlier} and {later}"
        sentences.append(f"{seen}. Is it {word}?")
    spiked = answered | answered.groupby(readings["animal"]).shift(fill_value=False)
    found = readings[jumped & ~spiked]
    sentences += [
        f"Animal {animal} ({arm}): {np.exp(first):,.4g} on day {start:g}, {np.exp(log_volume):,.4g} on day {day:g}. "
        "Is one of the two misread?"
        for animal, arm, day, log_volume, start, first in zip(
            found["animal"], found["arm"], found["day"], found["log_volume"],
            before.loc[found.index, "day"], before.loc[found.index, "log_volume"], strict=True,
        )
    ]  # fmt: skip
    yield from _shortened(sentences, "such jump")


def _outlying_growth(study: Study) -> Iterable[str]:
    readings = _measured(study)
    readings = readings[readings.groupby("animal")["day"].transform("size") >= 3]
    centred = readings[["day", "log_volume"]] - readings.groupby("animal")[["day", "log_volume"]].transform("mean")
    sums = pd.DataFrame({"animal": readings["animal"], "arm": readings["arm"]}).assign(
        product=centred["day"] * centred["log_volume"], square=centred["day"] ** 2
    )
    animals = sums.groupby("animal", sort=False).agg(
        arm=("arm", "first"), product=("product", "sum"), square=("square", "sum")
    )
    animals["rate"] = animals["product"] / animals["square"]
    sentences: list[str] = []
    for arm, found in animals.groupby("arm", sort=False):
        if len(found) < FEWEST:
            continue
        median = found["rate"].median()
        spread = max(1.4826 * (found["rate"] - median).abs().median(), SMALLEST_SPREAD)
        for animal, rate in found.loc[(found["rate"] - median).abs() > OUTLYING * spread, "rate"].items():
            sentences.append(
                f"Animal {animal} ({arm}) grows by {rate:+.3f} per day, its arm by {median:+.3f}. "
                "Was it dosed, and is it in the right arm?"
            )
    yield from _shortened(sentences, "such animal")


def _floors(study: Study) -> Iterable[str]:
    unit = unit_in_print(study.unit)
    for found in flattenings(study).values():
        limit = (
            "" if study.limit_of_quantification is not None else " Where it is a limit, give limit_of_quantification."
        )
        yield (
            f"Arm {found.arm}: its readings stop falling from day {found.day:g} on, at {found.volume:.3g} {unit}, "
            "near the smallest of the study. Is that the least that is measured, or tissue that is no tumour?"
            f"{limit} Models with a residual are fitted as well."
        )


def _measured(study: Study) -> pd.DataFrame:
    """Measured readings that are not excluded, with the natural log of their volume."""
    readings = study.readings[~study.readings["censored"]]
    if "exclude" in readings:
        readings = readings[readings["exclude"] == ""]
    return readings.assign(log_volume=np.log(readings["volume"]))


def _shortened(sentences: Sequence[str], thing: str) -> Iterable[str]:
    yield from sentences[:SHOWN]
    if len(sentences) > SHOWN:
        yield f"… and {counted(len(sentences) - SHOWN, f'more {thing}')}."
