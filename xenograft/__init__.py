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
    from xenograft.arm_quantities import arm_estimands, summarise
    from xenograft.arm_readings import arm_responses, survival_curves
    from xenograft.bayes_factor import bayes_factors
    from xenograft.cache import fit_or_load
    from xenograft.calibration import calibrate
    from xenograft.calibration_records import Calibration
    from xenograft.cards import ModelCard, read_card, read_cards
    from xenograft.checking import PredictiveCheck, predictive_check
    from xenograft.comparison import Comparison, compare
    from xenograft.courses import (
        best_response,
        growth_delay,
        largest_excess,
        log_cell_kill,
        nadir,
        time_to_regrowth,
        whole_course_excess,
    )
    from xenograft.csv_export import write_csv
    from xenograft.design import Design, read_design, simulate_design
    from xenograft.displays import parameter_table
    from xenograft.errors import CardError, FitFileError, InputError, NoHealthyFitError, StudyError, XenograftError
    from xenograft.estimands import (
        combination_index,
        doubling_time,
        excess,
        growth_rate,
        growth_rate_inhibition,
        reduction,
        time_to_multiple,
        treated_over_control,
        tumour_growth_inhibition,
    )
    from xenograft.evidence import Evidence, gather_evidence
    from xenograft.examples import example_folder
    from xenograft.fitted import Fit
    from xenograft.gates import Gate, check_gates, read_gates
    from xenograft.health import Health
    from xenograft.interactions import dose_matrix, interaction_numbers
    from xenograft.job_summary import comparison_markdown
    from xenograft.judging import GateOutcome, judge_gates
    from xenograft.junit import junit_xml
    from xenograft.model import build
    from xenograft.overview import Summary, summary
    from xenograft.parts import predict_from_parts
    from xenograft.planned_power import power, truths_from
    from xenograft.plots import (
        all_figures,
        plot_curves,
        plot_excess,
        plot_fit,
        plot_graph,
        plot_influence,
        plot_predictive,
        plot_priors,
        plot_readings,
    )
    from xenograft.power_cells import Cell, cells_of
    from xenograft.prediction import animal_curves, curves
    from xenograft.priors import Prior
    from xenograft.reading import read_study
    from xenograft.references import Drift, drift, read_reference, write_reference
    from xenograft.reporting import write_report
    from xenograft.response_predictions import best_arms, predicted_responses, predicted_survival
    from xenograft.responses import animal_responses
    from xenograft.results import collect_results
    from xenograft.sampling import SamplerSettings, fit, fit_all, refit_without
    from xenograft.sensitivity import prior_sensitivity, without_each_animal
    from xenograft.simulation import SimulatedStudy, simulate, true_curves
    from xenograft.study import Arm, Dosing, Study
    from xenograft.study_reports import StudyReport, write_reports
    from xenograft.true_interaction import true_excess
    from xenograft.truth import Truth, read_truth

