"""How numbers are named and printed."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xenograft.printing import interval_in_words, labelled, percent_interval


def test_numbers_with_several_labels_are_named_as_people_read_them() -> None:
    table = xr.Dataset(
        {"growth": 0.1, "kill": ("agent", [0.2]), "bend": (("arm", "piece"), np.array([[1.0, 2.0]]))},
        coords={"agent": ["T-DM1"], "arm": ["all arms"], "piece": [1, 2]},
    )
    assert labelled(table).to_dict() == {
        "growth": 0.1,
        "kill[T-DM1]": 0.2,
        "bend[all arms, 1]": 1.0,
        "bend[all arms, 2]": 2.0,
    }


def test_a_number_by_definition_has_no_interval_and_one_that_rounds_to_its_ends_has() -> None:
    assert interval_in_words({"median": 0.0, "lower": 0.0, "upper": 0.0}) == "0"
    assert interval_in_words({"median": 100.0, "lower": 100.0, "upper": 100.0}) == "100"
    assert interval_in_words({"median": 1.0, "lower": 1.0 - 1e-9, "upper": 1.0}) == "1.00 (1.00 to 1.00)"


def test_numbers_beside_each_other_have_the_same_digits() -> None:
    found = {"median": 0.03, "lower": 0.0077, "upper": 1234.0}
    assert interval_in_words(found, 2) == "0.030 (0.0077 to 1,234)"
    assert interval_in_words({"median": 90.0, "lower": 0.906, "upper": 999.7}) == "90.0 (0.906 to 1,000)"
    percents = {"median": 90.0, "lower": -0.03, "upper": 101.26, "unit": "%"}
    assert interval_in_words(percents) == percent_interval(percents) == "90.0 (−0.03 to 101.3)"
