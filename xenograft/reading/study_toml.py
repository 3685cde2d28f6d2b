"""study.toml: what it may say, and the arms it describes (docs/study-files.md)."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from xenograft.errors import StudyError, missing_file, problems_of, quoted, unknown_choice
from xenograft.reading.schema import (
    ALLOWED_IN_HEADER,
    HOW_THE_TABLE_IS_WRITTEN,
    NEEDED_IN_HEADER,
    AgentEntry,
    ArmEntry,
    StudyEntry,
)
from xenograft.study.study import Arm, Dosing

CUBIC_MILLIMETRES = ("mm3", "mm³", "mm^3")
CUBIC_CENTIMETRES = ("cm3", "cm³", "cm^3")
LARGEST = 2_000_000
"""Bytes of the largest study.toml that is read."""
_UNSAID = "?"  # stands for a name or table that the file does not give


@dataclass(frozen=True)
class StudyFile:
    """A study.toml as read.

    Parameters
    ----------
    place : str
        Name of the file, for sentences.
    entry : StudyEntry
        What it says; values that broke the schema are left out of it.
    table : str or None
        File name of the table, None where the file does not say.
    arms : tuple of Arm
        The analysed arms, in the order of the file.
    ignored : tuple of str
        Arms with `ignore = true`.
    broken : tuple of str
        Arms left out of `entry` because something in them broke the schema.
    problems : tuple of str
        A sentence for everything wrong with the file itself.
    table_readable : bool
        False where a key that says how the table is written is faulty: its cells would be misread.
    of_panel : bool
        Whether it is one model of a panel: an arm may then have a single animal, and there may be the vehicle alone.
    by_model : bool
        Whether its table holds several models, told apart by a column.
    """

    place: str
    entry: StudyEntry
    table: str | None
    arms: tuple[Arm, ...]
    ignored: tuple[str, ...]
    broken: tuple[str, ...]
    problems: tuple[str, ...]
    table_readable: bool = True
    of_panel: bool = False
    by_model: bool = False

    @property
    def arm_names(self) -> list[str]:
        """Every arm the file describes, analysed or not."""
        return [*(arm.name for arm in self.arms), *self.ignored, *self.broken]

    @property
    def unit(self) -> str:
        """Unit of volume after reading: "mm3" for cubic lengths, else the file's own text."""
        return "mm3" if self.entry.unit in CUBIC_MILLIMETRES + CUBIC_CENTIMETRES else self.entry.unit

    @property
    def endpoint(self) -> float | None:
        """Volume (unit of the table) at which animals are removed, that of a sphere where a diameter is given."""
        if self.entry.endpoint_diameter is None:
            return self.entry.endpoint_volume
        cubed = self.entry.endpoint_diameter**3
        by_formula = {"1": 0.5, "p": math.pi / 6, "0": 0.52}[self.entry.volume_formula[0]] * cubed
        return by_formula / self.volume_factor

    @property
    def volume_factor(self) -> float:
        """What a volume in the file's unit is multiplied by to be in `unit`."""
        return 1000.0 if self.entry.unit in CUBIC_CENTIMETRES else 1.0

    @property
    def first_dose(self) -> float | None:
        """Earliest dosing day of any arm, None where the file does not say."""
        days = [day for arm in self.arms for dosing in arm.dosings for day in dosing.days]
        return None if self.broken else min(days, default=None)

    def in_unit(self, volume: float | None) -> float | None:
        """A volume of the file in `unit`."""
        return None if volume is None else volume * self.volume_factor


def read_study_file(path: Path) -> StudyFile:
    """Read study.toml; what breaks the schema becomes a sentence and is left out.

    Raises
    ------
    StudyError
        The file is missing, or is not TOML.
    """
    return study_file_of(path.name, _parsed(path))


def study_file_of(place: str, written: Mapping[str, Any]) -> StudyFile:
    """The same for what a study.toml says, given as plain dictionaries.

    Parameters
    ----------
    place : str
        What sentences call it.
    written : mapping
        Keys of study.toml.
    """
    entry, broken, problems = _validated(place, dict(written))
    faulty = {key for key in HOW_THE_TABLE_IS_WRITTEN if key in written and key not in entry.model_fields_set}
    analysed = {name: arm for name, arm in entry.arms.items() if not arm.ignore}
    problems += _header_problems(place, entry)
    problems += _arm_problems(place, analysed, whole=not broken)
    problems += _primary_problems(place, entry, analysed, broken)
    return StudyFile(
        place=place,
        entry=entry,
        table=None if entry.data == _UNSAID else entry.data,
        arms=tuple(_arm(name, arm) for name, arm in analysed.items()),
        ignored=tuple(name for name in entry.arms if name not in analysed),
        broken=broken,
        problems=tuple(problems),
        table_readable=not faulty and entry.header_fits,
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise StudyError(f"{path.name}: is larger than {LARGEST // 1_000_000} MB. Give a study.toml.")
        written = tomllib.loads(content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise StudyError(missing_file(path)) from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path.name}: is not UTF-8 text. Give a study.toml, saved as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path.name}: is not valid TOML: {error}. Correct that line.") from None
    except (RecursionError, ValueError):  # nested a thousand deep, or a number or date that Python has no value for
        raise StudyError(
            f"{path.name}: holds a value that cannot be read. Write plain numbers, dates and lists."
        ) from None
    if not written:
        raise StudyError(f"{path.name}: is empty. Give name, data and an [arms.NAME] table for each arm.")
    return written


