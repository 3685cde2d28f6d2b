"""Every way a study may be written, and the sentence for every way it may be broken."""

import cProfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import ARMS, table

from xenograft.errors import StudyError
from xenograft.reading.read import read_study
from xenograft.study.study import Study
from xenograft.study.tables import summary_table

BROKEN = Path(__file__).parents[1] / "fixtures" / "broken-studies"
REAL = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def study_of(tmp_path):
    """Write a study.toml and its table, and read them."""

    def write_and_read(rows: pd.DataFrame, *, top="", arms=ARMS, suffix=".csv", encoding="utf-8") -> Study:
        data = tmp_path / f"volumes{suffix}"
        rows.to_csv(data, index=False, sep="\t" if suffix == ".tsv" else ",", encoding=encoding)
        head = "" if "name =" in top else 'name = "Study"\n'
        (tmp_path / "study.toml").write_text(f'{head}data = "{data.name}"\n{top}\n{arms}', encoding="utf-8")
        return read_study(tmp_path)

    return write_and_read


def problems_in(study_of, rows, **how) -> tuple[str, ...]:
    with pytest.raises(StudyError) as raised:
        study_of(rows, **how)
    return raised.value.problems


# Broken studies


def test_a_broken_study_is_refused_in_the_expected_sentences(monkeypatch, subtests: pytest.Subtests):
    for folder in sorted(BROKEN.iterdir()):
        with subtests.test(folder=folder):
            monkeypatch.chdir(folder)
            with pytest.raises(StudyError) as raised:
                read_study("study.toml")
            assert list(raised.value.problems) == (folder / "expected.txt").read_text(encoding="utf-8").splitlines()
            assert raised.value.exit_code == 2


def test_a_missing_file_is_named_with_the_whole_path(tmp_path):
    with pytest.raises(StudyError, match="there is no such file") as raised:
        read_study(tmp_path)
    assert str(tmp_path / "study.toml") in str(raised.value)


def test_a_table_in_place_of_study_toml_is_refused(tmp_path):
    with pytest.raises(StudyError) as raised:
        read_study(tmp_path / "volumes.csv")
    assert str(raised.value) == "volumes.csv: is a table. Give the study.toml that names it as data."


def test_more_than_ten_problems_are_counted(study_of):
    rows = table().assign(volume="large")
    with pytest.raises(StudyError) as raised:
        study_of(rows)
    assert len(raised.value.problems) == len(rows)
    assert str(raised.value).splitlines()[-1] == f"… and {len(rows) - 10} more."


def test_rows_are_numbered_as_a_spreadsheet_numbers_them(tmp_path, study_of):
    study_of(table())
    lines = (tmp_path / "volumes.csv").read_text().splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",-4"
    (tmp_path / "volumes.csv").write_text("\n".join([*lines[:3], "", ",,,", *lines[3:]]) + "\n")
    with pytest.raises(StudyError, match=r"row 8, animal vehicle2: volume is -4"):
        read_study(tmp_path)


# What a table may look like


def test_a_study_is_read_with_its_arms_doses_and_readings(study_of):
    study = study_of(table(), top="endpoint_volume = 2000\nlimit_of_quantification = 16\nhorizon = 7")
    assert [arm.name for arm in study.arms] == ["vehicle", "A", "B", "AB"]
    assert study.control.name == "vehicle"
    assert list(study.readings.columns) == ["animal", "arm", "day", "volume", "censored", "fitted", "baseline"]
    assert len(study.readings) == 4 * 2 * 4
    assert (study.unit, study.endpoint_volume, study.limit_of_quantification, study.horizon) == ("mm3", 2000, 16, 7)


def test_a_folder_and_its_study_toml_are_the_same_study(tmp_path, study_of):
    digest = study_of(table()).digest
    assert read_study(tmp_path / "study.toml").digest == digest
    assert read_study(str(tmp_path)).digest == digest


def test_columns_may_have_other_names(study_of):
    names = {"animal": "ID", "arm": "Group", "day": "Study day", "volume": "TV"}
    top = '\n[columns]\nanimal = "ID"\narm = "Group"\nday = "Study day"\nvolume = "TV"\n'
    assert study_of(table().rename(columns=names), top=top).digest == study_of(table()).digest


