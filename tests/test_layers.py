"""Rooms import one way, as docs/architecture.md says; PyMC stays in `fitting`, and reading a study needs none of it."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "xenograft"
PAGE = PACKAGE.parent / "docs" / "architecture.md"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
"""Path of every module by its dotted name within the package."""

GROUND = {"errors", "files", "printing"}
"""Modules that every room may use."""

SAMPLER = {"pymc", "pytensor", "nutpie"}
DRAWING = {"matplotlib", "seaborn"}
LONGEST = 400


def room_of(module: str) -> str:
    return module.partition(".")[0]


def rooms_on_the_page() -> dict[str, set[str]]:
    """What each room may import, from the table of docs/architecture.md."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", allowed)) for room, allowed in rows}


def doors_on_the_page() -> dict[str, set[str]]:
    """Doors that open upwards, `room.module → room`, from the list below the table."""
    found: dict[str, set[str]] = {}
    for module, room in re.findall(r"^- `([\w.]+)` → `(\w+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(module, set()).add(room)
    return found


@cache
def imports_of(module: str, *, at_import_only: bool = False) -> frozenset[str]:
    """Everything a module imports, in functions too unless it is what is imported when it is, as dotted names."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    late = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.FunctionDef | ast.Lambda)
        or (isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING")
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if at_import_only and id(node) in late:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            parts = (node.module or "").split(".")
            for name in (alias.name for alias in node.names):
                # `from xenograft.answers import averaging` is an import of the module
                is_module = parts[0] == "xenograft" and ".".join([*parts[1:], name]) in MODULES
                found.add(f"{node.module}.{name}" if is_module else node.module or "")
    return frozenset(found)


def own_imports(module: str, *, at_import_only: bool = False) -> set[str]:
    """Modules of this package that a module imports, by their dotted names within it."""
    found = {name.removeprefix("xenograft.") for name in imports_of(module, at_import_only=at_import_only)}
    return found & set(MODULES)


def outside_imports(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports_of(module)} - {"xenograft"}


def test_the_page_names_every_room_with_the_sentence_of_the_room() -> None:
    rooms = {room_of(module) for module in MODULES}
    assert set(rooms_on_the_page()) == rooms - {"cli"}
    text = PAGE.read_text(encoding="utf-8")
    for room in rooms - {"cli"}:
        source = PACKAGE / room / "__init__.py" if (PACKAGE / room).is_dir() else MODULES[room]
        sentence = (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        assert f"| `{room}` | {sentence} |" in text


def test_every_module_that_the_page_names_is_there() -> None:
    rooms = "|".join(rooms_on_the_page())
    named = set(re.findall(rf"`((?:{rooms})\.\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named - set(MODULES) == set()
    assert len(named) > 25


def test_the_table_goes_one_way() -> None:
    rooms = list(rooms_on_the_page().items())
    for place, (room, allowed) in enumerate(rooms):
        above = {name for name, _ in rooms[:place]}
        assert allowed <= above, room


def test_a_room_imports_from_the_rooms_that_the_page_names_and_from_the_ground() -> None:
    allowed, doors = rooms_on_the_page(), doors_on_the_page()
    wrong = {
        f"{module} → {name}"
        for module in MODULES
        if module != "cli"
        for name in own_imports(module)
        if room_of(name) not in allowed[room_of(module)] | doors.get(module, set()) | GROUND | {room_of(module)}
        or (module in GROUND and name not in allowed[module])
    }
    assert wrong == set()


def test_every_door_is_used() -> None:
    for module, rooms in doors_on_the_page().items():
        assert rooms <= {room_of(name) for name in own_imports(module)}
        assert not rooms & {room_of(name) for name in own_imports(module, at_import_only=True)}


def test_what_a_room_may_import_it_does() -> None:
    used = {
        room: {room_of(name) for module in MODULES if room_of(module) == room for name in own_imports(module)}
        for room in rooms_on_the_page()
    }
    assert {room: allowed - used[room] for room, allowed in rooms_on_the_page().items() if allowed - used[room]} == {}


def circles(edges: dict[str, set[str]]) -> set[frozenset[str]]:
    """Strongly connected groups of more than one member."""
    reach = {name: {name} for name in edges}
    changed = True
    while changed:
        changed = False
        for found in reach.values():
            more = set().union(*(reach[other] for step in found for other in edges[step])) - found
            if more:
                found |= more
                changed = True
    return {group for name in edges if len(group := frozenset(o for o in reach[name] if name in reach[o])) > 1}


def test_no_modules_import_each_other_but_through_a_door() -> None:
    doors = doors_on_the_page()
    edges = {m: {n for n in own_imports(m) if room_of(n) not in doors.get(m, set())} for m in MODULES}
    assert circles(edges) == set()


def test_the_sampler_is_used_in_fitting_and_for_panels_only() -> None:
    users = {module for module in MODULES if outside_imports(module) & (SAMPLER | {"numba"})}
    assert {room_of(module) for module in users} == {"fitting", "panels"}


def test_only_figures_and_what_hands_them_out_draw() -> None:
    users = {module for module in MODULES if outside_imports(module) & DRAWING}
    assert {room_of(module) for module in users} == {"figures", "panels", "report"}


def test_only_the_command_line_knows_typer() -> None:
    assert {room_of(module) for module in MODULES if "typer" in outside_imports(module)} == {"commands"}


def test_estimands_and_criteria_see_arrays_only() -> None:
    for module in ("quantities.estimands", "quantities.criteria"):
        assert own_imports(module) == set()
        assert outside_imports(module) <= {"__future__", "collections", "typing", "numpy", "pandas", "xarray"}


def test_only_one_module_knows_dask() -> None:
    assert len({module for module in MODULES if "distributed" in outside_imports(module)}) == 1


def test_only_survival_knows_lifelines() -> None:
    assert {module for module in MODULES if "lifelines" in outside_imports(module)} == {"quantities.survival"}


def test_the_equation_is_one_text_for_numpy_and_pytensor() -> None:
    for module in MODULES:
        if room_of(module) == "model":
            assert not outside_imports(module) & SAMPLER


def test_what_needs_no_sampler_and_no_figures_imports_neither() -> None:
    for statement in (
        "import xenograft", "from xenograft import read_study, read_cards, InputError",
        "import xenograft.reading.read", "import xenograft.cli", "import xenograft.quantities.estimands",
        "import xenograft.simulation.simulate",
    ):  # fmt: skip
        code = f"import sys; {statement}; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not set(done.stdout.split()) & (SAMPLER | DRAWING), statement
        assert done.stderr == ""


def test_the_package_itself_imports_none_of_its_modules() -> None:
    code = "import sys, xenograft; print(*(name for name in sys.modules if name.startswith('xenograft')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["xenograft"]


def test_modules_are_short_and_say_what_they_are_for() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LONGEST, path
        assert ast.get_docstring(ast.parse(text)), path


def test_modules_have_no_star_import_and_hide_no_failed_import() -> None:
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert [alias.name for alias in node.names] != ["*"], module
            if isinstance(node, ast.ExceptHandler):
                names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"all"}
                assert not names & {"ImportError", "ModuleNotFoundError", "all", "BaseException"}, module


def test_a_room_re_exports_nothing() -> None:
    for path in PACKAGE.glob("*/__init__.py"):
        assert [type(node) for node in ast.parse(path.read_text(encoding="utf-8")).body] == [ast.Expr], path


def test_no_module_is_a_drawer_for_everything() -> None:
    names = {part for module in MODULES for part in module.split(".")}
    assert not names & {"utils", "util", "base", "core", "helpers", "common", "misc", "tools"}


def test_what_benchmarks_import_exists() -> None:
    """They run by hand and import late, so nothing else would tell."""
    for path in sorted((PACKAGE.parent / "benchmarks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "xenograft":
                module = importlib.import_module(node.module or "")
                missing = [a.name for a in node.names if not hasattr(module, a.name)]
                assert all(f"{node.module}.{name}".removeprefix("xenograft.") in MODULES for name in missing), path


NUTPIES = {"compile_pymc"}
"""Modules of nutpie, as its adapter's test names them."""


def test_tests_import_from_no_test_patch_nothing_private_and_compare_no_clocks() -> None:
    """What tests share is a fixture, or a module that is no test; what they must replace is given as an argument."""
    clocks = {"perf_counter", "process_time", "monotonic", "time_ns"}
    wrong: list[str] = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("test_"):
                wrong.append(f"{path.name} imports from {node.module}")
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("monkeypatch.setattr"):
                of = ast.unparse(node.args[0])
                name = of if isinstance(node.args[0], ast.Constant) else ast.unparse(node.args[1])
                if of.split(".")[0] in NUTPIES:  # what nutpie might change is made to change
                    continue
                if re.search(r"(^|\.)_(?!_)", name.strip("'\"")):
                    wrong.append(f"{path.name} patches {name}")
            if isinstance(node, ast.Compare):
                called = {
                    ast.unparse(call.func).split(".")[-1] for call in ast.walk(node) if isinstance(call, ast.Call)
                }
                if called & clocks:
                    wrong.append(f"{path.name}, line {node.lineno}, compares a clock")
    assert wrong == []
