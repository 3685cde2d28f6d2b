"""Published response criteria of single animals, as functions of readings (docs/estimands.md): no model, no study.

Arrays are (…, reading) with NaN where there is no reading. The first reading is the baseline; a reading at or below the
limit of quantification is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MRECIST_FROM = 10.0
"""Days since the first dose from which mRECIST looks for the best response (Gao et al. 2015)."""

MRECIST_LIMITS: Mapping[str, tuple[float, float]] = {"CR": (-95.0, -40.0), "PR": (-50.0, -20.0), "SD": (35.0, 30.0)}
"""Best response and best average response (percent) that an animal must be below (Gao et al. 2015), best first."""

PPTP_MEASURABLE = 100.0
"""Volume (mm³) from which a tumour counts as measurable (Houghton et al. 2007)."""

CRITERIA: Mapping[str, tuple[str, ...]] = {
    "mrecist": ("CR", "PR", "SD", "PD"),
    "genentech": ("CR", "PR", "none"),
    "pptp": ("MCR", "CR", "PR", "SD", "PD"),
}
"""Classes of each criterion, best first."""

CRITERION_WORDS: Mapping[str, str] = {
    "mrecist": (
        "mRECIST (Gao et al. 2015): best response (BR) is the smallest change from baseline at 10 days or later, best "
        "average response (BAR) the smallest running mean of the changes there; CR BR < -95 % and BAR < -40 %, PR "
        "BR < -50 % and BAR < -20 %, SD BR < 35 % and BAR < 30 %, else PD"
    ),
    "genentech": (
        "Complete response (CR): the last reading is at or below the limit of quantification; partial response (PR): "
        "any reading is at most half the baseline (Genentech studies)"
    ),
    "pptp": (
        "PPTP (Houghton et al. 2007): CR below 100 mm3 at any reading, maintained (MCR) at the last; PR at most half "
        "the baseline at any reading; SD at most 25 % above the baseline at the last; else PD, of which PD1 (time to "
        "4 x baseline at most 1.5 times the control's median) and PD2"
    ),
}


def percent_change(volume: Any) -> Any:
    """Change of each reading from the first, in percent of the first.

    Parameters
    ----------
    volume : array (…, reading)
        Any unit; the first reading is the baseline, above 0.

    Returns
    -------
    array (…, reading)
        Percent; 0 at the baseline, -100 where nothing is left.
    """
    volume = np.asarray(volume, dtype=float)
    return 100 * (volume / volume[..., :1] - 1)


def best_responses(change: Any, elapsed: Any) -> tuple[Any, Any]:
    """Best response and best average response of mRECIST (Gao et al. 2015).

    Parameters
    ----------
    change : array (…, reading)
        From `percent_change`.
    elapsed : array (reading) or (…, reading)
        Days since the first dose.

    Returns
    -------
    best, average : arrays (…)
        Smallest change at 10 days or later, and smallest running mean of all changes so far at 10 days or later
        (percent); NaN without such a reading.
    """
    present = ~np.isnan(change)
    running = np.nancumsum(change, axis=-1) / np.maximum(np.cumsum(present, axis=-1), 1)
    late = present & (np.asarray(elapsed) >= MRECIST_FROM)
    none = ~late.any(axis=-1)
    smallest = [np.where(late, values, np.inf).min(axis=-1) for values in (change, running)]
    return np.where(none, np.nan, smallest[0]), np.where(none, np.nan, smallest[1])


def mrecist_class(best: Any, average: Any) -> Any:
    """Class of mRECIST, "" where there is no best response.

    Parameters
    ----------
    best, average : arrays (…)
        From `best_responses` (percent).

    Returns
    -------
    array (…) of str
        "CR", "PR", "SD", "PD" or "".
    """
    best, average = np.asarray(best, dtype=float), np.asarray(average, dtype=float)
    met = [(best < one) & (average < other) for one, other in MRECIST_LIMITS.values()]
    return np.select([np.isnan(best), *met], ["", *MRECIST_LIMITS], default="PD")


def genentech_class(volume: Any) -> Any:
    """Complete response (last reading 0), partial response (any at most half the baseline), or none.

    Parameters
    ----------
    volume : array (…, reading)
        Readings at or below the limit are 0.

    Returns
    -------
    array (…) of str
        "CR", "PR", "none", or "" without a reading after the baseline.
    """
    volume = np.asarray(volume, dtype=float)
    later = volume[..., 1:]
    halved = (later <= volume[..., :1] / 2).any(axis=-1)
    nothing = np.isnan(later).all(axis=-1)
    return np.select([nothing, _last(volume) <= 0, halved], ["", "CR", "PR"], default="none")


def pptp_class(volume: Any, measurable: float = PPTP_MEASURABLE) -> Any:
    """Class of the Pediatric Preclinical Testing Program, progressive disease not yet divided (Houghton et al. 2007).

    Parameters
    ----------
    volume : array (…, reading)
        In the unit of `measurable`; readings at or below the limit are 0.
    measurable : float
        Volume from which a tumour is measurable.

    Returns
    -------
    array (…) of str
        "MCR", "CR", "PR", "SD", "PD"; "" without a reading after the baseline or with a baseline that is not
        measurable.
    """
    volume = np.asarray(volume, dtype=float)
    first, later = volume[..., 0], volume[..., 1:]
    last = _last(volume)
    gone = (later < measurable).any(axis=-1)
    halved = (later <= first[..., None] / 2).any(axis=-1)
    unclassed = np.isnan(later).all(axis=-1) | ~(first >= measurable)
    conditions = [unclassed, gone & (last < measurable), gone, halved, last <= 1.25 * first]
    return np.select(conditions, ["", "MCR", "CR", "PR", "SD"], default="PD")


def classes_of(volume: Any, elapsed: Any, *, measurable: float | None) -> dict[str, Any]:
    """Every criterion's class of the same animals.

    Parameters
    ----------
    volume : array (…, reading)
        Readings at or below the limit are 0; the first is the baseline.
    elapsed : array (reading)
        Days since the first dose.
    measurable : float or None
        PPTP's measurable volume in the unit of `volume`; None where volumes have no such unit.

    Returns
    -------
    dict of str to array (…) of str
        By criterion; see `CRITERIA`.
    """
    change = percent_change(volume)
    found = {"mrecist": mrecist_class(*best_responses(change, elapsed)), "genentech": genentech_class(volume)}
    return found if measurable is None else found | {"pptp": pptp_class(volume, measurable)}


def time_to_reach(elapsed: Any, volume: Any, target: float) -> tuple[float, bool]:
    """When the readings of one animal first reach a volume, log-linear between readings.

    Parameters
    ----------
    elapsed : array (reading)
        Days since the first dose, ascending; the first may be before it.
    volume : array (reading)
        Above 0 (of a reading at the limit: the limit).
    target : float
        Volume to reach.

    Returns
    -------
    time : float
        Days since the first dose, 0 at least; of an animal that does not reach it, the time of its last reading.
    reached : bool
        Whether the volume was reached.
    """
    elapsed, gain = np.asarray(elapsed, dtype=float), np.log(np.asarray(volume, dtype=float) / target)
    above = np.flatnonzero(gain >= 0)
    if not above.size:
        return max(float(elapsed[-1]), 0.0), False
    at = int(above[0])
    if at == 0:
        return max(float(elapsed[0]), 0.0), True
    share = -gain[at - 1] / (gain[at] - gain[at - 1])
    return max(float(elapsed[at - 1] + share * (elapsed[at] - elapsed[at - 1])), 0.0), True


def time_below(elapsed: Any, value: Any, threshold: float) -> float:
    """Days that a measured course spends below a threshold, linear between measurements.

    Parameters
    ----------
    elapsed : array (reading)
        Days, ascending.
    value : array (reading)
        For example body weight in percent of the first.
    threshold : float
        In the unit of `value`.

    Returns
    -------
    float
        Days; a course that touches the threshold is not below it.
    """
    elapsed, value = np.asarray(elapsed, dtype=float), np.asarray(value, dtype=float)
    start, end = value[:-1], value[1:]
    low, high = np.minimum(start, end), np.maximum(start, end)
    partly = (low < threshold) & (high > threshold)
    share = np.where(
        partly, (threshold - low) / np.where(partly, high - low, 1.0), (high <= threshold) & (low < threshold)
    )
    return float((share * np.diff(elapsed)).sum())


def _last(volume: Any) -> Any:
    """The last reading that is there."""
    present = ~np.isnan(volume)
    at = volume.shape[-1] - 1 - np.argmax(present[..., ::-1], axis=-1)
    return np.take_along_axis(volume, at[..., None], axis=-1)[..., 0]
