"""What the reader of a study should know of animals that left, and of readings that go on after they did."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from xenograft.printing import few
from xenograft.reading.levels import floor_value
from xenograft.reading.study_toml import counted
from xenograft.study.removal import left_below_endpoint, reasons_table, removal_of
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

SHOWN = 5

MANY = 3
"""Animals that left for size below the endpoint volume, or a tenth of all, from which on a notice is given."""

SEVERAL = 3
"""Animals with two identical last readings from which on that is asked about, if they are a tenth of all."""

KNOWN = "size, ulceration, weight loss, found dead, condition or scheduled"


def leaving_notices(study: Study) -> Iterable[str]:
    """Animals that left for size below the endpoint volume, where they are many."""
    below = left_below_endpoint(study)
    if below.empty or len(below) < min(MANY, 0.1 * len(study.animals)):
        return
    unit = unit_in_print(study.unit)
    yield (
        f"{counted(len(below), 'animal')} left for size with no reading at the endpoint volume "
        f"({study.endpoint_volume:g} {unit}; their last readings: {below.min():.4g} to {below.max():.4g}): they count "
        "as events on the day of their last reading. Is the reading at which they were removed missing? Add it: "
        "without it growth before the end is underestimated."
    )


def leaving_questions(study: Study) -> Iterable[str]:
    """Words of `reason_left` that could mean several reasons."""
    table = reasons_table(study)
    for words in table.loc[table["counts as"] == "unclear", "reason"]:
        animals = study.animals["reason_left"]
        named = few([str(name) for name in animals.index[animals == words]], SHOWN)
        yield (
            f'reason_left "{words}" ({named}): did the tumour get too large, or was it another reason? Write {KNOWN}.'
        )


def carried_forward(study: Study) -> Iterable[str]:
    """Readings that may be copies of an animal's last one: asked about by `check` and by `report`."""
    readings = study.readings[~study.readings["censored"]]
    if (floor := floor_value(study)) is not None:  # asked about as what is written for no tumour
        readings = readings[readings["volume"] != floor]
    sentences: list[str] = []
    pairs: list[str] = []
    of_animal = readings.groupby("animal", sort=False)["volume"]
    repeated = (of_animal.shift(1) == readings["volume"]) & (of_animal.cumcount(ascending=False) == 0)
    of_those = readings["animal"].isin(readings.loc[repeated, "animal"])
    for animal, found in readings[of_those].groupby("animal", sort=False):
        same = _repeated_at_the_end(found["volume"])
        last, day = float(found["volume"].iloc[-1]), float(found["day"].iloc[-same])
        told = f"Animal {animal}: its last {same} readings, from day {day:g} on, are all {last:g}"
        if same >= 3:
            sentences.append(f"{told}. Were they carried forward? Then remove all but the first.")
        elif why := _had_left(study, found, day):
            sentences.append(f"{told}, after {why}. Was the last one carried forward? Then remove it.")
        else:
            pairs.append(str(animal))
    yield from sentences[:SHOWN]
    if len(sentences) > SHOWN:
        yield f"… and {counted(len(sentences) - SHOWN, 'more such animal')}."
    if len(pairs) >= max(SEVERAL, 0.1 * len(study.animals)):
        yield (
            f"The last two readings are the same in {counted(len(pairs), 'animal')} ({few(pairs, SHOWN)}). Were last "
            "readings carried forward after animals left? Then remove the copies."
        )


def _repeated_at_the_end(volume: pd.Series) -> int:
    values = volume.to_numpy()
    return int((values[::-1] == values[-1]).cumprod().sum())


def _had_left(study: Study, found: pd.DataFrame, day: float) -> str:
    """Why an animal should have no reading after a day; empty where nothing says so."""
    at = found[found["day"] == day].iloc[0]
    if study.endpoint_volume is not None and at["volume"] >= study.endpoint_volume:
        return f"a reading at the endpoint volume ({study.endpoint_volume:g})"
    reason = study.animals["reason_left"].get(str(at["animal"]), "")
    if reason and removal_of(reason) != "scheduled":
        return f'which it left ("{reason}")'
    return ""
