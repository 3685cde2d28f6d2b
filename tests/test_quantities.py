"""Numbers carry unit, horizon and definition, and their summaries say size, direction and what is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from worked_example import CURVES, curves_of, study_of

from xenograft.answers.interactions import (
    SINGLES,
    interaction_numbers,
    matrix_of,
    measured_against,
)
from xenograft.answers.summary import arm_matrix, arm_numbers
from xenograft.errors import InputError
from xenograft.quantities.catalogue import ROW, UNDEFINED, arm_estimands, questions, summarise, why_missing
from xenograft.quantities.estimands import excess, growth_rate, tumour_growth_inhibition
from xenograft.study.study import Arm, Dosing, Study

POSITIVE = st.floats(1.0, 5000.0)
TRIPLE = st.tuples(POSITIVE, POSITIVE, POSITIVE)


def draws_of(*values: float) -> xr.DataArray:
    return xr.DataArray(np.array(values, dtype=float).reshape(1, -1), dims=("chain", "draw"))


def predicted(curves: xr.DataArray) -> xr.DataArray:
    return curves.assign_coords(predicted=("arm", [False] * curves.sizes["arm"]))


# What a number carries


def test_every_number_says_unit_definition_horizon_and_of_what_curves() -> None:
    for of in ("typical", "mean"):
        for key, values in arm_estimands(curves_of().assign_attrs(of=of), study_of(chosen_horizon=20.0)).items():
            assert values.attrs["definition"], key
            assert values.attrs["horizon"] == 20.0, key
            assert values.attrs["of"] == of, key
            assert values.attrs["unit"] in ("%", "1/day", "day", "log10"), key
            assert values.dims == ("chain", "draw", "arm"), key


def test_every_question_is_about_a_number_there_is() -> None:
    keys = set(arm_estimands(curves_of(), study_of(chosen_horizon=20.0)))
    assert set(questions()) - keys == {"excess_bliss", "excess_hsa", "excess_additive"}


def test_another_horizon_gives_other_numbers() -> None:
    study = study_of(chosen_horizon=20.0)
    early = arm_estimands(curves_of(), study, 10.0)
    late = arm_estimands(curves_of(), study)
    assert all(values.attrs["horizon"] == 10.0 for values in early.values())
    for key in ("tgi", "growth_rate", "time_to_4x"):
        assert not early[key].equals(late[key]), key


@settings(max_examples=15, deadline=None)
@given(TRIPLE, TRIPLE, TRIPLE, TRIPLE, st.sampled_from([2.0**-10, 2.0, 2.0**20]))
def test_no_number_depends_on_the_unit_of_volume(vehicle, a, b, both, factor) -> None:
    volumes = {"vehicle": vehicle, "A": a, "B": b, "A + B": both}
    curves, study = curves_of(volumes), study_of(chosen_horizon=20.0)
    other = (curves + np.log(factor)).assign_attrs(curves.attrs)
    again = arm_estimands(other, study)
    for key, values in arm_estimands(curves, study).items():
        if "4x" in key or "2x" in key or "5x" in key or "regrowth" in key or "nadir" in key or "kill" in key:
            continue  # a crossing that only touches may fall to either side by rounding; looked at with margins below
        np.testing.assert_allclose(values, again[key], rtol=1e-6, atol=1e-6, err_msg=key)


def test_no_time_depends_on_the_unit_of_volume_or_the_day_counted_from() -> None:
    curves, study = curves_of(), study_of(chosen_horizon=20.0)
    shifted = curves.assign_coords(day=curves["day"] + 5) + np.log(1000.0)
    shifted = shifted.assign_attrs(curves.attrs | {"first_dose": 5.0})
    moved = tuple(
        replace(arm, dosings=tuple(replace(d, days=tuple(day + 5 for day in d.days)) for d in arm.dosings))
        for arm in study.arms
    )
    again = arm_estimands(shifted, replace(study, arms=moved, chosen_horizon=25.0))
    for key, values in arm_estimands(curves, study).items():
        np.testing.assert_allclose(values, again[key], rtol=1e-9, atol=1e-9, err_msg=key)


@settings(max_examples=15, deadline=None)
@given(TRIPLE, TRIPLE, TRIPLE, st.sampled_from([0.5, 24.0]))
def test_rates_scale_with_the_unit_of_time_and_excesses_do_not(vehicle, a, b, factor) -> None:
    volumes = {"vehicle": vehicle, "A": a, "B": b, "A + B": a}
    curves = curves_of(volumes)
    slower = curves.assign_coords(day=curves["day"] * factor)
    first, second = growth_rate(curves, 20.0), growth_rate(slower, 20.0 * factor)
    np.testing.assert_allclose(second * factor, first, rtol=1e-9)
    for version in ("relative", "auc"):
        same = tumour_growth_inhibition(slower, "vehicle", 20.0 * factor, version)
        np.testing.assert_allclose(
            same, tumour_growth_inhibition(curves, "vehicle", 20.0, version), atol=1e-7, rtol=1e-7
        )
    for reference in ("bliss", "hsa", "additive"):
        one, other = (excess(c, "A + B", ["A", "B"], "vehicle", reference) for c in (curves, slower))
        np.testing.assert_array_equal(one, other)


@settings(deadline=None)
@given(TRIPLE, TRIPLE, TRIPLE)
def test_the_bliss_excess_is_0_when_effects_add(vehicle, a, b) -> None:
    both = tuple(np.array(a) * np.array(b) / np.array(vehicle))
    found = excess(curves_of({"vehicle": vehicle, "A": a, "B": b, "A + B": both}), "A + B", ["A", "B"], "vehicle")
    assert (found == 0).all()


SHARE = st.tuples(*[st.floats(0.01, 1.0)] * 3)


@settings(deadline=None)
@given(TRIPLE, SHARE, SHARE, SHARE)
def test_the_hsa_excess_is_at_least_the_bliss_excess_when_both_agents_inhibit(vehicle, a, b, both) -> None:
    inhibited = {name: tuple(np.array(vehicle) * share) for name, share in (("A", a), ("B", b), ("A + B", both))}
    curves = curves_of({"vehicle": vehicle} | inhibited)
    bliss, hsa = (excess(curves, "A + B", ["A", "B"], "vehicle", r) for r in ("bliss", "hsa"))
    assert (hsa >= bliss - 1e-9).all()


# Summaries


def test_a_summary_gives_direction_and_margins_by_hand() -> None:
    # of ten draws of an inhibition: two above 10, one below -10, five above 0, one at 0
    row = summarise(draws_of(20, 15, 10, 5, 1, 0, -1, -5, -10, -20), "tgi").iloc[0]
    assert row["probability"] == pytest.approx(0.55)
    assert (row["beyond"], row["opposite"], row["margin"]) == (0.2, 0.1, 10)
    assert (row["unreached"], row["undefined"]) == (0, 0)


def test_the_direction_may_be_below_the_null() -> None:
    row = summarise(draws_of(50, 80, 95, 100, 120), "tc").iloc[0]  # an arm is inhibited where T/C is below 100
    assert row["probability"] == pytest.approx(0.7)
    assert (row["beyond"], row["opposite"]) == (pytest.approx(0.4), pytest.approx(0.2))


def test_a_margin_can_be_chosen() -> None:
    row = summarise(draws_of(20, 15, 10, 5), "tgi", 18.0).iloc[0]
    assert (row["beyond"], row["margin"]) == (0.25, 18.0)


def test_a_number_without_a_direction_has_no_probability() -> None:
    row = summarise(draws_of(1, 2, 3), "doubling_time").iloc[0]
    assert row[["probability", "beyond", "opposite", "margin"]].isna().all()
    assert row["median"] == 2


def test_a_time_after_the_horizon_is_counted_and_said() -> None:
    row = summarise(draws_of(10, 12, 14, np.inf), "time_to_2x").iloc[0]
    assert row["unreached"] == 0.25
    assert row["upper"] == np.inf
    assert why_missing("time_to_2x", row.to_dict(), "vehicle", 21.0) == "not reached by day 21 (probability 0.25)"
    assert why_missing("doubling_time", row.to_dict(), "vehicle", 21.0) == "not growing (probability 0.25)"


def test_a_few_draws_without_a_number_are_told_and_many_take_the_number_away() -> None:
    few = summarise(draws_of(*range(1, 100), np.nan), "tgi").iloc[0]
    assert few["undefined"] == 0.01 < UNDEFINED
    assert few["median"] == 50
    assert few["probability"] == 1
    many = summarise(draws_of(1, 2, 3, np.nan), "tgi_baseline").iloc[0]
    assert many[["median", "lower", "upper", "probability"]].isna().all()
    assert why_missing("tgi_baseline", many.to_dict(), "vehicle", 21.0) == "vehicle not growing (probability 0.25)"
    assert why_missing("growth_delay_2x", many.to_dict(), "vehicle", 21.0) == (
        "neither the arm nor vehicle gets that large by day 21 (probability 0.25)"
    )


def test_a_summary_has_a_row_per_label_with_its_own_gaps() -> None:
    values = xr.concat([draws_of(1, 2, 3), draws_of(np.nan, np.nan, np.nan)], dim="arm").assign_coords(arm=["A", "B"])
    table = summarise(values.transpose("chain", "draw", "arm"), "tgi")
    assert list(table.columns) == list(ROW)
    assert table.loc["A", "median"] == 2
    assert np.isnan(table.loc["B", "median"])
    assert table.loc["B", "undefined"] == 1


# Tables


def test_the_table_of_arms_has_every_number_with_its_reason() -> None:
    study = study_of(chosen_horizon=20.0)
    table = arm_numbers(study, predicted(curves_of()), "card")
    assert len(table) == 4 * len(arm_estimands(curves_of(), study))
    missing = ~np.isfinite(table[["median", "lower", "upper"]]).all(axis=1)
    assert (table["reason"] != "").equals(missing)
    assert set(table["day"]) == {20.0}
    shown = arm_matrix(table)
    assert list(shown.columns) == list(CURVES)
    assert shown.loc["tgi (%)", "A"] == "50"  # every draw says so: an interval would say nothing
    assert shown.loc["doubling_time (day)", "A + B"].startswith("never; not growing")
    wider = table.assign(lower=table["lower"] - 60.0)
    assert arm_matrix(wider).loc["tgi (%)", "A"] == "50 (−10 to 50)"


def test_a_margin_given_reaches_the_tables() -> None:
    study = study_of(chosen_horizon=20.0)
    usual = arm_numbers(study, predicted(curves_of()), "card").set_index(["quantity", "arm"])
    strict = arm_numbers(study, predicted(curves_of()), "card", margins={"tgi": 60.0}).set_index(["quantity", "arm"])
    assert (usual.loc[("tgi", "A"), "beyond"], strict.loc[("tgi", "A"), "beyond"]) == (1, 0)
    numbers = interaction_numbers(study, curves_of(), "card", margins={"excess_bliss": 2.0})
    assert set(numbers.loc[numbers["reference"] == "bliss", "margin"].dropna()) == {2.0}


# Interactions


def test_interaction_numbers_by_hand() -> None:
    table = interaction_numbers(study_of(chosen_horizon=20.0), curves_of(), "card")
    by = table.set_index(["reference", "quantity"])["median"]
    assert by["bliss", "excess"] == pytest.approx(np.log(3))
    assert by["bliss", "combination_index"] == pytest.approx(1 / 3)
    assert by["hsa", "excess"] == pytest.approx(np.log(4))
    assert by["bliss", "whole_course_excess"] == pytest.approx(0.75 * np.log(3))
    assert by["bliss", "day_of_largest"] in (10.0, 20.0)
    assert ("additive", "combination_index") not in by.index
    assert set(table["against"]) == {SINGLES}
    assert table["definition"].ne("").all()


def three_agents() -> Study:
    a, b, c = (Dosing(name, (0.0,)) for name in "ABC")
    arms = (
        Arm("vehicle", control=True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("C", dosings=(c,)),
        Arm("A + B", dosings=(a, b)), Arm("A + B + C", dosings=(a, b, c)),
    )  # fmt: skip
    return study_of(arms=arms, chosen_horizon=20.0)


def test_three_agents_are_measured_against_singles_and_against_the_pair_that_is_an_arm() -> None:
    study = three_agents()
    assert measured_against(study, study.combinations[1]) == {
        SINGLES: ("A", "B", "C"), "A + B, C": ("A + B", "C"),
    }  # fmt: skip
    volumes = CURVES | {"C": (100, 200, 200), "A + B + C": (100, 25, 20)}
    table = interaction_numbers(study, curves_of(volumes), "card").set_index(
        ["combination", "against", "reference", "quantity"]
    )["median"]
    # ln(400/20) = ln 20; singles ln 2 + ln(4/3) + ln 2; pair ln 8 and C ln 2
    assert table["A + B + C", SINGLES, "bliss", "excess"] == pytest.approx(np.log(20) - np.log(16 / 3))
    assert table["A + B + C", "A + B, C", "bliss", "excess"] == pytest.approx(np.log(20) - np.log(16))
    assert table["A + B + C", "A + B, C", "hsa", "excess"] == pytest.approx(np.log(20) - np.log(8))
    assert table["A + B", SINGLES, "bliss", "excess"] == pytest.approx(np.log(3))


def test_a_grid_of_doses_is_a_matrix_with_a_cell_per_arm() -> None:
    def dosing(agent: str, dose: float) -> Dosing:
        return Dosing(agent, (0.0,), (dose,), "mg/kg")

    singles = [Arm(f"{x}{d}", dosings=(dosing(x, d),)) for x in "AB" for d in (10.0, 5.0)]
    cells = [
        Arm(f"A{a} B{b}", dosings=(dosing("B", b), dosing("A", a)))
        for a in (10.0, 5.0)
        for b in (10.0, 5.0)
        if a + b < 20
    ]
    study = study_of(arms=(Arm("vehicle", control=True), *singles, *cells), chosen_horizon=20.0)
    volumes = {"vehicle": (100, 200, 400)} | {arm.name: (100, 150, 300) for arm in singles}
    volumes |= {arm.name: (100, 100, 100 + place) for place, arm in enumerate(cells)}
    table = interaction_numbers(study, curves_of(volumes), "card")
    chosen = table[(table["reference"] == "bliss") & (table["quantity"] == "excess")]
    matrix = matrix_of(study, chosen, "median")
    assert (matrix.index.name, matrix.columns.name) == ("A (mg/kg)", "B (mg/kg)")
    assert (list(matrix.index), list(matrix.columns)) == ([5.0, 10.0], [5.0, 10.0])
    assert matrix.loc[10.0, 5.0] == pytest.approx(np.log(4) - 2 * np.log(4 / 3))
    assert matrix.loc[5.0, 5.0] == pytest.approx(np.log(400 / 102) - 2 * np.log(4 / 3))
    assert np.isnan(matrix.loc[10.0, 10.0])


def test_a_study_without_pairs_has_no_matrix() -> None:
    study = study_of(arms=study_of().arms[:3], chosen_horizon=20.0)
    empty = interaction_numbers(study, curves_of(), "card")
    assert empty.empty
    with pytest.raises(InputError, match="no arm receives exactly two agents"):
        matrix_of(study, empty, "median")
