"""What nutpie's threads call: a model's density and its quantities, compiled once and then read from PyTensor's cache.

nutpie makes these two functions anew for every model and process, which takes numba 5 s whatever the model is (most of
it for messages about shapes that cannot differ). Ours do the same for a model with one vector of data, and numba keeps
them on disk beside the model's own code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
import nutpie
import pymc as pm
import pytensor
from numba import types
from numba.np.numpy_support import carray
from nutpie import compile_pymc
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS, compile_numba_function_src

LOGP = """
def logp_entry(dim, position_, gradient_, logp_, data_):
    if dim != {n_dim}:
        return -1
    try:
        value, gradient = inner(carray(position_, ({n_dim},)){data})
        logp = carray(logp_, (1,))
        logp[0] = value.item()
        kept = carray(gradient_, ({n_dim},))
        for i in range({n_dim}):
            kept[i] = gradient[i]
            if not isfinite(gradient[i]):
                return 3
        if not isfinite(logp[0]):
            return 4
    except Exception:
        return 1
    return 0
"""
EXPAND = """
def expand_entry(dim, expanded, position_, quantities_, data_):
    if dim != {n_dim} or expanded != {n_expanded}:
        return -1
    try:
        (values,) = inner(carray(position_, ({n_dim},)){data})
        kept = carray(quantities_, ({n_expanded},))
        for i in range({n_expanded}):
            kept[i] = values[i]
    except Exception:
        return -2
    return 0
"""
DATA = ", carray(pointer(carray(data_, (3,), uint64)[0]), (carray(data_, (3,), uint64)[1],), float64)"
"""nutpie's record of one vector: its address, its size, its shape."""

DOUBLES = types.CPointer(types.double)


def compile_model(model: pm.Model) -> Any:
    """A model compiled for `nutpie.sample`, its entry points cached.

    Parameters
    ----------
    model : pymc.Model
        With one vector of float data, or none.

    Returns
    -------
    nutpie.compile_pymc.CompiledPyMCModel
        Chains start from draws of the prior.
    """
    with mock.patch.multiple(compile_pymc, _make_c_logp_func=_logp, _make_c_expand_func=_expand):
        return nutpie.compile_pymc_model(model, default_initialization_strategy="prior", cache=True)


def _logp(n_dim: int, inner: Any, _record: np.ndarray, keys: Sequence[str], data: Mapping[str, np.ndarray]) -> Any:
    source = LOGP.format(n_dim=n_dim, data=_data(keys, data))
    signature = types.int64(types.uint64, DOUBLES, DOUBLES, DOUBLES, types.voidptr)
    return _function(source, "logp_entry", inner), signature


def _expand(
    n_dim: int, n_expanded: int, inner: Any, _record: np.ndarray, keys: Sequence[str], data: Mapping[str, np.ndarray]
) -> Any:
    source = EXPAND.format(n_dim=n_dim, n_expanded=n_expanded, data=_data(keys, data))
    signature = types.int64(types.uint64, types.uint64, DOUBLES, DOUBLES, types.voidptr)
    return _function(source, "expand_entry", inner), signature


def _data(keys: Sequence[str], data: Mapping[str, np.ndarray]) -> str:
    assert len(data) <= 1, "the sampler's model has one vector of data"
    assert all(array.ndim == 1 and array.dtype == np.float64 for array in data.values())
    return DATA if keys else ""


def _function(source: str, name: str, inner: Any) -> Callable[..., Any]:
    known = CACHED_SRC_FUNCTIONS.get(inner.py_func)  # None where PyTensor cannot cache the model itself
    versions = (known, source, nutpie.__version__, pytensor.__version__)
    key = None if known is None else hashlib.sha256(repr(versions).encode()).hexdigest()
    names = {
        "__name__": __name__,
        "inner": inner,
        "carray": carray,
        "pointer": compile_pymc.address_as_void_pointer,
        "isfinite": np.isfinite,
        "uint64": np.uint64,
        "float64": np.float64,
    }
    return compile_numba_function_src(source, name, global_env=names, cache_key=key)
