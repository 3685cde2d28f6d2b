"""Trials are kept one by one, go on where they stopped, and do not depend on where they run."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from xenograft.errors import InputError
from xenograft.planning.trials import run_trials

ABOUT = {"schema": "squares/1", "seed": 1}


def square(number: int) -> dict[str, Any]:
    if number == 3:
        raise ValueError("three is not squared")
    return {"square": number**2}


def noted(argument: tuple[Path, int]) -> dict[str, Any]:
    folder, number = argument
    with (folder / "calls").open("a") as file:
        file.write(f"{number}\n")
    return {"square": number**2}


def waits_once(argument: tuple[Path, int]) -> dict[str, Any]:
    """Until it is killed, where nobody has waited before."""
    folder, number = argument
    if number == 1 and not (folder / "process").exists():
        (folder / "part").write_text(str(os.getpid()))
        (folder / "part").rename(folder / "process")
        time.sleep(60)
    return {"square": number**2}


def dies(number: int) -> dict[str, Any]:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": number**2}


def numbers(count: int) -> dict[str, int]:
    return {str(number): number for number in range(count)}


def test_outcomes_are_the_same_in_this_process_and_in_others(tmp_path: Path) -> None:
    found = [run_trials(square, numbers(5), tmp_path / f"{n}.jsonl", about=ABOUT, workers=n) for n in (0, 1, 2)]
    assert found[0] == found[1] == found[2]
    assert list(found[2]) == ["0", "1", "2", "3", "4"]
    assert found[0]["4"] == {"square": 16}


def test_a_failed_trial_is_recorded_and_the_run_goes_on(tmp_path: Path) -> None:
    found = run_trials(square, numbers(5), tmp_path / "store.jsonl", about=ABOUT)
    assert found["3"] == {"failed": "ValueError: three is not squared"}
    assert "failed" not in found["4"]


def test_a_killed_process_loses_no_trial(tmp_path: Path) -> None:
    def kill() -> None:
        while not (tmp_path / "process").exists():
            time.sleep(0.05)
        os.kill(int((tmp_path / "process").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    given = {str(number): (tmp_path, number) for number in range(6)}
    found = run_trials(waits_once, given, tmp_path / "store.jsonl", about=ABOUT, workers=2)
    killer.join()
    assert found == {str(number): {"square": number**2} for number in range(6)}
    assert len((tmp_path / "store.jsonl").read_text().splitlines()) == 7


def test_a_trial_that_ends_every_process_is_recorded_as_failed(tmp_path: Path) -> None:
    found = run_trials(dies, numbers(4), tmp_path / "store.jsonl", about=ABOUT, workers=1)
    assert found["2"] == {"failed": "the process was lost 2 times"}
    assert found["3"] == {"square": 9}


def test_a_run_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    given = {str(number): (tmp_path, number) for number in range(6)}
    first = run_trials(noted, dict(list(given.items())[:3]), store, about=ABOUT)
    with store.open("a") as file:
        file.write('{"key": "3", "squ')  # the process was killed while it wrote
    found = run_trials(noted, given, store, about=ABOUT)
    assert (tmp_path / "calls").read_text().split() == ["0", "1", "2", "3", "4", "5"]
    assert found == {str(number): {"square": number**2} for number in range(6)}
    assert {key: found[key] for key in first} == first
    assert [json.loads(line).get("key") for line in store.read_text().splitlines()] == [None, *"012345"]


def test_an_empty_store_is_started_again(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    store.write_text('{"schema": "squ')
    assert len(run_trials(square, numbers(2), store, about=ABOUT)) == 2
    assert len(store.read_text().splitlines()) == 3


def test_a_store_of_another_run_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    run_trials(square, numbers(2), store, about=ABOUT)
    with pytest.raises(InputError) as refused:
        run_trials(square, numbers(2), store, about=ABOUT | {"seed": 2})
    assert str(refused.value) == (
        f"{store}: it holds trials of another run (other: seed). Delete it to start again, or choose another folder."
    )


def test_a_broken_store_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    run_trials(square, numbers(2), store, about=ABOUT)
    text = store.read_text()
    store.write_text(text + "nonsense\n")
    with pytest.raises(InputError) as refused:
        run_trials(square, numbers(4), store, about=ABOUT)
    assert str(refused.value) == f"{store}, line 4: this is no stored trial. Delete the file to start again."


def test_the_bar_shows_what_is_done_failed_and_left(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_trials(square, numbers(5), tmp_path / "store.jsonl", about=ABOUT, progress=True, title="squares")
    shown = capfd.readouterr().err
    assert "squares" in shown
    assert "5 of 5, 1 failed" in shown
    assert "left" in shown
