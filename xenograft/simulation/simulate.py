"""Studies with known truth: animals and readings drawn around the numerical solution of the equation.

Shares no code with the likelihood (see `differential_equation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xenograft.errors import InputError
from xenograft.simulation.solver import Floats, log_volumes
from xenograft.simulation.truth import Truth, problems_of_truth
from xenograft.study.study import Arm, Study

ENDPOINT_REASON = "endpoint volume"
"""`reason_left` of an animal removed because of the size of its tumour."""
LARGEST = 300.0
"""Log volume beyond which a simulated reading is refused: a truth with such tumours has a wrong unit somewhere."""
OTHER_REASON = "other"
"""`reason_left` of an animal lost at random (`Truth.dropout`)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatedStudy(Study):
    """A study with the truth it was made with; everything that takes a Study takes it.

    Parameters
    ----------
    truth : Truth
        The parameters that animals and readings were drawn with.
    true_animals : DataFrame
        What was drawn for each animal with a reading: index `animal`, columns `arm`, `cohort` (str, empty without),
        `mouse` (where mice carry several tumours, each of which is an animal),
        `baseline` (mm³ at the first dose, without error), `growth` (1/day), `effect` (factor on the treatment's effect)
        and `responder` (bool: one of the share whose effect is multiplied).
    """

    truth: Truth
    true_animals: pd.DataFrame


@dataclass(frozen=True)
class _Animals:
    """What differs between animals, each array (arm, animal); `present` leaves out the surplus of smaller arms."""

    present: NDArray[np.bool_]
    tumours: int
    cohort: NDArray[np.int64]
    baseline: Floats
    growth: Floats
    effect: Floats
    responder: NDArray[np.bool_]
    last_day: Floats


