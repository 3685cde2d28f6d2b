"""A study from a pandas table, for notebooks: the same words and the same checks as a study.toml.

See docs/study-files.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, cast

import pandas as pd

from xenograft.errors import StudyError
from xenograft.reading.layouts import Cells
from xenograft.reading.read import study_of
from xenograft.reading.sheets import Sheet
from xenograft.reading.study_toml import study_file_of
from xenograft.study.study import Arm, Dosing, Study

PLACE, ARGUMENTS = "data frame", "arguments"


def study_from_frame(
    frame: pd.DataFrame,
    *,
    arms: Mapping[str, Mapping[str, Any]] | Sequence[Arm],
    name: str = "Study",
    unit: str = "mm3",
    limit_of_quantification: float | None = None,
    endpoint_volume: float | None = None,
    horizon: float | None = None,
    fit_from: float | None = None,
    primary: str | None = None,
    animal_ids: Literal["unique", "within arm"] = "unique",
    columns: Mapping[str, str] | None = None,
    day_0: date | None = None,
    exclude: Sequence[Mapping[str, Any]] = (),
) -> Study:
    """A study from a long table in memory; see `Study.from_frame`."""
    if len(frame) == 0:
        raise StudyError(f"{PLACE}: it has no rows. Give one row per reading.")
    written = {
        "name": name,
        "data": PLACE,
        "unit": unit,
        "limit_of_quantification": _plain(limit_of_quantification),
        "endpoint_volume": _plain(endpoint_volume),
        "horizon": _plain(horizon),
        "fit_from": _plain(fit_from),
        "primary": primary,
        "animal_ids": animal_ids,
        "columns": None if columns is None else dict(columns),
        "day_0": day_0,
        "exclude": [_plain(entry) for entry in exclude],
        "arms": _arm_tables(arms),
    }
    file = study_file_of(ARGUMENTS, {key: value for key, value in written.items() if value is not None})
    if not file.table_readable:
        raise StudyError(file.problems)
    rows = pd.DataFrame(
        {position: _as_text(frame.iloc[:, position]) for position in range(frame.shape[1])}, dtype="str"
    )
    rows.columns = [str(column) for column in frame.columns]
    content = rows.to_csv(index=False).encode("utf-8", "surrogatepass")
    sheet = Sheet(PLACE, [], checksum=hashlib.sha256(content).hexdigest())
    return study_of(file, sheet, Cells(rows, tuple(rows.columns)))


def _arm_tables(arms: Mapping[str, Mapping[str, Any]] | Sequence[Arm]) -> dict[str, Any]:
    if isinstance(arms, Mapping):
        return {str(name): _plain(table) for name, table in arms.items()}
    return {
        arm.name: {"control": arm.control, "agents": {d.agent: _dosing_table(d) for d in arm.dosings}} for arm in arms
    }


def _dosing_table(dosing: Dosing) -> dict[str, Any]:
    table: dict[str, Any] = {"ends": dosing.ends}
    if dosing.doses is not None:
        table["dose"] = list(dosing.doses)
    if dosing.unit is not None:
        table["unit"] = dosing.unit
    return table | ({"days": list(dosing.days)} if dosing.schedule_known else {"start": dosing.days[0]})


def _plain(value: Any) -> Any:
    """Python's own numbers and lists for NumPy's, as a TOML file would give them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def _as_text(column: pd.Series) -> list[str]:
    """Cells as the text from which exactly the same number is read."""
    return [_cell(value) for value in column.tolist()]


def _cell(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return str(value)
        case float():
            return (
                "" if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
            )
        case datetime() if value is not pd.NaT:
            return (
                value.date().isoformat() if value == datetime.combine(value.date(), datetime.min.time()) else str(value)
            )
        case date() if value is not pd.NaT:
            return value.isoformat()
        case _:
            return "" if value is None or value is pd.NaT or value is pd.NA else str(value)
