"""Trials on a running Dask cluster, each worker with a compile directory of its own."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xenograft.errors import InputError
from xenograft.fitting.processes import enter_own_directory, own_flags

PATIENCE = 30.0
"""Seconds to wait for the scheduler."""

_ONE_AT_A_TIME = threading.Lock()  # a compiled model is shared by the threads of a worker


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
    """Do a trial; everything arrives by name, so that nothing is imported before the compile directory is set."""
    from distributed import get_worker

    with _ONE_AT_A_TIME:
        if "pytensor" not in sys.modules:
            enter_own_directory(own_flags(str(Path(get_worker().local_directory).resolve() / "pytensor")))
        return _named(attempted)(_named(trial), pickle.loads(argument))


def _named(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
