"""What `import xenograft as xg` offers: sorted, complete, documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import xenograft
from xenograft import errors

PACKAGE = Path(xenograft.__file__).parent
ROOMS = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
CALLABLE = [name for name in xenograft.__all__ if callable(getattr(xenograft, name))]
EXPECTED = [
    "Allocation", "Arm", "Calibration", "CardError", "Cell", "Comparison", "Design", "Dosing", "Drift", "Evidence",
    "Fit", "FitFileError", "Gate", "GateOutcome", "Health", "Inhibition", "InputError", "Interaction", "ModelCard",
    "NoHealthyFitError", "Panel", "PanelAnalysis", "PanelFit", "PredictiveCheck", "Prior", "SamplerSettings",
    "SimulatedPanel", "SimulatedStudy", "Study", "StudyError", "StudyReport", "Summary", "Truth", "Verdict",
    "XenograftError", "all_figures", "allocate", "analyse_panel", "animal_curves", "animal_responses",
    "arm_estimands", "arm_responses", "average", "bayes_factors", "best_arms", "best_response", "build",
    "calibrate", "cells_of", "check_gates", "collect_results", "combination_index", "compare",
    "comparison_markdown", "curves", "dose_matrix", "doubling_time", "drift", "example_folder", "excess", "fit",
    "fit_all", "fit_or_load", "gather_evidence", "growth_delay", "growth_rate", "growth_rate_inhibition",
    "inhibitions", "interaction", "interaction_numbers", "judge_gates", "junit_xml", "largest_excess",
    "log_cell_kill", "model_curves", "nadir", "panel_cards", "panel_figures", "parameter_table", "plot_curves",
    "plot_excess", "plot_fit", "plot_graph", "plot_influence", "plot_predictive", "plot_priors", "plot_readings",
    "power", "predict_from_parts", "predicted_responses", "predicted_survival", "predictive_check",
    "prior_sensitivity", "read_baselines", "read_card", "read_cards", "read_design", "read_gates", "read_panel",
    "read_reference", "read_study", "read_truth", "reduction", "refit_without", "simulate", "simulate_design",
    "simulate_panel", "summarise", "summary", "survival_curves", "time_to_multiple", "time_to_regrowth",
    "treated_over_control", "true_curves", "true_excess", "truths_from", "tumour_growth_inhibition", "verdicts",
    "whole_course_excess", "without_each_animal", "write_csv", "write_reference", "write_report", "write_reports",
]  # fmt: skip


def public_functions(of: Any) -> list[tuple[str, Any]]:
    """A callable, and the public methods of a class that it writes itself."""
    found = [("", of)]
    if inspect.isclass(of):
        found += [
            (f".{name}", getattr(of, name))
            for name, value in vars(of).items()
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, staticmethod))
        ]
    return found


def test_the_public_names_are_these() -> None:
    assert xenograft.__all__ == EXPECTED


def test_the_public_names_are_sorted_and_named_once() -> None:
    assert xenograft.__all__ == sorted(set(xenograft.__all__))


def test_the_stub_names_what_is_offered() -> None:
    """One list for type checkers and for what is imported on first use; it does not import what it does not offer."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imported = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(imported) == xenograft.__all__


def test_a_public_name_is_the_thing_its_module_defines() -> None:
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    for node in tree.body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            module = importlib.import_module(f"xenograft.{node.module}")
            assert getattr(xenograft, alias.name) is getattr(module, alias.name)
            assert getattr(xenograft, alias.name).__module__ == module.__name__


def test_dir_lists_the_public_names() -> None:
    assert dir(xenograft) == xenograft.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="No xenograft attribute fits"):
        _ = xenograft.fits


def test_no_public_name_is_that_of_a_room() -> None:
    assert not set(xenograft.__all__) & ROOMS


def test_everything_public_is_documented_with_what_it_takes_and_gives() -> None:
    for name in CALLABLE:
        for suffix, function in public_functions(getattr(xenograft, name)):
            assert undocumented(function) is None, (f"{name}{suffix}", undocumented(function))


def undocumented(function: Any) -> str | None:
    """What a docstring lacks, None where it is complete."""
    text = inspect.getdoc(function) or ""
    if not re.match(r"[A-Z\"].*\.$", text.split("\n\n")[0], flags=re.DOTALL):
        return "a first sentence"
    if inspect.isclass(function) and issubclass(function, Exception):
        return None
    if function is xenograft.Truth:  # its fields carry their own descriptions
        return None if all(field.description for field in function.model_fields.values()) else "a field's description"
    taken = {p for p in inspect.signature(function).parameters if p != "self"}
    if taken and "Parameters\n----------" not in text and "Returns\n-------" not in text:
        return "parameters or returns"
    if "Parameters\n----------" in text and not inspect.isclass(function):
        section = text.split("Parameters\n----------")[1].split("\n\n")[0]
        described = re.findall(r"^\*{0,2}(\w+(?:, \w+)*)(?: :|$)", section, flags=re.MULTILINE)
        if {word for line in described for word in line.split(", ")} != taken:
            return "the parameters as they are"
    return None


def test_public_signatures_are_plain() -> None:
    for name in CALLABLE:
        function = getattr(xenograft, name)
        if inspect.isclass(function):
            continue
        for parameter in inspect.signature(function).parameters.values():
            assert parameter.kind is not parameter.VAR_KEYWORD, name
            assert parameter.annotation is not parameter.empty, name
            assert not isinstance(parameter.default, bool) or parameter.kind is parameter.KEYWORD_ONLY, name
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty, name


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_the_exceptions_are_the_tree_drawn_in_their_module() -> None:
    drawn = re.findall(r"^[│├└─ ]*(\w+Error)\b", errors.__doc__ or "", flags=re.MULTILINE)
    classes = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}
    defined = [name for name, value in classes.items() if value.__module__ == errors.__name__]
    assert sorted(drawn) == sorted(defined)
    assert set(defined) <= set(xenograft.__all__)
    assert all(issubclass(getattr(errors, name), errors.XenograftError) for name in defined)
