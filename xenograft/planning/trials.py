"""Thousands of trials, each a simulated study and its fit: kept one by one, resumed, in as many processes as asked."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, suppress
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from xenograft.errors import InputError
from xenograft.fitting.progress import TrialsProgress

type Outcome = dict[str, Any]
"""What a trial found, as JSON can hold it; `failed` (str) says why it could not be done."""

type Trial = Callable[[Any], Outcome]
"""A function of a module, which a process can be told by its name; its outcome depends on its argument only."""

LOSSES = 2
"""Processes that one trial may lose before it is recorded as failed."""

PATIENCE = 30.0
"""Seconds to wait for the scheduler."""


def run_trials(
    trial: Trial,
    given: Mapping[str, Any],
    store: Path,
    *,
    about: Mapping[str, Any],
    workers: int = 0,
    scheduler: str | None = None,
    progress: bool = False,
    title: str = "trials",
) -> dict[str, Outcome]:
    """Do every trial that is not stored yet, and store each as soon as it is done.

    Parameters
    ----------
    trial : function
        What is done with each of `given`.
    given : mapping of str to object
        The argument of each trial, by the key under which its outcome is stored.
    store : Path
        JSON lines, the first `about`, then one per trial; only ever appended to. Made if it is not there.
    about : mapping
        Everything beside the key on which outcomes depend; a store about anything else is refused.
    workers : int
        Processes to do them in; 0 is this one. Outcomes do not depend on it.
    scheduler : str or None
        Address of a running Dask cluster (tcp://…:8786) to do them on instead.
    progress : bool
        Show a bar with the time left on standard error.
    title : str
        What the bar is called.

    Returns
    -------
    dict of str to outcome
        In the order of `given`, stored ones included.

    Raises
    ------
    InputError
        The store is about something else, or broken; or the cluster cannot be reached.
    """
    found = read_store(store, about)
    waiting = {key: argument for key, argument in given.items() if key not in found}
    if not store.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(_line(dict(about)), encoding="utf-8")
    with TrialsProgress(title, len(given), shown=progress) as bar, store.open("a", encoding="utf-8") as file:
        bar.done(len(given) - len(waiting), sum("failed" in found[key] for key in given if key in found))
        for key, outcome in _outcomes(trial, waiting, workers, scheduler):
            found[key] = outcome
            file.write(_line({"key": key, **outcome}))
            file.flush()
            bar.done(1, int("failed" in outcome))
    return {key: found[key] for key in given}


def read_store(store: Path, about: Mapping[str, Any]) -> dict[str, Outcome]:
    """What is stored already, by key; a last line that was cut off is taken out of the file.

    Raises
    ------
    InputError
        The store is about something else, or broken.
    """
    if not store.exists():
        return {}
    text = store.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        with store.open("r+b") as file:
            file.truncate(len(whole))
    if not whole:
        store.unlink()
        return {}
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            lines.append(dict(json.loads(line)))
            str(lines[-1]["key"] if number > 1 else "")
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"{store}, line {number}: this is no stored trial. Delete the file to start again."
            ) from None
    there, wanted = lines[0], json.loads(_line(dict(about)))
    if there != wanted:
        other = [key for key in {**wanted, **there} if there.get(key) != wanted.get(key)]
        raise InputError(
            f"{store}: it holds trials of another run (other: {', '.join(other)}). "
            "Delete it to start again, or choose another folder."
        )
    return {line.pop("key"): line for line in lines[1:]}


def attempted(trial: Trial, argument: Any) -> Outcome:
    """The outcome of a trial; an error becomes a failed one, so that the run goes on."""
    try:
        return trial(argument)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def _outcomes(
    trial: Trial, waiting: Mapping[str, Any], workers: int, scheduler: str | None
) -> Generator[tuple[str, Outcome]]:
    if scheduler is not None:
        yield from outcomes_of_cluster(attempted, trial, waiting, scheduler)
    elif workers:
        yield from _by_processes(trial, waiting, workers)
    else:
        for key, argument in waiting.items():
            yield key, attempted(trial, argument)


class _Process:
    """A spawned process that does one trial after the other; lost, it is started again."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.key = ""
        self.start()

    def start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, self._trial), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, key: str, argument: Any) -> None:
        self.key = key
        with suppress(OSError):  # a process that is gone is noticed when its outcome is asked for
            self.connection.send(argument)

    def outcome(self) -> Outcome | None:
        """What the trial found; None where the process is gone."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


def _by_processes(trial: Trial, given: Mapping[str, Any], workers: int) -> Generator[tuple[str, Outcome]]:
    waiting = deque(given)
    losses: Counter[str] = Counter()
    with ExitStack() as stack:
        processes = [_Process(trial) for _ in range(min(workers, len(waiting)))]
        for process in processes:
            stack.callback(process.close)
            _begin_next(process, waiting, given)
        while busy := {process.connection: process for process in processes if process.key}:
            for connection in wait(list(busy)):
                process = busy[connection]  # pyright: ignore[reportArgumentType]
                key, outcome = process.key, process.outcome()
                if outcome is None:
                    losses[key] += 1
                    process.close()
                    process.start()
                    if losses[key] < LOSSES:
                        waiting.appendleft(key)
                    else:
                        outcome = {"failed": f"the process was lost {LOSSES} times"}
                if outcome is not None:
                    yield key, outcome
                _begin_next(process, waiting, given)


def _begin_next(process: _Process, waiting: deque[str], given: Mapping[str, Any]) -> None:
    if waiting:
        key = waiting.popleft()
        process.begin(key, given[key])
    else:
        process.key = ""


def _serve(connection: Connection, trial: Trial) -> None:
    """Do trials until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what an interruption means
    with suppress(EOFError, BrokenPipeError):
        while True:
            connection.send(attempted(trial, connection.recv()))


def outcomes_of_cluster(
    attempted: Callable[[Any, Any], Any], trial: Callable[[Any], Any], given: Mapping[str, Any], address: str
) -> Generator[tuple[str, Any]]:
    """The outcome of every trial, as the workers of a cluster finish them; a lost worker's trials go to others.

    Parameters
    ----------
    attempted : function
        Takes `trial` and its argument, and turns an error into a failed outcome.
    trial : function
        Of a module that the workers have.
    given : mapping of str to object
        The argument of each trial by its key.
    address : str
        Of the scheduler.

    Raises
    ------
    InputError
        Dask is not installed, or no scheduler answers.
    """
    if find_spec("distributed") is None:
        raise InputError('--scheduler: Dask is not installed. Install it with `pip install "xenograft[cluster]"`.')
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"--scheduler: no Dask scheduler answers at {address} ({error}). Start one, or mend the address."
        ) from None
    with client:
        names = [f"{function.__module__}:{function.__qualname__}" for function in (attempted, trial)]
        keys = {
            client.submit(_on_worker, *names, pickle.dumps(argument), pure=False): key
            for key, argument in given.items()
        }
        for future in as_completed(list(keys)):
            key = keys.pop(future)
            error = future.exception()
            yield key, future.result() if error is None else {"failed": f"{type(error).__name__}: {error}"}


def _on_worker(attempted: str, trial: str, argument: bytes) -> Any:
    """Do a trial; everything arrives by name."""
    return _named(attempted)(_named(trial), pickle.loads(argument))


def _named(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
