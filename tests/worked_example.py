"""A small study whose numbers can be worked out by hand, and curves of the same arms: see test_worked_examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.study.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0, 7.0))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
VOLUMES = {
    ("vehicle", "V1"): (100, 200, 400),
    ("vehicle", "V2"): (200, 400, 800),
    ("A", "A1"): (100, 100, 200, 200),
    ("A", "A2"): (200, 200, 400, 400),
    ("B", "B1"): (100, 150, 300, 600),
    ("B", "B2"): (200, 300, 600, 1200),
    ("A + B", "C1"): (100, 50, 50, 50),
    ("A + B", "C2"): (200, 100, 20, 20),
}
WEIGHTS = {"C1": (20.0, 17.0, 16.0, 20.0)}
"""Of C1, in g; every other animal stays at 20 g."""


def study_of(volumes: Mapping[tuple[str, str], Sequence[float]] = VOLUMES, **changes: object) -> Study:
    rows = [
        {
            "animal": animal, "arm": arm, "day": 10.0 * visit, "volume": float(volume), "censored": volume == 20,
            "fitted": True, "baseline": visit == 0, "weight": WEIGHTS.get(animal, (20.0,) * 4)[visit],
        }
        for (arm, animal), own in volumes.items()
        for visit, volume in enumerate(own)
    ]  # fmt: skip
    study = Study("worked", "mm3", ARMS, pd.DataFrame(rows), limit_of_quantification=20.0, endpoint_volume=800.0)
    return replace(study, **changes)


CURVES = {"vehicle": (100, 200, 400), "A": (100, 100, 200), "B": (100, 150, 300), "A + B": (100, 25, 50)}


def curves_of(
    volumes: Mapping[str, Sequence[float]] = CURVES, days: Sequence[float] = (0.0, 10.0, 20.0)
) -> xr.DataArray:
    values = np.log(np.array(list(volumes.values()), dtype=float))[None, None]
    coords = {"chain": [0], "draw": [0], "arm": list(volumes), "day": list(days)}
    return xr.DataArray(
        values, dims=("chain", "draw", "arm", "day"), coords=coords, attrs={"of": "typical", "first_dose": 0.0}
    )
