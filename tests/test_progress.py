"""The progress of a fit: on standard error, and in a notebook below the cell, without widgets."""

from __future__ import annotations

import re

import nbformat
import pytest
from nbclient import NotebookClient

from xenograft.fitting.progress import FitProgress, in_notebook

CELL = """
from types import SimpleNamespace
from xenograft.fitting.progress import FitProgress

with FitProgress("a <card>", shown={shown}) as bar:
    update = bar.sampling(40)
    for done in range(1, 11):
        update([SimpleNamespace(finished_draws=done)] * 4)
"""


def test_in_a_terminal_it_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    with FitProgress("a card", shown=True) as bar:
        bar.sampling(40)([])
    shown = capsys.readouterr()
    assert "a card" in shown.err
    assert shown.out == ""


def test_it_says_when_draws_are_made_without_chains(capsys: pytest.CaptureFixture[str]) -> None:
    with FitProgress("a card", shown=True) as bar:
        bar.weighting()
    shown = capsys.readouterr().err
    assert "importance sampling" in shown
    assert "compiling" not in shown


def test_nothing_is_shown_where_nothing_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with FitProgress("a card", shown=False) as bar:
        bar.sampling(40)([])
    assert capsys.readouterr() == ("", "")


@pytest.mark.xdist_group("notebooks")
def test_in_a_notebook_one_line_below_the_cell_ends_where_the_fit_ended() -> None:
    cells = [nbformat.v4.new_code_cell(CELL.format(shown=shown)) for shown in (True, False)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    (shown,) = notebook.cells[0].outputs
    assert shown.output_type == "display_data"
    assert re.fullmatch(r"a <card>: 40 of 40 draws, \d+ s", shown.data["text/plain"])
    assert '<progress value="40" max="40"' in shown.data["text/html"]
    assert "a &lt;card&gt;" in shown.data["text/html"]
    assert notebook.cells[1].outputs == []
