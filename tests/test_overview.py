"""Every number in one place: the summary, its CSV, the command, and what is predicted for a new animal."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from xenograft.answers.interactions import dose_matrix
from xenograft.answers.new_animals import (
    best_arms,
    new_animal_readings,
    predicted_responses,
    predicted_survival,
    visits,
)
from xenograft.answers.ranking import Comparison, compare
from xenograft.answers.summary import Summary, at_day, long_table, summary
from xenograft.commands import numbers as cli_numbers
from xenograft.commands.app import app
from xenograft.commands.terminal import standard_output
from xenograft.errors import InputError, NoHealthyFitError
from xenograft.files import without_formulas, write_csv
from xenograft.fitting.curves import new_readings
from xenograft.fitting.fit import Fit
from xenograft.quantities.estimands import REFERENCES
from xenograft.study.study import Study

EXPONENTIAL, GOMPERTZ = "exponential-bliss-departure", "gompertz-bliss-departure"
COMBINATION = "T-DM1 + pertuzumab"


@pytest.fixture(scope="module")
def numbers(fits: Mapping[str, Fit], ranking: Comparison) -> Summary:
    return summary(fits, ranking)


# CSV


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_stay_numbers(tmp_path: Path) -> None:
    nasty = ["=1+1", "+A", "-A", "@SUM(A1)", "\tA", "\rA", "T-DM1", "A = B"]
    table = pd.DataFrame({"arm": nasty, "value": [-1.5, 2.0, np.nan, np.inf, 0.0, 1.0, 2.0, 3.0], "=name": 1})
    write_csv(tmp_path / "out.csv", table)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["arm"] for row in rows] == [*(f"'{text}" for text in nasty[:6]), "T-DM1", "A = B"]
    assert [row["value"] for row in rows] == ["-1.5", "2.0", "", "inf", "0.0", "1.0", "2.0", "3.0"]
    assert "'=name" in rows[0]
    assert without_formulas(table)["value"].dtype == float


def test_the_csv_of_a_summary_has_every_number_once(numbers: Summary, tmp_path: Path) -> None:
    numbers.to_csv(tmp_path / "numbers.csv")
    read = pd.read_csv(tmp_path / "numbers.csv", keep_default_na=False)
    table = long_table(numbers)
    assert len(read) == len(table)
    parts = (numbers.arms, numbers.interaction, numbers.arm_readings, numbers.animal_readings, numbers.responses,
             numbers.predicted_survival, numbers.best)  # fmt: skip
    assert len(table) == sum(map(len, parts))
    assert set(table["source"]) == {"model", "readings", "new animal"}
    assert table["definition"].ne("").all()
    keys = ["source", "model", "of", "arm", "animal", "against", "reference", "quantity", "day"]
    assert not table[keys].duplicated().any()


# The summary


def test_a_summary_keeps_the_draws_that_its_tables_are_of(numbers: Summary, study: Study) -> None:
    assert numbers.draws["tgi"].dims == ("chain", "draw", "arm")
    assert numbers.draws["tgi"].attrs["horizon"] == study.horizon
    row = numbers.arms[(numbers.arms["quantity"] == "tgi") & (numbers.arms["arm"] == "T-DM1")].iloc[0]
    assert row["median"] == pytest.approx(float(numbers.draws["tgi"].sel(arm="T-DM1").median()))
    by = numbers.interaction.set_index(["reference", "quantity"])
    for reference in REFERENCES:
        drawn = numbers.interaction_draws[f"excess_{reference}"].sel(combination=COMBINATION)
        assert by.loc[(reference, "excess"), "median"] == pytest.approx(float(drawn.median()))
        assert by.loc[(reference, "excess"), "beyond"] == pytest.approx(
            float((drawn > by.loc[(reference, "excess"), "margin"]).mean())
        )


def test_the_day_the_curves_the_model_and_the_margins_can_be_chosen(
    fits: Mapping[str, Fit], ranking: Comparison, numbers: Summary
) -> None:
    other = summary(fits, ranking, day=14.0, of="mean", model=EXPONENTIAL, margins={"tgi": 30.0}, animals=3, seed=5)
    assert set(other.arms["day"]) == {14.0} == set(other.interaction["day"]) == set(other.best["day"])
    assert set(other.arms["of"]) == {"mean"}
    assert set(other.arms["model"]) == {EXPONENTIAL}
    assert set(other.arms.loc[other.arms["quantity"] == "tgi", "margin"]) == {30.0}
    assert set(other.responses["animals"]) == {3}
    assert set(numbers.responses["animals"]) == {10}
    keys = ["arm", "quantity"]
    medians = [table.arms.set_index(keys)["median"] for table in (numbers, other)]
    assert medians[0]["T-DM1", "tgi"] != medians[1]["T-DM1", "tgi"]
    raw = [table.arm_readings.set_index(keys)["value"] for table in (numbers, other)]
    assert raw[0]["T-DM1", "tgi"] != raw[1]["T-DM1", "tgi"]


def test_a_day_outside_the_study_is_refused(fits: Mapping[str, Fit], study: Study) -> None:
    for day in (0.0, 43.0):
        with pytest.raises(InputError) as caught:
            at_day(fits, day)
        assert str(caught.value) == (
            f"{study.name}: day {day:g} is not after the first dose (day 0) and up to the last reading (day 42). "
            "Give a day between them."
        )


def test_an_unknown_margin_is_refused(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    with pytest.raises(InputError, match=r"summary: there is no margin for tgl\. Known: tgi, "):
        summary(fits, ranking, margins={"tgl": 1.0})


def test_without_a_healthy_fit_there_is_no_summary_and_no_prediction(fits: Mapping[str, Fit]) -> None:
    sick = {
        name: replace(fit, health=replace(fit.health, status="fail", failures=("x",))) for name, fit in fits.items()
    }
    ranking = compare(sick, exact=False)
    for function in (summary, predicted_responses, predicted_survival, dose_matrix):
        with pytest.raises(NoHealthyFitError, match="there is no healthy fit for averaged"):
            function(sick, ranking)
    assert best_arms(sick, ranking).empty


def test_the_matrix_of_a_four_arm_study_is_one_cell(
    fits: Mapping[str, Fit], ranking: Comparison, numbers: Summary
) -> None:
    matrix = dose_matrix(fits, ranking, reference="hsa", value="probability")
    assert matrix.shape == (1, 1)
    assert (matrix.index.name, matrix.columns.name) == ("T-DM1 (mg/kg)", "pertuzumab (mg/kg)")
    by = numbers.interaction.set_index(["reference", "quantity"])
    assert matrix.iloc[0, 0] == by.loc[("hsa", "excess"), "probability"]


# A new animal


def test_response_probabilities_add_up_and_follow_the_arms(numbers: Summary) -> None:
    total = numbers.responses.groupby(["arm", "criterion"])["probability"].sum()
    np.testing.assert_allclose(total, 1.0)
    progress = numbers.responses.query("criterion == 'mrecist' and response == 'PD'").set_index("arm")["probability"]
    assert progress["vehicle"] > 0.9 > progress[COMBINATION] + 0.5
    assert (numbers.responses["lower"] <= numbers.responses["upper"]).all()


def test_predicted_shares_are_near_those_of_the_animals_the_fit_has_seen(numbers: Summary) -> None:
    predicted = numbers.responses.query("criterion == 'mrecist'").set_index(["arm", "response"])
    raw = numbers.arm_readings.set_index(["arm", "quantity"])["value"]
    for arm, response in predicted.index:
        if response:
            share = raw[arm, f"mrecist_{response.lower()}"] / 100
            assert (
                predicted.loc[(arm, response), "lower"] - 1e-9
                <= share
                <= predicted.loc[(arm, response), "upper"] + 1e-9
            )


def test_survival_falls_from_1_and_the_vehicle_goes_first(numbers: Summary) -> None:
    table = numbers.predicted_survival
    for _, rows in table.groupby("arm"):
        assert rows["share"].iloc[0] == pytest.approx(1)
        assert rows["share"].is_monotonic_decreasing
        assert ((rows["lower"] <= rows["share"] + 0.1) & (rows["share"] <= rows["upper"] + 0.1)).all()
    last = table[table["day"] == table["day"].max()].set_index("arm")["share"]
    assert last["vehicle"] < 0.3 < 0.9 < last[COMBINATION]


def test_without_an_endpoint_volume_there_is_no_survival(fits: Mapping[str, Fit], ranking: Comparison) -> None:
    endless = {name: replace(fit, study=replace(fit.study, endpoint_volume=None)) for name, fit in fits.items()}
    assert predicted_survival(endless, ranking).empty


def test_predictions_are_the_same_every_time_and_another_seed_gives_others(
    fits: Mapping[str, Fit], ranking: Comparison
) -> None:
    first, second, other = (predicted_responses(fits, ranking, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, second)
    assert not first["probability"].equals(other["probability"])


def test_new_animals_have_the_spread_of_the_predictive_distribution(fits: Mapping[str, Fit]) -> None:
    fit = fits[EXPONENTIAL]
    day = visits(fit.study)
    assert (day[0], day[-1]) == (0.0, 42.0)
    drawn = new_animal_readings(fit, day, animals=20, seed=1).sel(arm="T-DM1")
    known = new_readings(fit.posterior.isel(draw=slice(None, None, 4)), fit.study, fit.card, seed=1)
    animals = list(fit.study.animals.index[fit.study.animals["arm"] == "T-DM1"])
    first = known.sel(animal=animals).isel(reading=0) + np.log(fit.study.reference_volume)
    assert float(drawn.sel(day=0.0).std()) == pytest.approx(float(first.std()), rel=0.05)
    assert float(drawn.sel(day=0.0).mean()) == pytest.approx(float(first.mean()), abs=0.02)
    assert float(drawn.sel(day=42.0).std()) > float(drawn.sel(day=0.0).std())


def test_the_best_arm_of_the_fixture_is_the_combination(numbers: Summary) -> None:
    best = numbers.best.set_index("arm")["probability"]
    assert best[COMBINATION] > 0.99
    assert best.sum() == pytest.approx(1)


# The command


def saved(fits: Mapping[str, Fit], folder: Path, *names: str) -> list[str]:
    for name in names:
        fits[name].save(folder / f"{name}.nc")
    return [str(folder / f"{name}.nc") for name in names]


def test_the_command_prints_every_number_of_saved_fits(fits: Mapping[str, Fit], tmp_path: Path) -> None:
    saved(fits, tmp_path / "fits", EXPONENTIAL, GOMPERTZ)
    table = tmp_path / "numbers.csv"
    done = CliRunner().invoke(app, ["estimands", str(tmp_path / "fits"), "--day", "14", "--csv", str(table)])
    assert done.exit_code == 0, done.output
    expected = (
        "Day 14, averaged cards, typical animal", "tgi_auc_baseline (%)", "whole_course_excess",
        "From the readings alone", "mrecist PD", "Probability of the smallest typical tumour on day 14",
    )  # fmt: skip
    for words in expected:
        assert words in done.output
    read = pd.read_csv(table)
    assert set(read.loc[read["source"] == "model", "day"]) == {14.0}


def test_the_command_takes_one_card_and_mean_curves(fits: Mapping[str, Fit], tmp_path: Path) -> None:
    files = saved(fits, tmp_path, EXPONENTIAL, GOMPERTZ)
    done = CliRunner().invoke(app, ["estimands", *files, "--card", GOMPERTZ, "--of", "mean"])
    assert done.exit_code == 0, done.output
    assert f"Day 31, {GOMPERTZ}, mean volumes" in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{fit}", "{fit}"], "the card exponential-bliss-departure is there more than once. Give each fit once."),
        (["{fit}", "{study}"], "a study beside fits. Give one study, or fits of one study."),
        (["{study}", "{study}"], "one study at a time. Give one study, or fits of one study."),
        (
            ["{fit}", "-m", "exponential-bliss"],
            "-m: chooses the cards to fit, and these are fits already. Leave it out",
        ),
        (["{fit}", "--day", "99"], "day 99 is not after the first dose (day 0) and up to the last reading (day 42)."),
        (["{fit}", "--card", "gompertz"], "summary: there is no healthy fit for gompertz."),
        (["{folder}/none.nc"], "there is no such file. Check the path."),
    ],
)
def test_what_the_command_cannot_do_is_said_in_a_sentence(
    fits: Mapping[str, Fit], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    file = saved(fits, tmp_path, EXPONENTIAL)[0]
    study = Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
    named = [text.format(fit=file, study=study, folder=tmp_path) for text in arguments]
    done = CliRunner().invoke(app, ["estimands", *named])
    assert done.exit_code != 0
    assert sentence in str(done.exception)


def test_many_arms_are_printed_a_few_at_a_time_with_their_whole_names(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"gdc0084_{dose}_temozolomide_{dose}" for dose in range(12)]
    cli_numbers._print_by_arm(standard_output(), pd.DataFrame([["tgi", *map(str, range(12))]], columns=["", *names]))
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)
    assert printed.count("tgi") == 3
