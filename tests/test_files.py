"""Outputs are whole or not there at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from xenograft.errors import InputError
from xenograft.files import replacing, write_text


def test_text_is_written_as_utf8_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "out.txt"
    write_text(path, "95 % of 16 mm³\n")
    assert path.read_bytes() == "95 % of 16 mm³\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_was_there_is_replaced(tmp_path: Path) -> None:
    write_text(tmp_path / "out.txt", "old and longer")
    write_text(str(tmp_path / "out.txt"), "new")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "new"


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old", encoding="utf-8")
    with replacing(path) as temporary:
        temporary.write_text("half of the ne", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        temporary.write_text("new", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_or_an_interrupt_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(error):
        _fail_in_the_middle(path, error)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_no_file_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), replacing(tmp_path / "out.txt"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_outputs_have_the_permissions_of_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_text(tmp_path / "out.txt", "")
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)
    umask = os.umask(0o077)
    try:
        write_text(tmp_path / "private.txt", "")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "private.txt").stat().st_mode) == 0o600


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError) as raised:
        write_text(tmp_path / "out", "")
    assert str(raised.value) == f"{tmp_path / 'out'}: this is a folder. Give a file name."
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as raised:
        write_text(tmp_path / "file" / "out.txt", "")
    assert str(raised.value).startswith(f"{tmp_path / 'file' / 'out.txt'}: cannot be written (")
    assert str(raised.value).endswith("). Choose another place.")


def test_a_name_that_the_disk_refuses_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / ("x" * 300), "")


def _fail_in_the_middle(path: Path, error: type[BaseException]) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise error
