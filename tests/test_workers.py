"""Two growth laws in two processes give the posteriors of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from invented_report import content_for

from xenograft.fitting.fit import Fit
from xenograft.fitting.processes import Worker, enter_own_directory, own_flags
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.report.drawings import svg_by_name
from xenograft.report.page import render

FIXTURE = Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
GOMPERTZ = "gompertz-bliss"


def test_a_second_process_gives_the_same_posterior(fits: Mapping[str, Fit], tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    options = ["-m", "exponential-bliss", "-m", GOMPERTZ, "--draws", "200", "--quiet", "--json", str(file)]
    command = [sys.executable, "-m", "xenograft.cli", "compare", str(FIXTURE), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stderr == ""
    found = {model["name"]: model for model in json.loads(file.read_text(encoding="utf-8"))["models"]}
    assert list(found) == ["exponential-bliss", GOMPERTZ]
    settings = SamplerSettings(draws=200, tune=200)
    here = fit(fits[GOMPERTZ].study, fits[GOMPERTZ].card, seed=1, settings=settings, progress=False)
    growth = here.posterior["growth"]
    # compiled there and here, with other caches: the same seed gives the same numbers
    assert found[GOMPERTZ]["parameters"]["growth"]["mean"] == pytest.approx(float(growth.mean()), rel=1e-9)


def test_the_second_process_has_a_compile_directory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTENSOR_FLAGS", "floatX=float64,base_compiledir=/somewhere")
    assert own_flags() == f"floatX=float64,base_compiledir={Path('/somewhere') / 'xenograft-worker'}"
    monkeypatch.delenv("PYTENSOR_FLAGS")
    assert own_flags().endswith("xenograft-worker")
    assert own_flags("third").endswith("third")


def test_a_process_starts_with_what_was_compiled_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = tmp_path / "numba", tmp_path / "xenograft-worker" / "numba"
    for folder, words in ((ours, "ours"), (theirs, "theirs")):
        folder.mkdir(parents=True)
        (folder / "add-1.py313.nbi").write_text(words)
    (ours / "dot[2].py313.nbi").write_text("index")
    (ours / "dot[2].py313.1.nbc").write_text("code")
    monkeypatch.setenv("PYTENSOR_FLAGS", f"base_compiledir={tmp_path}")
    flags = own_flags()
    enter_own_directory(flags)
    assert os.environ["PYTENSOR_FLAGS"] == flags
    found = {path.name: path.read_text() for path in theirs.iterdir()}
    assert found == {"add-1.py313.nbi": "theirs", "dot[2].py313.nbi": "index", "dot[2].py313.1.nbc": "code"}


def test_a_lost_process_is_noticed() -> None:
    worker = Worker()
    worker._process.kill()
    assert worker.answer() is None
    worker.close()


def test_figures_drawn_by_two_processes_are_those_of_one() -> None:
    content = content_for()
    worker = Worker()
    try:
        worker.prepare(svg_by_name)
        assert render(content, second=worker) == render(content)
        worker._process.kill()
        worker._process.join()
        assert render(content, second=worker) == render(content)
    finally:
        worker.close()
