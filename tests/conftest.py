"""What the tests share: the fixture study, the cards, and one set of fits per worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from running import Outcome, Run

if TYPE_CHECKING:
    from xenograft.answers.ranking import Comparison
    from xenograft.fitting.fit import Fit
    from xenograft.model.card import ModelCard
    from xenograft.report.content import ReportContent
    from xenograft.report.drawings_of_checks import Drawing
    from xenograft.study.study import Study

ROOT = Path(__file__).parents[1]

_worker = os.environ.get("PYTEST_XDIST_WORKER")
if _worker:  # numba's cache races across processes, so each worker has its own; set before PyTensor is imported
    _flags = os.environ.get("PYTENSOR_FLAGS")
    _folder = f"base_compiledir={ROOT / '.pytest_cache' / f'pytensor-{_worker}'}"
    os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, [_flags, _folder]))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # workers fill the cores; threads of tiny products wait for them


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that need the fits into one group, and those of a panel's answers: each takes seconds, once."""
    for item in items:
        for shared in {"fits", "answered"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(shared))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call `xenograft …` in a folder of its own."""
    from xenograft.commands.app import main

    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["xenograft", *map(str, words)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            return Outcome(int(end.code or 0), *capsys.readouterr())
        return Outcome(0, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def study() -> Study:
    """The simulated four-arm fixture."""
    from xenograft.reading.read import read_study

    return read_study(ROOT / "fixtures" / "her2-four-arm")


@pytest.fixture(scope="session")
def cards() -> dict[str, ModelCard]:
    """All shipped cards."""
    from xenograft.model.card import read_cards

    return read_cards()


@pytest.fixture(scope="session")
def fits(study: Study, cards: Mapping[str, ModelCard]) -> dict[str, Fit]:
    """The six cards of constant exposure on the fixture."""
    from xenograft.fitting.sampling import fit_all
    from xenograft.model.choice import LASTING

    return fit_all(study, {name: cards[name] for name in LASTING}, seed=1, progress=False)


@pytest.fixture(scope="session")
def ranking(fits: Mapping[str, Fit]) -> Comparison:
    """These fits compared, with the exact refits that it needs."""
    from xenograft.answers.ranking import compare

    return compare(fits)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real studies, where it is present."""
    return _beside_the_project("data")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """The folder of numbers that other programs computed, where it is present."""
    return _beside_the_project("reference")


def _beside_the_project(name: str) -> Path:
    folder = ROOT.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip("measurements and results of others are not copied into the project, and are not on this machine")
    return folder


@pytest.fixture
def drawn() -> None:
    """Asked for by tests that need the figures themselves, in a module that uses `quick_figures`."""


@pytest.fixture
def quick_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure of a page keeps its place and words but stays blank: drawing takes seconds."""
    if "drawn" in request.fixturenames:
        return
    from matplotlib.figure import Figure

    from xenograft.report import drawings as report_figures
    from xenograft.report import page as reporting
    from xenograft.report.drawings import drawings

    def blank(content: ReportContent) -> list[Drawing]:
        return [replace(one, draw=lambda _: Figure(figsize=(1, 1))) for one in drawings(content)]

    for module in (reporting, report_figures):
        monkeypatch.setattr(module, "drawings", blank)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # a second process would draw them all the same