def simulate(
    arms: Sequence[Arm],
    truth: Truth,
    *,
    animals: int | Mapping[str, int] = 10,
    days: Sequence[float],
    seed: int,
    endpoint_volume: float | None = None,
    limit_of_quantification: float | None = None,
    cohorts: int | None = None,
    tumours: int = 1,
    digits: int | None = None,
    name: str = "simulated study",
) -> SimulatedStudy:
    """A study as the laboratory would record it, made with a known truth.

    Parameters
    ----------
    arms : sequence of Arm
        The design; at least one arm is dosed.
    truth : Truth
        The parameters the animals and their readings are drawn with.
    animals : int or mapping of str to int
        Number of animals in each arm, one for all or by arm.
    days : sequence of float
        Visit days as the laboratory records them, the same for every animal; days before the first dose are allowed.
    seed : int
        The same seed gives the same study; a feature of the truth that is switched on leaves the rest as it was.
    endpoint_volume : float or None
        An animal leaves after its first reading (mm³, with its error) at or above this volume; that reading is kept.
    limit_of_quantification : float or None
        A smaller reading (mm³) is censored at this volume.
    cohorts : int or None
        Number of cohorts (batches, cages); animals of each arm are put into them in rotation.
    tumours : int
        Tumours of each mouse: `animals` counts mice, a mouse leaves with all its tumours when one reaches the endpoint.
    digits : int or None
        Significant digits to which a volume is recorded; the endpoint and the limit are judged on what is recorded.
    name : str
        Name of the study.

    Returns
    -------
    SimulatedStudy
        A Study with its truth.

    Raises
    ------
    InputError
        The truth does not fit the arms, or there is nothing to simulate.
    """
    visits = np.unique(np.asarray(days, dtype=float))
    number = _animals_of(arms, animals)
    problems = [
        *_problems_of_design(arms, number, cohorts),
        *_problems_of_days(visits),
        *problems_of_truth(arms, truth),
    ]
    if truth.panel is not None:
        problems.append("truth: panel says how models differ, and this is one study. Add [panel] to the design.")
    if digits is not None and digits < 1:
        problems.append(f"design: digits is {digits}; it must be 1 or more.")
    if tumours < 1:
        problems.append(f"design: tumours is {tumours}; it must be 1 or more.")
    if truth.mouse_share > 0 and tumours == 1:
        problems.append("truth: mouse_share changes nothing where mice carry one tumour. Give tumours, or remove it.")
    if truth.sd_cohort > 0 and cohorts is None:
        problems.append("truth: sd_cohort changes nothing in a design without cohorts. Give cohorts, or remove it.")
    if problems:
        raise InputError(problems)
    rng = np.random.default_rng(seed)
    of_cohorts, of_responders, of_losses, of_weights, of_outliers, of_mice = rng.spawn(6)
    streams = (rng, of_cohorts, of_responders, of_losses, of_mice)
    drawn = _drawn_animals(arms, truth, number, cohorts, tumours, *streams)
    log_volume = log_volumes(arms, truth, drawn.baseline, drawn.growth, drawn.effect, visits)
    noise = rng.standard_normal(log_volume.shape)
    if truth.degrees_of_freedom is not None:
        freedom = truth.degrees_of_freedom
        noise *= np.sqrt(freedom / of_weights.chisquare(freedom, noise.shape))
    if truth.outlier_share > 0:
        noise *= np.where(of_outliers.random(noise.shape) < truth.outlier_share, truth.outlier_factor, 1.0)
    limit = 0.0 if limit_of_quantification is None else limit_of_quantification
    read = _measured(log_volume, truth) + _error(arms, truth, visits, limit) * noise
    if np.abs(read).max() > LARGEST:
        raise InputError("truth: tumours grow or shrink beyond any volume that can be recorded. Use smaller rates.")
    volume = np.exp(read)
    if digits is not None:
        volume = np.array([float(f"{one:.{digits}g}") for one in volume.ravel()]).reshape(volume.shape)
    censored = volume <= limit
    volume = np.where(censored, limit, volume)
    readings, true_animals = _tables(arms, visits, drawn, volume, censored, endpoint_volume, cohorts)
    return SimulatedStudy(
        name=name,
        unit="mm3",
        arms=tuple(arms),
        readings=readings,
        limit_of_quantification=limit_of_quantification,
        endpoint_volume=endpoint_volume,
        truth=truth,
        true_animals=true_animals,
    )


def true_curves(arms: Sequence[Arm], truth: Truth, day: ArrayLike) -> xr.DataArray:
    """The true log volume of the typical (median) tumour of each arm.

    Parameters
    ----------
    arms : sequence of Arm
        The design.
    truth : Truth
        The parameters; spreads, mixtures and errors do not enter.
    day : float or array (day)
        Days as the laboratory records them.

    Returns
    -------
    DataArray (arm, day)
        Natural log of volume in mm³, with the attributes of `curves`, so that every estimand takes it.
    """
    days = np.atleast_1d(np.asarray(day, dtype=float))
    problems = [*_problems_of_days(days), *problems_of_truth(arms, truth)]
    if problems:
        raise InputError(problems)
    return xr.DataArray(
        _typical(arms, truth, days),
        coords={"arm": [arm.name for arm in arms], "day": days},
        dims=("arm", "day"),
        name="log_volume",
        attrs={"of": "typical", "unit": "ln mm3", "first_dose": _first_dose(arms)},
    )


def _animals_of(arms: Sequence[Arm], animals: int | Mapping[str, int]) -> dict[str, int]:
    given = animals if isinstance(animals, Mapping) else dict.fromkeys((arm.name for arm in arms), animals)
    return {str(name): int(number) for name, number in given.items()}


