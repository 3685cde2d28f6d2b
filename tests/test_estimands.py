"""Every estimand against a calculation by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.quantities.estimands import (
    combination_index,
    doubling_time,
    excess,
    growth_rate,
    interval,
    probability_positive,
    reduction,
    time_to_multiple,
    tumour_growth_inhibition,
)

LN2 = float(np.log(2))
DAYS = (0.0, 10.0, 20.0)
VOLUMES = {
    "vehicle": (100.0, 200.0, 400.0),
    "A": (100.0, 100.0, 200.0),
    "B": (100.0, 150.0, 300.0),
    "A + B": (100.0, 50.0, 50.0),
}


def curves_of(volumes=VOLUMES, days=DAYS, *, first_dose=0.0, of="typical") -> xr.DataArray:
    """Curves (chain, draw, arm, day) with a single draw, as `prediction.curves` labels them."""
    log_volume = np.log(np.array(list(volumes.values())))[None, None]
    return xr.DataArray(
        log_volume,
        dims=("chain", "draw", "arm", "day"),
        coords={"chain": [0], "draw": [0], "arm": list(volumes), "day": list(days)},
        attrs={"of": of, "unit": "ln mm3", "first_dose": first_dose},
    )


def one(values: xr.DataArray, **labels: object) -> float:
    """The number of the only draw."""
    return float(values.sel(labels).squeeze())


def excess_of(volumes=VOLUMES, reference="bliss", **more: object) -> xr.DataArray:
    return excess(curves_of(volumes, **more), "A + B", ["A", "B"], "vehicle", reference).squeeze()


# Excess


def test_a_reduction_is_positive_where_the_tumour_is_smaller_than_the_controls():
    found = reduction(curves_of(), "vehicle")
    assert one(found, arm="A", day=20.0) == pytest.approx(LN2)
    assert one(found, arm="vehicle", day=20.0) == 0


def test_the_bliss_excess_is_the_reduction_beyond_the_sum_of_the_agents():
    # on day 20: ln(400/50) − ln(400/200) − ln(400/300) = ln 3
    np.testing.assert_allclose(excess_of(), [0.0, np.log(200 / 50) - np.log(2) - np.log(200 / 150), np.log(3)])


def test_the_hsa_excess_is_the_reduction_beyond_the_better_agent_of_the_day():
    np.testing.assert_allclose(excess_of(reference="hsa"), [0.0, np.log(2), np.log(4)])
    swapped = VOLUMES | {"A": (100.0, 150.0, 100.0), "B": (100.0, 100.0, 300.0)}
    np.testing.assert_allclose(excess_of(swapped, "hsa"), [0.0, np.log(100 / 50), np.log(100 / 50)])


def test_the_better_agent_is_chosen_in_every_draw():
    first, second = curves_of(), curves_of(VOLUMES | {"A": VOLUMES["B"], "B": VOLUMES["A"]})
    both = xr.concat([first, second.assign_coords(draw=[1])], dim="draw", combine_attrs="override")
    found = excess(both, "A + B", ["A", "B"], "vehicle", "hsa").sel(day=20.0)
    np.testing.assert_allclose(found.squeeze(), [np.log(4), np.log(4)])


def test_the_additive_excess_is_the_lost_share_of_volume_beyond_the_sum():
    # on day 20: (1 − 1/8) − (1 − 1/2) − (1 − 3/4)
    assert excess_of(reference="additive").sel(day=20.0) == pytest.approx(0.125)
    np.testing.assert_allclose(excess_of(reference="additive").sel(day=[0.0, 10.0]), 0.0, atol=1e-12)


def test_the_bliss_excess_is_exactly_0_when_effects_add_on_the_log_scale():
    vehicle, a, b = (np.array(VOLUMES[arm]) for arm in ("vehicle", "A", "B"))
    volumes = VOLUMES | {"A + B": a * b / vehicle}
    np.testing.assert_allclose(excess_of(volumes), 0.0, atol=1e-12)
    assert excess_of(volumes, "hsa").sel(day=20.0) > 0  # two agents that add do more than the better one


def test_an_enhanced_combination_has_a_positive_excess_and_an_index_below_1():
    weaker = VOLUMES | {"A + B": (100.0, 150.0, 250.0)}
    assert excess_of().sel(day=20.0) > 0
    assert excess_of(weaker).sel(day=20.0) < 0
    assert combination_index(excess_of()).sel(day=20.0) == pytest.approx(1 / 3)
    assert combination_index(excess_of(weaker)).sel(day=20.0) > 1


def test_hsa_asks_no_more_than_bliss_when_both_agents_inhibit():
    rng = np.random.default_rng(1)
    for _ in range(50):
        control = rng.uniform(100, 400, 3)
        volumes = {"vehicle": control} | {name: control * rng.uniform(0.1, 1, 3) for name in ("A", "B", "A + B")}
        assert (excess_of(volumes, "hsa") >= excess_of(volumes, "bliss") - 1e-12).all()


def test_three_agents_are_measured_against_the_sum_and_the_best_of_three():
    volumes = VOLUMES | {"C": (100.0, 100.0, 100.0)}
    found = {
        reference: one(excess(curves_of(volumes), "A + B", ["A", "B", "C"], "vehicle", reference), day=20.0)
        for reference in ("bliss", "hsa")
    }
    assert found["bliss"] == pytest.approx(np.log(8) - np.log(2) - np.log(4 / 3) - np.log(4))
    assert found["hsa"] == pytest.approx(np.log(8) - np.log(4))


def test_rounding_error_is_no_excess():
    nearly = {"vehicle": (100.0,) * 3, "A": (50.0,) * 3, "B": (50.0,) * 3, "A + B": (25.0 * (1 - 1e-12),) * 3}
    assert (excess_of(nearly) == 0).all()
    assert (excess_of(nearly | {"A + B": (25.0 * (1 - 1e-9),) * 3}) > 0).all()


def test_a_curve_that_is_not_a_number_does_not_pass_for_no_excess():
    assert excess_of(VOLUMES | {"A": (100.0, 100.0, np.nan)}).isnull().values.tolist() == [False, False, True]


def test_an_excess_of_mean_curves_is_refused():
    with pytest.raises(ValueError, match="typical curves"):
        excess_of(of="mean")


def test_an_unknown_reference_is_refused():
    with pytest.raises(ValueError, match="loewe"):
        excess_of(reference="loewe")


def test_the_days_and_draws_of_an_excess_are_those_of_the_curves():
    found = excess(curves_of(), "A + B", ["A", "B"], "vehicle")
    assert found.dims == ("chain", "draw", "day")
    assert list(found["day"].values) == list(DAYS)


# Inhibition


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("relative", {"vehicle": 0.0, "A": 100 * (1 - 200 / 400), "A + B": 100 * (1 - 50 / 400)}),
        ("baseline", {"vehicle": 0.0, "A": 100 * (1 - 100 / 300), "A + B": 100 * (1 + 50 / 300)}),
        # trapezia: vehicle 1500 + 3000, A 1000 + 1500, A + B 750 + 500
        ("auc", {"vehicle": 0.0, "A": 100 * (1 - 2500 / 4500), "A + B": 100 * (1 - 1250 / 4500)}),
        # 20 days at 100 mm³ subtracted from each
        ("auc_baseline", {"vehicle": 0.0, "A": 100 * (1 - 500 / 2500), "A + B": 100 * (1 + 750 / 2500)}),
    ],
)
def test_tumour_growth_inhibition_by_hand(version: str, expected: dict[str, float]):
    found = tumour_growth_inhibition(curves_of(), "vehicle", 20.0, version)
    assert {arm: one(found, arm=arm) for arm in expected} == pytest.approx(expected)


@pytest.mark.parametrize("version", ["baseline", "auc_baseline"])
def test_only_a_shrinking_tumour_is_inhibited_by_more_than_100_percent(version: str):
    found = tumour_growth_inhibition(curves_of(), "vehicle", 20.0, version)
    assert one(found, arm="A + B") > 100 > one(found, arm="A")


def test_inhibition_is_that_of_the_horizon_and_not_of_the_last_day():
    assert one(tumour_growth_inhibition(curves_of(), "vehicle", 10.0), arm="A") == pytest.approx(50.0)
    assert one(tumour_growth_inhibition(curves_of(), "vehicle", 10.0, "auc"), arm="A") == pytest.approx(100 / 3)


def test_readings_before_the_first_dose_do_not_enter_an_area():
    early = {arm: (1000.0, *volume) for arm, volume in VOLUMES.items()}
    curves = curves_of(early, (-5.0, *DAYS))
    for version in ("relative", "baseline", "auc", "auc_baseline"):
        found = tumour_growth_inhibition(curves, "vehicle", 20.0, version)
        xr.testing.assert_allclose(found, tumour_growth_inhibition(curves_of(), "vehicle", 20.0, version))


# Rates and times


def test_a_growth_rate_is_the_change_of_log_volume_per_day():
    found = growth_rate(curves_of(), 20.0)
    assert one(found, arm="vehicle") == pytest.approx(2 * LN2 / 20)
    assert one(found, arm="A + B") == pytest.approx(-LN2 / 20)


def test_a_doubling_time_is_infinite_when_the_tumour_shrinks_or_stands_still():
    found = doubling_time(xr.DataArray([0.1 * LN2, 0.0, -0.1], dims="arm"))
    np.testing.assert_allclose(found, [10.0, np.inf, np.inf])


@pytest.mark.parametrize(
    ("multiple", "arm", "expected"),
    [
        (1.5, "vehicle", 10 * np.log(3 / 2) / LN2),
        (3.0, "vehicle", 10 + 10 * np.log(3 / 2) / LN2),
        (np.sqrt(8), "vehicle", 15.0),  # ln volume is linear between days
        (3.0, "A", np.inf),
        (np.sqrt(2), "A", 15.0),
        (2.0, "A + B", np.inf),
        (1.0, "vehicle", 0.0),
        (0.5, "A + B", 0.0),  # at the first dose it is already above half its volume
    ],
)
def test_the_time_to_a_multiple_is_the_first_crossing(multiple: float, arm: str, expected: float):
    assert one(time_to_multiple(curves_of(), multiple), arm=arm) == pytest.approx(expected)


def test_the_time_to_a_multiple_of_a_tumour_that_regrows_is_its_first_crossing():
    curves = curves_of({"A": (100.0, 200.0, 100.0, 400.0)}, (0.0, 10.0, 20.0, 30.0))
    assert one(time_to_multiple(curves, 1.5)) == pytest.approx(10 * np.log(3 / 2) / LN2)
    assert one(time_to_multiple(curves, 3.0)) == pytest.approx(20 + 10 * np.log(3) / np.log(4))


def test_days_count_from_the_first_dose_and_not_from_the_first_day():
    shifted = curves_of({"A": (10.0, 100.0, 200.0, 400.0)}, (3.0, 5.0, 15.0, 25.0), first_dose=5.0)
    assert one(time_to_multiple(shifted, np.sqrt(8))) == pytest.approx(15.0)
    assert one(growth_rate(shifted, 25.0)) == pytest.approx(2 * LN2 / 20)


# Units


@pytest.mark.parametrize("shift", [0.0, 17.0])
@pytest.mark.parametrize("factor", [1.0, 1e-3, 37.0])
def test_no_estimand_depends_on_the_unit_of_volume_or_on_where_days_are_counted_from(factor: float, shift: float):
    curves = curves_of()
    other = curves.assign_coords(day=curves["day"] + shift) + np.log(factor)
    other.attrs = curves.attrs | {"first_dose": shift}
    for reference in ("bliss", "hsa", "additive"):
        same = excess(other, "A + B", ["A", "B"], "vehicle", reference)
        np.testing.assert_allclose(same, excess(curves, "A + B", ["A", "B"], "vehicle", reference), atol=1e-12)
    for version in ("relative", "baseline", "auc", "auc_baseline"):
        same = tumour_growth_inhibition(other, "vehicle", 20.0 + shift, version)
        np.testing.assert_allclose(same, tumour_growth_inhibition(curves, "vehicle", 20.0, version), atol=1e-9)
    np.testing.assert_allclose(growth_rate(other, 20.0 + shift), growth_rate(curves, 20.0), atol=1e-12)
    np.testing.assert_allclose(time_to_multiple(other, 1.5), time_to_multiple(curves, 1.5))


# Summaries of draws


def draws_of(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(np.asarray(values, dtype=float).reshape(2, -1), dims=("chain", "draw"))


def test_a_probability_counts_half_of_the_draws_that_are_exactly_0():
    assert float(probability_positive(draws_of([1, 1, 1, 0, 0, -1, -1, -1]))) == 0.5
    assert float(probability_positive(draws_of([0] * 8))) == 0.5
    assert float(probability_positive(draws_of([2] * 8))) == 1.0
    assert float(probability_positive(draws_of([1, 0, 0, 0, -1, -1, -1, -1]))) == 0.3125


def test_an_interval_is_the_median_with_equal_tails():
    found = interval(draws_of(np.arange(1001.0).repeat(2))).iloc[0]
    np.testing.assert_allclose(found[["median", "lower", "upper"]], [500.0, 25.0, 975.0], atol=1)
    half = interval(draws_of(np.arange(1001.0).repeat(2)), probability=0.5).iloc[0]
    np.testing.assert_allclose(half[["median", "lower", "upper"]], [500.0, 250.0, 750.0], atol=1)


def test_an_interval_may_end_in_infinity():
    times = np.concatenate([np.linspace(10, 20, 60), np.full(40, np.inf)])
    found = interval(draws_of(times)).iloc[0]
    assert found["lower"] == pytest.approx(10.0, abs=0.5)
    assert 10 < found["median"] < 20
    assert found["upper"] == np.inf
    assert interval(draws_of(np.full(8, np.inf))).iloc[0].tolist() == [np.inf] * 3


def test_an_interval_has_a_row_per_label():
    draws = xr.DataArray(
        np.random.default_rng(1).normal(size=(2, 50, 3)),
        dims=("chain", "draw", "arm"),
        coords={"arm": ["vehicle", "A", "B"]},
    )
    found = interval(draws)
    assert list(found.index) == ["vehicle", "A", "B"]
    assert list(found.columns) == ["median", "lower", "upper"]
    for arm in found.index:
        pd.testing.assert_series_equal(
            found.loc[arm], interval(draws.sel(arm=arm, drop=True)).iloc[0], check_names=False
        )
