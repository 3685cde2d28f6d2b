"""Jobs for the app's queue: functions that another process can import."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xenograft.app.jobs import Desk, tell
from xenograft.errors import InputError


def wait_for_a_file(folder: Path, asked: Mapping[str, Any]) -> None:
    """Runs until somebody writes `go`."""
    tell(folder, begun=True)
    while not (folder / "go").exists():
        time.sleep(0.02)
    (folder / "made").write_text(str(asked["what"]), encoding="utf-8")


def serve_a_job(folder: Path) -> None:
    """An app that has begun a job, until it is ended."""
    desk = Desk(1)
    desk.submit(folder, say_who, {})
    time.sleep(600)


def say_who(folder: Path, _asked: Mapping[str, Any]) -> None:
    """Says its process, and runs until it is ended."""
    tell(folder, process=os.getpid())
    time.sleep(600)


def refuse(_folder: Path, asked: Mapping[str, Any]) -> None:
    raise InputError([f"row {number}: this is nothing." for number in range(int(asked["rows"]))])


def fall(_folder: Path, _asked: Mapping[str, Any]) -> None:
    raise RuntimeError("unforeseen")
