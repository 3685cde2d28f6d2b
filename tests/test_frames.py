"""A study from a pandas table, and a study written as files: the same checks, the same digest."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import ARMS, table

import xenograft as xg
from xenograft.files import guarded_text
from xenograft.reading.read import read_study

FIXTURES = Path(__file__).parents[1] / "fixtures"
SHARED = Path(__file__).parents[2] / "shared" / "data"
TABLES = tomllib.loads(ARMS)["arms"]
HOSTILE = (
    "=HYPERLINK(1)", "+1", "-2+3", "@SUM(1)", "'quoted", "<script>alert(1)</script>", "$\\frac$", "_hidden", "🐭",
    'a"b', "comma, semi; tab\tend", "x" * 10_000, "../../etc/passwd", "\x7f\x1b[31m", "line\nbreak", "ü\u202e", "\\",
    "{{ 7*7 }}",
)  # fmt: skip


def numbers() -> pd.DataFrame:
    rows = table()
    return rows.assign(day=rows["day"].astype(int), volume=rows["volume"].astype(float) / 3)


@pytest.fixture
def from_file(tmp_path: Path) -> xg.Study:
    numbers().to_csv(tmp_path / "volumes.csv", index=False)
    (tmp_path / "study.toml").write_text(f'name = "Study"\ndata = "volumes.csv"\n{ARMS}')
    return read_study(tmp_path)


# From a table in memory


def test_a_frame_and_its_file_are_the_same_study(from_file: xg.Study) -> None:
    study = xg.Study.from_frame(numbers(), arms=TABLES)
    assert study.digest == from_file.digest
    pd.testing.assert_frame_equal(study.readings, from_file.readings)
    assert study.notices == from_file.notices


def test_arms_may_be_records_and_numbers_numpys(from_file: xg.Study) -> None:
    frame = numbers().astype({"day": np.float32, "volume": object})
    assert xg.Study.from_frame(frame, arms=from_file.arms, horizon=np.int64(7)).digest == from_file.digest
    tables = {**TABLES, "A": {"agents": {"A": {"dose": np.float64(3), "unit": "mg/kg", "days": np.array([0])}}}}
    assert xg.Study.from_frame(frame, arms=tables).digest == from_file.digest


def test_dates_and_missing_readings_of_a_frame_are_read(from_file: xg.Study) -> None:
    frame = numbers()
    frame["day"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(frame["day"], unit="D")
    assert xg.Study.from_frame(frame, arms=TABLES, day_0=date(2024, 3, 1)).digest == from_file.digest
    frame.loc[3, "volume"] = np.nan
    study = xg.Study.from_frame(frame, arms=TABLES, day_0=date(2024, 3, 1))
    assert len(study.readings) == len(frame) - 1


def test_every_argument_of_from_frame_does_what_study_toml_does() -> None:
    frame = numbers().rename(columns={"volume": "TV"})
    study = xg.Study.from_frame(
        frame, arms=TABLES, name="Name", unit="cm3", limit_of_quantification=0.01, endpoint_volume=2, horizon=7,
        fit_from=-3, primary="AB", columns={"volume": "TV"}, exclude=[{"animal": "A1", "day": 7, "reason": "misread"}],
    )  # fmt: skip
    assert (study.name, study.unit, study.limit_of_quantification, study.endpoint_volume) == ("Name", "mm3", 10, 2000)
    assert (study.horizon, study.fit_from, study.primary) == (7, -3, "AB")
    assert study.readings["exclude"].eq("misread").sum() == 1
    within = numbers().assign(animal=lambda rows: rows["animal"].str[-1])
    assert len(xg.Study.from_frame(within, arms=TABLES, animal_ids="within arm").animals) == 8


def test_a_frame_gets_the_same_sentences_with_rows_counted_from_0() -> None:
    frame = numbers()
    frame.loc[5, "volume"] = -4
    with pytest.raises(xg.StudyError) as raised:
        xg.Study.from_frame(frame, arms={**TABLES, "vehicle": {"control": 1}})
    assert raised.value.problems == (
        "arguments: arms.vehicle.control is 1; it must be true or false.",
        "data frame, row 5, animal vehicle2: volume is -4; it must be 0 or more. "
        "Record an unmeasurable tumour as 0 and give limit_of_quantification.",
    )
    with pytest.raises(xg.StudyError, match="data frame: it has no rows"):
        xg.Study.from_frame(frame.head(0), arms=TABLES)


# To a folder and back


def test_a_written_study_reads_back_as_itself(from_file: xg.Study, tmp_path: Path) -> None:
    from_file.to_folder(tmp_path / "new")
    again = read_study(tmp_path / "new")
    assert again.digest == from_file.digest
    pd.testing.assert_frame_equal(again.readings, from_file.readings)
    assert again.arms == from_file.arms


def test_everything_that_a_study_says_is_written(tmp_path: Path) -> None:
    rows = numbers().assign(cohort="c1", cage="07", weight=20.25, reason_left="", exclude="", limit="")
    rows["volume"] = rows["volume"].astype(object)
    rows.loc[3, ["volume", "reason_left"]] = ["<2.5", "found dead"]
    rows.loc[6, "exclude"] = "misread"
    arms = {**TABLES, "B": {"agents": {"B": {"dose": [30, 15, 15], "unit": "mg/kg", "days": [0, 7, 14], "ends": True}}},
            "A": {"agents": {"A": {"start": 0}}}}  # fmt: skip
    study = xg.Study.from_frame(
        rows, arms=arms, limit_of_quantification=1, endpoint_volume=2000, horizon=7, fit_from=-3, primary="AB",
        methods={"strain": "NSG, \"female\"", "blinding": "none"},
    )  # fmt: skip
    study.to_folder(tmp_path)
    again = read_study(tmp_path)
    assert again.digest == study.digest
    pd.testing.assert_frame_equal(again.readings, study.readings)
    for name in (
        "name",
        "unit",
        "arms",
        "limit_of_quantification",
        "endpoint_volume",
        "chosen_horizon",
        "primary",
        "fit_from",
        "methods",
    ):
        assert getattr(again, name) == getattr(study, name)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real studies are kept beside the project and are not here")
def test_every_real_study_survives_being_written_and_read(tmp_path: Path) -> None:
    for path in sorted(SHARED.glob("*/study.toml")):
        study = read_study(path)
        study.to_folder(tmp_path, replace=True)
        again = read_study(tmp_path)
        assert (again.digest, again.horizon) == (study.digest, study.horizon), path.parent.name
        pd.testing.assert_frame_equal(again.readings, study.readings)


def test_files_that_are_there_are_kept_unless_they_may_be_replaced(from_file: xg.Study, tmp_path: Path) -> None:
    with pytest.raises(xg.InputError, match=r"it already holds study.toml and volumes.csv. Name another folder."):
        from_file.to_folder(tmp_path)
    from_file.to_folder(tmp_path, replace=True)
    assert read_study(tmp_path).digest == from_file.digest


# Hostile names


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_comes_back_as_it_was_and_computes_nothing(name: str, tmp_path: Path) -> None:
    frame = numbers().replace({"animal": {"A1": name}, "arm": {"B": name}}).assign(cage=name)
    arms = {key if key != "B" else name: value for key, value in TABLES.items()}
    study = xg.Study.from_frame(frame, arms=arms, name=name)
    study.to_folder(tmp_path / "out")
    again = read_study(tmp_path / "out")
    assert again.digest == study.digest
    assert again.readings["animal"].tolist() == study.readings["animal"].tolist()
    assert again.name == name
    text = (tmp_path / "out" / "volumes.csv").read_text(encoding="utf-8")
    assert not [
        cell for line in text.splitlines() for cell in line.split(",") if cell.lstrip('"').startswith(("=", "+", "@"))
    ]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out", "study.toml", "volumes.csv"]


def test_a_guarded_text_loses_nothing() -> None:
    assert [guarded_text(text) for text in ("=1", "-1", "'x", "T-DM1", "")] == ["'=1", "'-1", "''x", "T-DM1", ""]


def test_a_name_from_the_data_can_neither_steer_a_terminal_nor_fill_it() -> None:
    frame = numbers().replace({"animal": {"A1": "\x1b[31mred\u202e" + "x" * 10_000}})
    frame.loc[frame["arm"] == "A", "volume"] = -4
    with pytest.raises(xg.StudyError) as raised:
        xg.Study.from_frame(frame, arms=TABLES)
    assert "\x1b" not in str(raised.value)
    assert "\\x1b[31mred\\u202e" in str(raised.value)
    assert max(map(len, raised.value.problems)) < 500


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (
            [],
            "triple is judged against its single agents; A + B, A + C and B + C are no arms, "
            "so its interaction cannot be told apart from theirs.",
        ),
        (
            ["CA"],
            "triple is judged against its single agents, and against CA with the agents that are not in it; "
            "A + B and B + C are no arms, so its interaction cannot be told apart from theirs.",
        ),
        (
            ["AB", "BC", "CA"],
            "triple is judged against its single agents, and against AB, CA and BC with the agents that are not in it.",
        ),
    ],
)
def test_a_notice_says_which_interactions_of_three_agents_the_arms_can_tell(pairs: list[str], expected: str) -> None:
    given = {"vehicle": "", "A": "A", "B": "B", "C": "C", **{pair: pair for pair in pairs}, "triple": "ABC"}
    arms = {
        name: {"control": True} if name == "vehicle" else {"agents": {agent: {"start": 0} for agent in agents}}
        for name, agents in given.items()
    }
    rows = [(f"{name} {i}", name, day, 100 + day + i) for name in given for i in range(2) for day in (0, 7)]
    study = xg.Study.from_frame(pd.DataFrame(rows, columns=["animal", "arm", "day", "volume"]), arms=arms)
    assert expected in study.notices