def _problems_of_design(arms: Sequence[Arm], number: Mapping[str, int], cohorts: int | None) -> Iterable[str]:
    names = [arm.name for arm in arms]
    if len(set(number.values())) == 1 and list(number) == names:
        if number[names[0]] < 1:
            yield f"design: animals is {number[names[0]]}; it must be 1 or more."
    else:
        for name in names:
            if number.get(name, 0) < 1:
                yield f'design: arm {name} has no animals. Add animals."{name}", 1 or more.'
        for name in number:
            if name not in names:
                yield f'design: animals."{name}" is not an arm. Name one of {", ".join(names)}.'
    if cohorts is not None and cohorts < 2:
        yield f"design: cohorts is {cohorts}; it must be 2 or more. Leave it out where there is one."


def _problems_of_days(days: Floats) -> Iterable[str]:
    if not days.size or not np.all(np.isfinite(days)):
        yield "design: visit days must be one number or more, each finite."


def _drawn_animals(
    arms: Sequence[Arm],
    truth: Truth,
    number: Mapping[str, int],
    cohorts: int | None,
    tumours: int,
    *streams: np.random.Generator,
) -> _Animals:
    """The animals; each feature of the truth has a stream of its own."""
    rng, of_cohorts, of_responders, of_losses, of_mice = streams
    mice = np.array([number[arm.name] for arm in arms])
    shape = (len(arms), int(mice.max()) * tumours)
    own = rng.standard_normal((3, *shape))
    of_mouse = np.repeat(of_mice.standard_normal((3, len(arms), int(mice.max()))), tumours, axis=-1)
    share = truth.mouse_share
    first, second, third = np.sqrt(share) * of_mouse + np.sqrt(1 - share) * own if share > 0 else own
    spread = np.array([[truth.spread.get(arm.name, 1.0)] for arm in arms])
    across = np.sqrt(1 - truth.correlation**2)
    cohort = np.broadcast_to(np.arange(shape[1]) // tumours % (cohorts or 1), shape)
    shift = truth.sd_cohort * of_cohorts.standard_normal(cohorts or 1)
    treated = np.array([[bool(arm.dosings)] for arm in arms])
    responder = (of_responders.random(shape) < truth.responder_share) & treated
    effect = (1 + truth.sd_effect * third) * np.where(responder, truth.responder_factor, 1.0)
    stay = np.repeat(of_losses.exponential(size=(len(arms), int(mice.max()))), tumours, axis=-1)
    return _Animals(
        present=np.arange(shape[1]) < mice[:, None] * tumours,
        tumours=tumours,
        cohort=cohort,
        baseline=np.log(truth.baseline) + truth.sd_baseline * first,
        growth=truth.growth + shift[cohort] + truth.sd_growth * spread * (truth.correlation * first + across * second),
        effect=np.where(treated, effect, 1.0),
        responder=responder,
        last_day=_first_dose(arms) + stay / truth.dropout if truth.dropout > 0 else np.full(shape, np.inf),
    )


def _measured(log_volume: Floats, truth: Truth) -> Floats:
    """What callipers see of a tumour's log volume (ln mm³)."""
    return np.logaddexp(log_volume, np.log(truth.residual)) if truth.residual > 0 else log_volume


def _error(arms: Sequence[Arm], truth: Truth, days: Floats, limit: float) -> Floats:
    """Standard deviation of a reading's log volume, (arm, 1, day)."""
    factor = np.array([truth.error_factor.get(arm.name, 1.0) for arm in arms])
    error = np.broadcast_to(truth.error * factor[:, None], (len(arms), days.size))
    if truth.small_tumour_error > 0:
        typical = np.maximum(np.exp(_measured(_typical(arms, truth, days), truth)), limit)
        error = np.hypot(error, truth.small_tumour_error / typical)
    return error[:, None, :]


def _typical(arms: Sequence[Arm], truth: Truth, days: Floats) -> Floats:
    one = np.ones((len(arms), 1))
    return log_volumes(arms, truth, np.log(truth.baseline) * one, truth.growth * one, one, days)[:, 0]


def _first_dose(arms: Sequence[Arm]) -> float:
    return min(dosing.days[0] for arm in arms for dosing in arm.dosings)


def _tables(
    arms: Sequence[Arm],
    days: Floats,
    drawn: _Animals,
    volume: Floats,
    censored: NDArray[np.bool_],
    endpoint_volume: float | None,
    cohorts: int | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The readings that the laboratory took, and the truth about each animal."""
    seen, reason = _taken(days, drawn, volume, endpoint_volume)
    before = seen & (days <= _first_dose(arms))
    baseline = before & (before.cumsum(axis=-1) == before.sum(axis=-1, keepdims=True))
    fitted = (np.cumsum(baseline, axis=-1) > 0) | ~before.any(axis=-1, keepdims=True)
    own = drawn.present
    names = _names(arms, own, drawn.tumours)
    animals = pd.DataFrame(
        {
            "arm": np.repeat([arm.name for arm in arms], own.sum(axis=-1)),
            "cohort": (drawn.cohort[own] + 1).astype(str) if cohorts is not None else "",
            **({} if drawn.tumours == 1 else {"mouse": [name.partition(" · ")[0] for name in names]}),
            "baseline": np.exp(drawn.baseline[own]),
            "growth": drawn.growth[own],
            "effect": drawn.effect[own],
            "responder": drawn.responder[own],
        },
        index=pd.Index(names, name="animal"),
    )
    which = np.repeat(np.arange(len(animals)), seen[own].sum(axis=-1))
    readings = pd.DataFrame(
        {
            "animal": animals.index[which],
            "arm": animals["arm"].to_numpy()[which],
            "day": days[np.nonzero(seen)[-1]],
            "volume": volume[seen],
            "censored": censored[seen],
            "fitted": fitted[seen],
            "baseline": baseline[seen],
            **({} if cohorts is None else {"cohort": animals["cohort"].to_numpy()[which]}),
            **({} if drawn.tumours == 1 else {"mouse": animals["mouse"].to_numpy()[which]}),
            "reason_left": reason[seen],
        }
    )
    return readings, animals


def _taken(
    days: Floats, drawn: _Animals, volume: Floats, endpoint_volume: float | None
) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Which readings were taken, and beside the last of each animal why it left."""
    over = volume >= (np.inf if endpoint_volume is None else endpoint_volume)
    of_mice = over.reshape(len(over), -1, drawn.tumours, len(days))
    over = np.broadcast_to(of_mice.any(axis=2, keepdims=True), of_mice.shape).reshape(over.shape)
    lost = (days > drawn.last_day[..., None]) & (days > days[0])  # every animal has its first reading
    seen = (np.cumsum(over, axis=-1) - over == 0) & ~lost & drawn.present[..., None]
    last = seen & (seen.cumsum(axis=-1) == seen.sum(axis=-1, keepdims=True))
    was_lost = last & lost.any(axis=-1, keepdims=True)
    return seen, np.where(over & seen, ENDPOINT_REASON, np.where(was_lost, OTHER_REASON, ""))


def _names(arms: Sequence[Arm], present: NDArray[np.bool_], tumours: int) -> list[str]:
    width = max(2, len(str(present.shape[1] // tumours)))
    sizes = zip(_prefixes(arms), (present.sum(axis=-1) // tumours).tolist(), strict=True)
    mice = [f"{prefix}{i + 1:0{width}d}" for prefix, size in sizes for i in range(size)]
    return mice if tumours == 1 else [f"{mouse} · {i + 1}" for mouse in mice for i in range(tumours)]


def _prefixes(arms: Sequence[Arm]) -> list[str]:
    """A letter per arm, C for a combination; further arms of the same letter are C2-, C3-, …"""
    taken: Counter[str] = Counter()
    prefixes: list[str] = []
    for arm in arms:
        letter = "C" if arm.is_combination else next((c.upper() for c in arm.name if c.isalpha()), "A")
        taken[letter] += 1
        prefixes.append(letter if taken[letter] == 1 else f"{letter}{taken[letter]}-")
    return prefixes
