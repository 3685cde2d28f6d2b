"""Trials on a Dask cluster give what they give here."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import Run

from xenograft.errors import InputError
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import read_cards
from xenograft.planning.cells import cells_of
from xenograft.planning.design import Design
from xenograft.planning.power import power
from xenograft.planning.trials import run_trials
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

distributed = pytest.importorskip("distributed")
ABOUT = {"schema": "squares/1"}
A, B = Dosing("A", (0.0, 7.0)), Dosing("B", (0.0, 7.0))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("both", dosings=(A, B)))
TRUTH = Truth(baseline=170.0, growth=0.08, sd_baseline=0.2, sd_growth=0.015, error=0.13, kill={"A": 0.03, "B": 0.02})


def square(number: int) -> dict[str, Any]:
    if number == 3:
        raise ValueError("three is not squared")
    return {"square": number**2}


def kills_its_worker_once(argument: tuple[str, int]) -> dict[str, Any]:
    folder, number = argument
    mark = Path(folder, "killed")
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return {"square": number**2}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster within this process."""
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address


def test_outcomes_on_a_cluster_are_those_of_this_process(scheduler: str, tmp_path: Path) -> None:
    given = {str(number): number for number in range(6)}
    there = run_trials(square, given, tmp_path / "there.jsonl", about=ABOUT, scheduler=scheduler)
    assert there == run_trials(square, given, tmp_path / "here.jsonl", about=ABOUT)
    assert there["3"] == {"failed": "ValueError: three is not squared"}
    assert list(there) == list(given)


def test_what_is_stored_is_not_sent_to_the_cluster_again(scheduler: str, tmp_path: Path) -> None:
    given = {str(number): number for number in range(4)}
    run_trials(square, given, tmp_path / "store.jsonl", about=ABOUT)
    text = (tmp_path / "store.jsonl").read_text()
    found = run_trials(square, given | {"9": 9}, tmp_path / "store.jsonl", about=ABOUT, scheduler=scheduler)
    assert found["9"] == {"square": 81}
    assert (tmp_path / "store.jsonl").read_text() == text + '{"key": "9", "square": 81}\n'


@pytest.mark.slow
def test_a_worker_that_is_lost_loses_no_trial(tmp_path: Path) -> None:
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:
        given = {str(number): (str(tmp_path), number) for number in range(8)}
        store = tmp_path / "store.jsonl"
        found = run_trials(kills_its_worker_once, given, store, about=ABOUT, scheduler=cluster.scheduler_address)
    assert (tmp_path / "killed").exists()
    assert found == {str(number): {"square": number**2} for number in range(8)}


@pytest.mark.slow
def test_power_on_a_cluster_of_processes_has_the_numbers_of_this_process(tmp_path: Path) -> None:
    design = Design("plan", ARMS, {arm.name: 6 for arm in ARMS}, (0.0, 7.0, 14.0, 21.0))
    cards = list(read_cards("exponential-bliss-departure").values())
    asked = {"studies": 4, "settings": SamplerSettings(draws=200, tune=200)}
    cells = cells_of(design, animals=[4, 6])
    here = power(cells, TRUTH, cards, tmp_path / "here.jsonl", **asked)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        there = power(cells, TRUTH, cards, tmp_path / "there.jsonl", scheduler=address, **asked)
    pd.testing.assert_frame_equal(there, here)
    lines = [sorted((tmp_path / name).read_text().splitlines()) for name in ("here.jsonl", "there.jsonl")]
    assert lines[0] == lines[1]


def test_a_scheduler_that_does_not_answer_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("xenograft.planning.trials.PATIENCE", 0.3)
    with pytest.raises(InputError, match=r"^--scheduler: no Dask scheduler answers at tcp://127\.0\.0\.1:1 "):
        run_trials(square, {"1": 1}, tmp_path / "s.jsonl", about=ABOUT, scheduler="tcp://127.0.0.1:1")


def test_without_dask_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError) as refused:
        run_trials(square, {"1": 1}, tmp_path / "s.jsonl", about=ABOUT, scheduler="tcp://127.0.0.1:1")
    assert str(refused.value) == (
        '--scheduler: Dask is not installed. Install it with `pip install "xenograft[cluster]"`.'
    )


def test_workers_and_a_cluster_are_not_asked_for_together(run: Run) -> None:
    found = run("calibrate", "-m", "spline", "--workers", 2, "--scheduler", "tcp://127.0.0.1:1")
    assert (found.code, found.err.strip()) == (
        2, "--workers and --scheduler: a cluster has its own workers. Give one of the two.",
    )  # fmt: skip
