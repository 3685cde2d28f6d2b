"""Bayesian analysis of mouse xenograft studies: tumour growth, inhibition and drug interaction.

>>> import xenograft as xg
>>> study = xg.read_study("fixtures/her2-four-arm")  # doctest: +SKIP
>>> fits = xg.fit_all(study, xg.read_cards(), seed=1)  # doctest: +SKIP
>>> xg.interaction(fits, xg.compare(fits)).table  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenograft.allocation import Allocation, allocate, read_baselines
    from xenograft.answers import Interaction, Verdict, average, interaction, model_curves, verdicts
    from xenograft.cards import ModelCard, read_card, read_cards
    from xenograft.comparison import Comparison, compare
    from xenograft.design import Design, read_design, simulate_design
    from xenograft.errors import CardError, FitFileError, InputError, NoHealthyFitError, StudyError, XenograftError
    from xenograft.estimands import (
        combination_index,
        doubling_time,
        excess,
        growth_rate,
        reduction,
        time_to_multiple,
        tumour_growth_inhibition,
    )
    from xenograft.fitted import Fit
    from xenograft.health import Health
    from xenograft.model import build
    from xenograft.prediction import animal_curves, curves
    from xenograft.priors import Prior
    from xenograft.reading import read_study
    from xenograft.reporting import write_report
    from xenograft.results import collect_results
    from xenograft.sampling import SamplerSettings, fit, fit_all
    from xenograft.simulation import SimulatedStudy, simulate, true_curves
    from xenograft.study import Arm, Dosing, Study
    from xenograft.true_interaction import true_excess
    from xenograft.truth import Truth, read_truth

_HOME = {
    "allocation": ("Allocation", "allocate", "read_baselines"),
    "answers": ("Interaction", "Verdict", "average", "interaction", "model_curves", "verdicts"),
    "cards": ("ModelCard", "read_card", "read_cards"),
    "comparison": ("Comparison", "compare"),
    "design": ("Design", "read_design", "simulate_design"),
    "errors": ("CardError", "FitFileError", "InputError", "NoHealthyFitError", "StudyError", "XenograftError"),
    "estimands": (
        "combination_index",
        "doubling_time",
        "excess",
        "growth_rate",
        "reduction",
        "time_to_multiple",
        "tumour_growth_inhibition",
    ),
    "fitted": ("Fit",),
    "health": ("Health",),
    "model": ("build",),
    "prediction": ("animal_curves", "curves"),
    "priors": ("Prior",),
    "reading": ("read_study",),
    "reporting": ("write_report",),
    "results": ("collect_results",),
    "sampling": ("SamplerSettings", "fit", "fit_all"),
    "simulation": ("SimulatedStudy", "simulate", "true_curves"),
    "study": ("Arm", "Dosing", "Study"),
    "true_interaction": ("true_excess",),
    "truth": ("Truth", "read_truth"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Allocation",
    "Arm",
    "CardError",
    "Comparison",
    "Design",
    "Dosing",
    "Fit",
    "FitFileError",
    "Health",
    "InputError",
    "Interaction",
    "ModelCard",
    "NoHealthyFitError",
    "Prior",
    "SamplerSettings",
    "SimulatedStudy",
    "Study",
    "StudyError",
    "Truth",
    "Verdict",
    "XenograftError",
    "allocate",
    "animal_curves",
    "average",
    "build",
    "collect_results",
    "combination_index",
    "compare",
    "curves",
    "doubling_time",
    "excess",
    "fit",
    "fit_all",
    "growth_rate",
    "interaction",
    "model_curves",
    "read_baselines",
    "read_card",
    "read_cards",
    "read_design",
    "read_study",
    "read_truth",
    "reduction",
    "simulate",
    "simulate_design",
    "time_to_multiple",
    "true_curves",
    "true_excess",
    "tumour_growth_inhibition",
    "verdicts",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import on first use: reading a study needs no PyMC."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
