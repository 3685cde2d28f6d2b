"""The density in one pass is that of `likelihood`, and so are its derivatives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenograft.fitting.density import density_in_one_pass, readings_by_day
from xenograft.model.likelihood import Panel, _of_readings, log_density

ARMS, DAYS = 3, 5
NUMBERS = st.integers(0, 10_000)


def _panel(rng: np.random.Generator, animals: int = 7) -> Panel:
    """Arms in any order, one of them perhaps empty; other days for every animal, some readings left out or censored."""
    readings = int(rng.integers(1, DAYS + 1))
    day = np.stack([np.sort(rng.choice(DAYS, readings, replace=False)) for _ in range(animals)])
    weight = (rng.random(day.shape) < 0.8).astype(float)
    return Panel(
        elapsed=np.arange(DAYS) * 3.0, arm_index=rng.integers(0, ARMS, animals), cohort_index=np.zeros(animals, int),
        day_index=day, log_volume=rng.normal(size=day.shape), weight=weight, floor=-20.0,
        censored=(rng.random(day.shape) < 0.2).astype(float),
    )  # fmt: skip


def _tables(rng: np.random.Generator, columns: int) -> list[np.ndarray]:
    """Typical log volumes, variances and columns, each for all arms or by arm, variances for all days or by day."""
    some = rng.choice([1, ARMS], 3)
    variance = rng.uniform(0.01, 0.3, (some[0], rng.choice([1, DAYS])))
    return [rng.normal(size=(ARMS, DAYS)), variance, *(rng.normal(size=(n, DAYS)) for n in some[1 : 1 + columns])]


def _expected(readings: Panel, tables: list[Any]) -> Any:
    """By `likelihood.log_density`, whose gradient PyTensor derives."""
    mean, variance, *columns = (_of_readings(table, readings) for table in tables)
    measured = readings.weight * (1 - readings.censored)
    return log_density(readings.log_volume, mean, measured / variance, columns, xp=pt).sum()


@pytest.mark.parametrize("columns", [0, 1, 2])
@settings(max_examples=6, deadline=None)
@given(seed=NUMBERS)
def test_density_and_derivatives_are_those_of_the_likelihood(columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    readings, values = _panel(rng), _tables(rng, columns)
    tables = [pt.matrix(shape=value.shape) for value in values]
    found = density_in_one_pass(readings_by_day(readings, ARMS), *tables[:2], tables[2:])
    expected = _expected(readings, tables)
    both = [graph for one in (found, expected) for graph in (one, *pt.grad(3.0 * one, tables))]
    numbers = pytensor.function(tables, both, mode="FAST_COMPILE")(*values)
    for ours, theirs in zip(numbers[: len(both) // 2], numbers[len(both) // 2 :], strict=True):
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_numba_and_python_give_the_same_numbers() -> None:
    rng = np.random.default_rng(4)
    readings, values = _panel(rng), _tables(rng, 2)
    tables = [pt.matrix(shape=value.shape) for value in values]
    density = density_in_one_pass(readings_by_day(readings, ARMS), *tables[:2], tables[2:])
    outputs = [density, *pt.grad(density, tables)]
    compiled, plain = (pytensor.function(tables, outputs, mode=mode)(*values) for mode in ("NUMBA", "FAST_COMPILE"))
    for ours, theirs in zip(compiled, plain, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12)


def test_two_readings_on_a_day_count_twice() -> None:
    rng = np.random.default_rng(5)
    readings, tables = _panel(rng), _tables(rng, 2)
    readings = replace(readings, day_index=np.zeros_like(readings.day_index), weight=np.ones_like(readings.weight))
    found = density_in_one_pass(readings_by_day(readings, ARMS), *tables[:2], tables[2:])
    expected = _expected(readings, [pt.as_tensor_variable(table) for table in tables])
    assert float(found.eval()) == pytest.approx(float(expected.eval()), rel=1e-12)


def test_second_derivatives_are_refused_not_wrong() -> None:
    rng = np.random.default_rng(6)
    readings, values = _panel(rng), _tables(rng, 2)
    tables = [pt.matrix(shape=value.shape) for value in values]
    density = density_in_one_pass(readings_by_day(readings, ARMS), *tables[:2], tables[2:])
    first = pt.grad(density, tables[0])
    with pytest.raises(AssertionError, match="no second derivatives"):
        pt.grad(first.sum(), tables[0])
