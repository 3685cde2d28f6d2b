"""What a spreadsheet says of the arms beside what the models say, and why the two differ where they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.printing import listed, number
from xenograft.quantities.arms import arm_responses
from xenograft.quantities.as_measured import ArmOnDay, Steps, arms_on_day, comparison_days, steps_of
from xenograft.quantities.estimands import interval, treated_over_control, tumour_growth_inhibition
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

NOTABLE = 3.0
"""Points of TGI by which measured and modelled differ where the page says why."""

NAMED = 1.0
"""Points of TGI from which a step is named."""

MOST = 6
"""Arms whose difference is explained; the rest are counted."""

MEASURED = ("volume_mean", "volume_sem", "volume_median")
BOTH = ("tgi", "tc", "tgi_baseline")

STEPS = {
    "typical": "large tumours, which pull a mean up but not a typical volume",
    "all_animals": "animals that had left",
    "one_baseline": "unequal baselines",
}
"""What each step of `Steps` is put down to."""


@dataclass(frozen=True, eq=False)
class MeasuredDay:
    """The arms on a day, as measured beside as modelled.

    Parameters
    ----------
    day : float
        As recorded.
    numbers : DataFrame
        One row per arm and quantity of `MEASURED` and `BOTH`: `arm`, `quantity`, `animals` (that it is of), `measured`,
        `unit`, `reason` (why nothing is measured, else empty), and of typical curves `modelled`, `lower`, `upper` (NaN
        where nothing is).
    arms : dict of str to ArmOnDay
        The animals by arm.
    steps : dict of str to Steps
        By treated arm.
    why : tuple of str
        Why measured and modelled TGI differ, in sentences; empty where they do not.
    """

    day: float
    numbers: pd.DataFrame
    arms: dict[str, ArmOnDay]
    steps: dict[str, Steps]
    why: tuple[str, ...]


@dataclass(frozen=True)
class Both:
    """TGI (%) of an arm as measured, and as modelled (median)."""

    measured: float
    modelled: float


def measured_days(study: Study, averaged: xr.DataArray | None) -> tuple[MeasuredDay, ...]:
    """The arms on the last day with all animals and on the horizon.

    Parameters
    ----------
    study : Study
        Its readings.
    averaged : DataArray (chain, draw, arm, day) or None
        Averaged typical curves; None where no healthy card answers.
    """
    return tuple(_measured_day(study, averaged, day) for day in comparison_days(study))


def _measured_day(study: Study, averaged: xr.DataArray | None, day: float) -> MeasuredDay:
    raw = arm_responses(study, day)
    raw = raw[raw["quantity"].isin([*MEASURED, *BOTH])].rename(columns={"value": "measured"})
    numbers = raw[["arm", "quantity", "animals", "measured", "unit", "reason"]].reset_index(drop=True)
    limits = ["modelled", "lower", "upper"]
    if averaged is None:
        numbers[limits] = np.nan
    else:
        numbers = numbers.merge(_modelled(study, averaged, day), how="left", on=["arm", "quantity"])
    arms = arms_on_day(study, day)
    control = study.control.name
    steps = {name: steps_of(one, arms[control]) for name, one in arms.items() if control in arms and name != control}
    return MeasuredDay(day, numbers, arms, steps, _why(study, day, numbers, arms, steps))


def _modelled(study: Study, averaged: xr.DataArray, day: float) -> pd.DataFrame:
    """TGI and T/C of the typical curves, with 95 % intervals."""
    at = averaged if day in averaged["day"] else averaged.interp(day=sorted({*averaged["day"].to_numpy(), day}))
    at = at.assign_attrs(averaged.attrs)
    control = study.control.name
    drawn = {
        "tgi": tumour_growth_inhibition(at, control, day),
        "tc": treated_over_control(at, control, day),
        "tgi_baseline": tumour_growth_inhibition(at, control, day, "baseline"),
    }
    parts = [interval(values).reset_index().assign(quantity=key) for key, values in drawn.items()]
    return pd.concat(parts).rename(columns={"median": "modelled"})[["arm", "quantity", "modelled", "lower", "upper"]]


def _why(
    study: Study, day: float, numbers: pd.DataFrame, arms: dict[str, ArmOnDay], steps: dict[str, Steps]
) -> tuple[str, ...]:
    """Sentences on what the animals did, then on each arm that differs, then on orders that flip."""
    tgi = {
        str(row["arm"]): Both(float(row["measured"]), float(row["modelled"]))
        for row in numbers[numbers["quantity"] == "tgi"].dropna(subset=["measured", "modelled"]).to_dict("records")
        if row["arm"] in steps
    }
    apart = {name: both.modelled - both.measured for name, both in tgi.items()}
    flipped = _flipped(tgi)
    told = [name for name in tgi if abs(apart[name]) >= NOTABLE or any(name in pair for pair in flipped)]
    if not told:
        return ()
    shown = sorted(told, key=lambda name: -abs(apart[name]))[:MOST]
    parts = {name: _parts(steps[name], tgi[name].modelled) for name in told}
    lines = [
        *_animals_that_left(study, day, arms, [*shown, study.control.name]),
        *_baselines(study, arms, [name for name in shown if abs(parts[name]["one_baseline"]) >= NAMED]),
        *(_one_arm(name, day, tgi[name], parts[name]) for name in told if name in shown),
        *([f"{len(told) - MOST} more arms differ by {NOTABLE:g} points or more."] if len(told) > MOST else []),
        *(_flip(pair, day, tgi, parts) for pair in flipped[:3]),
    ]
    return tuple(lines)


def _parts(steps: Steps, modelled: float) -> dict[str, float]:
    """Points of TGI from each step, and the rest to the models' median."""
    return {
        "typical": steps.typical - steps.measured,
        "all_animals": steps.all_animals - steps.typical,
        "one_baseline": steps.one_baseline - steps.all_animals,
        "rest": modelled - steps.one_baseline,
    }


