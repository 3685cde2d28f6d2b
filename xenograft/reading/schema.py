"""The words of study.toml: every key it may hold, and what each may say (docs/study-files.md)."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from xenograft.errors import did_you_mean, quoted

Layout = Literal["long", "wide by day", "wide by animal"]
HeaderPart = Literal["name", "day", "arm", "numbered arm", "animal", "measure", "ignore"]
DateOrder = Literal["day first", "month first"]
Formula = Literal["1/2 L W^2", "pi/6 L W^2", "0.52 L W^2", "1/2 L W H", "pi/6 L W H"]
Meaning = Literal["below limit", "missing", "left"]
Scale = Literal["linear", "ln", "log10"]
TimeUnit = Literal["days", "hours", "weeks"]
FilledDown = Literal["animal", "arm", "day", "cohort", "cage"]

REPEATED = "{ from = 0, every = 7, times = 4 }"


def _doses(written: Any) -> tuple[float, ...]:
    doses: list[Any] = written if isinstance(written, list) else [written]
    if not doses or not all(_is_number(dose) and dose > 0 for dose in doses):
        raise ValueError(f"{quoted(written)} is not a dose above 0. Give a number, or a list with one per dosing day.")
    return tuple(float(dose) for dose in doses)


def _dosing_days(written: Any) -> tuple[float, ...]:
    if isinstance(written, dict):
        return _repeated_days(cast("dict[str, Any]", written))
    if not isinstance(written, list) or not written or not all(_is_number(day) for day in written):
        raise ValueError(f"{quoted(written)} is not a list of days. Write [0, 7, 14] or {REPEATED}.")
    if any(later <= earlier for earlier, later in itertools.pairwise(written)):
        raise ValueError(f"the days {quoted(written)} must ascend, each given once. Put them in order.")
    return tuple(float(day) for day in written)


def _repeated_days(written: dict[str, Any]) -> tuple[float, ...]:
    keys = ("from", "every", "times")
    for key in written:
        if key not in keys:
            raise ValueError(f'unknown key "{key}".{did_you_mean(key, keys) or f" Write {REPEATED}."}')
    first, every, times = (written.get(key, "") for key in keys)
    numbers = _is_number(first) and _is_number(every) and _is_number(times)
    if not numbers or every <= 0 or not 1 <= times <= 1000 or times != int(times):
        raise ValueError(f"from must be a day, every above 0 and times a whole number up to 1000. Write {REPEATED}.")
    return tuple(float(first + every * time) for time in range(int(times)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _header(written: Any) -> tuple[str, ...]:
    words = HeaderPart.__args__
    if not isinstance(written, list) or not written or not all(word in words for word in written):
        raise ValueError(f"{quoted(written)} is not a list of {', '.join(words)}, one for each row of the header.")
    named = [word for word in written if word not in ("name", "ignore")]
    if len(set(named)) < len(named):
        raise ValueError(f"{quoted(written)} names a part twice. Give each row of the header its own.")
    return tuple(written)


def _list_of_text(written: Any) -> tuple[str, ...]:
    if not isinstance(written, list) or not all(isinstance(item, str) and item for item in written):
        raise ValueError(f"{quoted(written)} is not a list of texts in quotes.")
    return tuple(written)


def _filled_down(written: Any) -> tuple[str, ...]:
    words = FilledDown.__args__
    if not isinstance(written, list) or not all(word in words for word in written):
        raise ValueError(f"{quoted(written)} is not a list of {', '.join(words)}.")
    return tuple(written)


def _column_range(written: Any) -> str:
    if not isinstance(written, str) or not re.fullmatch(r"[A-Z]{1,3}:[A-Z]{1,3}", written):
        raise ValueError(f'{quoted(written)} is not a range of columns. Write it as a spreadsheet does: "A:O".')
    return written


def _mark(written: Any) -> str:
    known = ("keep", "missing", "below limit", "exclude")
    if not isinstance(written, str) or not (written in known or re.match(r"exclude:\s*\S", written)):
        raise ValueError(f"{quoted(written)} is not one of {', '.join(known)}, or exclude: and the reason.")
    return written


def _calendar_date(written: Any) -> date:
    if type(written) is not date:
        raise ValueError(f"{quoted(written)} is not a date. Write it without quotation marks: 2024-03-01.")
    return written


_Text = Annotated[str, Field(min_length=1)]
_Amount = Annotated[float, Field(gt=0, lt=1e300, allow_inf_nan=False)]
_Day = Annotated[float, Field(gt=-1e300, lt=1e300, allow_inf_nan=False)]
_Row = Annotated[int, Field(ge=1, le=10_000_000)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AgentEntry(_Entry):
    """`agents.NAME` of an arm: dose (in `unit`), and either dosing days or the day of the first dose."""

    dose: Annotated[tuple[float, ...], PlainValidator(_doses)] | None = None
    unit: _Text | None = None
    days: Annotated[tuple[float, ...], PlainValidator(_dosing_days)] | None = None
    start: _Day | None = None
    ends: bool = False


class ArmEntry(_Entry):
    """`[arms.NAME]`."""

    control: bool = False
    ignore: bool = False
    agents: dict[str, AgentEntry] = {}


class Columns(_Entry):
    """`[columns]`: what the table calls its columns, where that differs from our word."""

    animal: _Text = "animal"
    arm: _Text = "arm"
    day: _Text = "day"
    volume: (
        _Text
        | Annotated[dict[str, _Text], Field(min_length=1)]
        | Annotated[tuple[str, ...], PlainValidator(_list_of_text)]
    ) = "volume"
    length: _Text = "length"
    width: _Text = "width"
    height: _Text = "height"
    weight: _Text = "weight"
    cohort: _Text = "cohort"
    cage: _Text = "cage"
    tumour: _Text = "tumour"
    start: _Text = "start"
    study: _Text = "study"
    model: _Text = "model"
    reason_left: _Text = "reason_left"
    limit: _Text = "limit"
    exclude: _Text = "exclude"


class ExcludeEntry(_Entry):
    """`[[exclude]]`: readings of an animal that stay out of the likelihood: that of a day, or all without a day."""

    animal: _Text
    reason: _Text
    arm: _Text | None = None
    day: _Day | None = None
    tumour: _Text | None = None


class Another(_Entry):
    """`[groups]` and `[weights]`: another sheet or file, and what it calls its columns."""

    data: _Text | None = None
    sheet: _Text | None = None
    animal: _Text = "animal"
    arm: _Text = "arm"
    day: _Text = "day"
    weight: _Text = "weight"
    header_row: _Row = 1


class MethodsEntry(_Entry):
    """`[methods]`: what a journal asks of an animal study and no table says (ARRIVE); shown as it is written."""

    strain: _Text | None = None
    cell_line: _Text | None = None
    randomisation: _Text | None = None
    blinding: _Text | None = None
    sample_size: _Text | None = None


class StudyEntry(_Entry):
    """The whole of study.toml."""

    name: _Text
    data: _Text
    unit: _Text = "mm3"
    limit_of_quantification: _Amount | None = None
    fit_from: _Day | None = None
    primary: str | None = None
    animal_ids: Literal["unique", "within arm"] = "unique"
    endpoint_volume: _Amount | None = None
    endpoint_diameter: _Amount | None = None
    horizon: _Day | None = None
    # how the table is written
    sheet: _Text | None = None
    sheets: Annotated[tuple[str, ...], PlainValidator(_list_of_text)] = ()
    sheets_are: Literal["arms", "days"] = "arms"
    only_columns: Annotated[str, PlainValidator(_column_range)] | None = None
    arm_from: Literal["heading rows", "animal names"] | None = None
    day_from: Literal["heading rows"] | None = None
    layout: Layout = "long"
    header: Annotated[tuple[HeaderPart, ...], PlainValidator(_header)] | None = None
    header_row: _Row = 1
    last_row: _Row | None = None
    decimal: Literal[".", ","] = "."
    scale: Scale = "linear"
    volume_formula: Formula = "1/2 L W^2"
    day_0: Annotated[date, PlainValidator(_calendar_date)] | None = None
    date_order: DateOrder | None = None
    add_days: _Day = 0.0
    time_unit: TimeUnit | None = None
    clock: Literal["whole days", "fractions"] | None = None
    day_of: dict[str, _Day] = {}
    fill_down: Annotated[tuple[FilledDown, ...], PlainValidator(_filled_down)] = ()
    ignore_columns: Annotated[tuple[str, ...], PlainValidator(_list_of_text)] = ()
    guarded: bool = False
    words: dict[str, Meaning] = {}
    marks: dict[str, Annotated[str, PlainValidator(_mark)]] = {}
    units_in_cells: bool = False
    repeats: Literal["readings", "mean"] | None = None
    superscripts: Literal["footnotes"] | None = None
    struck_through: Literal["exclude", "missing", "read"] | None = None
    exclude: list[ExcludeEntry] = []
    columns: Columns = Columns()
    groups: Another | None = None
    weights: Another | None = None
    arms: dict[str, ArmEntry] = {}
    methods: MethodsEntry = MethodsEntry()

    @property
    def header_fits(self) -> bool:
        """Whether `header` can be the header of this `layout`."""
        if self.header is None:
            return True
        parts: set[str] = set(self.header)
        if "animal" in parts and (self.sheets or self.arm_from or self.groups):
            parts |= {"arm"}  # it is said elsewhere
        if "numbered arm" in parts and not {"arm", "animal"} & parts:
            parts |= {"arm", "animal"}  # it says both
        return NEEDED_IN_HEADER[self.layout] in parts and parts <= {*ALLOWED_IN_HEADER[self.layout]}

    @property
    def header_parts(self) -> tuple[HeaderPart, ...]:
        """What each row of the header says, from the top."""
        return self.header if self.header and self.header_fits else _DEFAULT_HEADER[self.layout]


NEEDED_IN_HEADER: dict[Layout, HeaderPart] = {"long": "name", "wide by day": "day", "wide by animal": "arm"}
ALLOWED_IN_HEADER: dict[Layout, tuple[HeaderPart, ...]] = {
    "long": ("name", "ignore"),
    "wide by day": ("day", "measure", "name", "ignore"),
    "wide by animal": ("arm", "numbered arm", "animal", "measure", "name", "ignore"),
}
_DEFAULT_HEADER: dict[Layout, tuple[HeaderPart, ...]] = {
    "long": ("name",),
    "wide by day": ("day",),
    "wide by animal": ("arm", "animal"),
}
HOW_THE_TABLE_IS_WRITTEN = (
    "sheet", "sheets", "sheets_are", "only_columns", "arm_from", "day_from", "groups", "marks", "superscripts",
    "struck_through", "layout", "header", "header_row", "last_row", "decimal", "scale", "day_0", "date_order",
    "add_days", "time_unit", "clock", "day_of", "fill_down", "ignore_columns", "guarded", "words",
)  # fmt: skip
"""Keys without which a table would be read as another one: a fault in them stops before the table."""
