"""A second process draws the figures that one would, and may be lost."""

from __future__ import annotations

from invented_report import content_for

from xenograft.fitting.processes import Worker
from xenograft.report.page import render


def test_a_lost_process_is_noticed() -> None:
    worker = Worker()
    worker._process.kill()
    assert worker.answer() is None
    worker.close()


def test_figures_drawn_by_two_processes_are_those_of_one() -> None:
    content = content_for()
    worker = Worker()
    try:
        worker.prepare("xenograft.report.drawings")
        assert render(content, second=worker) == render(content)
        worker._process.kill()
        worker._process.join()
        assert render(content, second=worker) == render(content)
    finally:
        worker.close()
