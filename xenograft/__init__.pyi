"""What `import xenograft as xg` offers, for type checkers and for `lazy_loader`, which imports on first use."""

from .analysis import collect_results
from .answers.averaging import Interaction, average, model_curves
from .answers.inhibition import Inhibition, inhibitions
from .answers.interactions import dose_matrix, interaction_numbers
from .answers.new_animals import best_arms, predicted_responses, predicted_survival
from .answers.ranking import Comparison
from .answers.summary import Summary, summary
from .answers.verdicts import Verdict, verdicts
from .errors import CardError, FitFileError, InputError, NoHealthyFitError, StudyError, XenograftError
from .evidence.bayes_factor import bayes_factors
from .evidence.drift import Drift, drift, read_reference, write_reference
from .evidence.evidence import Evidence, gather_evidence
from .evidence.gates import Gate, check_gates, read_gates
from .evidence.judging import GateOutcome, judge_gates, junit_xml
from .evidence.markdown import comparison_markdown
from .evidence.parts import predict_from_parts
from .evidence.predictive_check import PredictiveCheck, predictive_check
from .evidence.sensitivity import prior_sensitivity, without_each_animal
from .files import write_csv
from .fitting.curves import animal_curves, curves
from .fitting.fit import Fit, parameter_table
from .fitting.health import Health
from .fitting.sampling import SamplerSettings, refit_without
from .fitting.store import fit_or_load
from .model.card import ModelCard, read_card, read_cards
from .model.prior import Prior
from .panels.analysis import PanelAnalysis, analyse_panel, panel_cards
from .panels.drawings import panel_figures
from .panels.either import build, compare, fit, fit_all, interaction
from .panels.fit import PanelFit
from .panels.panel import Panel
from .panels.read import read_panel
from .planning.allocation import Allocation, allocate, read_baselines
from .planning.calibration import calibrate
from .planning.calibration_record import Calibration
from .planning.cells import Cell, cells_of
from .planning.design import Design, read_design, simulate_design
from .planning.power import power, truths_from
from .planning.simulated_panel import SimulatedPanel, simulate_panel
from .quantities.animals import animal_responses
from .quantities.arms import arm_responses, survival_curves
from .quantities.catalogue import arm_estimands, summarise
from .quantities.estimands import (
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
from .quantities.whole_course import (
    best_response,
    growth_delay,
    largest_excess,
    log_cell_kill,
    nadir,
    time_to_regrowth,
    whole_course_excess,
)
from .reading.read import read_study
from .report.folder import StudyReport, write_reports
from .report.outputs import write_report
from .report.plots import (
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
from .simulation.simulate import SimulatedStudy, simulate, true_curves
from .simulation.true_excess import true_excess
from .simulation.truth import Truth, read_truth
from .study.arms import Arm, Dosing
from .study.examples import example_folder
from .study.study import Study

__all__ = [
    "Allocation",
    "Arm",
    "Calibration",
    "CardError",
    "Cell",
    "Comparison",
    "Design",
    "Dosing",
    "Drift",
    "Evidence",
    "Fit",
    "FitFileError",
    "Gate",
    "GateOutcome",
    "Health",
    "Inhibition",
    "InputError",
    "Interaction",
    "ModelCard",
    "NoHealthyFitError",
    "Panel",
    "PanelAnalysis",
    "PanelFit",
    "PredictiveCheck",
    "Prior",
    "SamplerSettings",
    "SimulatedPanel",
    "SimulatedStudy",
    "Study",
    "StudyError",
    "StudyReport",
    "Summary",
    "Truth",
    "Verdict",
    "XenograftError",
    "all_figures",
    "allocate",
    "analyse_panel",
    "animal_curves",
    "animal_responses",
    "arm_estimands",
    "arm_responses",
    "average",
    "bayes_factors",
    "best_arms",
    "best_response",
    "build",
    "calibrate",
    "cells_of",
    "check_gates",
    "collect_results",
    "combination_index",
    "compare",
    "comparison_markdown",
    "curves",
    "dose_matrix",
    "doubling_time",
    "drift",
    "example_folder",
    "excess",
    "fit",
    "fit_all",
    "fit_or_load",
    "gather_evidence",
    "growth_delay",
    "growth_rate",
    "growth_rate_inhibition",
    "inhibitions",
    "interaction",
    "interaction_numbers",
    "judge_gates",
    "junit_xml",
    "largest_excess",
    "log_cell_kill",
    "model_curves",
    "nadir",
    "panel_cards",
    "panel_figures",
    "parameter_table",
    "plot_curves",
    "plot_excess",
    "plot_fit",
    "plot_graph",
    "plot_influence",
    "plot_predictive",
    "plot_priors",
    "plot_readings",
    "power",
    "predict_from_parts",
    "predicted_responses",
    "predicted_survival",
    "predictive_check",
    "prior_sensitivity",
    "read_baselines",
    "read_card",
    "read_cards",
    "read_design",
    "read_gates",
    "read_panel",
    "read_reference",
    "read_study",
    "read_truth",
    "reduction",
    "refit_without",
    "simulate",
    "simulate_design",
    "simulate_panel",
    "summarise",
    "summary",
    "survival_curves",
    "time_to_multiple",
    "time_to_regrowth",
    "treated_over_control",
    "true_curves",
    "true_excess",
    "truths_from",
    "tumour_growth_inhibition",
    "verdicts",
    "whole_course_excess",
    "without_each_animal",
    "write_csv",
    "write_reference",
    "write_report",
    "write_reports",
]