_HOME = {
    "allocation": (
        "Allocation",
        "allocate",
        "read_baselines",
    ),
    "answers": (
        "Interaction",
        "Verdict",
        "average",
        "interaction",
        "model_curves",
        "verdicts",
    ),
    "arm_readings": (
        "arm_responses",
        "survival_curves",
    ),
    "bayes_factor": ("bayes_factors",),
    "cache": ("fit_or_load",),
    "calibration": ("calibrate",),
    "calibration_records": ("Calibration",),
    "cards": (
        "ModelCard",
        "read_card",
        "read_cards",
    ),
    "checking": (
        "PredictiveCheck",
        "predictive_check",
    ),
    "comparison": (
        "Comparison",
        "compare",
    ),
    "courses": (
        "best_response",
        "growth_delay",
        "largest_excess",
        "log_cell_kill",
        "nadir",
        "time_to_regrowth",
        "whole_course_excess",
    ),
    "csv_export": ("write_csv",),
    "design": (
        "Design",
        "read_design",
        "simulate_design",
    ),
    "displays": ("parameter_table",),
    "errors": (
        "CardError",
        "FitFileError",
        "InputError",
        "NoHealthyFitError",
        "StudyError",
        "StudyReport",
        "XenograftError",
    ),
    "estimands": (
        "combination_index",
        "doubling_time",
        "excess",
        "growth_rate",
        "growth_rate_inhibition",
        "reduction",
        "time_to_multiple",
        "treated_over_control",
        "tumour_growth_inhibition",
    ),
    "evidence": (
        "Evidence",
        "gather_evidence",
    ),
    "examples": ("example_folder",),
    "fitted": ("Fit",),
    "gates": (
        "Gate",
        "check_gates",
        "read_gates",
    ),
    "health": ("Health",),
    "interactions": (
        "dose_matrix",
        "interaction_numbers",
    ),
    "judging": (
        "GateOutcome",
        "judge_gates",
    ),
    "junit": ("junit_xml",),
    "model": ("build",),
    "overview": (
        "Summary",
        "summary",
    ),
    "parts": ("predict_from_parts",),
    "plots": (
        "all_figures",
        "plot_curves",
        "plot_excess",
        "plot_fit",
        "plot_graph",
        "plot_influence",
        "plot_predictive",
        "plot_priors",
        "plot_readings",
    ),
    "planned_power": (
        "power",
        "truths_from",
    ),
    "power_cells": (
        "Cell",
        "cells_of",
    ),
    "prediction": (
        "animal_curves",
        "curves",
    ),
    "priors": ("Prior",),
    "arm_quantities": (
        "arm_estimands",
        "summarise",
    ),
    "reading": ("read_study",),
    "references": (
        "Drift",
        "drift",
        "read_reference",
        "write_reference",
    ),
    "reporting": ("write_report",),
    "response_predictions": (
        "best_arms",
        "predicted_responses",
        "predicted_survival",
    ),
    "responses": ("animal_responses",),
    "results": ("collect_results",),
    "sampling": (
        "SamplerSettings",
        "fit",
        "fit_all",
        "refit_without",
    ),
    "sensitivity": (
        "prior_sensitivity",
        "without_each_animal",
    ),
    "simulation": (
        "SimulatedStudy",
        "simulate",
        "true_curves",
    ),
    "study": (
        "Arm",
        "Dosing",
        "Study",
    ),
    "job_summary": ("comparison_markdown",),
    "study_reports": (
        "StudyReport",
        "write_reports",
    ),
    "true_interaction": ("true_excess",),
    "truth": (
        "Truth",
        "read_truth",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Allocation", "Arm", "Calibration", "CardError", "Cell", "Comparison", "Design", "Dosing", "Drift", "Evidence",
    "Fit", "FitFileError", "Gate", "GateOutcome", "Health", "InputError", "Interaction", "ModelCard",
    "NoHealthyFitError", "PredictiveCheck", "Prior", "SamplerSettings", "SimulatedStudy", "Study", "StudyError",
    "StudyReport", "Summary", "Truth", "Verdict", "XenograftError", "all_figures", "allocate", "animal_curves",
    "animal_responses", "arm_estimands", "arm_responses", "average", "bayes_factors", "best_arms", "best_response",
    "build", "calibrate", "cells_of", "check_gates", "collect_results", "combination_index", "compare",
    "comparison_markdown", "curves", "dose_matrix", "doubling_time", "drift", "example_folder", "excess", "fit",
    "fit_all", "fit_or_load", "gather_evidence", "growth_delay", "growth_rate", "growth_rate_inhibition",
    "interaction", "interaction_numbers", "judge_gates", "junit_xml", "largest_excess", "log_cell_kill",
    "model_curves", "nadir", "parameter_table", "plot_curves", "plot_excess", "plot_fit", "plot_graph",
    "plot_influence", "plot_predictive", "plot_priors", "plot_readings", "power", "predict_from_parts",
    "predicted_responses", "predicted_survival", "predictive_check", "prior_sensitivity", "read_baselines",
    "read_card", "read_cards", "read_design", "read_gates", "read_reference", "read_study", "read_truth", "reduction",
    "refit_without", "simulate", "simulate_design", "summarise", "summary", "survival_curves", "time_to_multiple",
    "time_to_regrowth", "treated_over_control", "true_curves", "true_excess", "truths_from",
    "tumour_growth_inhibition", "verdicts", "whole_course_excess", "without_each_animal", "write_csv",
    "write_reference", "write_report", "write_reports",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import on first use: reading a study needs no PyMC."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
