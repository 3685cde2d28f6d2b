"""Every definition worked out by hand, on one small study and one set of curves, with the intermediate values.

             day 0   day 10   day 20   day 30      change at 20   AUC to 20            AUC above baseline
vehicle V1    100     200      400                     300         1500 + 3000 = 4500    4500 - 2000 = 2500
        V2    200     400      800                     600         3000 + 6000 = 9000    9000 - 4000 = 5000
A       A1    100     100      200      200            100         1000 + 1500 = 2500    2500 - 2000 =  500
        A2    200     200      400      400            200         2000 + 3000 = 5000    5000 - 4000 = 1000
B       B1    100     150      300      600            200         1250 + 2250 = 3500    3500 - 2000 = 1500
        B2    200     300      600     1200            400         2500 + 4500 = 7000    7000 - 4000 = 3000
A + B   C1    100      50       50       50            -50          750 +  500 = 1250    1250 - 2000 = -750
        C2    200     100      <20      <20           -180         1500 +  600 = 2100    2100 - 4000 = -1900

The last reading of C2 is at the limit of quantification: 20 in ratios, 0 for response classes.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from worked_example import ARMS, CURVES, VOLUMES, curves_of, study_of

from xenograft.quantities.animals import RAW_DEFINITIONS, animal_responses, said
from xenograft.quantities.arms import ARM_DEFINITIONS, arm_responses, survival_curves
from xenograft.quantities.estimands import (
    excess,
    growth_rate,
    growth_rate_inhibition,
    probability_best,
    time_to_multiple,
    treated_over_control,
)
from xenograft.quantities.survival import kaplan_meier, log_rank, median_interval, restricted_mean
from xenograft.quantities.whole_course import (
    best_response,
    growth_delay,
    largest_excess,
    log_cell_kill,
    nadir,
    time_to_regrowth,
    whole_course_excess,
)
from xenograft.study.study import Study

LN2 = float(np.log(2))


@cache
def worked() -> Study:
    return study_of()


@cache
def arm_table(study: Study, day: float | None = None) -> pd.DataFrame:
    return arm_responses(study, day)


def animal_number(study: Study, animal: str, quantity: str, column: str = "value") -> object:
    table = animal_responses(study)
    return table[(table["animal"] == animal) & (table["quantity"] == quantity)].iloc[0][column]


def arm_number(study: Study, arm: str, quantity: str, column: str = "value", day: float | None = None) -> object:
    table = arm_table(study, day)
    return table[(table["arm"] == arm) & (table["quantity"] == quantity)].iloc[0][column]


# Arms, from the readings


def test_a_number_of_an_arm_by_hand(subtests: pytest.Subtests) -> None:
    for quantity, expected in [
        # means at day 20: vehicle 600, A 300, B 450, A + B (50 + 20)/2 = 35
        ("tgi", {"vehicle": 0, "A": 50, "B": 25, "A + B": 100 * (1 - 35 / 600)}),
        ("tc", {"vehicle": 100, "A": 50, "B": 75, "A + B": 100 * 35 / 600}),
        # mean changes: vehicle 450, A 150, B 300, A + B -115
        ("tgi_baseline", {"A": 100 * (1 - 150 / 450), "B": 100 * (1 - 300 / 450), "A + B": 100 * (1 + 115 / 450)}),
        ("tc_change", {"A": 100 * 150 / 450, "A + B": -100 * 115 / 450}),
        # mean areas: vehicle 6750, A 3750, B 5250, A + B 1675
        ("tgi_auc", {"A": 100 * (1 - 3750 / 6750), "B": 100 * (1 - 5250 / 6750), "A + B": 100 * (1 - 1675 / 6750)}),
        # above baseline: vehicle 3750, A 750, B 2250, A + B -1325
        ("tgi_auc_baseline", {"A": 80, "B": 40, "A + B": 100 * (1 + 1325 / 3750)}),
        # relative volumes: vehicle 4 and 4, A 2 and 2, B 3 and 3, A + B 0.5 and 0.1
        ("tgi_rtv", {"A": 50, "B": 25, "A + B": 100 * (1 - 0.3 / 4)}),
        ("rtv", {"vehicle": 4, "A": 2, "B": 3, "A + B": 0.3}),
        # slopes of ln volume: vehicle ln 2 / 10; A 0, 0, ln 2 → ln 2 / 20
        ("growth_rate", {"vehicle": LN2 / 10, "A": LN2 / 20, "B": np.log(3) / 20}),
        # both animals of an arm reach a multiple on the same day: B is at 150 on day 10, 300 on day 20
        ("median_time_to_2x", {"vehicle": 10, "A": 20, "B": 10 + 10 * np.log(4 / 3) / LN2}),
        ("growth_delay_2x", {"vehicle": 0, "A": 10, "B": 10 * np.log(4 / 3) / LN2}),
        ("growth_delay_4x", {"vehicle": 0, "B": 10 * np.log(4 / 3) / LN2}),  # B: 300 on day 20, 600 on day 30
        # the vehicle doubles in 10 days
        ("log_cell_kill", {"vehicle": 0, "B": 10 * np.log(4 / 3) / LN2 / 33.2}),
        ("net_log_cell_kill", {"vehicle": 0, "B": (10 * np.log(4 / 3) / LN2 - 7) / 33.2}),
        ("restricted_mean_time_to_2x", {"vehicle": 10, "A": 20, "A + B": 20}),
        # V2 reaches 800 on day 20, V1 never: the share without it is 1/2 from then on
        ("median_time_to_endpoint", {"vehicle": 20, "B": 30}),
        # changes of body weight: C1 -15, -20, 0; C2 none
        ("weight_nadir", {"vehicle": 0, "A + B": -10}),
        ("days_below_85", {"vehicle": 0, "A + B": (10 + 10 * 5 / 20) / 2}),
        ("days_below_80", {"A + B": 0}),
        ("mrecist_cr", {"vehicle": 0, "A + B": 50}),
        ("mrecist_sd", {"vehicle": 0, "A": 100, "B": 0, "A + B": 50}),
        ("genentech_pr", {"vehicle": 0, "A + B": 50}),
        ("pptp_pd", {"vehicle": 100, "A": 100, "B": 100, "A + B": 0}),
    ]:
        with subtests.test(quantity=quantity, expected=expected):
            found = {arm: arm_number(worked(), arm, quantity) for arm in expected}
            assert found == pytest.approx(expected)
            assert not any(arm_number(worked(), arm, quantity, "reason") for arm in expected)


def test_a_number_that_does_not_exist_says_why(subtests: pytest.Subtests) -> None:
    for arm, quantity, reason in [
        ("A", "median_time_to_4x", "fewer than half the animals reach 4 x the baseline"),
        ("A", "growth_delay_4x", "fewer than half the animals reach 4 x the baseline"),
        ("B", "growth_delay_5x", "fewer than half the animals of vehicle reach 5 x the baseline"),
        ("A", "log_cell_kill", "fewer than half the animals reach 4 x the baseline"),
        ("vehicle", "log_rank_2x", "the control itself"),
    ]:
        with subtests.test(arm=arm, quantity=quantity):
            assert arm_number(worked(), arm, quantity, "reason") == reason
            assert not np.isfinite(arm_number(worked(), arm, quantity))


def test_after_the_control_has_gone_a_ratio_says_so() -> None:
    reason = "no animal of vehicle with what is needed is measured up to day 30"
    assert arm_number(worked(), "B", "tgi", "reason", 30.0) == reason
    assert arm_number(worked(), "B", "tgi_auc", "reason", 30.0) == reason
    assert arm_number(worked(), "B", "restricted_mean_time_to_2x", "value", 30.0) == pytest.approx(14.15, abs=0.01)


def test_a_control_that_shrinks_has_no_inhibition_of_changes() -> None:
    shrinking = VOLUMES | {("vehicle", "V1"): (100, 90, 80), ("vehicle", "V2"): (200, 180, 160)}
    study = study_of(shrinking)
    for quantity in ("tgi_baseline", "tc_change", "tgi_auc_baseline"):
        assert arm_number(study, "A", quantity, "reason") == "vehicle does not grow by day 20"
    assert arm_number(study, "A", "tgi") == pytest.approx(100 * (1 - 300 / 120))


def test_without_an_endpoint_volume_there_is_no_time_to_it() -> None:
    study = study_of(endpoint_volume=None)
    for quantity in ("median_time_to_endpoint", "restricted_mean_time_to_endpoint", "log_rank_endpoint"):
        assert arm_number(study, "A", quantity, "reason") == "the study names no endpoint_volume"
    assert animal_number(study, "A1", "endpoint_time", "reason") == "the study names no endpoint_volume"
    assert "endpoint" not in set(survival_curves(study)["event"])


def test_dosing_days_that_are_not_known_give_no_net_cell_kill() -> None:
    unknown = tuple(replace(arm, dosings=tuple(replace(d, schedule_known=False) for d in arm.dosings)) for arm in ARMS)
    study = study_of(arms=unknown)
    assert arm_number(study, "B", "net_log_cell_kill", "reason") == "the dosing days are not known"
    assert np.isfinite(arm_number(study, "B", "log_cell_kill"))


# Animals, from the readings


def test_a_number_of_an_animal_by_hand(subtests: pytest.Subtests) -> None:
    for animal, quantity, expected in [
        ("V1", "baseline", 100),
        ("V1", "rtv", 4),
        ("V1", "growth_rate", LN2 / 10),
        ("C2", "rtv", 0.1),
        # changes 0, 100, 300: best 100, running means 50 and 133
        ("V1", "best_response", 100),
        ("V1", "best_average_response", 50),
        # changes 0, -50, -100, -100: running means -25, -50, -62.5
        ("C2", "best_response", -100),
        ("C2", "best_average_response", -62.5),
        ("V1", "time_to_2x", 10),
        ("B1", "time_to_2x", 10 + 10 * np.log(4 / 3) / LN2),
        ("V2", "endpoint_time", 20),
        ("C1", "weight_nadir", -20),
        ("C1", "days_below_85", 10 + 10 * 5 / 20),
        ("C1", "days_below_80", 0),
    ]:
        with subtests.test(animal=animal, quantity=quantity):
            assert animal_number(worked(), animal, quantity) == pytest.approx(expected)
            assert not animal_number(worked(), animal, quantity, "beyond")


def test_the_classes_of_an_animal_by_hand(subtests: pytest.Subtests) -> None:
    for animal, classes in [
        ("V1", ("PD", "none", "PD")),
        ("A1", ("SD", "none", "PD2")),  # no reading at 4 x: PD2
        ("B1", ("PD", "none", "PD1")),  # 4 x on day 24.2, at most 1.5 times the control's median of 20
        ("C1", ("SD", "PR", "MCR")),  # BR is -50, not below; 50 mm3 is not measurable
        ("C2", ("CR", "CR", "MCR")),  # the censored reading counts as 0
    ]:
        with subtests.test(animal=animal, classes=classes):
            found = tuple(animal_number(worked(), animal, key, "text") for key in ("mrecist", "genentech", "pptp"))
            assert found == classes


def test_a_time_that_is_not_reached_is_a_lower_limit() -> None:
    assert animal_number(worked(), "A1", "time_to_4x") == 30
    assert animal_number(worked(), "A1", "time_to_4x", "beyond")
    table = animal_responses(worked())
    row = table[(table["animal"] == "A1") & (table["quantity"] == "time_to_4x")]
    assert said(row).item() == "> 30"


def test_an_animal_without_a_baseline_reading_says_so_wherever_it_matters() -> None:
    study = worked()
    late = study.readings[~((study.readings["animal"] == "A1") & (study.readings["day"] == 0))]
    study = replace(study, readings=late.reset_index(drop=True))
    for quantity in ("baseline", "rtv", "mrecist", "genentech", "pptp", "time_to_2x"):
        assert animal_number(study, "A1", quantity, "reason") == "no reading on or before the first dose"
    assert animal_number(study, "A1", "weight_nadir", "reason") == "no body weight at baseline"
    assert arm_number(study, "A", "rtv", "animals") == 1
    assert arm_number(study, "A", "tgi", "animals") == 2  # a volume needs no baseline


def test_a_baseline_at_the_limit_is_no_baseline_for_ratios() -> None:
    study = study_of(VOLUMES | {("A", "A1"): (20, 100, 200, 200)})
    reason = "the baseline is at or below the limit of quantification"
    assert animal_number(study, "A1", "mrecist", "reason") == reason
    assert animal_number(study, "A1", "rtv", "reason") == reason


def test_pptp_says_why_a_tumour_is_not_classed() -> None:
    small = study_of(VOLUMES | {("A", "A1"): (99, 100, 200, 200)})
    assert animal_number(small, "A1", "pptp", "reason") == "the baseline is below 100 mm3, PPTP's measurable volume"
    light = study_of(unit="photons/s")
    assert (
        animal_number(light, "A1", "pptp", "reason") == "PPTP's measurable volume is in mm3, the study's in photons/s"
    )
    assert animal_number(light, "A1", "mrecist", "text") == "SD"


def test_an_animal_that_left_before_the_day_has_no_relative_volume_on_it() -> None:
    table = animal_responses(worked(), 30.0)
    row = table[(table["animal"] == "V1") & (table["quantity"] == "rtv")].iloc[0]
    assert row["reason"] == "not measured up to day 30"
    assert row["day"] == 30.0


def test_an_excluded_reading_is_not_used() -> None:
    study = worked()
    why = np.where((study.readings["animal"] == "C1") & (study.readings["day"] == 20), "ulcer", "")
    told = replace(study, readings=study.readings.assign(exclude=why))
    assert animal_number(study, "C1", "growth_rate") != animal_number(told, "C1", "growth_rate")
    assert animal_number(told, "C1", "rtv") == pytest.approx(0.5)  # 50 on days 10 and 30, so 50 between them


def test_studies_without_body_weights_have_no_rows_of_them() -> None:
    study = worked()
    bare = replace(study, readings=study.readings.drop(columns="weight"))
    assert not set(animal_responses(bare)["quantity"]) & {"weight_nadir", "days_below_85", "days_below_80"}
    assert "weight_nadir" not in set(arm_responses(bare)["quantity"])


def test_every_raw_number_is_defined_and_every_definition_is_used() -> None:
    assert set(animal_responses(worked())["quantity"]) == set(RAW_DEFINITIONS)
    assert set(arm_responses(worked())["quantity"]) == set(ARM_DEFINITIONS)


def test_raw_numbers_do_not_depend_on_what_is_fitted() -> None:
    study = worked()
    other = replace(study, readings=study.readings.assign(fitted=study.readings["day"] >= 10), chosen_horizon=20.0)
    pd.testing.assert_frame_equal(arm_responses(study), arm_responses(other))


@pytest.mark.parametrize("factor", [1e-3, 7.0])
def test_no_raw_number_but_volumes_depends_on_the_unit(factor: float) -> None:
    study = study_of(unit="cubits")
    other = replace(
        study, readings=study.readings.assign(volume=study.readings["volume"] * factor), endpoint_volume=800 * factor
    )
    columns = ["arm", "quantity", "value", "text", "reason"]
    found, moved = (arm_responses(one)[columns] for one in (study, other))
    volumes = found["quantity"].str.startswith("volume_")
    pd.testing.assert_frame_equal(found[~volumes], moved[~volumes])
    np.testing.assert_allclose(moved.loc[volumes, "value"], factor * found.loc[volumes, "value"])


# Survival, against SciPy and by hand


def test_kaplan_meier_by_hand() -> None:
    # 4 at risk, one leaves at 1 (3/4), one censored at 2, one of 2 at 3 (3/8), the last censored
    table = kaplan_meier([1, 2, 3, 4], [True, False, True, False]).set_index("elapsed")
    assert table["share"].to_dict() == pytest.approx({0: 1, 1: 0.75, 2: 0.75, 3: 0.375, 4: 0.375})
    assert table["at_risk"].to_dict() == {0: 4, 1: 4, 2: 3, 3: 2, 4: 1}
    assert median_interval([1, 2, 3, 4], [True, False, True, False])[0] == 3


def test_the_restricted_mean_and_its_error_by_hand() -> None:
    # area to 4: 1 + 0.75 · 2 + 0.375 · 1 = 2.875; after day 1 remain 1.875, after day 3 0.375
    mean, error = restricted_mean([1, 2, 3, 4], [True, False, True, False], 4.0)
    assert mean == pytest.approx(2.875)
    # Greenwood: 1.875² / (4 · 3) + 0.375² / (2 · 1)
    assert error == pytest.approx(np.sqrt(1.875**2 / 12 + 0.375**2 / 2))


def test_the_median_of_animals_that_all_reach_it_is_the_median_of_their_days() -> None:
    days = [10, 12, 14, 18, 21, 25, 28, 32, 36, 40, 45, 50, 53, 57, 60, 64, 69, 71, 77, 80]
    for animals in range(2, 21):
        first = days[:animals]
        assert median_interval(first, [True] * animals)[0] == np.median(first), animals
        assert median_interval(first[::-1], [True] * animals)[0] == np.median(first), animals


def test_the_median_is_where_exact_fractions_put_it() -> None:
    rng = np.random.default_rng(3)
    halves = 0
    for animals in [*range(2, 21)] * 5:
        times, reached = rng.integers(1, 12, animals), rng.random(animals) < 0.7
        share, at_half, expected = Fraction(1), None, np.inf
        for day in np.unique(times[reached]):
            share *= 1 - Fraction(int((reached & (times == day)).sum()), int((times >= day).sum()))
            if share == Fraction(1, 2):
                at_half, expected = day, day
            elif share < Fraction(1, 2):
                expected = day if at_half is None else (at_half + day) / 2
                break
        halves += at_half is not None
        assert median_interval(times, reached)[0] == expected, (times, reached)
    assert halves > 5


def test_half_of_the_animals_is_not_fewer_than_half() -> None:
    times = [28, 32, 36, 50, 50, 50]
    assert median_interval(times, [True] * 3 + [False] * 3)[0] == 36
    assert median_interval(times, [True] * 2 + [False] * 4)[0] == np.inf


def test_medians_and_intervals_are_those_of_survfit() -> None:
    # R 4.2.2, survival 3.5-3: survfit(Surv(days[1:n], event) ~ 1, conf.type = "log-log"); every fourth censored or none
    days = [10, 12, 14, 18, 21, 25, 28, 32, 36, 40, 45, 50, 53, 57, 60, 64, 69, 71, 77, 80]
    inf = np.inf
    of_survfit = {
        2: (11, 10, inf, 11, 10, inf), 3: (12, 10, inf, 12, 10, inf), 4: (13, 10, inf, 13, 10, inf),
        5: (14, 10, inf, 14, 10, inf), 6: (16, 10, inf, 17.5, 10, inf), 7: (18, 10, 25, 21, 10, inf),
        8: (19.5, 10, 28, 21, 10, 28), 9: (21, 10, 32, 25, 10, inf), 10: (23, 10, 32, 25, 10, inf),
        11: (25, 12, 36, 28, 12, 40), 12: (26.5, 12, 40, 28, 12, 45), 13: (28, 14, 40, 36, 14, 45),
        14: (30, 14, 45, 36, 14, 53), 15: (32, 14, 45, 36, 14, 53), 16: (34, 18, 50, 40, 21, 57),
        17: (36, 18, 53, 40, 21, 57), 18: (38, 21, 53, 45, 25, 60), 19: (40, 21, 57, 45, 25, 69),
        20: (42.5, 21, 60, 53, 25, 69),
    }  # fmt: skip
    for animals, expected in of_survfit.items():
        seen = days[:animals]
        found = median_interval(seen, [True] * animals), median_interval(seen, [n % 4 != 3 for n in range(animals)])
        assert sum(found, ()) == expected, animals


def test_the_log_rank_test_of_larger_arms_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.exponential(10, 12), rng.exponential(25, 12)
    seen = [np.minimum(times, 20) for times in (first, second)]
    had = [times < 20 for times in (first, second)]
    data = [
        stats.CensoredData(uncensored=times[reached], right=times[~reached])
        for times, reached in zip(seen, had, strict=True)
    ]
    expected = stats.logrank(*data).pvalue
    assert log_rank(seen[0], had[0], seen[1], had[1]) == pytest.approx(float(expected), rel=1e-6)
    assert np.isnan(log_rank([1, 2], [False, False], [1, 2], [False, False]))


def test_arms_that_do_not_overlap_have_the_smallest_p_value_that_their_size_allows() -> None:
    for animals, smallest in {2: 2 / 6, 3: 0.1, 4: 2 / 70, 5: 2 / 252, 8: 2 / 12870, 10: 2 / 184756}.items():
        early, late = np.arange(1, animals + 1), np.arange(50, 50 + animals)
        had = np.ones(animals, dtype=bool)
        assert log_rank(early, had, late, had) == pytest.approx(smallest), animals
        assert log_rank(late, had, early, had) == pytest.approx(smallest), animals


def test_the_log_rank_test_of_small_arms_counts_every_arrangement_of_the_animals() -> None:
    rng = np.random.default_rng(5)
    for first, second in ((2, 5), (4, 4), (3, 6), (5, 4)):
        times, reached = rng.integers(1, 9, first + second), rng.random(first + second) < 0.7

        def difference(order: Any, first: int = first, times: Any = times, reached: Any = reached) -> float:
            own = np.isin(np.arange(len(times)), order[:first])
            return sum(
                (reached & own & (times == day)).sum()
                - (reached & (times == day)).sum() * (own & (times >= day)).sum() / (times >= day).sum()
                for day in np.unique(times)
            )

        found = [abs(difference(chosen)) for chosen in itertools.combinations(range(first + second), first)]
        expected = np.mean([one >= found[0] - 1e-9 for one in found])
        p = log_rank(times[:first], reached[:first], times[first:], reached[first:])
        assert p == pytest.approx(expected)
        assert p == pytest.approx(log_rank(times[first:], reached[first:], times[:first], reached[:first]))


def test_growth_delay_is_between_the_medians_of_six_animals_each() -> None:
    reaches = {"vehicle": [10, 12, 14, 18, 21, 25], "A": [28, 32, 36, None, None, None]}
    rows = [
        (f"{arm[0]}{number}", arm, day, 100.0 if day == 0 else 200.0 if day == reached else 150.0)
        for arm, days in reaches.items()
        for number, reached in enumerate(days)
        for day in (0, 10, 12, 14, 18, 21, 25, 28, 32, 36, 40)
        if reached is None or day <= reached
    ]
    study = Study.from_frame(
        pd.DataFrame(rows, columns=["animal", "arm", "day", "volume"]),
        arms={"vehicle": {"control": True}, "A": {"agents": {"A": {"dose": 1.0, "unit": "mg/kg", "start": 0}}}},
    )
    assert arm_number(study, "vehicle", "median_time_to_2x") == 16  # between the third and the fourth
    assert arm_number(study, "A", "median_time_to_2x") == 36  # exactly half, and no fourth event
    assert arm_number(study, "A", "growth_delay_2x") == 20
    exact = arm_number(study, "A", "log_rank_2x")
    assert exact == pytest.approx(2 / 924)  # no way of dealing twelve animals differs more than the one seen


def test_survival_curves_are_in_days_as_recorded() -> None:
    study = worked()
    later = tuple(
        replace(arm, dosings=tuple(replace(d, days=tuple(day + 5 for day in d.days)) for d in arm.dosings))
        for arm in ARMS
    )
    shifted = replace(study, readings=study.readings.assign(day=study.readings["day"] + 5), arms=later)
    first, second = survival_curves(study), survival_curves(shifted)
    np.testing.assert_allclose(first["day"] + 5, second["day"])
    pd.testing.assert_frame_equal(first.drop(columns="day"), second.drop(columns="day"))
    vehicle = first[(first["event"] == "endpoint") & (first["arm"] == "vehicle")]
    assert vehicle["share"].tolist() == [1.0, 0.5]


# Curves


def by_arm(values: xr.DataArray) -> dict[str, float]:
    return {str(arm): float(values.sel(arm=arm).squeeze()) for arm in values["arm"].to_numpy()}


def test_treated_over_control_by_hand() -> None:
    found = by_arm(treated_over_control(curves_of(), "vehicle", 20.0))
    assert found == pytest.approx({"vehicle": 100, "A": 50, "B": 75, "A + B": 12.5})
    found = by_arm(treated_over_control(curves_of(), "vehicle", 20.0, "baseline"))  # changes 300, 100, 200, -50
    assert found == pytest.approx({"vehicle": 100, "A": 100 / 3, "B": 200 / 3, "A + B": -50 / 3})


def test_inhibition_of_the_growth_rate_by_hand() -> None:
    # over 20 days: 2 ln 2, ln 2, ln 3, -ln 2
    found = by_arm(growth_rate_inhibition(growth_rate(curves_of(), 20.0), "vehicle"))
    assert found == pytest.approx({"vehicle": 0, "A": 50, "B": 100 * (1 - np.log(3) / np.log(4)), "A + B": 150})


def test_a_control_that_does_not_grow_has_no_inhibition_of_growth() -> None:
    still = curves_of(CURVES | {"vehicle": (100, 100, 90)})
    assert np.isnan(by_arm(growth_rate_inhibition(growth_rate(still, 20.0), "vehicle"))["A"])
    assert np.isnan(by_arm(treated_over_control(still, "vehicle", 20.0, "baseline"))["A"])
    assert by_arm(treated_over_control(still, "vehicle", 20.0))["A"] == pytest.approx(200 / 0.9)


def test_growth_delay_and_cell_kill_by_hand() -> None:
    # 2 x: vehicle day 10, A day 20, B day 14.15, A + B never; 4 x: vehicle day 20, the others after it
    lag = 10 * np.log(4 / 3) / LN2
    found = by_arm(growth_delay(curves_of(), "vehicle", 2.0, 20.0))
    assert found == pytest.approx({"vehicle": 0, "A": 10, "B": lag, "A + B": np.inf})
    longer = curves_of({"vehicle": (100, 200, 400, 800), "B": (100, 150, 300, 600)}, (0.0, 10.0, 20.0, 30.0))
    assert by_arm(log_cell_kill(longer, "vehicle", 30.0))["B"] == pytest.approx(lag / 33.2)
    duration = xr.DataArray([0.0, 7.0], dims="arm", coords={"arm": ["vehicle", "B"]})
    assert by_arm(log_cell_kill(longer, "vehicle", 30.0, duration))["B"] == pytest.approx((lag - 7) / 33.2)


def test_a_delay_beyond_the_horizon_is_infinite_and_without_either_arm_no_number() -> None:
    found = by_arm(growth_delay(curves_of(), "vehicle", 4.0, 20.0))
    assert found["A"] == np.inf
    assert np.isnan(list(by_arm(growth_delay(curves_of(), "vehicle", 5.0, 20.0)).values())).all()
    slow = curves_of(CURVES | {"vehicle": (100, 110, 120)})
    assert by_arm(growth_delay(slow, "vehicle", 2.0, 20.0))["A"] == -np.inf


def test_the_net_cell_kill_of_an_arm_beyond_the_horizon_needs_a_late_horizon() -> None:
    def net(duration: float) -> float:
        given = xr.DataArray([0.0, duration], dims="arm", coords={"arm": ["vehicle", "A"]})
        longer = curves_of({"vehicle": (100, 400, 1600), "A": (100, 100, 200)})
        return by_arm(log_cell_kill(longer, "vehicle", 20.0, given))["A"]

    assert net(9.0) == np.inf  # vehicle on day 10, A after day 20: more than 10 days
    assert np.isnan(net(11.0))


def test_a_time_is_looked_for_up_to_the_horizon() -> None:
    assert by_arm(time_to_multiple(curves_of(), 4.0))["vehicle"] == pytest.approx(20)
    assert by_arm(time_to_multiple(curves_of(), 4.0, 10.0))["vehicle"] == np.inf


def test_best_response_nadir_and_regrowth_by_hand() -> None:
    curves = curves_of()
    assert by_arm(best_response(curves, 20.0)) == pytest.approx({"vehicle": 100, "A": 0, "B": 50, "A + B": -75})
    volume, time = nadir(curves, 20.0)
    assert by_arm(volume) == pytest.approx({"vehicle": 100, "A": 100, "B": 100, "A + B": 25})
    assert by_arm(time) == {"vehicle": 0, "A": 0, "B": 0, "A + B": 10}
    assert by_arm(time_to_regrowth(curves, 20.0)) == {"vehicle": 0, "A": 0, "B": 0, "A + B": np.inf}
    back = curves_of({"A + B": (100, 25, 50, 200)}, (0.0, 10.0, 20.0, 30.0))
    assert by_arm(time_to_regrowth(back, 30.0))["A + B"] == pytest.approx(25.0)  # 50 → 200 passes 100 half way


def test_a_best_response_needs_ten_days() -> None:
    assert np.isnan(by_arm(best_response(curves_of(days=(0.0, 4.0, 9.0)), 9.0))["A"])


def test_the_excess_over_the_whole_course_and_its_largest_by_hand() -> None:
    # Bliss excess: day 10 ln(200/25) - ln 2 - ln(4/3) = ln 3; day 20 ln 8 - ln 2 - ln(4/3) = ln 3
    found = excess(curves_of(), "A + B", ["A", "B"], "vehicle").squeeze()
    np.testing.assert_allclose(found, [0, np.log(3), np.log(3)], atol=1e-12)
    assert float(whole_course_excess(found, 20.0)) == pytest.approx((0.5 * 10 + 10) * np.log(3) / 20)
    assert float(whole_course_excess(found, 10.0)) == pytest.approx(np.log(3) / 2)
    weaker = excess(curves_of(CURVES | {"A + B": (100, 25, 100)}), "A + B", ["A", "B"], "vehicle").squeeze()
    largest, day = largest_excess(weaker, 20.0)
    assert (float(largest), float(day)) == (pytest.approx(np.log(3)), 10.0)
    assert float(largest_excess(weaker, 0.0)[0]) == 0


def test_the_best_arm_has_the_smallest_tumour_and_ties_are_shared() -> None:
    found = probability_best(curves_of(), list(CURVES), 20.0)
    assert found.to_series().to_dict() == {"vehicle": 0, "A": 0, "B": 0, "A + B": 1}
    tied = probability_best(curves_of(), list(CURVES), 0.0)
    assert tied.to_series().to_dict() == dict.fromkeys(CURVES, 0.25)
