"""Whatever is given, the answer is a study or a sentence; and no number is changed on the way."""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tables import ARMS, table

from xenograft.errors import InputError, StudyError
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.read import read_study
from xenograft.study.study import Study

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
MANY = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))

NUMBERS = st.one_of(
    st.integers(-5, 5000).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.sampled_from(["12,5", "1e5", "1e400", "+3", ".5", "5.", "1_000", "٣", "0x1", "١٢", "²", "1e-400"]),
)
WORDS = st.sampled_from(
    [
        "",
        "NP",
        "ND",
        "x",
        "dead",
        "sac",
        "<16",
        "< 3",
        "<",
        "≤5",
        "<-1",
        ">9",
        "NA",
        "#REF!",
        "2024-03-01",
        "31/12/2024",
        "vehicle",
        "A",
        "Mean",
        "day 7",
        "D7",
        "'=1",
        "=1+1",
        '"',
        "a\nb",
        "\x00",
        "\ud7ff",
    ]
)
CELLS = st.one_of(NUMBERS, WORDS, st.text(max_size=6))
KEYS = st.dictionaries(
    st.sampled_from(
        [
            "unit",
            "limit_of_quantification",
            "fit_from",
            "methods",
            "primary",
            "animal_ids",
            "endpoint_volume",
            "horizon",
            "layout",
            "header",
            "header_row",
            "last_row",
            "decimal",
            "scale",
            "volume_formula",
            "day_0",
            "date_order",
            "add_days",
            "fill_down",
            "ignore_columns",
            "guarded",
            "words",
            "exclude",
            "columns",
            "sheet",
            "nonsense",
        ]
    ),
    st.sampled_from(
        [
            '"mm3"',
            '"cm3"',
            '"photons/s"',
            "16",
            "-1",
            "1e308",
            "0",
            "1e400",
            "nan",
            "inf",
            "true",
            '""',
            "[]",
            "{}",
            "2024-03-01",
            '"wide by day"',
            '"wide by animal"',
            '"long"',
            '["day"]',
            '["arm"]',
            '["arm", "animal"]',
            '["name", "name"]',
            "2",
            "3",
            '","',
            '"."',
            '"ln"',
            '"log10"',
            '"pi/6 L W H"',
            '"day first"',
            '["arm"]',
            '{ nd = "missing" }',
            "99999999999999999999",
            '[{ animal = "A1", reason = "r" }]',
            '{ volume = "arm" }',
            '{ day = "animal" }',
            '"AB"',
            '"within arm"',
            "1979-05-27T07:32:00",
        ]
    ),
    max_size=4,
)


