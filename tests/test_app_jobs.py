"""The app's queue: jobs in processes of their own, which may be cancelled or lost without harm to the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from app_tasks import fall, refuse, serve_a_job, wait_for_a_file

from xenograft.app.jobs import LOG, LOST, PROGRESS, Desk
from xenograft.app.work import read_record

PATIENCE = 60.0


@pytest.fixture
def desk() -> Iterator[Desk]:
    one = Desk(1)
    yield one
    one.close()


def until(true: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_a_job_waits_for_a_free_place_and_its_turn(desk: Desk, tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        desk.submit(folder, wait_for_a_file, {"what": folder.name})
    until(lambda: desk.standing(first).progress == {"begun": True})
    assert [desk.standing(folder).state for folder in (first, second, third)] == ["running", "waiting", "waiting"]
    assert [desk.standing(folder).ahead for folder in (second, third)] == [1, 2]
    desk.cancel(second)
    assert desk.standing(second).state == "cancelled"
    for folder in (first, third):
        (folder / "go").touch()
    until(lambda: desk.standing(third).state == "done")
    assert [desk.standing(folder).state for folder in (first, second, third)] == ["done", "cancelled", "done"]
    assert (third / "made").read_text(encoding="utf-8") == "third"
    assert not (second / "made").exists()


def test_a_cancelled_job_is_dead_and_a_killed_one_is_told_of_and_the_next_one_runs(desk: Desk, tmp_path: Path) -> None:
    cancelled, killed, last = (tmp_path / name for name in ("cancelled", "killed", "last"))
    desk.submit(cancelled, wait_for_a_file, {"what": 1})
    until(lambda: desk.standing(cancelled).progress == {"begun": True})
    desk.cancel(cancelled)
    (cancelled / "go").touch()
    desk.submit(killed, wait_for_a_file, {"what": 2})
    until(lambda: desk.standing(killed).progress == {"begun": True})
    [process] = multiprocessing.active_children()
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: desk.standing(killed).state == "lost")
    assert desk.standing(killed).problems == (LOST,)
    desk.submit(last, wait_for_a_file, {"what": 3})
    (last / "go").touch()
    until(lambda: desk.standing(last).state == "done")
    assert desk.standing(cancelled).state == "cancelled"
    assert not (cancelled / "made").exists()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="groups of processes")
def test_an_app_that_is_killed_takes_its_jobs_with_it(tmp_path: Path) -> None:
    app = multiprocessing.get_context("spawn").Process(target=serve_a_job, args=(tmp_path / "one",))
    app.start()
    told = tmp_path / "one" / PROGRESS
    until(lambda: "process" in read_record(told))
    process = int(read_record(told)["process"])
    os.kill(process, 0)
    app.kill()
    app.join()

    def is_gone() -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        return False

    until(is_gone)


def test_what_a_job_refuses_is_its_sentences_and_what_nobody_foresaw_is_logged(desk: Desk, tmp_path: Path) -> None:
    desk.submit(tmp_path / "refused", refuse, {"rows": 2})
    desk.submit(tmp_path / "fallen", fall, {})
    until(lambda: desk.standing(tmp_path / "fallen").state == "failed")
    assert desk.standing(tmp_path / "refused").problems == ("row 0: this is nothing.", "row 1: this is nothing.")
    assert "RuntimeError: unforeseen" in desk.standing(tmp_path / "fallen").problems[0]
    assert "Traceback" in (tmp_path / "fallen" / LOG).read_text(encoding="utf-8")


def test_a_job_of_an_app_that_was_closed_is_lost_and_can_be_run_again(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    desk.submit(folder, wait_for_a_file, {"what": 1})
    until(lambda: desk.standing(folder).progress == {"begun": True})
    desk.close()
    again = Desk(1)
    assert again.standing(folder).state == "lost"
    (folder / "go").touch()
    again.submit(folder, wait_for_a_file, {"what": 2})
    until(lambda: again.standing(folder).state == "done")
    again.close()
    assert (folder / "made").read_text(encoding="utf-8") == "2"
