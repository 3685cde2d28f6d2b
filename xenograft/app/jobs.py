"""Work that takes minutes: each job in a process of its own, as many at once as there are cores, the others wait."""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from xenograft.app.work import read_record
from xenograft.errors import XenograftError
from xenograft.files import replacing, write_text

type State = Literal["none", "waiting", "running", "done", "failed", "cancelled", "lost"]

LOST = (
    "The analysis ended without a word: the machine may have run out of memory, or somebody ended it. "
    "Nothing of the study is lost. Run it again."
)
STATE, PROGRESS, LOG, PACE = "job.json", "progress.json", "xenograft.log", "pace.json"
EVERY = 0.1
"""Seconds between two looks at the processes."""

type Task = Callable[[Path, Mapping[str, Any]], None]
"""A function of a module: the job's folder, and what was asked, as JSON can hold it."""


@dataclass(frozen=True)
class Standing:
    """How a job stands.

    Parameters
    ----------
    state : str
        "none": never begun. "lost": its process ended without a word, or the app was closed meanwhile.
    ahead : int
        Jobs that are before it in the queue.
    begun, ended : float or None
        Seconds since 1970.
    problems : tuple of str
        Why it failed.
    asked : mapping
        What it was asked for.
    progress : mapping
        What it last said of itself.
    """

    state: State = "none"
    ahead: int = 0
    begun: float | None = None
    ended: float | None = None
    problems: tuple[str, ...] = ()
    asked: Mapping[str, Any] | None = None
    progress: Mapping[str, Any] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


class Desk:
    """The queue of an app.

    Parameters
    ----------
    at_once : int or None
        Jobs that run at a time; None: one for each core.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._most = at_once or os.cpu_count() or 1
        self._waiting: dict[Path, tuple[Task, Mapping[str, Any]]] = {}
        self._running: dict[Path, BaseProcess] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closed = False
        threading.Thread(target=self._look_after, daemon=True, name="desk").start()
        atexit.register(self.close)

    def submit(self, folder: Path, task: Task, asked: Mapping[str, Any]) -> None:
        """Queue a job; one that is open in the same folder stays as it is."""
        with self._lock:
            if folder in self._running or folder in self._waiting:
                return
            folder.mkdir(parents=True, exist_ok=True)
            (folder / PROGRESS).unlink(missing_ok=True)
            self._waiting[folder] = (task, asked)
            _record(folder, "waiting", asked=dict(asked))
        self._wake.set()

    def cancel(self, folder: Path) -> None:
        """End a job at once, or take it out of the queue."""
        with self._lock:
            asked = read_record(folder / STATE).get("asked")
            process = self._running.pop(folder, None)
            if process is None and self._waiting.pop(folder, None) is None:
                return
            if process is not None:
                _kill(process)
            _record(folder, "cancelled", asked=asked, ended=time.time())
        self._wake.set()

    def standing(self, folder: Path) -> Standing:
        """How the job of a folder stands, also after the app was started anew."""
        with self._lock:
            found = read_record(folder / STATE)
            state: State = found.get("state", "none")
            if state in ("waiting", "running") and folder not in self._waiting and folder not in self._running:
                state = "lost"
            ahead = list(self._waiting).index(folder) + 1 if folder in self._waiting else 0
        problems = found.get("problems") or ((LOST,) if state == "lost" else ())
        return Standing(
            state, ahead, found.get("begun"), found.get("ended"), tuple(problems), found.get("asked"),
            read_record(folder / PROGRESS),
        )  # fmt: skip

    def close(self) -> None:
        """End everything."""
        with self._lock:
            self._closed = True
            for process in self._running.values():
                _kill(process)
            self._running.clear()
            self._waiting.clear()
        self._wake.set()

    def _look_after(self) -> None:
        while not self._closed:
            self._wake.wait(EVERY if self._running else None)
            self._wake.clear()
            with self._lock:
                for folder, process in list(self._running.items()):
                    if not process.is_alive():
                        process.join()
                        del self._running[folder]
                        found = read_record(folder / STATE)
                        if found.get("state") == "running":  # it said nothing before it ended
                            _record(folder, "lost", asked=found.get("asked"), ended=time.time())
                while self._waiting and len(self._running) < self._most and not self._closed:
                    folder = next(iter(self._waiting))
                    task, asked = self._waiting.pop(folder)
                    spawn = multiprocessing.get_context("spawn")  # a forked copy of a server's threads may hang
                    process = spawn.Process(target=_work, args=(folder, task, dict(asked)))
                    _record(folder, "running", asked=dict(asked), begun=time.time())
                    process.start()
                    self._running[folder] = process


def tell(folder: Path, **progress: Any) -> None:
    """Say how a job goes, from within it."""
    _write(folder / PROGRESS, progress)


def _record(folder: Path, state: State, **more: Any) -> None:
    _write(folder / STATE, {"state": state, **more})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(content, ensure_ascii=False))


def _work(folder: Path, task: Task, asked: Mapping[str, Any]) -> None:
    """In the job's own process: do it, and say how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the app decides what an interruption means
    if hasattr(os, "setsid"):
        os.setsid()  # so that what it starts ends with it
    threading.Thread(target=_end_with_the_app, daemon=True, name="end with the app").start()
    begun = read_record(folder / STATE).get("begun")
    try:
        task(folder, asked)
    except XenograftError as error:
        problems = list(getattr(error, "problems", (str(error),)))
        _record(folder, "failed", asked=asked, begun=begun, ended=time.time(), problems=problems)
    except Exception as error:
        with replacing(folder / LOG) as temporary:
            temporary.write_text(traceback.format_exc(), encoding="utf-8")
        problems = [f"internal error ({type(error).__name__}: {error}). Please report it with {LOG} of {folder}."]
        _record(folder, "failed", asked=asked, begun=begun, ended=time.time(), problems=problems)
    else:
        _record(folder, "done", asked=asked, begun=begun, ended=time.time())


def _end_with_the_app() -> None:
    """Wait for the app, however it ends, and end this process and what it started."""
    app = multiprocessing.parent_process()
    if app is not None:
        app.join()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)


def _kill(process: BaseProcess) -> None:
    if process.pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg") and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join(5)
