"""Execute the notebooks from the top in a clean kernel and store what they show, without stamps of time or place.

`uv run python notebooks/execute.py` writes all of them again; the tests execute them through the same function. Fits
are kept beside the notebooks: after a change of the numbers delete `.xenograft-fits` there and write them twice, for
what is stored shows no progress bar of a fit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))


def execute(path: Path, folder: Path) -> tuple[Any, float]:
    """Run a notebook in a clean kernel.

    Parameters
    ----------
    path : Path
        The notebook; it is not changed.
    folder : Path
        Where the kernel works: files are written and fits are kept there.

    Returns
    -------
    notebook, seconds
        With outputs and without anything that changes from run to run; processor time of the kernel.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,  # else how output is cut into pieces depends on the clock
    )
    notebook.cells.append(nbformat.v4.new_code_cell("import time\nprint(time.process_time())"))
    client.execute()
    clock = notebook.cells.pop()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook, float(clock.outputs[0].text)


if __name__ == "__main__":
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or NOTEBOOKS
    for one in wanted:
        done, seconds = execute(one, one.parent)
        nbformat.write(done, one)
        print(f"{one.name}: {seconds:.0f} s")
