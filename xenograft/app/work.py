"""Where the app keeps a person's work: a folder with a name that nobody guesses, which the address carries."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xenograft.app.lines import parsed, with_value
from xenograft.errors import InputError, quoted
from xenograft.files import replacing, write_text
from xenograft.reading.guess_study import Guess, guess_study, toml_of_guess
from xenograft.study.examples import ExampleName, example_folder

TOML = "study.toml"
_ID = re.compile(r"[A-Za-z0-9_-]{32}")
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Work:
    """One study that somebody works on.

    Parameters
    ----------
    folder : Path
        Holds `study` (study.toml and its table), `out` (what an analysis writes) and records of how it goes.
    """

    folder: Path

    @property
    def key(self) -> str:
        """The name that nobody guesses."""
        return self.folder.name

    @property
    def study(self) -> Path:
        """The study's folder, as the command line would read it."""
        return self.folder / "study"

    @property
    def out(self) -> Path:
        """What an analysis wrote."""
        return self.folder / "out"

    @property
    def toml(self) -> str:
        """The text of study.toml."""
        return (self.study / TOML).read_text(encoding="utf-8-sig")

    def write_toml(self, text: str) -> None:
        """Replace study.toml, whole."""
        write_text(self.study / TOML, text)

    @property
    def table(self) -> Path | None:
        """The table that study.toml names; None where it names none that is there."""
        try:
            named = tomllib.loads(self.toml).get("data")
        except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError):
            return None
        path = self.study / Path(str(named)).name
        return path if named and path.is_file() else None

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Why the study is not read: what is uploaded must not name other files of this machine."""
        return tuple(
            f"{TOML}: {'.'.join(keys)} = {quoted(name)} is a file elsewhere. Choose it together with {TOML}, and "
            "write its name without folders."
            for keys, name in tables_named(self.toml).items()
            if name != _plain(name) or name in (".", "..")
        )

    def note(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a record beside the study."""
        write_text(self.folder / f"{name}.json", json.dumps(content, ensure_ascii=False))

    def noted(self, name: str) -> dict[str, Any]:
        """A record kept before, empty where there is none."""
        return read_record(self.folder / f"{name}.json")


def read_record(path: Path) -> dict[str, Any]:
    """A JSON object from a file that is always whole; empty where there is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


@dataclass(frozen=True)
class Shelf:
    """All work of an app.

    Parameters
    ----------
    folder : Path
        Made if needed, readable by its owner only.
    """

    folder: Path

    def new(self) -> Work:
        """An empty folder for a study."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        work = Work(self.folder / secrets.token_urlsafe(24))
        work.study.mkdir(parents=True, mode=0o700)
        return work

    def find(self, key: str) -> Work | None:
        """The work that an address names; None where there is none."""
        work = Work(self.folder / key)
        return work if _ID.fullmatch(key) and work.study.is_dir() else None

    def example(self, name: ExampleName = "her2-four-arm") -> Work:
        """A copy of the study that comes with the package."""
        return self.copy(example_folder(name))

    def copy(self, folder: Path) -> Work:
        """A copy of a study's folder: study.toml and the files that it names."""
        work, path = self.new(), folder / TOML
        shutil.copyfile(path, work.study / TOML)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return work
        for keys, name in tables_named(text).items():
            if (folder / name).is_file():
                shutil.copyfile(folder / name, work.study / _plain(name))
                text = with_value(text, keys, _plain(name))
        work.write_toml(text)
        return work

    def upload(self, files: Sequence[tuple[str, Path]]) -> Work:
        """Keep what a person dropped; a table alone gets the study.toml that `xenograft init` would write.

        Parameters
        ----------
        files : sequence of (str, Path)
            Name as the person has it, and where the bytes are.

        Raises
        ------
        InputError
            A name that no file can have, or study.toml alone.
        """
        names = [plain_name(name) for name, _ in files]
        tables = [name for name in names if name != TOML]
        if not tables:
            raise InputError("study.toml: the table that it names is not there. Choose both files at once.")
        work = self.new()
        for name, (_, path) in zip(names, files, strict=True):
            with replacing(work.study / name) as temporary:
                shutil.copyfile(path, temporary)
        if TOML not in names:
            work.note("sheet", {"table": tables[0]})
        return work


@dataclass(frozen=True)
class Kept:
    """Which work belongs to what is found below a folder.

    Parameters
    ----------
    folder : Path
        Never written to.
    shelf : Shelf
        Where the work is.
    """

    folder: Path
    shelf: Shelf

    def find(self, name: str) -> Work | None:
        """The work that was begun for a name, None where none was."""
        return self.shelf.find(str(self._links.get(name, "")))

    def new(self, name: str, copied: Path | None = None) -> Work:
        """Work for a name, with a copy of a study's folder where one is given."""
        made = self.shelf.new() if copied is None else self.shelf.copy(copied)
        write_text(self._place, json.dumps(self._links | {name: made.key}))
        return made

    @property
    def _place(self) -> Path:
        key = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]
        return self.shelf.folder / f"{key}-studies.json"

    @property
    def _links(self) -> dict[str, Any]:
        return read_record(self._place)


def first_draft(work: Work, sheet: str | None = None) -> Guess | None:
    """Write the first study.toml of a table that came without one; None where one came with it.

    Raises
    ------
    StudyError
        As `xenograft init`: the table cannot be read, or it has several sheets.
    """
    name = work.noted("sheet").get("table")
    if not name:
        return None
    chosen = sheet or work.noted("sheet").get("sheet")
    guess = guess_study(work.study / str(name), sheet=chosen)
    if not (work.study / TOML).exists() or sheet:
        work.write_toml(toml_of_guess(guess))
    work.note("sheet", {"table": name, "sheet": chosen})
    return guess


def plain_name(name: str) -> str:
    """The name of an uploaded file without its folders.

    Raises
    ------
    InputError
        A name that cannot be kept.
    """
    plain = _plain(name)
    if not plain or plain.startswith(".") or len(plain) > _LONGEST_NAME or not plain.isprintable():
        raise InputError(f"{quoted(name[:_LONGEST_NAME])}: a file of this name cannot be kept. Rename it.")
    return plain


def tables_named(text: str) -> dict[tuple[str, ...], str]:
    """The tables that a study.toml names, by the keys that name them; empty while it is no TOML."""
    written = parsed(text)
    places = {(): written, ("groups",): written.get("groups"), ("weights",): written.get("weights")}
    return {
        (*place, "data"): str(one["data"]) for place, one in places.items() if isinstance(one, dict) and "data" in one
    }


def _plain(name: str) -> str:
    """A file's name without its folders."""
    return re.split(r"[\\/]", name)[-1].strip()
