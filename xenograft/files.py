"""Outputs that are whole or not there at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from xenograft.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Generator[Path]:
    """A temporary file beside `path` to write to; it takes the place of `path` when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        Where the output belongs; its folder is made if needed, a file there stays until the new one is complete.

    Raises
    ------
    InputError
        When the folder cannot be written to, or the disk is full; interrupted or not, no half file remains.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; outputs get the user's usual permissions
        temporary.replace(path)
    except IsADirectoryError:
        raise InputError(f"{path}: this is a folder. Give a file name.") from None
    except (OSError, RuntimeError) as error:  # RuntimeError is what HDF5 raises while closing
        reason = _reason_not_written(error)
        if reason is None:
            raise
        kept = "; the file that was there is unchanged" if path.exists() else ""
        raise InputError(
            f"{path}: could not be written ({reason}){kept}. Make room, or choose another place."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _reason_not_written(error: OSError | RuntimeError) -> str | None:
    """Why a disk did not take a file, in words; None for an error that is not the disk's."""
    for number in _DISK:
        if getattr(error, "errno", None) == number or f"errno = {number}," in str(
            error
        ):  # HDF5 hides the number in its message
            return os.strerror(number)
    return None


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def studies_in(folder: str | Path) -> list[Path]:
    """Every folder with a study.toml below a folder that is no study itself, in order of their names."""
    place = Path(folder)
    if not place.is_dir() or (place / "study.toml").is_file():
        return []
    return sorted(found.parent for found in place.rglob("study.toml"))
