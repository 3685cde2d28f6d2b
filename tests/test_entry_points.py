"""The entry points that nutpie calls: the same numbers as nutpie's own, and not compiled twice."""

from __future__ import annotations

import ctypes

import numpy as np
import nutpie
from pytensor.configdefaults import config

from xenograft.fitting.arrays import sampler_data
from xenograft.fitting.compiling import compile_model
from xenograft.fitting.pymc_model import build_for_sampler
from xenograft.model.card import read_cards


def called(compiled, position: np.ndarray) -> tuple[int, float, np.ndarray, int, np.ndarray]:
    """Return code, log density and gradient at a position; return code and quantities: what nutpie's threads see."""
    double = ctypes.POINTER(ctypes.c_double)
    logp, gradient, quantities = np.zeros(1), np.zeros(compiled.n_dim), np.zeros(compiled.n_expanded)

    def pointer(array: np.ndarray):
        return array.ctypes.data_as(double)

    record = ctypes.c_void_p(compiled.user_data.ctypes.data)
    density = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, double, double, double, ctypes.c_void_p)
    expand = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, double, double, ctypes.c_void_p)
    code = density(compiled.compiled_logp_func.address)(
        len(position), pointer(position), pointer(gradient), pointer(logp), record
    )
    drawn = expand(compiled.compiled_expand_func.address)(
        len(position), len(quantities), pointer(position), pointer(quantities), record
    )
    return code, logp[0], gradient, drawn, quantities


def test_they_say_what_nutpies_own_say_and_are_read_from_the_cache(study):
    card = read_cards()["exponential-bliss-departure"]
    with config.change_flags(numba__fastmath=False):
        ours = compile_model(build_for_sampler(study, card))
        again = compile_model(build_for_sampler(study, card))
        theirs = nutpie.compile_pymc_model(build_for_sampler(study, card))
    positions = np.random.default_rng(1).normal(scale=0.3, size=(5, ours.n_dim))
    for position in positions:
        found, expected = called(ours, position), called(theirs, position)
        assert found[0] == expected[0] == found[3] == expected[3] == 0
        for mine, nutpies in zip(found[1:], expected[1:], strict=True):
            np.testing.assert_allclose(mine, nutpies, rtol=1e-12)

    assert again.compiled_logp_func.cache_hits == again.compiled_expand_func.cache_hits == 1

    nowhere = np.full(ours.n_dim, np.nan)
    assert called(ours, nowhere)[0] == called(theirs, nowhere)[0] != 0
    assert called(ours, positions[0][:-1])[0] == -1  # a position of another size is refused, not read beyond its end

    fewer = sampler_data(study, card, without=list(study.animals.index[:3]))
    before, after = called(ours, positions[0]), called(ours.with_data(**fewer), positions[0])
    np.testing.assert_allclose(after[1], called(theirs.with_data(**fewer), positions[0])[1], rtol=1e-12)
    assert abs(after[1] - before[1]) > 1
