"""The rows of docs/error-rates.md: what is put into simulated studies, and how each study is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from xenograft.planning.design import Design, simulate_design
from xenograft.simulation.true_excess import true_excess
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

ENDPOINT = 2000.0
INDICES = (1.0, 0.6, 0.4)
"""Observed/expected volume on the day of `Row.horizon`: no interaction, and two of a size that matters."""

Kind = Literal["solver", "resistant", "stopping", "carried forward"]
Column = Literal["", "cage"]


@dataclass(frozen=True)
class Row:
    """Studies of one kind.

    Parameters
    ----------
    name : str
        What readers see.
    truth : Truth
        With its departure; growth and kills in 1/day.
    visits : tuple of float
        Days of the readings.
    animals : mapping of str to int
        By arm.
    endpoint : float or None
        Volume (mm³) at which animals are removed.
    limit : float or None
        Limit of quantification (mm³).
    index : float
        Observed/expected volume on the day `horizon`, 1 without an interaction.
    horizon : float
        Day on which the combination has that index (exponential growth).
    unit : {"mm3", "cm3", "photons/s"}
        In which the laboratory records.
    kind : str
        "solver": as `Truth` says; "resistant": a tenth of the cells resists each agent, the agents kill independently;
        "stopping": the effects end on day 21, and study.toml says their start only; "carried forward": the last reading
        of an animal that was removed stands for all its later ones.
    cage_sd : float
        Standard deviation of the growth rates of cages of four, each of one arm (1/day).
    column : {"", "cage"}
        Whether the table names the cages.
    """

    name: str
    truth: Truth
    visits: tuple[float, ...]
    animals: Mapping[str, int]
    endpoint: float | None = ENDPOINT
    limit: float | None = None
    index: float = 1.0
    horizon: float = 28.0
    unit: str = "mm3"
    kind: Kind = "solver"
    cage_sd: float = 0.0
    column: Column = ""

    @property
    def as_modelled(self) -> bool:
        """Whether its truth is one of the hypotheses that are fitted to every study."""
        usual = {
            "law", "baseline", "growth", "slowing", "sd_baseline", "sd_growth", "correlation", "error", "kill",
            "departure",
        }  # fmt: skip
        known = self.truth.law in ("exponential", "gompertz") and self.truth.model_fields_set <= usual
        return known and self.kind == "solver" and not self.cage_sd


def arms_of(days: tuple[float, ...], *, ends: bool = False, known: bool = True) -> tuple[Arm, ...]:
    """Vehicle, A, B and both, dosed on the same days."""
    given = days if known else days[:1]
    a, b = (Dosing(agent, given, ends=ends and known, schedule_known=known) for agent in "AB")
    return (Arm("vehicle", control=True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("A + B", dosings=(a, b)))


def _weekly(row: Row) -> tuple[float, ...]:
    return tuple(float(day) for day in np.arange(0, row.visits[-1], 7))


def rows() -> list[Row]:
    """Every row, each without and with an interaction."""
    days, twice = tuple(float(day) for day in (0, 3, 7, 10, 14, 17, 21, 24, 28, 31, 35, 38, 42)), 42.0

    def made(name: str, given: Mapping[str, Any], animals: int | Mapping[str, int] = 8, **changes: Any) -> list[Row]:
        common: dict[str, Any] = {
            "baseline": 170.0, "growth": 0.078, "sd_baseline": 0.2, "sd_growth": 0.015, "correlation": 0.2,
            "error": 0.13, "kill": {"A": 0.034, "B": 0.019},
        }  # fmt: skip
        names: list[str] = ["vehicle", "A", "B", "A + B"]
        numbers = dict.fromkeys(names, animals) if isinstance(animals, int) else dict(animals)
        each = f", {animals} per arm" if isinstance(animals, int) else ""
        row = Row(f"{name}{each}", Truth(**(common | dict(given))), changes.pop("visits", days), numbers)
        row = replace(row, **changes)
        return [_with_index(row, index) for index in INDICES]

    fast = {"baseline": 120.0, "sd_baseline": 0.25, "correlation": 0.0}
    found: list[Row] = []
    for animals in (5, 8, 10):
        found += made("exponential", {}, animals)
        found += made("Gompertz", {"law": "gompertz", "growth": 0.11, "slowing": 0.03}, animals)
    for name, days_to_double, visits in (
        ("doubling time 2.2 d", 2.2, np.arange(0, 19, 2.0)), ("doubling time 4 d", 4.0, np.arange(0, 31, 3.0)),
        ("doubling time 25 d", 25.0, np.arange(0, 99, 7.0)),
    ):  # fmt: skip
        rate = np.log(2) / days_to_double
        scaled = {"growth": rate, "sd_growth": 0.19 * rate, "kill": {"A": 0.44 * rate, "B": 0.24 * rate}}
        horizon = float(np.round(2.6 * days_to_double + 1))
        found += made(name, fast | scaled, visits=tuple(map(float, visits)), horizon=horizon)
    found += made("photon flux, doubling time 2.2 d", fast | {
        "growth": np.log(2) / 2.2, "sd_growth": 0.06, "kill": {"A": 0.14, "B": 0.08}, "error": 0.3,
    }, visits=tuple(map(float, range(0, 22, 3))), unit="photons/s", endpoint=None, horizon=21.0)  # fmt: skip
    found += made("exponential, recorded in cm³", {}, unit="cm3")
    found += made("exponential, one agent inactive", {"kill": {"A": 0.034, "B": 0.0}})
    found += made("logistic", {"law": "logistic", "growth": 0.12, "capacity": 3000.0})
    found += made("exponential-linear", {"law": "exponential-linear", "growth": 0.09, "linear_from": 500.0})
    found += made("exponential, no removal", {}, endpoint=None, horizon=twice)
    regressing = {"kill": {"A": 0.11, "B": 0.07}}
    found += made("regressing, 20 % below the limit", regressing, limit=40.0)
    found += made("5 % outliers", {"outlier_share": 0.05, "outlier_factor": 4.0})
    found += made("residual mass 25 mm³, no limit recorded", {"kill": {"A": 0.10, "B": 0.06}, "residual": 25.0})
    found += made("residual mass 25 mm³, stronger agents", {"kill": {"A": 0.12, "B": 0.08}, "residual": 25.0})
    for sd in (0.010, 0.015):
        found += made(f"cages of four nested in arms, cage sd {sd:g}/day, column given", {}, cage_sd=sd, column="cage")
    found += made("cages of four nested in arms, cage sd 0.015/day, no column", {}, cage_sd=0.015)
    found += made("effect stops on day 21, only the start recorded", {}, kind="stopping",
                  visits=tuple(map(float, range(0, 57, 4))), horizon=21.0)  # fmt: skip
    found += made("a tenth of the cells resists each agent", {"kill": {"A": 0.10, "B": 0.06}}, kind="resistant")
    found += made("half of the animals respond", {"responder_share": 0.5, "responder_factor": 0.0})
    uneven = {"vehicle": 10, "A": 8, "B": 8, "A + B": 6}
    found += made("response varies by 40 %, arms of 10, 8, 8, 6", {"sd_effect": 0.4}, uneven)
    delayed = {"exposure": {"A": "delayed", "B": "delayed"}, "onset": {"A": 0.1, "B": 0.1}}
    found += made("effects build up in ten days", delayed)
    found += made("last observation carried forward", {}, kind="carried forward")
    found += made("absolute calliper error", {"small_tumour_error": 15.0})
    return found


def _with_index(row: Row, index: float) -> Row:
    """The row with a departure that gives the index on its horizon."""
    over = row.horizon
    departure = -np.log(index) / over
    truth = row.truth if index == 1 else row.truth.model_copy(update={"departure": {"A + B": float(departure)}})
    return replace(row, truth=truth, index=index)


def new_animals_of(row: Row, day: float, animals: int, seed: int) -> pd.DataFrame | None:
    """Readings (mm³) of animals that nobody removes, on one day: columns `arm`, `volume`; None of rows made by hand."""
    if row.kind != "solver" or row.cage_sd:
        return None
    numbers = dict.fromkeys(row.animals, animals)
    many = Design(row.name, arms_of(_weekly(row)), numbers, (0.0, day))
    readings = simulate_design(many, row.truth, seed=seed).readings
    return readings[readings["day"] == day][["arm", "volume"]]


def study_of(row: Row, number: int, seed: int) -> tuple[Study, float]:
    """One study of a row, and its true excess over Bliss (log units) on its own horizon.

    The excess is that of typical tumours, without a residual that is measured with them.
    """
    of_study, of_more = np.random.SeedSequence([seed, number]).generate_state(2)
    rng = np.random.default_rng(of_more)
    arms, dosed = arms_of(_weekly(row)), row.visits
    plain = row.kind == "solver" and not row.cage_sd
    if plain:
        design = Design(row.name, arms, dict(row.animals), dosed, endpoint_volume=row.endpoint,
                        limit_of_quantification=row.limit)  # fmt: skip
        made: Study = simulate_design(design, row.truth, seed=int(of_study))
        true = float(true_excess(arms, row.truth, made.horizon).sel(combination="A + B").squeeze())
    else:
        made = _by_hand(row, rng)
        true = _true_by_hand(row, made.horizon)
    return _in_unit(made, row.unit), true


UNITS = {"mm3": 1.0, "cm3": 1e-3, "photons/s": 1e5}
"""What a mm³ is called in each unit."""


def _effect(row: Row, arm: Arm, day: np.ndarray) -> np.ndarray:
    """By how much the log volume of an arm is below the vehicle's (exponential growth)."""
    acting = np.minimum(day, 21.0) if row.kind == "stopping" else day
    parts = [row.truth.kill[agent] * acting for agent in arm.agents]
    if row.kind == "resistant":
        parts = [-np.log(0.9 * np.exp(-part) + 0.1) for part in parts]
    return np.sum([np.zeros_like(day), *parts], axis=0) + row.truth.departure.get(arm.name, 0.0) * acting


