"""Outputs are whole or not there at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
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


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file over the limit is an error, as a full disk is
from xenograft.files import write_text
from xenograft.commands.app import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
sys.argv = ["xenograft", "example", sys.argv[1]]
main()
"""


def test_a_full_disk_leaves_no_half_file_and_is_a_sentence(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk; the example's table is larger."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path / "new")], capture_output=True, text=True)
    assert done.returncode == 2
    assert "could not be written (File too large). Make room, or choose another place." in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "new").iterdir() if path.name == "volumes.csv" or ".part" in path.name]


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with it ignored
from pathlib import Path
from xenograft.commands import app as cli
from xenograft.commands import study as cli_study
from xenograft import files
def slow(path, text):
    with files.replacing(path) as temporary:
        temporary.write_text(text[:100])
        print("writing", flush=True)
        time.sleep(60)
cli_study.write_text = slow
sys.argv = ["xenograft", "init", sys.argv[1], "--force"]
cli.main()
"""


def test_ctrl_c_while_writing_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("animal,arm,day,volume\nM1,vehicle,0,100\nM2,A,0,100\n")
    (tmp_path / "study.toml").write_text("what was there before")
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "t.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "writing\n" in running.stdout, "after what was guessed"
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted; files that were there before are unchanged." in errors
    assert "Traceback" not in errors
    assert (tmp_path / "study.toml").read_text() == "what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.toml", "t.csv"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_an_error_of_the_disk_is_a_sentence_and_keeps_the_old_file(tmp_path: Path, number: int) -> None:
    (tmp_path / "out.txt").write_text("old")
    with pytest.raises(InputError) as raised, replacing(tmp_path / "out.txt"):
        raise OSError(number, os.strerror(number))
    assert str(raised.value) == (
        f"{tmp_path / 'out.txt'}: could not be written ({os.strerror(number)}); "
        "the file that was there is unchanged. Make room, or choose another place."
    )
    assert (tmp_path / "out.txt").read_text() == "old"


def test_an_error_that_is_not_the_disks_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), replacing(tmp_path / "out.txt"):
        raise PermissionError(errno.EACCES, "no")
