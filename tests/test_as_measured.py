"""As measured beside as modelled: a spreadsheet's numbers, why a model's differ, and the usual tests."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worked_example import ARMS, curves_of, study_of

from xenograft.answers.as_measured import measured_days
from xenograft.quantities.as_measured import arms_on_day, comparison_days, steps_of
from xenograft.quantities.interaction_tests import Contrast, interaction_contrasts
from xenograft.reading.read import read_study
from xenograft.study.study import Study


def growing(rates: dict[str, float], baseline: dict[str, float] | None = None, **changes: object) -> Study:
    """Three animals an arm that grow exponentially, a little apart, with readings on days 0, 10, 20 and 30."""
    own = baseline or {}
    volumes = {
        (arm, f"{arm}{i}"): [own.get(arm, 100.0) * math.exp(rate * (0.9 + 0.1 * i) * day) for day in (0, 10, 20, 30)]
        for arm, rate in rates.items()
        for i in range(3)
    }  # fmt: skip
    return study_of(volumes, **{"endpoint_volume": None, **changes})


def without(study: Study, animal: str, after: float) -> Study:
    """The study with the readings of an animal up to a day only."""
    readings = study.readings
    return replace(study, readings=readings[(readings["animal"] != animal) | (readings["day"] <= after)])


def test_the_days_are_the_last_with_every_animal_and_the_horizon() -> None:
    study = study_of()  # vehicle is measured to day 20, the others to 30
    assert comparison_days(study) == (20.0,)
    assert comparison_days(replace(study, chosen_horizon=30.0)) == (20.0, 30.0)
    assert comparison_days(without(study, "A1", 0.0)) == (study.horizon,)  # no day after the first dose has all


def test_mean_median_and_standard_error_are_those_of_a_spreadsheet() -> None:
    (one,) = measured_days(study_of(), None)
    found = one.numbers.set_index(["arm", "quantity"])["measured"]
    assert found["vehicle", "volume_mean"] == pytest.approx(600)
    assert found["vehicle", "volume_median"] == pytest.approx(600)
    assert found["vehicle", "volume_sem"] == pytest.approx(np.std([400, 800], ddof=1) / math.sqrt(2))
    assert found["A", "tgi"] == pytest.approx(50)
    assert found["A", "tgi_baseline"] == pytest.approx(100 * (1 - 150 / 450))


def test_an_arm_that_started_larger_has_its_difference_put_down_to_the_baselines() -> None:
    rates = {"vehicle": 0.07, "A": 0.03, "B": 0.04, "A + B": 0.01}
    study = growing(rates, {"A": 200.0}, chosen_horizon=20.0)
    arms = arms_on_day(study, 20.0)
    steps = steps_of(arms["A"], arms["vehicle"])
    assert steps.all_animals == pytest.approx(steps.typical)  # nobody left
    assert steps.one_baseline - steps.all_animals == pytest.approx(100 * math.exp(-0.8) * (2 - 1), rel=1e-6)
    curves = curves_of({arm: [100 * math.exp(rate * day) for day in (0, 10, 20)] for arm, rate in rates.items()})
    why = " ".join(measured_days(study, curves)[0].why)
    assert "did not start alike" in why
    assert "A, day 20: TGI 11 % as measured, 55 % as modelled" in why
    assert "points from unequal baselines" in why
    assert "had left" not in why


def test_animals_that_left_have_the_difference_put_down_to_them() -> None:
    rates = {"vehicle": 0.1, "A": 0.05, "B": 0.05, "A + B": 0.02}
    study = without(growing(rates, chosen_horizon=30.0), "vehicle2", 20.0)  # the fastest
    arms = arms_on_day(study, 30.0)
    whole = arms_on_day(growing(rates, chosen_horizon=30.0), 30.0)
    assert (arms["vehicle"].measured, arms["vehicle"].animals) == (2, 3)
    assert arms["vehicle"].typical < whole["vehicle"].typical
    assert arms["vehicle"].typical_of_all == pytest.approx(whole["vehicle"].typical)  # it grew exponentially
    days = (0.0, 10.0, 20.0, 30.0)
    curves = curves_of({a: [100 * math.exp(rate * d) for d in days] for a, rate in rates.items()}, days)
    last = measured_days(study, curves)[-1]
    assert last.day == 30
    assert "By day 30, 1 of 3 animals of vehicle had left." in last.why[0]
    assert any("from animals that had left" in line for line in last.why)


def test_an_order_that_turns_round_is_said_with_its_cause() -> None:
    rates = {"vehicle": 0.07, "A": 0.03, "B": 0.035, "A + B": 0.01}
    study = growing(rates, {"B": 60.0}, chosen_horizon=20.0)
    curves = curves_of({arm: [100 * math.exp(rate * day) for day in (0, 10, 20)] for arm, rate in rates.items()})
    turned = [line for line in measured_days(study, curves)[0].why if "turns round" in line]
    assert len(turned) == 1
    assert "the order of B and A turns round" in turned[0]
    assert turned[0].endswith("mostly from unequal baselines.")


def test_where_measured_and_modelled_agree_nothing_is_explained() -> None:
    rates = {"vehicle": 0.07, "A": 0.03, "B": 0.04, "A + B": 0.01}
    curves = curves_of({arm: [100 * math.exp(rate * day) for day in (0, 10, 20)] for arm, rate in rates.items()})
    assert measured_days(growing(rates, chosen_horizon=20.0), curves)[0].why == ()


def test_the_steps_lead_from_the_measured_to_the_modelled_number(study: Study) -> None:
    for day in comparison_days(study):
        arms = arms_on_day(study, day)
        for name in ("T-DM1", "pertuzumab"):
            steps = steps_of(arms[name], arms["vehicle"])
            assert 0 < steps.one_baseline < 100
    assert comparison_days(study) == (28.0, 31.0)
    first = {name: round(steps_of(one, arms_on_day(study, 28.0)["vehicle"]).measured)
             for name, one in arms_on_day(study, 28.0).items()}  # fmt: skip
    assert first == {"vehicle": 0, "T-DM1": 57, "pertuzumab": 59, "T-DM1 + pertuzumab": 91}


def by_method(study: Study) -> dict[str, Contrast]:
    return {one.method: one for one in interaction_contrasts(study)}


def test_the_two_way_analysis_is_that_of_statsmodels(study: Study) -> None:
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    found = by_method(study)["animals' growth rates"]
    table = study.readings[study.readings["fitted"]]
    rates = table.groupby(["animal", "arm"]).apply(lambda own: np.polyfit(own["day"], np.log(own["volume"]), 1)[0])
    frame = rates.rename("rate").reset_index()
    frame["first"] = frame["arm"].str.contains("T-DM1").astype(int)
    frame["second"] = frame["arm"].str.contains("pertuzumab").astype(int)
    anova = anova_lm(ols("rate ~ C(first) * C(second)", frame).fit(), typ=3)
    assert found.p == pytest.approx(anova.loc["C(first):C(second)", "PR(>F)"], rel=1e-6)
    assert found.degrees_of_freedom == len(frame) - 4
    assert found.estimate > 0  # enhanced, as it was simulated


def test_a_combination_that_does_less_has_a_negative_estimate() -> None:
    rates = {"vehicle": 0.07, "A": 0.02, "B": 0.02, "A + B": 0.01}
    assert by_method(growing(rates))["animals' growth rates"].estimate == pytest.approx(-0.04, abs=1e-6)


def test_a_mixed_model_that_cannot_be_fitted_is_said_and_not_given_a_number() -> None:
    rates = {"vehicle": 0.07, "A": 0.02, "B": 0.02, "A + B": 0.01}
    study = growing(rates)
    exact = replace(study, readings=study.readings.assign(volume=100.0))  # nothing varies
    for one in interaction_contrasts(exact):
        assert one.reason
        assert math.isnan(one.p)


def test_agents_that_are_no_arm_have_no_test() -> None:
    study = growing({"vehicle": 0.07, "A": 0.02, "A + B": 0.01})
    study = replace(study, arms=tuple(arm for arm in ARMS if arm.name != "B"))
    assert {one.reason for one in interaction_contrasts(study)} == {
        "the study has no arm of B alone with the same doses"
    }


def test_tumours_of_one_mouse_are_not_counted_twice() -> None:
    study = growing({"vehicle": 0.07, "A": 0.02, "B": 0.02, "A + B": 0.01})
    twice = study.readings.assign(animal=study.readings["animal"] + "-right")
    both = pd.concat(
        [study.readings.assign(mouse=study.readings["animal"]), twice.assign(mouse=study.readings["animal"])]
    )
    doubled = by_method(replace(study, readings=both.reset_index(drop=True)))["animals' growth rates"]
    single = by_method(study)["animals' growth rates"]
    assert (doubled.p, doubled.degrees_of_freedom) == pytest.approx((single.p, single.degrees_of_freedom))


def test_the_mixed_model_gives_the_numbers_of_nlme(shared_data: Path, shared_reference: Path) -> None:
    table = pd.read_csv(shared_reference / "linear-mixed-models.csv")
    wanted = (table["variant"] == "common baseline") & table["program"].str.contains("nlme")
    table = table[wanted & table["quantity"].str.startswith("bliss")].set_index("study")
    for name in ("pdx-p10-cisplatin-pf384", "pdx-p24-bgj398-crizotinib"):
        found = by_method(read_study(shared_data / name))["linear mixed model"]
        assert -found.estimate == pytest.approx(table.at[name, "estimate"], rel=0.15), name
        assert found.standard_error == pytest.approx(table.at[name, "se_or_sd"], rel=0.15), name
