"""Outputs that are whole or not there at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xenograft.errors import InputError, missing_file

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet take text for a formula."""

_IS_FOLDER = "{path}: this is a folder. Give a file name."
_COMPUTED = (*FORMULA, "'")


def read_toml(path: Path, error: type[InputError] = InputError) -> dict[str, Any]:
    """What a TOML file says.

    Parameters
    ----------
    path : Path
        The file.
    error : type of InputError
        Raised, with a sentence, where there is no such file, where it cannot be read, and where it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise error(missing_file(path)) from None
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}). Give a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise error(f"{path.name}: this is not valid TOML ({reason}). Mend the line it names.") from None


def check_outputs(*paths: Path | None) -> None:
    """See before minutes of fitting that files can be written afterwards.

    Parameters
    ----------
    paths : Path or None
        Files to come; None is passed over.

    Raises
    ------
    InputError
        When one is a folder, or its folder cannot be made or written to.
    """
    for path in filter(None, paths):
        if path.is_dir():
            raise InputError(_IS_FOLDER.format(path=path))
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            number = errno.EACCES if above.is_dir() else errno.ENOTDIR
            raise InputError(f"{path}: cannot be written ({os.strerror(number)}). Choose another place.")


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
        raise InputError(_IS_FOLDER.format(path=path)) from None
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


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text that a spreadsheet would take for a formula; numbers stay numbers.

    Parameters
    ----------
    table : DataFrame
        Any; its column names are guarded as well.

    Returns
    -------
    DataFrame
        A copy.
    """
    return table.map(_guard).rename(columns=_guard)


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV (UTF-8), whole or not at all; text that starts like a formula gets an apostrophe before it.

    Parameters
    ----------
    path : str or Path
        File to write; replaced if it exists.
    table : DataFrame
        Its index is not written; a missing number is an empty cell, an infinite one is "inf".
    """
    with replacing(path) as temporary:
        without_formulas(table).to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def _guard(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def json_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON can hold them: numbers that are not finite are None."""
    return [{str(key): json_value(value) for key, value in row.items()} for row in table.to_dict(orient="records")]


def json_value(value: Any) -> Any:
    """A table's cell as JSON can hold it."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return finite(value)
    return None if value is None or value is pd.NA else str(value)


def finite(value: Any) -> float | None:
    """A number, None where there is none or it is not finite, which JSON cannot say."""
    return float(value) if value is not None and np.isfinite(value) else None


def digest_of(content: Any) -> str:
    """SHA-256 of plain data, numbers taken to ten significant digits."""
    return hashlib.sha256(json.dumps(_to_ten_digits(content), sort_keys=True).encode()).hexdigest()


def _to_ten_digits(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_ten_digits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_ten_digits(item) for item in value]
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return bool(value) if isinstance(value, np.bool_) else value
    return f"{float(value):.10g}"


def guarded_text(text: str) -> str:
    """Text that no spreadsheet program computes: what begins like a formula gets an apostrophe in front.

    Text that begins with an apostrophe gets another one, so that taking one off always gives the text back
    (OWASP, "CSV injection").
    """
    return f"'{text}" if text.startswith(_COMPUTED) else text


def toml_text(text: str) -> str:
    """Text as TOML writes it, in quotation marks."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """A name as a TOML key, in quotation marks unless it is one plain word."""
    return name if name.isascii() and name.isalpha() else toml_text(name)