def _true_by_hand(row: Row, day: float) -> float:
    at = np.array([day])
    sizes = {arm.name: float(_effect(row, arm, at)[0]) for arm in arms_of((0.0,))}
    return sizes["A + B"] - sizes["A"] - sizes["B"]


def _by_hand(row: Row, rng: np.random.Generator) -> Study:
    """Exponential growth with what the solver does not know, in plain NumPy."""
    truth, day = row.truth, np.array(row.visits)
    arms = arms_of(_weekly(row), known=row.kind != "stopping")
    readings: list[dict[str, Any]] = []
    for arm in arms:
        count = row.animals[arm.name]
        cages = np.repeat(rng.normal(0, row.cage_sd, -(-count // 4)), 4)[:count] if row.cage_sd else np.zeros(count)
        for place in range(count):
            baseline, growth = rng.multivariate_normal([0, 0], [[truth.sd_baseline**2, 0], [0, truth.sd_growth**2]])
            rate = truth.growth + growth + cages[place]
            z = np.log(truth.baseline) + baseline + rate * day - _effect(row, arm, day)
            volume = np.exp(z + rng.normal(0, truth.error, len(day)))
            over = np.flatnonzero(volume >= row.endpoint) if row.endpoint else np.array([], dtype=int)
            last = int(over[0]) if over.size else len(day) - 1
            if row.kind == "carried forward":
                volume[last:] = volume[last]
                last = len(day) - 1
            cage = f"{arm.name} {place // 4 + 1}"
            readings += [
                {"animal": f"{arm.name} {place + 1:02d}", "arm": arm.name, "day": when, "volume": size, "cage": cage}
                for when, size in zip(day[: last + 1], volume, strict=False)
            ]
    frame = pd.DataFrame(readings)
    frame = frame if row.column else frame.drop(columns="cage")
    return Study.from_frame(frame, arms=arms, name=row.name, endpoint_volume=row.endpoint)


def _in_unit(study: Study, unit: str) -> Study:
    """The same readings as a laboratory with another unit records them."""
    if unit == "mm3":
        return study
    size = UNITS[unit]
    frame = study.readings[["animal", "arm", "day", "volume"]].assign(volume=lambda rows: rows["volume"] * size)
    endpoint = None if study.endpoint_volume is None else study.endpoint_volume * size
    return Study.from_frame(frame, arms=study.arms, name=study.name, unit=unit, endpoint_volume=endpoint)
