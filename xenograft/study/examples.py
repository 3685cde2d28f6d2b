"""The simulated studies that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from xenograft.errors import InputError, unknown_choice

ExampleName = Literal["her2-four-arm", "her2-single-dose", "her2-panel"]


def example_folder(name: ExampleName = "her2-four-arm") -> Path:
    """Where a simulated study is that comes with the package; `read_study` reads it, `read_panel` the panel.

    Parameters
    ----------
    name : {"her2-four-arm", "her2-single-dose", "her2-panel"}
        Vehicle, T-DM1, pertuzumab and both: dosed throughout; T-DM1 once, with regrowth and readings at the limit; or
        the same arms in eight tumour models, with what was measured of these.

    Returns
    -------
    pathlib.Path
        A folder with study.toml, volumes.csv, the truth and a README that says how it was drawn. To start from a
        copy, `xenograft example DIR` writes one.

    Raises
    ------
    InputError
        When there is no example of this name.
    """
    if name not in get_args(ExampleName):
        raise InputError(unknown_choice("example_folder", "name", name, get_args(ExampleName)))
    inside = Path(__file__).parents[1] / "examples" / name
    return inside if inside.is_dir() else Path(__file__).parents[2] / "fixtures" / name