def _animals_that_left(study: Study, day: float, arms: dict[str, ArmOnDay], names: Sequence[str]) -> list[str]:
    unit = unit_in_print(study.unit)
    return [
        f"By day {day:g}, {one.animals - one.measured} of {one.animals} animals of {name} had left. The typical volume "
        f"(geometric mean) of those still measured is {number(one.typical)} {unit}; had the others gone on at their "
        f"own growth rate, it would be {number(one.typical_of_all)} {unit}. The models keep every animal."
        for name, one in arms.items()
        if name in names and one.measured < one.animals
    ]


def _baselines(study: Study, arms: dict[str, ArmOnDay], names: Sequence[str]) -> list[str]:
    if not names:
        return []
    said = listed(
        [f"{name} {number(one.baseline)}" for name, one in arms.items() if name in (study.control.name, *names)]
    )
    return [
        f"The arms did not start alike: geometric mean baselines are {said} {unit_in_print(study.unit)}. "
        "The models give all arms one typical baseline."
    ]


def _one_arm(name: str, day: float, tgi: Both, parts: dict[str, float]) -> str:
    named = [f"{_points(parts[key])} from {words}" for key, words in STEPS.items() if abs(parts[key]) >= NAMED]
    rest = f"{_points(parts['rest'])} because the models' curves follow the readings of all days"
    named += [rest] if abs(parts["rest"]) >= NAMED else []
    why = f": {listed(named)}" if named else ""
    both = f"{_percent(tgi.measured)} as measured, {_percent(tgi.modelled)} as modelled"
    return f"{name}, day {day:g}: TGI {both}{why}."


def _flipped(tgi: dict[str, Both]) -> list[tuple[str, str]]:
    """Pairs of treated arms, the larger TGI as measured first, whose order is another as modelled; widest first."""
    found: list[tuple[float, tuple[str, str]]] = []
    for one, other in combinations(tgi, 2):
        seen = tgi[one].measured - tgi[other].measured
        modelled = tgi[one].modelled - tgi[other].modelled
        if seen * modelled < 0 and min(abs(seen), abs(modelled)) >= NAMED:
            found.append((-abs(seen - modelled), (one, other) if seen > 0 else (other, one)))
    return [pair for _, pair in sorted(found)]


def _flip(pair: tuple[str, str], day: float, tgi: dict[str, Both], parts: dict[str, dict[str, float]]) -> str:
    first, second = pair
    moved = {key: parts[second][key] - parts[first][key] for key in (*STEPS, "rest")}
    most = max(moved, key=lambda key: moved[key])
    cause = {**STEPS, "rest": "the readings of the other days, which the models' curves follow too"}[most]
    return (
        f"On day {day:g} the order of {first} and {second} turns round: as measured "
        f"{_percent(tgi[first].measured)} against {_percent(tgi[second].measured)}, as modelled "
        f"{_percent(tgi[first].modelled)} against {_percent(tgi[second].modelled)}, mostly from {cause}."
    )


def _percent(value: float) -> str:
    return f"{value:.0f} %".replace("-", "−")


def _points(value: float) -> str:
    return f"{value:+.0f} {'point' if round(abs(value)) == 1 else 'points'}".replace("-", "−")
