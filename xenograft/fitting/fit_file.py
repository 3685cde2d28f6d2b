"""Files of saved fits, looked at before anything in them is used (no pickle, no other files, no bombs)."""

from __future__ import annotations

from pathlib import Path

import h5py

from xenograft.errors import FitFileError

SCHEMA = "xenograft-fit/1"
LARGEST_RATIO, LARGEST_SMALL = 50, 50_000_000
"""A file may unpack to fifty times its size, or to 50 MB; fits are written without compression."""
_NOT_OURS = "this is not a NetCDF file. Give a file that Fit.save wrote."
_GROUPS = {"posterior", "sample_stats", "readings"}


def refuse_other_files(path: Path) -> None:
    """Refuse a file that is not a fit of this package, or that points outside itself.

    Parameters
    ----------
    path : pathlib.Path
        A file that exists.

    Raises
    ------
    FitFileError
        Not NetCDF-4, another schema, a group missing, links to or data in other files, values that are neither numbers
        nor text, or a file that would unpack to far more than it is.
    """
    try:
        with h5py.File(path, "r") as file:
            _refuse(path, file)
    except (OSError, RuntimeError, KeyError, ValueError):  # of a damaged file
        raise FitFileError(f"{path.name}: {_NOT_OURS}") from None


def _refuse(path: Path, file: h5py.File) -> None:
    schema = file.attrs.get("schema", "none")
    if not isinstance(schema, str) or schema != SCHEMA:
        found = schema if isinstance(schema, str) else "none"
        raise FitFileError(f"{path.name}: its schema is {found}, not {SCHEMA}. Give a file that Fit.save wrote.")
    size = _refuse_outside(path, file)
    if size > max(LARGEST_RATIO * path.stat().st_size, LARGEST_SMALL):
        raise FitFileError(f"{path.name}: it would unpack to {size / 1e6:,.0f} MB. Give a file that Fit.save wrote.")
    if not set(file) >= _GROUPS:
        raise FitFileError(f"{path.name}: a part of the fit is missing or broken. Fit the study again.")


def _refuse_outside(path: Path, group: h5py.Group) -> int:
    """Bytes of all data in a group; links and data outside the file are refused without being followed."""
    size = 0
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            finding = f"{name} is a link to elsewhere"
            raise FitFileError(f"{path.name}: {finding}, which a fit never has. Give a file that Fit.save wrote.")
        item = group[name]
        if isinstance(item, h5py.Group):
            if group.name != "/":  # one within itself would be followed for ever
                finding = f"{group.name} holds a group"
                raise FitFileError(f"{path.name}: {finding}, which a fit never has. Give a file that Fit.save wrote.")
            size += _refuse_outside(path, item)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                finding = f"the data of {item.name} are in another file"
                raise FitFileError(f"{path.name}: {finding}, which a fit never has. Give a file that Fit.save wrote.")
            size += int(item.nbytes)
    return size
