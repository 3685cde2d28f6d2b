"""Every word a card may say, once: the priors it needs, how people say it, which simulated truth it is.

A register is a dict by word, so a word more is an entry more; models/README.md lists them, docs/architecture.md says
what else a new one asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from xenograft.model.courses import Course, built_up, from_first_dose, pulses
from xenograft.model.growth import growth_columns
from xenograft.study.study import Dosing


class Columns(Protocol):
    """What a tumour's own baseline and growth rate contribute to its log volume by a given day.

    One text for NumPy (posterior draws lead the shapes) and PyTensor, called with days since the first dose (day) and
    the card's `Parameters`; returns the weight of the log baseline (no unit) and of the growth rate (days), each
    (..., day). At day 0 they are 1 and 0.
    """

    def __call__(self, day: Any, parameters: Any, *, xp: Any = np) -> tuple[Any, Any]: ...


def slowing_columns(day: Any, parameters: Any, *, xp: Any = np) -> tuple[Any, Any]:
    """The columns of dz/dt = g − βz: Gompertz growth, exponential where the card has no `slowing`."""
    return growth_columns(day, parameters.slowing, xp=xp)


@dataclass(frozen=True)
class Law:
    """A growth law.

    Parameters
    ----------
    name : str
        As a card says it.
    said : str
        As a report says it.
    priors : tuple of str
        What it has beyond baseline and growth, of `PARAMETERS`.
    truth : str or None
        The law of a simulated truth that it is; None where no truth has it.
    columns : Columns
        Its curve without treatment. The effects of treatment fade as the baseline does: at the rate `slowing` where
        that is among the priors, else not.
    own_curves : bool
        Whether every arm has a course of its own, so that the combination is free; its cards say `WITH_OWN_CURVES`.
    """

    name: str
    said: str
    priors: tuple[str, ...] = ()
    truth: str | None = None
    columns: Columns = slowing_columns
    own_curves: bool = False


@dataclass(frozen=True)
class Exposure:
    """How much of an agent's full effect is there by day.

    Parameters
    ----------
    name, said, priors
        As of a `Law`; the one prior is the rate of its courses, `waning` or `onset`, by agent.
    courses : function of a Dosing and the study's first dose
        What it is made of: days since the first dose, sizes of jumps, and whether they decay.
    truth : str or None
        The exposure of a simulated truth that it is; None where no truth has it.
    """

    name: str
    said: str
    courses: Callable[[Dosing, float], list[Course]]
    truth: str | None
    priors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Word:
    """Any other word: name, how people say it, the priors it needs."""

    name: str
    said: str
    priors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """What a prior is of.

    Parameters
    ----------
    name : str
        Also that of the field of `Parameters` and of a simulated truth, where they have it.
    distributions : tuple of str
        Those that make sense for it (sign and support).
    unit : str
    dim : str or None
        Dimension along which it has several values.
    """

    name: str
    distributions: tuple[str, ...]
    unit: str
    dim: str | None = None


def _by_name[Record: (Law, Exposure, Word, Parameter)](*records: Record) -> dict[str, Record]:
    return {record.name: record for record in records}


LASTS = "constant"
"""The exposure of an effect that neither builds up nor wanes."""

GROWTH = _by_name(
    Law("exponential", "exponential growth (β = 0)", truth="exponential"),
    Law(
        "gompertz", "Gompertz growth (β > 0: growth slows as tumours get larger)", ("slowing",), truth="gompertz"
    ),
    Law(
        "spline", "a smooth curve per arm without any growth law", ("smoothness",), own_curves=True,
    ),
)  # fmt: skip

EXPOSURE = _by_name(
    Exposure(LASTS, "constant from the agent's first dose on", from_first_dose, "constant"),
    Exposure("decaying", "waning after every dose (rate λ)", pulses, "decaying", ("waning",)),
    Exposure("delayed", "building up after the first dose and staying (rate ω)", built_up, "delayed", ("onset",)),
)

type CardReference = Literal["bliss", "hsa"]

REFERENCE = _by_name(
    Word("bliss", "together the agents kill the sum of their own kills"),
    Word("hsa", "together the agents do as much as the better of them"),
)

DEPARTURE = _by_name(
    Word("none", "nothing beyond the reference"),
    Word("estimated", "a departure from the reference (not with `hsa`)", ("departure",)),
)

SHRUNKEN = "shrunken"
"""Departures that tell of each other: `departure` is the prior of their mean, `sd_departure` of how they differ."""

DEPARTURE_BY = _by_name(
    Word("arm", "one departure for each combination"),
    Word("study", "one departure for all combinations"),
    Word(
        SHRUNKEN, "a departure for each combination, drawn towards their mean the more, the more alike they are",
        ("sd_departure",),
    ),
)  # fmt: skip

DOSE_EFFECT = _by_name(
    Word("free", "a kill rate of its own for each dose"),
    Word("power", "kill rates that rise with a power of the dose", ("dose_power",)),
    Word("linear", "kill rates in proportion to the dose"),
)

VARIES = _by_name(
    Word("baseline", "baseline", ("sd_baseline",)),
    Word("growth", "growth rate", ("sd_growth",)),
    Word("effect", "response to treatment", ("sd_effect",)),
    Word("cohort", "cohort", ("sd_cohort",)),
)

SPREAD = _by_name(Word("common", "alike in all arms"), Word("arm", "by arm"))

ERROR = _by_name(
    Word("normal", "normal on the log scale"),
    Word("student", "Student t on the log scale, which forgives outliers", ("degrees_of_freedom",)),
)

ERROR_SMALL = ("small_tumour_error",)
"""Priors of a card whose readings of small tumours are less precise (`error_small = true`)."""

RESIDUAL = ("residual",)
"""Priors of a card in which something that never shrinks is measured with every tumour (`residual = true`)."""

PANEL = ("between_baseline", "between_growth", "between_kill", "historical_growth")
"""Priors of a card for a panel of models (`panel = true`): how models differ, and historical controls among them."""

PANEL_DEPARTURE = ("between_departure",)
"""The same where it estimates the departure."""

MODERATORS = ("slope_kill",)
"""Priors of a card for a panel in which moderators change how models respond (`moderators = true`)."""

MODERATORS_OF_DEPARTURE = ("slope_departure",)
"""The same where it estimates the departure."""

WITH_OWN_CURVES = {"reference": "bliss", "departure": "estimated", "exposure": LASTS, "dose_effect": "free"}
"""What a card says whose law leaves the course of every arm free: anything else would restrict it."""

ALWAYS = ("baseline", "growth", "kill", "error")
"""Priors that every card has."""

SHARES: Mapping[str, tuple[str, list[object]]] = {
    "mouse": ("mouse_share", ["Beta", {"alpha": 2.0, "beta": 2.0}]),
    "cage": ("cage_share", ["Beta", {"alpha": 2.0, "beta": 2.0}]),
}
"""Priors that a card may have whose animals differ, used where a study has such groups; those of the shipped cards."""

SHARED_BY = {share: group for group, (share, _) in SHARES.items()}
"""The groups in which a share counts, by its name."""

_POSITIVE = ("HalfNormal", "LogNormal", "Gamma", "Exponential")

PARAMETERS = _by_name(
    Parameter("baseline", ("Normal",), "log units"),
    Parameter("growth", ("Normal", "LogNormal", "Gamma"), "1/day"),
    Parameter("slowing", _POSITIVE, "1/day"),
    Parameter("kill", ("Normal", "HalfNormal", "LogNormal", "Gamma", "Exponential"), "1/day", "agent"),
    Parameter("waning", _POSITIVE, "1/day", "waning_agent"),
    Parameter("onset", _POSITIVE, "1/day", "delayed_agent"),
    Parameter("departure", ("Normal",), "1/day", "combination"),
    Parameter("sd_departure", _POSITIVE, "1/day"),
    Parameter("dose_power", _POSITIVE, "none"),
    Parameter("sd_baseline", _POSITIVE, "log units"),
    Parameter("sd_growth", _POSITIVE, "1/day"),
    Parameter("sd_effect", _POSITIVE, "none"),
    Parameter("sd_cohort", _POSITIVE, "1/day"),
    Parameter("correlation", ("LKJ",), "none"),
    Parameter("error", _POSITIVE, "log units"),
    Parameter("small_tumour_error", _POSITIVE, "volume / 100 mm3"),
    Parameter("residual", _POSITIVE, "volume / 100 mm3"),
    Parameter("degrees_of_freedom", ("LogNormal", "Gamma"), "none"),
    Parameter("smoothness", _POSITIVE, "log units per day^1.5"),
    *(Parameter(share, ("Beta",), "none") for share in SHARED_BY),
    Parameter("between_baseline", _POSITIVE, "log units"),
    Parameter("between_growth", _POSITIVE, "1/day"),
    Parameter("between_kill", _POSITIVE, "1/day", "agent"),
    Parameter("between_departure", _POSITIVE, "1/day", "combination"),
    Parameter("historical_growth", _POSITIVE, "1/day"),
    Parameter("slope_kill", ("Normal",), "1/day", "agent"),
    Parameter("slope_departure", ("Normal",), "1/day", "combination"),
)
"""Everything that a card may have a prior of."""

KEYS: Mapping[str, Mapping[str, Law | Exposure | Word]] = {
    "growth": GROWTH, "exposure": EXPOSURE, "reference": REFERENCE, "departure": DEPARTURE,
    "departure_by": DEPARTURE_BY, "dose_effect": DOSE_EFFECT, "varies": VARIES, "spread": SPREAD, "error": ERROR,
}  # fmt: skip
"""The words of each key of a card that has words."""

CORRELATED, CORRELATION = ("baseline", "growth"), "correlation"
"""What varies together, and the prior of a card in which both vary."""


def needed_priors(
    said: Mapping[str, Iterable[str]],
    *,
    small_tumours: bool,
    residual: bool = False,
    panel: bool = False,
    moderators: bool = False,
) -> set[str]:
    """Names of the priors that a card has to have, and no other.

    Parameters
    ----------
    said : mapping of str to iterable of str
        The words of a card by key.
    small_tumours, residual, panel, moderators : bool
        Its `error_small`, `residual`, `panel` and `moderators`.
    """
    needed = {*ALWAYS, *(ERROR_SMALL if small_tumours else ()), *(RESIDUAL if residual else ())}
    estimated = "estimated" in said["departure"]
    if panel:
        needed |= {*PANEL, *(PANEL_DEPARTURE if estimated else ())}
    if moderators:
        needed |= {*MODERATORS, *(MODERATORS_OF_DEPARTURE if estimated else ())}
    needed |= {prior for key, words in said.items() for word in words for prior in KEYS[key][word].priors}
    return needed | ({CORRELATION} if set(CORRELATED) <= set(said["varies"]) else set())


def one_of(words: Mapping[str, object]) -> BeforeValidator:
    """Refuses what a register does not have when it is asked."""

    def checked(value: object) -> object:
        if not isinstance(value, str) or value not in words:
            choices = [f"'{word}'" for word in words]
            expected = " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]
            raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})
        return value

    return BeforeValidator(checked)
