"""Imports point one way, PyMC stays in two modules, and reading a study needs none of it (DESIGN 9)."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "xenograft"
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")

LAYERS = (
    (
        "arm_names",
        "console",
        "criteria",
        "digests",
        "entry_points",
        "errors",
        "estimands",
        "event_times",
        "growth",
        "health",
        "numbers_in_print",
        "options",
        "priors",
        "progress",
        "uniformity",
    ),
    ("allocation", "cards", "courses", "examples", "files", "fit_files", "spreadsheet", "study", "study_entry"),
    (
        "arm_quantities",
        "choice",
        "csv_export",
        "drawing",
        "export",
        "exposure",
        "responses",
        "sheet",
        "study_file",
        "study_tables",
        "values",
    ),
    (
        "arm_readings",
        "asking",
        "drawing_axes",
        "exclusions",
        "figures_calibration",
        "figures_power",
        "first_draft",
        "layouts",
        "model_graph",
        "spline",
        "truth",
    ),
    (
        "card_truth",
        "differential_equation",
        "dynamics",
        "figures",
        "figures_checks",
        "figures_interaction",
        "figures_responses",
        "guessing",
        "table",
    ),
    ("fitted", "likelihood", "simulation", "table_problems"),
    (
        "calibration_records",
        "checking",
        "density",
        "design",
        "latents",
        "notices",
        "quadrature",
        "report_checks",
        "true_interaction",
    ),
    ("model_data", "power_cells", "prediction", "reading"),
    ("model",),
    ("bayes_factor", "cli_plan", "cli_study", "frames", "sampling"),
    ("comparison", "workers"),
    ("answers", "cache", "cluster", "displays", "parts"),
    ("interactions", "laws", "response_predictions", "shown", "trials"),
    ("calibration", "overview", "planned_studies", "references", "report_responses", "sensitivity"),
    ("evidence", "gates", "number_records", "planned_power", "report_sensitivity"),
    ("cli_trials", "judging", "report_tables", "results"),
    ("analysis", "junit", "report_drawings", "report_words"),
    ("cli_numbers", "job_summary", "report_figures"),
    ("plots", "reporting"),
    ("study_reports",),
    ("cli_fit",),
    ("cli_compare",),
    ("cli",),
)
"""A module imports from layers above its own only."""

DOORS = {
    "cards": {"displays"},
    "comparison": {"displays"},
    "fitted": {"displays"},
    "study": {"displays", "export", "frames"},
}
"""What users look for on a record (`Study.from_frame`, a notebook's display) opens higher modules when called."""

LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
SAMPLER = {"pymc", "pytensor", "nutpie"}
DRAWING = {"matplotlib", "seaborn"}
FIGURES = {
    "drawing",
    "drawing_axes",
    "figures",
    "figures_calibration",
    "figures_checks",
    "figures_interaction",
    "figures_power",
    "figures_responses",
}
LONGEST = 350


@cache
def imports_of(module: str, *, typing_too: bool) -> frozenset[str]:
    """Everything a module imports, in functions too, as dotted names."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped and not typing_too:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            # `from xenograft import answers` is an import of the module
            found |= {
                f"{node.module}.{a.name}" if node.module == "xenograft" else node.module or "" for a in node.names
            }
    return frozenset(found)


def own_imports(module: str, *, typing_too: bool) -> set[str]:
    dotted = (name.split(".") for name in imports_of(module, typing_too=typing_too))
    return {parts[1] for parts in dotted if parts[0] == "xenograft" and len(parts) > 1}


def outside_imports(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports_of(module, typing_too=True)} - {"xenograft"}


def test_every_module_has_a_layer() -> None:
    assert sorted(LEVEL) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_lower_layers_only(module: str) -> None:
    # names for the type checker alone may come from anywhere in the commands, which import late to answer fast
    imported = own_imports(module, typing_too=not (module in ("analysis", "workers") or module.startswith("cli_")))
    wrong = {name for name in imported - DOORS.get(module, set()) if LEVEL[name] >= LEVEL[module]}
    assert not wrong


def test_the_sampler_is_used_by_four_modules_only() -> None:
    users = {module for module in MODULES if outside_imports(module) & SAMPLER}
    assert users == {"density", "entry_points", "model", "sampling"}


def test_only_figures_and_what_they_share_draw() -> None:
    assert {module for module in MODULES if outside_imports(module) & DRAWING} == {
        *FIGURES,
        "model_graph",
        "plots",
        "report_drawings",
    }


def test_only_the_command_line_knows_typer() -> None:
    found = {module for module in MODULES if "typer" in outside_imports(module)}
    assert found == {module for module in MODULES if module.startswith("cli")} | {"options"}


def test_estimands_see_arrays_only() -> None:
    assert own_imports("estimands", typing_too=True) == set()
    assert outside_imports("estimands") <= {"__future__", "collections", "typing", "numpy", "pandas", "xarray"}


def test_criteria_see_arrays_only() -> None:
    assert own_imports("criteria", typing_too=True) == set()
    assert outside_imports("criteria") <= {"__future__", "collections", "typing", "numpy"}


def test_raw_numbers_know_no_model() -> None:
    raw = {"arm_readings", "criteria", "responses", "study", "event_times"}
    for module in ("responses", "arm_readings"):
        assert own_imports(module, typing_too=True) <= raw


def test_only_the_cluster_knows_dask() -> None:
    assert {module for module in MODULES if "distributed" in outside_imports(module)} == {"cluster"}


def test_only_survival_knows_lifelines() -> None:
    assert {module for module in MODULES if "lifelines" in outside_imports(module)} == {"event_times"}


def test_the_simulator_shares_no_code_with_the_likelihood() -> None:
    simulator = {"export", "truth", "differential_equation", "simulation"}
    for module in simulator:
        assert own_imports(module, typing_too=True) <= {"errors", "files", "study"} | simulator


def test_the_equation_is_one_text_for_numpy_and_pytensor() -> None:
    for module in ("growth", "exposure", "spline", "dynamics", "likelihood", "latents"):
        assert not outside_imports(module) & SAMPLER


def test_figures_compute_no_answers() -> None:
    for module in FIGURES:
        assert own_imports(module, typing_too=True) <= {"study", "drawing", "drawing_axes", "files"}


@pytest.mark.parametrize(
    "statement",
    ["import xenograft", "from xenograft import read_study, read_cards, InputError", "import xenograft.reading",
     "import xenograft.cli", "import xenograft.estimands", "import xenograft.simulation"],
)  # fmt: skip
def test_what_needs_no_sampler_and_no_figures_imports_neither(statement: str) -> None:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (SAMPLER | DRAWING)
    assert done.stderr == ""


def test_the_package_itself_imports_none_of_its_modules() -> None:
    code = "import sys, xenograft; print(*(name for name in sys.modules if name.startswith('xenograft')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["xenograft"]


@pytest.mark.parametrize("module", [*MODULES, "__init__"])
def test_a_module_is_short_and_says_what_it_is_for(module: str) -> None:
    text = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < LONGEST
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("module", [*MODULES, "__init__"])
def test_a_module_has_no_star_import_and_hides_no_failed_import(module: str) -> None:
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert [alias.name for alias in node.names] != ["*"]
        if isinstance(node, ast.ExceptHandler):
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"all"}
            assert not caught & {"ImportError", "ModuleNotFoundError", "all", "BaseException"}


def test_no_module_is_a_drawer_for_everything() -> None:
    assert not set(MODULES) & {"utils", "util", "base", "core", "helpers", "common", "misc", "tools"}


@pytest.mark.parametrize("path", sorted((PACKAGE.parent / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_what_benchmarks_import_exists(path: Path) -> None:
    """They run by hand and import late, so nothing else would tell."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "xenograft":
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
