"""A four-arm study.toml and its table, to be written down and read in many forms."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

ARMS = """
[arms.vehicle]
control = true

[arms.A]
agents.A = { dose = 3.0, unit = "mg/kg", days = [0] }

[arms.B]
agents.B = { dose = [30, 15, 15], unit = "mg/kg", days = [0, 7, 14] }

[arms.AB]
agents.A = { dose = 3.0, unit = "mg/kg", days = [0] }
agents.B = { dose = [30, 15, 15], unit = "mg/kg", days = { from = 0, every = 7, times = 3 } }
"""
DAYS = (-3, 0, 7, 14)


def table(animals: int = 2, days: Sequence[float] = DAYS) -> pd.DataFrame:
    """A four-arm table as text: every animal grows, arm by arm more slowly."""
    rows = [
        (f"{arm}{number}", arm, f"{day:g}", f"{100 + 10 * number + (20 - 5 * order) * (day + 3):g}")
        for order, arm in enumerate(("vehicle", "A", "B", "AB"))
        for number in range(1, animals + 1)
        for day in days
    ]
    return pd.DataFrame(rows, columns=["animal", "arm", "day", "volume"])
