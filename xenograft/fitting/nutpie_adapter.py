"""The one place that knows how nutpie is given a density: by the address of its compiled function.

That is how nutpie takes the models that it compiles itself, but no part of its documented interface: where it has
changed, the density is given through `nutpie.from_pyfunc`, which is documented, and slower by some 40 µs of Python for
every step of the sampler.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

import numpy as np
import nutpie
import xarray as xr
from nutpie.compiled_pyfunc import from_pyfunc
from nutpie.sample import CompiledModel

from xenograft.fitting.compiled_density import ENTRY, compiled_expansion
from xenograft.fitting.density import Values

POSITION = "position"
"""The only variable that nutpie stores: unconstrained coordinates."""

DIM = "coordinate"

CONSIDERED = 4
"""Draws of the priors for the start of each chain: enough to pass over an absurd one, too few to lead all chains to one
mode."""

STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "logp": "lp",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "mean_tree_accept": "acceptance_rate",
    "n_steps": "n_steps",
    "step_size": "step_size",
}
"""What is kept of nutpie's statistics, under ArviZ's names."""


def sample(
    density: Values,
    *,
    draws: int,
    tune: int,
    chains: int,
    cores: int | None,
    seed: int,
    target_accept: float,
    adaptation: Literal["diag", "low_rank"],
    progress: Callable[[Sequence[Any]], None] | None = None,
) -> tuple[np.ndarray, xr.Dataset]:
    """Draw from a density with nutpie's NUTS.

    Parameters
    ----------
    density : Density
        Each chain starts from the best of `CONSIDERED` draws of its priors.
    draws, tune : int
        Per chain, kept and discarded.
    chains, cores : int
        Chains, and how many run at once (None: as many as the machine has cores).
    seed : int
        Same seed, same numbers, whatever `cores`.
    target_accept : float
        Acceptance rate that the step size aims at.
    adaptation : {"diag", "low_rank"}
        Of the mass matrix.
    progress : callable, optional
        Told by nutpie how far the chains are.

    Returns
    -------
    positions : array (chain, draw, coordinate)
    statistics : Dataset (chain, draw)
        `STATISTICS`.
    """
    model = _by_address(density) if takes_addresses() else _by_function(density)
    sampled = nutpie.sample(
        model, draws=draws, tune=tune, chains=chains, cores=cores, seed=seed, target_accept=target_accept,
        adaptation=adaptation, save_warmup=False, progress_bar=False, progress_callback=progress,
    )  # fmt: skip
    statistics = sampled["sample_stats"].to_dataset()[list(STATISTICS)].rename(STATISTICS)
    return sampled["posterior"][POSITION].to_numpy(), statistics


@cache
def takes_addresses() -> bool:
    """Whether the installed nutpie takes compiled functions as this module gives them."""
    try:
        theirs, ours = _compile_pymc().CompiledPyMCModel, _ByAddress
        asked, given = (tuple(inspect.signature(vars(one)["_make_sampler"]).parameters) for one in (theirs, ours))
        record = np.zeros((), dtype=[("shared", [])])
        _, signature = vars(_compile_pymc())["_make_c_logp_func"](1, lambda x: (0.0, x), record, [], {})
        names = all(hasattr(_lib(), name) for name in ("LogpFunc", "ExpandFunc", "PyMcModel", "PyVariable"))
        return asked == given and signature == ENTRY and names and hasattr(_lib().PySampler, "from_pymc")
    except Exception:  # whatever a later version does otherwise
        return False


@dataclass(frozen=True)
class _ByAddress(CompiledModel):
    """A density as nutpie's own compiled models are."""

    density: Values

    @property
    def n_dim(self) -> int:
        return self.density.n_dim

    @property
    def coords(self) -> dict[str, Any]:
        return {DIM: np.arange(self.n_dim)}

    def _make_model(self, _: Any) -> Any:
        density, size, lib = self.density, self.n_dim, _lib()
        data = density.block.ctypes.data
        expansion = compiled_expansion()
        return lib.PyMcModel(
            lib.LogpFunc(density.address, data, density),
            lib.ExpandFunc(size, size, expansion.address, data, density),
            lib.PyVariable.new_variables([POSITION], ["float64"], [(size,)], {DIM: size}, {POSITION: (DIM,)}),
            size,
            {DIM: size},
            self.coords,
            lambda seed: _start(density, seed),
            None,
        )

    def _make_sampler(
        self,
        settings: Any,
        init_mean: Any,
        cores: int,
        progress_type: Any,
        extra_callback: Any,
        extra_callback_rate: int,
        store: Any,
    ) -> Any:
        model = self._make_model(init_mean)
        return _lib().PySampler.from_pymc(
            settings, cores, model, progress_type, extra_callback, extra_callback_rate, store
        )


def _by_address(density: Values) -> CompiledModel:
    return _ByAddress({POSITION: (DIM,)}, density)


def _by_function(density: Values) -> CompiledModel:
    return from_pyfunc(
        density.n_dim,
        lambda: density.value_and_gradient,
        lambda *_: lambda x: {POSITION: x},
        [np.dtype("float64")],
        [(density.n_dim,)],
        [POSITION],
        coords={DIM: np.arange(density.n_dim)},
        dims={POSITION: (DIM,)},
        make_initial_point_fn=lambda seed: _start(density, seed),
    )


def _lib() -> Any:
    return import_module("nutpie._lib")


def _compile_pymc() -> Any:
    return import_module("nutpie.compile_pymc")


def _start(density: Values, seed: int) -> np.ndarray:
    """Of a few draws of the priors the one of which the posterior holds most.

    Of one study with large errors one draw in fifty has an error so small that the log density falls by ten million: a
    chain that began there shrank its steps to a millionth and did not come away in ten minutes.
    """
    drawn = density.prior_draws(CONSIDERED, seed=seed)
    return drawn[np.argmax(np.nan_to_num(density.values(drawn), nan=-np.inf))]