def study_or_sentence(write: Callable[[Path], Path]) -> Study | None:
    """The study, or None where the input was refused in sentences; any other exception fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return read_study(write(Path(folder)))
        except InputError as error:
            problems = error.problems
    assert problems
    assert all(len(problem) < 3000 and problem.strip() for problem in problems)
    return None


@st.composite
def changed_tables(draw: st.DrawFn) -> list[list[str]]:
    """A sound table with some cells overwritten, and rows lost, doubled or cut short."""
    frame = table()
    rows = [list(frame.columns), *frame.values.tolist()]
    for _ in range(draw(st.integers(0, 5))):
        row = draw(st.integers(0, len(rows) - 1))
        if rows[row]:
            rows[row][draw(st.integers(0, len(rows[row]) - 1))] = draw(CELLS)
    for _ in range(draw(st.integers(0, 2))):
        row = draw(st.integers(0, len(rows) - 1))
        match draw(st.sampled_from(["lose", "double", "cut", "lengthen"])):
            case "lose":
                del rows[row]
            case "double":
                rows.append(list(rows[row]))
            case "cut":
                rows[row] = rows[row][:2]
            case _:
                rows[row] = [*rows[row], draw(CELLS)]
    return rows


def written(folder: Path, rows: list[list[str]], keys: dict[str, str]) -> Path:
    text = "\n".join(",".join(row) for row in rows)
    (folder / "volumes.csv").write_bytes(text.encode("utf-8"))
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    (folder / "study.toml").write_text(f'name = "Study"\ndata = "volumes.csv"\n{lines}\n{ARMS}', encoding="utf-8")
    return folder


def check_table(rows: list[list[str]], keys: dict[str, str]) -> None:
    study_or_sentence(lambda folder: written(folder, rows, keys))


def check_numbers(rows: list[list[str]]) -> None:
    """Read as it stands, every reading is a cell of the table, to the last digit, and every cell is a reading."""
    study = study_or_sentence(lambda folder: written(folder, rows, {}))
    if study is None:
        return
    cells = {
        (row[0].strip(), row[1].strip(), _day(row[2])): row[3].strip()
        for row in rows[1:]
        if len(row) >= 4 and row[0].strip()
    }
    measured = study.readings[~study.readings["censored"]]
    for animal, arm, day, volume in measured[["animal", "arm", "day", "volume"]].itertuples(index=False, name=None):
        assert float(cells[animal, arm, day]) == volume
    for limit, animal, arm, day in study.readings.loc[
        study.readings["censored"], ["volume", "animal", "arm", "day"]
    ].values:
        assert float(cells[animal, arm, day].lstrip("<≤ ")) == limit
    taken = {tuple(row) for row in study.readings[["animal", "arm", "day"]].values.tolist()}
    lost = {key for key, cell in cells.items() if _is_number(cell)} - taken
    assert not lost


def _day(text: str) -> float | None:
    text = text.strip().lower().removeprefix("day ").removeprefix("d")
    return float(text) if _is_number(text) else None


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def check_bytes(content: bytes, suffix: str) -> None:
    def write(folder: Path) -> Path:
        (folder / f"volumes{suffix}").write_bytes(content)
        (folder / "study.toml").write_text(f'name = "S"\ndata = "volumes{suffix}"\n{ARMS}', encoding="utf-8")
        return folder

    study_or_sentence(write)


def check_toml(content: bytes) -> None:
    def write(folder: Path) -> Path:
        written(folder, [list(table().columns), *table().values.tolist()], {})
        (folder / "study.toml").write_bytes(content)
        return folder

    study_or_sentence(write)


def check_guess(rows: list[list[str]]) -> None:
    """Whatever the table, init writes a file that check can read, or says why not."""
    with tempfile.TemporaryDirectory() as name:
        folder = written(Path(name), rows, {})
        with contextlib.suppress(StudyError):
            text = toml_of_guess(guess_study(folder / "volumes.csv"))
            tomllib.loads(text)
            (folder / "study.toml").write_text(text, encoding="utf-8")
            read_study(folder)


TOML_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                'name = "S"',
                'data = "volumes.csv"',
                "[arms]",
                "[arms.vehicle]",
                "control = true",
                "[arms.A]",
                "[columns]",
                "agents.A = { start = 0 }",
                "agents.A = 3",
                "[[exclude]]",
                'animal = "A1"',
                "arms = 3",
                "columns = []",
                'agents."" = { days = [0, 1e999] }',
                "a = " + "[" * 200,
                "[arms.vehicle.agents]",
            ]
        ),
        st.text(max_size=12),
    ),
    max_size=8,
).map(lambda lines: "\n".join(lines).encode("utf-8"))
SUFFIXES = st.sampled_from([".csv", ".tsv", ".txt", ".xlsx"])
CONTENTS = st.one_of(st.binary(max_size=60), st.text(alphabet=",;\t\n\"'0123456789abc<", max_size=80).map(str.encode))


@FEW
@given(changed_tables(), KEYS)
def test_a_table_with_faults_is_a_study_or_a_sentence(rows: list[list[str]], keys: dict[str, str]) -> None:
    check_table(rows, keys)


@FEW
@given(changed_tables())
def test_no_number_is_changed_and_none_is_lost(rows: list[list[str]]) -> None:
    check_numbers(rows)


@FEW
@given(CONTENTS, SUFFIXES)
def test_any_bytes_are_a_study_or_a_sentence(content: bytes, suffix: str) -> None:
    check_bytes(content, suffix)


@FEW
@given(TOML_LINES)
def test_any_study_file_is_a_study_or_a_sentence(content: bytes) -> None:
    check_toml(content)


@FEW
@given(changed_tables())
def test_init_of_any_table_is_a_file_or_a_sentence(rows: list[list[str]]) -> None:
    check_guess(rows)


@pytest.mark.slow
@MANY
@given(changed_tables(), KEYS)
def test_two_thousand_tables_with_faults_are_studies_or_sentences(rows: list[list[str]], keys: dict[str, str]) -> None:
    check_table(rows, keys)
    check_numbers(rows)


@pytest.mark.slow
@MANY
@given(CONTENTS, SUFFIXES, TOML_LINES)
def test_two_thousand_files_of_any_bytes_are_studies_or_sentences(content: bytes, suffix: str, toml: bytes) -> None:
    check_bytes(content, suffix)
    check_toml(toml)


@pytest.mark.slow
@MANY
@given(changed_tables())
def test_two_thousand_tables_are_guessed_or_refused(rows: list[list[str]]) -> None:
    check_guess(rows)
