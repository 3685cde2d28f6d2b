"""How numbers are named and printed."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xenograft.printing import labelled


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
