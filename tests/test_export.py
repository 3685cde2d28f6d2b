"""A study written as study.toml and table is read back as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xenograft.reading.folder import csv_of
from xenograft.reading.read import read_study
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

LOADED = Dosing('B "long"', days=(0.0, 3.5, 7.0), doses=(30.0, 15.0, 15.0), unit="mg/kg", ends=True)
STARTED = Dosing("A", days=(1.0,), schedule_known=False)
ARMS = (
    Arm("Kontrolle, täglich", control=True),
    Arm("A", dosings=(STARTED,)),
    Arm('B "long"', dosings=(LOADED,)),
    Arm("A + B", dosings=(STARTED, LOADED)),
)
TRUTH = Truth(baseline=60.0, growth=0.1, error=0.4, sd_cohort=0.1, dropout=0.02, kill={"A": 0.2, 'B "long"': 0.1})


@pytest.fixture
def made() -> Study:
    study = simulate(
        ARMS, TRUTH, animals=4, days=(-4.0, 0.0, 2.5, 7.0, 10.0), seed=1, endpoint_volume=120.0,
        limit_of_quantification=30.0, cohorts=2, name='A study called "one"',
    )  # fmt: skip
    weight = np.where(np.arange(len(study.readings)) % 3 == 0, np.nan, 20.25)
    return replace(study, readings=study.readings.assign(weight=weight), chosen_horizon=7.0, primary="A + B")


def read_back(study: Study, folder: Path) -> Study:
    study.to_folder(folder, replace=True)
    return read_study(folder)


def test_every_reading_and_all_that_study_toml_says_is_read_back(made: Study, tmp_path: Path) -> None:
    read = read_back(made, tmp_path)
    columns = [name for name in made.readings if name != "reason_left"]
    pd.testing.assert_frame_equal(read.readings[columns], made.readings[columns], check_dtype=False)
    assert made.readings["censored"].any()
    assert set(made.animals["reason_left"]) == {"", "other", "endpoint volume"}
    assert list(read.animals["reason_left"]) == list(made.animals["reason_left"])
    for name in ("name", "unit", "arms", "limit_of_quantification", "endpoint_volume", "chosen_horizon", "primary"):
        assert getattr(read, name) == getattr(made, name)
    assert read.digest == made.digest


def test_the_day_from_which_readings_are_fitted_is_read_back(made: Study, tmp_path: Path) -> None:
    assert read_back(replace(made, fit_from=-4.0), tmp_path).fit_from == -4.0


def test_a_censored_reading_is_written_as_below_its_limit(made: Study) -> None:
    rows = [line for line in csv_of(made).splitlines() if ",<30," in line]
    assert len(rows) == made.readings["censored"].sum()


def test_a_real_study_is_read_back_as_it_was(shared_data: Path, tmp_path: Path) -> None:
    folders = [path for path in sorted(shared_data.iterdir()) if (path / "study.toml").is_file()]
    for folder in folders[:3]:
        study = read_study(folder)
        assert read_back(study, tmp_path).digest == study.digest, folder.name
    assert folders