def _validated(place: str, written: dict[str, Any]) -> tuple[StudyEntry, tuple[str, ...], list[str]]:
    try:
        return StudyEntry.model_validate(written), (), []
    except ValidationError as error:
        sound, broken = _without_faults(written, [found["loc"] for found in error.errors()])
        return StudyEntry.model_validate(sound), broken, problems_of(place, error, StudyEntry)


def _without_faults(
    written: dict[str, Any], faults: Iterable[tuple[int | str, ...]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is left of the file when faulty keys, columns and arms are taken out, and the arms taken out."""
    sound: dict[str, Any] = {"name": _UNSAID, "data": _UNSAID} | written
    broken: dict[str, None] = {}
    for key, *inside in faults:
        if key in ("arms", "columns") and inside:
            sound[str(key)] = {name: value for name, value in sound[str(key)].items() if name != inside[0]}
            broken |= {str(inside[0]): None} if key == "arms" else {}
        elif key in ("name", "data"):
            sound[str(key)] = _UNSAID
        else:
            sound.pop(str(key), None)
    return sound, tuple(broken)


def _header_problems(place: str, entry: StudyEntry) -> Iterable[str]:
    if entry.header_fits:
        return
    needed, allowed = NEEDED_IN_HEADER[entry.layout], ", ".join(ALLOWED_IN_HEADER[entry.layout])
    yield (
        f"{place}: header = {quoted(entry.header)} does not fit layout = {quoted(entry.layout)}. "
        f"Give one word for each row of the header: {needed} must be among them, and {allowed} are possible."
    )


def _arm_problems(place: str, arms: Mapping[str, ArmEntry], *, whole: bool) -> Iterable[str]:
    controls = [name for name, arm in arms.items() if arm.control]
    if not arms and whole:
        yield f"{place}: no arm is described. Add an [arms.NAME] table for each arm of the table."
    elif not controls and whole:
        yield f"{place}: no arm has control = true. Add it to the vehicle arm."
    if len(controls) > 1:
        yield f"{place}: the arms {_listed(controls)} have control = true. Keep one; give the others ignore = true."
    for name, arm in arms.items():
        if arm.control and arm.agents:
            yield (
                f"{place}, arm {name}: it has control = true and receives {_listed(arm.agents)}. "
                "Remove its agents, or control = true."
            )
        if not arm.control and not arm.agents:
            yield (
                f"{place}, arm {name}: it receives no agent and is not the control. "
                "Add agents.NAME = { … }, control = true, or ignore = true."
            )
        for agent, dosing in arm.agents.items():
            for finding in _dosing_problems(dosing):
                yield f"{place}, arm {name}, agent {agent}: {finding}"
    yield from _unit_problems(place, arms)


def _dosing_problems(dosing: AgentEntry) -> Iterable[str]:
    if (dosing.days is None) == (dosing.start is None):
        given = "neither days nor start is" if dosing.days is None else "both days and start are"
        yield f"{given} given. Give days = [ … ] where the dosing days are known, else start = the first of them."
        return
    days = dosing.days or (dosing.start,)
    if dosing.dose and len(dosing.dose) not in (1, len(days)):
        yield f"{len(dosing.dose)} doses for {counted(len(days), 'dosing day')}. Give one dose, or one per dosing day."
    if dosing.ends and len(days) < 2:
        yield "ends = true needs two dosing days or more, to know the dosing interval. Give days, or remove ends."


def _unit_problems(place: str, arms: Mapping[str, ArmEntry]) -> Iterable[str]:
    units: dict[str, dict[str, None]] = {}
    for arm in arms.values():
        for agent, dosing in arm.agents.items():
            if dosing.unit is not None:
                units.setdefault(agent, {})[dosing.unit] = None
    for agent, used in units.items():
        if len(used) > 1:
            yield f"{place}: the doses of {agent} are in {_listed(used)}. Use one unit for all doses of an agent."


def _primary_problems(
    place: str, entry: StudyEntry, analysed: Mapping[str, ArmEntry], broken: tuple[str, ...]
) -> Iterable[str]:
    combinations = [name for name, arm in analysed.items() if len(arm.agents) > 1]
    if entry.primary is None or entry.primary in combinations or entry.primary in broken:
        return
    if combinations:
        yield unknown_choice(place, "primary", entry.primary, combinations)
    else:
        yield f"{place}: primary = {quoted(entry.primary)}, but no analysed arm receives two agents. Remove primary."


def _arm(name: str, entry: ArmEntry) -> Arm:
    return Arm(name=name, control=entry.control, dosings=tuple(_dosing(*agent) for agent in entry.agents.items()))


def _dosing(agent: str, entry: AgentEntry) -> Dosing:
    days = entry.days or (() if entry.start is None else (entry.start,))
    doses = entry.dose * len(days) if entry.dose and len(entry.dose) == 1 else entry.dose
    return Dosing(agent, days, doses, entry.unit, ends=entry.ends, schedule_known=entry.days is not None)


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def counted(number: int, thing: str) -> str:
    """A number of things in words: "1 animal", "2 animals"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
