"""The notebooks run from the top in a clean kernel, fit nothing that is kept, and what is stored of them is clean."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from execute import NOTEBOOKS, execute

CARDS = ("exponential-bliss-departure", "gompertz-bliss-departure", "exponential-bliss", "gompertz-bliss")
named = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is neither the notebooks' nor the project's, with the fits that notebooks share."""
    import xenograft as xg

    folder = tmp_path_factory.mktemp("desk")
    study, cards = xg.read_study(xg.example_folder()), xg.read_cards(*CARDS)
    xg.fit_or_load(study, cards, seed=1, folder=folder / ".xenograft-fits", progress=False)
    return folder


def outputs(notebook: Any) -> list[list[Any]]:
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def without_progress(notebook: Any) -> list[list[Any]]:
    return [
        [o for o in cell if "<progress" not in o.get("data", {}).get("text/html", "")] for cell in outputs(notebook)
    ]


def kept_fits(desk: Path) -> dict[str, int]:
    """When each fit was written, by the name of its file."""
    return {file.name: file.stat().st_mtime_ns for file in (desk / ".xenograft-fits").iterdir()}


def kinds(notebook: Any) -> list[list[list[str]]]:
    """What each cell shows: streams and MIME types."""
    return [[sorted(o.get("data", {o.get("name", ""): ""})) for o in shown] for shown in outputs(notebook)]


def test_there_are_the_six() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06"]


@named
def test_a_notebook_runs_in_a_clean_kernel_and_shows_what_is_stored(path: Path, desk: Path) -> None:
    before = kept_fits(desk)
    done, _ = execute(path, desk)
    assert before.items() <= kept_fits(desk).items()  # what is kept is not fitted again: a notebook is quick
    if path.stem.startswith("05"):  # its own hypothesis was fitted just now
        after = kept_fits(desk)
        assert any(name.startswith("single-dose") for name in after)
        again, _ = execute(path, desk)
        assert kept_fits(desk) == after
        assert without_progress(again) == without_progress(done) != outputs(done)
        done = again
    assert kinds(done) == kinds(nbformat.read(path, as_version=4))


@named
def test_a_stored_notebook_has_its_outputs_and_nothing_of_the_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    shown = outputs(notebook)
    assert sum(bool(o) for o in shown) >= len(shown) - 1
    assert any("image/png" in o.get("data", {}) for cell in shown for o in cell)
    assert not [o for cell in shown for o in cell if o.output_type == "error" or o.get("name") == "stderr"]
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    text = json.dumps([cell for cell in notebook.cells if cell.pop("outputs", True)])
    text += json.dumps([[o.get("text", o.get("data", {}).get("text/html", "")) for o in cell] for cell in shown])
    assert not re.findall(r"(?:/home/|/tmp/|/Users/|/root/|[A-Z]:\\\\)\S*| at 0x[0-9a-f]+", text)
    assert path.stat().st_size < 700_000


@named
def test_numbers_in_the_prose_are_computed(path: Path) -> None:
    prose = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    known = re.sub(r"\d\d-[\w-]+\.ipynb|T-DM1|^# \d|in %", "", "\n".join(prose), flags=re.MULTILINE)
    assert not re.findall(r"\S*\d\S*", known)


def test_links_between_notebooks_lead_somewhere() -> None:
    for path in NOTEBOOKS:
        for target in re.findall(r"\]\((\d\d[^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).is_file()


def test_five_lines_reach_the_first_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xenograft as xg

    shutil.copytree(xg.example_folder(), tmp_path / "my-study")
    monkeypatch.chdir(tmp_path)
    lines = ["import xenograft as xg", 'study = xg.read_study("my-study")', "figure = xg.plot_readings(study)"]
    assert len(lines) <= 5
    space: dict[str, Any] = {}
    exec("\n".join(lines), space)
    study, axes = space["study"], space["figure"].axes
    assert [axis.get_title(loc="left") for axis in axes] == [arm.name for arm in study.arms]
    marks = [line for axis in axes for line in axis.get_lines() if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in marks) == len(study.readings)
    keys = [text.get_text() for key in space["figure"].legends for text in key.get_texts()]
    assert keys == ["reading", "animal", "dose", "left early"]
    assert space["figure"]._repr_png_().startswith(b"\x89PNG")
