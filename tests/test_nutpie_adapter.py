"""Both ways to give nutpie a density lead to the same draws, and a nutpie that has changed is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nutpie import _lib, compile_pymc
from random_studies import card_of, random_study

from xenograft.fitting import nutpie_adapter
from xenograft.fitting.density import Density, density_of
from xenograft.fitting.nutpie_adapter import sample, takes_addresses


@pytest.fixture
def density() -> Density:
    return density_of(random_study(2), card_of("exponential"))


def drawn(density: Density, **changes: Any) -> tuple[np.ndarray, Any]:
    return sample(density, **{
        "draws": 60, "tune": 100, "chains": 2, "cores": 2, "seed": 4, "target_accept": 0.8, "adaptation": "low_rank",
        **changes,
    })  # fmt: skip


@pytest.fixture
def forgetful() -> Any:
    """What was found out about nutpie is found out anew."""
    takes_addresses.cache_clear()
    yield
    takes_addresses.cache_clear()


def test_the_installed_nutpie_takes_addresses() -> None:
    assert takes_addresses()


def test_the_documented_way_gives_the_same_draws(density: Density, monkeypatch: pytest.MonkeyPatch) -> None:
    by_address, statistics = drawn(density)
    monkeypatch.setattr(nutpie_adapter, "takes_addresses", lambda: False)
    documented, others = drawn(density)
    assert by_address.shape == documented.shape == (2, 60, density.n_dim)
    assert set(others) == set(statistics)
    for positions, found in ((by_address, statistics), (documented, others)):
        # the stored log density is the density at the stored position
        expected = [density.values(chain) for chain in positions]
        np.testing.assert_allclose(found["lp"], expected, rtol=1e-12)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("missing", ["LogpFunc", "ExpandFunc", "PyMcModel", "PySampler"])
def test_a_nutpie_without_a_part_is_noticed(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delattr(_lib, missing)
    assert not takes_addresses()


@pytest.mark.usefixtures("forgetful")
def test_a_nutpie_that_calls_densities_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_pymc, "_make_c_logp_func", lambda *_: (None, "another signature"))
    assert not takes_addresses()


@pytest.mark.usefixtures("forgetful")
def test_a_nutpie_that_makes_samplers_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_pymc.CompiledPyMCModel, "_make_sampler", lambda self, settings: None)
    assert not takes_addresses()


def test_the_numbers_do_not_depend_on_the_cores(density: Density) -> None:
    one, two = drawn(density, cores=1)[0], drawn(density, cores=2)[0]
    np.testing.assert_array_equal(one, two)


def test_chains_start_from_draws_of_the_prior(density: Density, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    draws = Density.prior_draws

    def recording(self: Density, number: int, *, seed: int) -> np.ndarray:
        seen.append(seed)
        return draws(self, number, seed=seed)

    monkeypatch.setattr(Density, "prior_draws", recording)
    drawn(density, draws=5, tune=5)
    assert len(set(seen)) == 2


@pytest.mark.parametrize("absurd", [-1e12, np.nan, np.inf])
def test_no_chain_starts_from_an_absurd_draw_of_the_priors(
    density: Density, monkeypatch: pytest.MonkeyPatch, absurd: float
) -> None:
    started: list[np.ndarray] = []
    draws = Density.prior_draws

    def one_of_them_absurd(self: Density, number: int, *, seed: int) -> np.ndarray:
        found = draws(self, number, seed=seed)
        found[0, self.pieces.start["error"]] = -60.0 if np.isfinite(absurd) else absurd  # e⁻⁶⁰, or nothing at all
        started.append(found)
        return found

    monkeypatch.setattr(Density, "prior_draws", one_of_them_absurd)
    positions, statistics = drawn(density, draws=5, tune=50)
    assert all(len(found) == nutpie_adapter.CONSIDERED for found in started)
    assert np.isfinite(positions).all()
    assert float(statistics["n_steps"].max()) < 1023, "steps shrunk to nothing make the longest trees"