def test_a_mapped_column_comes_before_a_column_of_our_name(study_of):
    rows = table().rename(columns={"arm": "cohort"}).assign(volume_2="50")
    study = study_of(rows, top='\n[columns]\narm = "cohort"\nvolume = "volume_2"\n')
    assert (study.readings["volume"] == 50).all()
    assert study.notices[0] == "8 earlier readings kept and drawn, not fitted."


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path, study_of):
    study_of(table(), encoding="utf-8-sig")
    toml = (tmp_path / "study.toml").read_bytes()
    (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbf" + toml)
    assert len(read_study(tmp_path).animals) == 8


def test_tabs_separate_the_columns_of_a_tsv(study_of):
    assert study_of(table(), suffix=".tsv").digest == study_of(table()).digest


def test_windows_line_ends_and_blank_rows_change_nothing(tmp_path, study_of):
    digest = study_of(table()).digest
    text = (tmp_path / "volumes.csv").read_text().replace("\n", "\r\n") + ",,,\r\n\r\n"
    (tmp_path / "volumes.csv").write_bytes(text.encode())
    assert read_study(tmp_path).digest == digest


def test_animals_called_001_and_na_keep_their_names(study_of):
    rows = table().replace({"animal": {"vehicle1": "001", "vehicle2": "NA", "A1": "1"}})
    assert {"001", "NA", "1"} <= set(study_of(rows).animals.index)


def test_whitespace_around_animals_and_arms_is_trimmed(study_of):
    rows = table()
    rows.loc[1, ["animal", "arm"]] = [" vehicle1", "vehicle\u00a0 "]
    assert study_of(rows).digest == study_of(table()).digest


def test_volume_is_half_of_length_times_width_squared(study_of):
    rows = table().drop(columns="volume").assign(length="10", width="8.0")
    assert (study_of(rows).readings["volume"] == 320).all()


def test_lengths_in_cm_give_volumes_in_mm3(study_of):
    rows = table().drop(columns="volume").assign(length="1.0", width="0.8")
    study = study_of(rows, top='unit = "cm3"')
    assert study.unit == "mm3"
    np.testing.assert_allclose(study.readings["volume"], 320)


def test_mapped_lengths_come_before_a_volume_column(study_of):
    rows = table().assign(L="10", W="8")
    study = study_of(rows, top='\n[columns]\nlength = "L"\nwidth = "W"\n')
    assert (study.readings["volume"] == 320).all()


def test_a_width_above_the_length_is_used_as_written_and_noticed(study_of):
    rows = table().drop(columns="volume").assign(length="10", width="8")
    rows.loc[1, ["length", "width"]] = ["8", "10"]
    study = study_of(rows)
    assert study.readings["volume"].max() == 400
    assert (
        "volumes.csv: 1 reading with a width above the length (the first in row 3, animal vehicle1), "
        "used as ½ · length · width²." in study.notices
    )


def test_cm3_is_converted_with_its_limit_and_endpoint(study_of):
    rows = table()
    in_cm3 = rows.assign(volume=(rows["volume"].astype(float) / 1000).astype(str))
    top = 'unit = "cm3"\nlimit_of_quantification = 0.016\nendpoint_volume = 2'
    study = study_of(in_cm3, top=top)
    assert (study.unit, study.limit_of_quantification, study.endpoint_volume) == ("mm3", 16, 2000)
    np.testing.assert_allclose(study.readings["volume"].max(), rows["volume"].astype(float).max())


@pytest.mark.parametrize(("written", "read"), [("mm³", "mm3"), ("cm^3", "mm3"), ("photons/s", "photons/s")])
def test_cubic_lengths_are_recognised_and_other_units_kept(study_of, written, read):
    assert study_of(table(), top=f'unit = "{written}"').unit == read


def test_weight_cage_and_reason_are_carried_along(study_of):
    rows = table().assign(weight="20.5", cage="07", reason_left="", remark="no part of the format")
    rows.loc[0, "weight"] = "NA"
    rows.loc[3, "reason_left"] = "weight loss"
    study = study_of(rows)
    assert study.readings["weight"].isna().sum() == 1
    assert set(study.readings["cage"]) == {"07"}
    assert study.animals["reason_left"].to_dict() == {
        animal: "weight loss" if animal == "vehicle1" else "" for animal in rows["animal"]
    }
    assert "remark" not in study.readings


def test_the_reason_beside_a_missing_volume_is_not_lost(study_of):
    rows = table().assign(reason_left="")
    rows.loc[3, ["volume", "reason_left"]] = ["", "found dead"]
    assert study_of(rows).animals.loc["vehicle1", "reason_left"] == "found dead"


@pytest.mark.parametrize("missing", ["", "NA", "NaN", ".", "n/a"])
def test_missing_readings_are_left_out_and_counted(study_of, missing):
    rows = table()
    rows.loc[[3, 7], "volume"] = missing
    study = study_of(rows)
    assert len(study.readings) == len(rows) - 2
    expected = "volumes.csv: 2 readings left out because the volume is blank (the first in row 5, animal vehicle1)."
    assert expected in study.notices


def test_a_missing_reading_beside_a_taken_one_is_no_second_reading(study_of):
    rows = table()
    assert len(study_of(pd.concat([rows, rows.head(1).assign(volume="")])).readings) == len(rows)


def test_animals_numbered_within_their_arm_are_kept_apart(study_of):
    rows = table()
    rows["animal"] = rows["animal"].str[-1]
    study = study_of(rows, top='animal_ids = "within arm"')
    assert len(study.animals) == 8
    assert "vehicle/1" in study.animals.index


def test_cohorts_are_kept_as_text(study_of):
    rows = table()
    study = study_of(rows.assign(cohort=["01" if animal.endswith("1") else "02" for animal in rows["animal"]]))
    assert set(study.readings["cohort"]) == {"01", "02"}
    assert study.digest != study_of(rows).digest
    assert "cohort" not in study_of(rows.assign(cohort="")).readings


def test_empty_limit_exclude_and_cohort_columns_do_not_matter(study_of):
    study = study_of(table().assign(limit="", exclude="", cohort="", study="S1"))
    assert study.notices == study_of(table()).notices


# Doses


def test_a_list_of_doses_belongs_to_its_days_and_a_single_dose_repeats(study_of):
    arms = ARMS.replace("dose = [30, 15, 15], unit", "dose = 30, unit", 1)
    single, listed = study_of(table(), arms=arms), study_of(table())
    assert single.arms[2].dosings[0].doses == (30, 30, 30)
    assert listed.arms[2].dosings[0].doses == (30, 15, 15)
    assert listed.arms[2].dosings[0].level == 15
    assert single.digest != listed.digest


def test_days_from_every_times_are_the_days_written_out(study_of):
    study = study_of(table())
    assert study.arms[3].dosings[1] == study.arms[2].dosings[0]
    assert study.arms[3].dosings[1].days == (0, 7, 14)


def test_a_start_day_alone_leaves_the_schedule_unknown(study_of):
    arms = ARMS.replace("days = [0] }", "start = 0 }")
    dosing = study_of(table(), arms=arms).arms[1].dosings[0]
    assert (dosing.days, dosing.schedule_known, dosing.level) == ((0,), False, 3)
    assert study_of(table()).arms[1].dosings[0].schedule_known


def test_an_effect_may_end_one_interval_after_the_last_dose(study_of):
    arms = ARMS.replace("days = [0, 7, 14] }", "days = [0, 7, 14], ends = true }")
    assert study_of(table(), arms=arms).arms[2].dosings[0].end == 21
    assert study_of(table()).arms[2].dosings[0].end == np.inf


def test_a_dose_level_never_given_alone_is_noticed(study_of):
    arms = ARMS.replace("dose = 3.0", "dose = 1.0", 1)
    study = study_of(table(), arms=arms)
    assert study.notices[0] == (
        "Nothing can be concluded on the interaction of AB: A 3 mg/kg alone was not tested. It is compared with B and "
        "vehicle."
    )
    assert study.reference_arms(study.arms[3])["A"] is None


def test_a_study_without_a_combination_is_read_and_says_so(study_of):
    arms = ARMS[: ARMS.index("[arms.AB]")] + "[arms.AB]\nignore = true\n"
    study = study_of(table(), arms=arms)
    assert study.primary_combination is None
    sentence = "No arm receives two agents or more, so there is no interaction to judge"
    assert f"{sentence}: A and B are judged against vehicle." in study.notices


# Size


def test_a_large_table_is_read_column_by_column(tmp_path, study_of):
    """Steps of Python are counted, not seconds: a loop over rows takes hundreds a row, and 200,000 rows minutes."""
    steps: dict[int, int] = {}
    for animals in (10, 100):
        rows = table(animals=animals, days=range(-3, 47))
        assert len(study_of(rows).readings) == len(rows)
        profile = cProfile.Profile()
        profile.runcall(read_study, tmp_path)
        steps[len(rows)] = sum(entry.callcount for entry in profile.getstats())
    (few, steps_of_few), (many, steps_of_many) = steps.items()
    assert (steps_of_many - steps_of_few) / (many - few) < 25


# Baseline and what is fitted


def test_the_baseline_reading_is_the_last_on_or_before_the_first_dose(study_of):
    readings = study_of(table(days=(-7, -3, 7, 14))).readings
    assert set(readings.loc[readings["baseline"], "day"]) == {-3}
    assert set(readings.loc[readings["fitted"], "day"]) == {-3, 7, 14}


def test_a_reading_on_the_day_of_the_first_dose_is_the_baseline_reading(study_of):
    study = study_of(table())
    assert set(study.readings.loc[study.readings["baseline"], "day"]) == {0}
    assert "8 earlier readings kept and drawn, not fitted." in study.notices


def test_the_first_dose_is_the_earliest_of_any_arm(study_of):
    arms = ARMS.replace("days = [0, 7, 14]", "days = [7, 14, 21]").replace("from = 0", "from = 7")
    assert study_of(table(), arms=arms).first_dose == 0
    arms = ARMS.replace("days = [0] }", "days = [-3] }")
    readings = study_of(table(), arms=arms).readings
    assert set(readings.loc[readings["baseline"], "day"]) == {-3}


def test_an_animal_without_a_baseline_reading_is_fitted_from_its_first(study_of):
    rows = table()
    study = study_of(rows[~((rows["animal"] == "A1") & rows["day"].isin(["-3", "0"]))])
    of_animal = study.readings[study.readings["animal"] == "A1"]
    assert of_animal["fitted"].all()
    assert not of_animal["baseline"].any()
    assert np.isnan(study.animals.loc["A1", "baseline"])
    expected = "1 animal (A1) without a reading on or before the first dose (day 0), fitted from the first reading."
    assert expected in study.notices


def test_what_a_journal_asks_is_read_and_changes_no_posterior(study_of):
    said = '[methods]\nstrain = "NSG"\nrandomisation = "by volume, in blocks of four"'
    study = study_of(table(), arms=f"{ARMS}\n{said}")
    assert study.methods == {"strain": "NSG", "randomisation": "by volume, in blocks of four"}
    assert study.digest == study_of(table()).digest
    unknown = problems_in(study_of, table(), arms=f"{ARMS}\n[methods]\nrandomization = 'yes'")
    assert any("randomization" in line and "randomisation" in line for line in unknown)


def test_fit_from_chooses_the_readings_and_leaves_the_baseline_reading(study_of):
    early, late = study_of(table(), top="fit_from = -3"), study_of(table(), top="fit_from = 7")
    assert early.readings["fitted"].all()
    assert set(late.fitted_readings["day"]) == {7, 14}
    for study in (early, late):
        assert set(study.readings.loc[study.readings["baseline"], "day"]) == {0}
        assert study.animals["baseline"].notna().all()
    assert late.digest != early.digest
    assert late.notices[0] == (
        "Readings from day 7 on are fitted (fit_from), not from the last one before the first dose (day 0) on."
    )


def test_an_animal_without_a_reading_to_fit_is_named(study_of):
    rows = table(animals=3)
    rows.loc[rows["animal"] == "B3", "volume"] = "NA"
    study = study_of(rows)
    assert "B3" not in study.animals.index
    assert "1 animal (B3) without a reading to fit, not analysed." in study.notices


def test_an_ignored_arm_is_counted_and_not_checked(study_of):
    extra = table().query("arm == 'vehicle'").assign(arm="isotype", volume="0")
    extra["animal"] += "i"
    study = study_of(pd.concat([table(), extra]), arms=ARMS + '\n[arms."isotype"]\ncontrol = true\nignore = true\n')
    assert study.ignored == {"isotype": 2}
    assert study.digest == study_of(table()).digest
    assert "Arm isotype (2 animals) is listed with ignore = true and not analysed." in study.notices


def test_animals_that_leave_early_keep_their_last_reading(study_of):
    rows = table()
    study = study_of(rows[~((rows["animal"] == "vehicle1") & (rows["day"] == "14"))])
    assert study.animals.loc["vehicle1", "last_day"] == 7
    assert summary_table(study).set_index("arm")["left before the last day"].to_dict() == {
        "vehicle": 1,
        "A": 0,
        "B": 0,
        "AB": 0,
    }


def test_the_summary_has_one_row_per_arm_in_words(study_of):
    summary = summary_table(study_of(table()))
    assert list(summary["arm"]) == ["vehicle", "A", "B", "AB"]
    assert summary.iloc[0].to_dict() == {
        "arm": "vehicle",
        "animals": 2,
        "fitted readings": 6,
        "first day": 0,
        "last day": 14,
        "median baseline": 175,
        "smallest baseline": 170,
        "largest baseline": 180,
        "left before the last day": 0,
    }


# Digest


def test_the_digest_does_not_depend_on_layout_names_or_unit(study_of):
    rows = table()
    digest = study_of(rows).digest
    in_cm3 = rows.assign(volume=(rows["volume"].astype(float) / 1000).map("{:.9g}".format))
    assert study_of(rows.sample(frac=1, random_state=1)).digest == digest
    assert study_of(rows, top='name = "Another name"').digest == digest
    assert study_of(in_cm3, top='unit = "cm3"').digest == digest
    assert study_of(rows.assign(day=rows["day"] + ".0", remark="x")).digest == digest


def test_the_digest_changes_with_a_volume_and_with_a_dosing_day(study_of):
    rows = table()
    digest = study_of(rows).digest
    rows.loc[3, "volume"] = "99"
    assert study_of(rows).digest != digest
    assert study_of(table(), arms=ARMS.replace("days = [0] }", "days = [1] }")).digest != digest


def test_the_checksum_is_that_of_the_table(tmp_path, study_of):
    first = study_of(table()).source_sha256
    assert study_of(table(), top="horizon = 7").source_sha256 == first
    assert study_of(table().assign(remark="x")).source_sha256 != first


# All problems in one pass


def test_a_fault_in_study_toml_does_not_hide_one_in_the_table(study_of):
    rows = table()
    rows.loc[0, "volume"] = "-4"
    found = problems_in(study_of, rows, top='endpoint = 2000\nprimary = "BA"')
    assert found == (
        'study.toml: unknown key "endpoint". Did you mean "endpoint_volume"?',
        'study.toml: primary = "BA" is not one of AB.',
        "volumes.csv, row 2, animal vehicle1: volume is -4; it must be 0 or more. "
        "Record an unmeasurable tumour as 0 and give limit_of_quantification.",
    )


def test_a_fault_in_one_arm_does_not_make_its_animals_strangers(study_of):
    found = problems_in(study_of, table(), arms=ARMS.replace("control = true", "control = 1"))
    assert found == ("study.toml: arms.vehicle.control is 1; it must be true or false.",)


@pytest.mark.parametrize("written", ["٣", "1_000", "0x10", "12 mm3", "1,000.5", ">2000"])
def test_only_a_plain_decimal_number_is_a_volume(study_of, written):
    rows = table()
    rows.loc[0, "volume"] = written
    (found,) = problems_in(study_of, rows)
    assert found.startswith(f'volumes.csv, row 2, animal vehicle1: volume is "{written}"; it must be a number.')


@pytest.mark.parametrize(
    ("written", "column", "study_limit", "limit"),
    [("0", "", "5", 5), ("3.2", "", "5", 5), ("5", "", "5", 5), ("<16", "", None, 16), ("< 16", "8", "5", 16),
     ("NP", "8", None, 8), ("0", "8", "5", 8), ("NP", "", "5", 5), ("7", "8", "5", 8)],
)  # fmt: skip
def test_a_reading_at_or_below_its_limit_is_censored_there(study_of, written, column, study_limit, limit):
    """Its own limit ("<16") comes before that of its row, and that before the study's."""
    rows = table().assign(limit="")
    rows.loc[3, ["volume", "limit"]] = written, column
    top = f"limit_of_quantification = {study_limit}" if study_limit else ""
    readings = study_of(rows, top=top).readings
    censored = readings[readings["censored"]]
    assert censored["volume"].tolist() == [limit]
    assert len(readings) == len(rows)


def test_limits_in_cubic_centimetres_are_converted(study_of):
    rows = table().assign(volume="0.2")
    rows.loc[[3, 7], "volume"] = "<0.016", "0"
    censored = study_of(rows, top='unit = "cm3"\nlimit_of_quantification = 0.005').readings.query("censored")
    assert sorted(censored["volume"]) == [5, 16]


def test_a_limit_that_is_none_is_refused(study_of):
    rows = table().assign(limit="")
    rows.loc[0, "limit"] = "-1"
    (found,) = problems_in(study_of, rows)
    assert 'limit is "-1"; it must be a volume above 0' in found


# Real studies

CENSORED = {"a375-vemurafenib-bso": 217, "gdc0084-temozolomide-grid": 189}


@pytest.mark.skipif(not REAL.is_dir(), reason="the real studies are kept beside the project and are not here")
def test_every_real_study_is_read():
    paths = sorted(REAL.glob("*/study.toml"))
    assert len(paths) == 20
    for path in paths:
        study = read_study(path)
        assert study.first_dose < study.horizon
        assert len(summary_table(study)) == len(study.arms)
        expected = CENSORED.get(path.parent.name)
        assert expected is None or study.readings["censored"].sum() == expected


def test_reading_warns_of_nothing_when_a_column_is_all_text(study_of):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = problems_in(study_of, table().assign(day="soon"))
    assert len(found) == 32
