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
    from xenograft.answers import Interaction, Verdict, average, interaction, model_curves, verdicts
    from xenograft.bayes_factor import bayes_factors
    from xenograft.cards import ModelCard, read_card, read_cards
    from xenograft.checking import PredictiveCheck, predictive_check
    from xenograft.comparison import Comparison, compare
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
    from xenograft.evidence import Evidence, gather_evidence
    from xenograft.fitted import Fit, Health
    from xenograft.gates import Gate, check_gates, read_gates
    from xenograft.judging import GateOutcome, judge_gates
    from xenograft.junit import junit_xml
    from xenograft.model import build
    from xenograft.parts import predict_from_parts
    from xenograft.prediction import animal_curves, curves
    from xenograft.priors import Prior
    from xenograft.reading import read_study
    from xenograft.references import Drift, drift, read_reference, write_reference
    from xenograft.reporting import write_report
    from xenograft.results import collect_results
    from xenograft.sampling import SamplerSettings, fit, fit_all, refit_without
    from xenograft.sensitivity import prior_sensitivity
    from xenograft.simulation import Truth, read_truth, simulate, true_curves
    from xenograft.study import Arm, Dosing, Study
    from xenograft.summary import comparison_markdown

_HOME = {
    "bayes_factor": ("bayes_factors",),
    "checking": (
        "PredictiveCheck",
        "predictive_check",
    ),
    "evidence": (
        "Evidence",
        "gather_evidence",
    ),
    "gates": (
        "Gate",
        "check_gates",
        "read_gates",
    ),
    "judging": (
        "GateOutcome",
        "judge_gates",
    ),
    "junit": ("junit_xml",),
    "parts": ("predict_from_parts",),
    "references": (
        "Drift",
        "drift",
        "read_reference",
        "write_reference",
    ),
    "sensitivity": ("prior_sensitivity",),
    "summary": ("comparison_markdown",),
    "answers": ("Interaction", "Verdict", "average", "interaction", "model_curves", "verdicts"),
    "cards": ("ModelCard", "read_card", "read_cards"),
    "comparison": ("Comparison", "compare"),
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
    "fitted": ("Fit", "Health"),
    "model": ("build",),
    "prediction": ("animal_curves", "curves"),
    "priors": ("Prior",),
    "reading": ("read_study",),
    "reporting": ("write_report",),
    "results": ("collect_results",),
    "sampling": ("SamplerSettings", "fit", "fit_all", "refit_without"),
    "simulation": ("Truth", "read_truth", "simulate", "true_curves"),
    "study": ("Arm", "Dosing", "Study"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Arm",
    "CardError",
    "Comparison",
    "Dosing",
    "Drift",
    "Evidence",
    "Fit",
    "FitFileError",
    "Gate",
    "GateOutcome",
    "Health",
    "InputError",
    "Interaction",
    "ModelCard",
    "NoHealthyFitError",
    "PredictiveCheck",
    "Prior",
    "SamplerSettings",
    "Study",
    "StudyError",
    "Truth",
    "Verdict",
    "XenograftError",
    "animal_curves",
    "average",
    "bayes_factors",
    "build",
    "check_gates",
    "collect_results",
    "combination_index",
    "compare",
    "comparison_markdown",
    "curves",
    "doubling_time",
    "drift",
    "excess",
    "fit",
    "fit_all",
    "gather_evidence",
    "growth_rate",
    "interaction",
    "judge_gates",
    "junit_xml",
    "model_curves",
    "predict_from_parts",
    "predictive_check",
    "prior_sensitivity",
    "read_card",
    "read_cards",
    "read_gates",
    "read_reference",
    "read_study",
    "read_truth",
    "reduction",
    "refit_without",
    "simulate",
    "time_to_multiple",
    "true_curves",
    "tumour_growth_inhibition",
    "verdicts",
    "write_reference",
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
