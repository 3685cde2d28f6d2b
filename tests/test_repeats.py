"""Several readings of a tumour on a day: all of them are fitted, and an animal is counted once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import xenograft as xg
from xenograft.quantities.animals import animal_responses
from xenograft.study.study import Study
from xenograft.study.tables import left_table, measured_table

FIXTURE = Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
ERROR = 0.1


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """The fixture measured by two people, its table read with `repeats` both ways."""
    rows = pd.read_csv(FIXTURE / "volumes.csv", dtype=str, keep_default_na=False)
    rng = np.random.default_rng(1)
    measured = pd.to_numeric(rows["volume"], errors="coerce")
    parts: list[pd.DataFrame] = []
    for _ in range(2):
        noise = np.exp(rng.normal(0, ERROR, len(rows)))
        parts.append(
            rows.assign(volume=rows["volume"].where(~(measured > 40), (measured * noise).map("{:.2f}".format)))
        )
    head, rest = (FIXTURE / "study.toml").read_text().split("\n[", 1)
    read: dict[str, Study] = {}
    for way in ("readings", "mean"):
        folder = tmp_path_factory.mktemp(way)
        pd.concat(parts).to_csv(folder / "volumes.csv", index=False)
        (folder / "study.toml").write_text(f'{head}\nrepeats = "{way}"\n[{rest}')
        read[way] = xg.read_study(folder)
    return read


def test_each_reading_is_kept_and_each_animal_counted_once(twice: dict[str, Study]) -> None:
    both, mean = twice["readings"], twice["mean"]
    assert len(both.readings) == 2 * len(both.daily_readings)
    for table in (measured_table, left_table):
        pd.testing.assert_frame_equal(table(both), table(mean))
    same = ["arm", "baseline", "last_day", "last_volume", "reason_left"]
    pd.testing.assert_frame_equal(both.animals[same], mean.animals[same])
    assert both.horizon == mean.horizon


def test_what_is_counted_directly_is_that_of_the_means(twice: dict[str, Study]) -> None:
    """Responses, times, T/C: an animal measured twice a day is no two animals, and its first value is not its only."""
    pd.testing.assert_frame_equal(animal_responses(twice["readings"]), animal_responses(twice["mean"]))


def test_a_study_without_repeats_is_left_as_it_is(study: Study) -> None:
    assert study.daily_readings is study.readings


def test_the_order_of_two_readings_of_a_day_changes_no_digest(twice: dict[str, Study]) -> None:
    turned = twice["readings"].readings.sort_values("volume", ascending=False, ignore_index=True)
    assert replace(twice["readings"], readings=turned).digest == twice["readings"].digest


def test_excluded_readings_of_a_day_are_not_mixed_with_the_others(twice: dict[str, Study]) -> None:
    readings = twice["readings"].readings.copy()
    readings["exclude"] = ""
    row = readings.index[(readings["animal"] == "V01") & (readings["day"] == 7)][0]
    readings.loc[row, ["exclude", "fitted"]] = ["misread", False]
    study = replace(twice["readings"], readings=readings)
    day = study.daily_readings.query("animal == 'V01' and day == 7")
    other = readings.loc[row + 1, "volume"]
    assert day["volume"].tolist() == pytest.approx([readings.loc[row, "volume"], other])


def test_a_study_measured_twice_a_day_is_fitted_and_judged(twice: dict[str, Study]) -> None:
    """The density of every reading counts, the error is theirs, and the answer is nearly that of the means."""
    card = xg.read_cards()["exponential-bliss-departure"]
    fits = {way: xg.fit(study, card, method="importance", seed=1) for way, study in twice.items()}
    error = {way: float(one.posterior["error"].median()) for way, one in fits.items()}
    assert error["mean"] < error["readings"]
    log_volume = {way: xg.curves(one, day=[14.0, 28.0]).median(("chain", "draw")) for way, one in fits.items()}
    np.testing.assert_allclose(log_volume["readings"], log_volume["mean"], atol=0.1)
