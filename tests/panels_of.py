"""Panels made up for the tests of panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.panels.coordinates import Readings
from xenograft.panels.density import PanelDensity
from xenograft.panels.likelihood import sources_of_model
from xenograft.panels.panel import Panel
from xenograft.study.study import Arm, Dosing, Study

WEEKLY, ONCE = (0.0, 7.0, 14.0), (0.0,)


def moments_of_model(
    density: PanelDensity, readings: Readings, m: int, x: np.ndarray, better: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, mean (draw, row) and covariance (draw, row, row) of a model's log volumes, all effects integrated out."""
    rows, mean, loading, error = sources_of_model(density, readings, m, x, better)
    return rows, mean, loading @ loading.swapaxes(1, 2) + error[:, :, None] ** 2 * np.eye(error.shape[1])


def arms_of(days: tuple[float, ...], later: float = 3.0) -> tuple[Arm, ...]:
    """Vehicle, A, B that starts some days later, and both."""
    a, b = Dosing("A", days), Dosing("B", (days[0] + later,))
    return (Arm("vehicle", control=True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("A + B", dosings=(a, b)))


def invented(
    models: int = 4,
    animals: int = 2,
    *,
    seed: int = 1,
    censored: bool = True,
    uneven: bool = True,
    dosing: tuple[float, ...] = ONCE,
    departure: float = 0.0,
    slope: float = 0.0,
) -> Panel:
    """A panel whose readings are made up; uneven: one lacks B, one is historical, first doses and moderators differ."""
    rng = np.random.default_rng(seed)
    studies: dict[str, Study] = {}
    first: dict[str, float] = {}
    moderator = rng.standard_normal(models)
    for m in range(models):
        start = 2.0 * (m % 2) if uneven else 0.0
        arms = arms_of(tuple(day + start for day in dosing))
        if uneven and m == 1:
            arms = (*arms[:2], arms[3])
        historical = uneven and m == models - 1
        rows = readings_of_model(
            rng, arms[:1] if historical else arms, animals, start, departure + slope * moderator[m], censored=censored
        )
        studies[f"M{m}"] = Study(f"M{m}", "mm3", arms[:1] if historical else arms, rows)
        first[f"M{m}"] = start
    known = pd.DataFrame({"E": moderator, "F": rng.standard_normal(models)}, index=list(studies))
    if uneven:
        known.iloc[0, 0] = known.iloc[2, 1] = np.nan
    last = frozenset({f"M{models - 1}"} if uneven else ())
    return Panel("invented", studies, arms_of(dosing), first, last, known)


def readings_of_model(
    rng: np.random.Generator, arms: tuple[Arm, ...], animals: int, start: float, departure: float, *, censored: bool
) -> pd.DataFrame:
    """Readings of exponential growth, with kills of 0.03/day that differ between models."""
    growth, kills = 0.08 + 0.02 * rng.standard_normal(), 0.03 + 0.01 * rng.standard_normal(2)
    rows: list[tuple[str, str, float, float, bool, bool, bool]] = []
    for arm in arms:
        for i in range(animals):
            own, rate = 0.5 + 0.2 * rng.standard_normal(), growth + 0.005 * rng.standard_normal()
            for day in (0.0, 4.0, 8.0, 15.0, 21.0):
                value = own + rate * day + 0.12 * rng.standard_normal()
                for dosing, kill in zip(arm.dosings, kills if arm.name != "B" else kills[1:], strict=False):
                    value -= kill * max(day - (dosing.days[0] - start), 0.0)
                if len(arm.dosings) > 1:
                    value -= departure * max(day - 3.0, 0.0)
                volume, limit = 100 * float(np.exp(value)), 190.0
                below = censored and volume < limit and day > 0
                row = (f"{arm.name}{i}", arm.name, day + start, limit if below else volume, True, below, day == 0)
                rows.append(row)
    return pd.DataFrame(rows, columns=["animal", "arm", "day", "volume", "fitted", "censored", "baseline"])


STUDY = """name = "Panel"
data = "volumes.csv"
limit_of_quantification = 15.0

[arms.vehicle]
control = true

[arms.A]
agents.A = { start = 0 }

[arms.B]
agents.B = { start = 3 }

[arms."A + B"]
agents.A = { start = 0 }
agents.B = { start = 3 }
"""


def written(panel: Panel, folder: Path) -> Path:
    """A panel as one table with a column of models, its study.toml and moderators.csv."""
    tables = [study.readings.assign(model=m) for m, study in panel.studies.items()]
    table = pd.concat(tables)[["model", "animal", "arm", "day", "volume"]]
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "volumes.csv", index=False)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    panel.moderators.rename_axis("model").to_csv(folder / "moderators.csv")
    return folder


def position(density: PanelDensity, seed: int = 2) -> np.ndarray:
    """A draw of the priors, near their middle."""
    return 0.3 * density.prior_draws(3, seed=seed)[1] + 0.7 * density.prior_draws(200, seed=3).mean(axis=0)
