"""The compiled density and its gradient are those of the PyMC model, for every card and on studies of many shapes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from random_studies import WORDS, card_of, prior, random_study

from xenograft.fitting.coordinates import Coordinates
from xenograft.fitting.density import Density, density_of
from xenograft.fitting.pymc_model import build, data
from xenograft.model.card import ModelCard, read_cards
from xenograft.model.choice import why_not
from xenograft.study.study import Study

NAMES = {"departure_of_study": "departure", "correlation_unit": "correlation"}
"""What PyMC's variables are called among the coordinates."""


def place(coordinates: Coordinates, variable: str) -> tuple[slice, tuple[int, ...]]:
    """Where a variable of the PyMC model lies among the coordinates, and its shape."""
    name = NAMES.get(variable, variable)
    for piece in coordinates.pieces:
        start = coordinates.start[piece.name]
        if piece.name == name:
            return slice(start, start + piece.size), piece.shape
        labels = {"kill": coordinates.study.level_labels, "kill_at_top_dose": agents(coordinates.study)}
        for i, label in enumerate(labels.get(piece.name, ())):
            if variable == f"{piece.name}_{label}":  # agents have priors of their own
                return slice(start + i, start + i + 1), ()
    raise KeyError(variable)


def agents(study: Study) -> list[str]:
    return list(dict.fromkeys(agent for agent, _ in study.levels))


PYTHON = pytensor.compile.mode.Mode(linker="py", optimizer=None)
"""The graph as it is written, in Python: to rewrite it takes a hundred times as long as to evaluate it."""


class InPyMC:
    """Value and gradient of `build` by PyTensor, in the order of the coordinates."""

    def __init__(self, study: Study, card: ModelCard, without: Sequence[str] = ()) -> None:
        model = build(study, card)
        if without:
            given = data(study, card, without)
            with model:
                pm.set_data({name: value for name, value in given.items() if name in ("weight", "spread_used")})
        self._variables = [(model.values_to_rvs[one].name, one) for one in model.value_vars]
        inputs = [one for _, one in self._variables]
        terms: Any = model.logp(sum=False)
        logp = pt.stack([term.sum() for term in terms]).sum()  # PyTensor's Python mode takes no sum of 32 terms
        outputs = [logp, *pytensor.grad(logp, inputs)]
        self._function = pytensor.function(inputs, outputs, mode=PYTHON, on_unused_input="ignore")

    def at(self, coordinates: Coordinates, x: np.ndarray) -> tuple[float, np.ndarray]:
        places = [place(coordinates, name) for name, _ in self._variables]
        assert sum(part.stop - part.start for part, _ in places) == coordinates.size
        value, *slopes = self._function(*(x[part].reshape(shape) for part, shape in places))
        gradient = np.empty(coordinates.size)
        for (part, _), slope in zip(places, slopes, strict=True):
            gradient[part] = np.ravel(slope)
        return float(value), gradient


def compared(density: Density, theirs: InPyMC, points: Sequence[np.ndarray], *, tolerance: float = 1e-10) -> None:
    for x in points:
        value, gradient = density.value_and_gradient(x)
        expected, slopes = theirs.at(density.coordinates, x)
        assert value == pytest.approx(expected, rel=tolerance)
        assert np.abs(gradient - slopes).max() < tolerance * max(1.0, np.abs(slopes).max())


def points_of(density: Density, seed: int, number: int = 2) -> list[np.ndarray]:
    """Draws of the priors, without those whose curves leave every volume."""
    return list(density.prior_draws(number, seed=seed))


def by_differences(density: Density, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    return np.array([
        (density.value_and_gradient(x + one)[0] - density.value_and_gradient(x - one)[0]) / (2 * step)
        for one in step * np.eye(len(x))
    ])  # fmt: skip


@pytest.mark.parametrize("name", sorted(read_cards()))
def test_a_shipped_card_has_the_density_of_its_pymc_model(
    study: Study, cards: Mapping[str, ModelCard], name: str
) -> None:
    density = density_of(study, cards[name])
    compared(density, InPyMC(study, cards[name]), points_of(density, 5), tolerance=1e-9)


@pytest.mark.parametrize("words", WORDS)
def test_every_word_of_a_card_has_the_density_of_its_pymc_model(words: str) -> None:
    seed = list(WORDS).index(words)
    study, card = random_study(seed), card_of(words)
    left_out = list(study.animals.index[1::4])
    density = density_of(study, card, left_out)
    compared(density, InPyMC(study, card, left_out), points_of(density, seed))


@pytest.mark.parametrize(
    "words", ["exponential", "no effects", "all vary", "student, all", "small tumours", "residual, all"]
)
def test_readings_below_the_limit_have_the_density_of_the_pymc_model(words: str) -> None:
    study, card = random_study(40, censored=True), card_of(words)
    below = study.animals["censored"] > 0
    left_out = [study.animals.index[below][0], study.animals.index[~below][0]]
    density = density_of(study, card, left_out)
    compared(density, InPyMC(study, card, left_out), points_of(density, 7), tolerance=1e-9)


@pytest.mark.parametrize("group", ["cage", "mouse"])
@pytest.mark.parametrize(
    "words", ["exponential", "baseline varies", "all vary", "student, all", "no effects", "residual, all"]
)
def test_animals_of_cages_and_tumours_of_mice_have_the_density_of_the_pymc_model(words: str, group: str) -> None:
    for seed, censored in ((60, False), (61, True)):
        study = random_study(seed, censored=censored, cages=group == "cage", mice=group == "mouse")
        card, together = card_of(words), study.groups[study.groups.duplicated(keep=False)]
        assert study.group == group
        left_out = [together.iloc[0]]
        density = density_of(study, card, left_out)
        compared(density, InPyMC(study, card, left_out), points_of(density, seed), tolerance=1e-9)


def test_agents_may_have_priors_of_other_kinds() -> None:
    study = random_study(3)
    for words in ("exponential", "power"):
        card = card_of(words, kill_A=prior("HalfNormal", sigma=0.1), kill_C=prior("Gamma", alpha=2.0, beta=30.0))
        density = density_of(study, card)
        compared(density, InPyMC(study, card), points_of(density, 8))


def test_where_rates_meet_or_vanish_the_gradient_is_that_of_differences() -> None:
    """PyTensor's own gradient takes another branch at a tie."""
    study = random_study(11)
    density = density_of(study, card_of("two wane, gompertz"))
    start, x = density.coordinates.start, points_of(density, 1)[0]
    log_beta = np.log(0.07)
    for beta, waning in ((log_beta, log_beta), (log_beta, log_beta + 1e-9), (log_beta, log_beta - 1e-5),
                         (-40.0, log_beta), (log_beta, -40.0), (-40.0, -40.0), (-300.0, -300.0)):  # fmt: skip
        x[start["slowing"]], x[start["waning"] : start["waning"] + 2] = beta, (waning, waning + 1e-7)
        _, gradient = density.value_and_gradient(x)
        assert np.isfinite(gradient).all()
        differences = by_differences(density, x)
        assert np.abs(gradient - differences).max() < 1e-5 * np.abs(differences).max()


@pytest.mark.slow
@pytest.mark.parametrize("words", WORDS)
def test_cards_have_the_density_of_their_pymc_models_on_many_studies(words: str) -> None:
    for seed in range(100, 110):
        for censored in (False, True):
            study, card = random_study(seed, censored=censored), card_of(words)
            left_out = list(study.animals.index[:: 3 + seed % 5])
            density = density_of(study, card, left_out)
            tolerance = 1e-6 if censored else 1e-9
            compared(density, InPyMC(study, card, left_out), points_of(density, seed, 3), tolerance=tolerance)


@pytest.mark.slow
def test_shipped_cards_have_the_density_of_their_pymc_models_on_real_studies(shared_data: Path) -> None:
    from xenograft.reading.read import read_study

    for file in sorted(shared_data.rglob("study.toml")):
        study = read_study(file)
        for card in read_cards().values():
            if why_not(study, card) is None:
                density = density_of(study, card)
                compared(density, InPyMC(study, card), points_of(density, 2), tolerance=1e-6)


# The way to labelled parameters and back


@pytest.mark.parametrize("words", WORDS)
def test_labelled_parameters_lead_back_to_their_coordinates(words: str) -> None:
    density = density_of(random_study(5, censored=True), card_of(words))
    x = density.prior_draws(6, seed=2).reshape(2, 3, density.n_dim)
    found, latent = density.parameters(x), density.latents(x)
    assert found.sizes["chain"] == 2
    assert found.sizes["draw"] == 3
    np.testing.assert_allclose(density.unconstrained(found, latent), x, rtol=1e-9, atol=1e-9)


def test_an_animal_left_out_counts_for_nothing_and_keeps_its_coordinates() -> None:
    study, card = random_study(8, censored=True), card_of("student, all")
    animal = study.animals.index[study.animals["censored"] > 0][0]
    whole, less = density_of(study, card), density_of(study, card, [animal])
    assert whole.n_dim == less.n_dim
    x = points_of(whole, 3)[0]
    moved = study.readings.assign(volume=study.readings["volume"].where(study.readings["animal"] != animal, 77.0))
    other = density_of(replace(study, readings=moved), card, [animal])
    assert less.value_and_gradient(x)[0] == other.value_and_gradient(x)[0] != whole.value_and_gradient(x)[0]


def test_the_order_of_animals_and_arms_does_not_change_the_density() -> None:
    study, card = random_study(9), card_of("all vary")
    x = points_of(density_of(study, card), 4)[0]
    names = study.readings["animal"].unique()[::-1]
    turned = study.readings.set_index("animal").loc[names].reset_index()
    one, other = density_of(study, card), density_of(replace(study, readings=turned), card)
    assert other.value_and_gradient(x)[0] == pytest.approx(one.value_and_gradient(x)[0], rel=1e-11)


def test_a_position_of_another_size_is_refused_not_read_beyond_its_end(study: Study) -> None:
    density = density_of(study, card_of("exponential"))
    with pytest.raises(ValueError, match="a position of 8 coordinates; the density has 9"):
        density.value_and_gradient(np.zeros(8))


def test_a_position_of_no_density_is_said_so(study: Study) -> None:
    density = density_of(study, card_of("exponential"))
    assert not np.isfinite(density.value_and_gradient(np.full(9, 800.0))[0])


# The cache


DENSITY = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from random_studies import card_of, random_study
from xenograft.fitting.density import density_of
density = density_of(random_study(1), card_of("gompertz"))
print(repr(density.value_and_gradient(density.prior_draws(1, seed=1)[0])))
"""
SMALLEST = """
from xenograft.fitting.compiled_density import compiled_expansion
print(compiled_expansion().cache_hits)
"""
CHANGED_SOURCES = """
from pathlib import Path
read = Path.read_bytes
Path.read_bytes = lambda path: read(path) + (b"# changed" if path.name == "compiled_arms.py" else b"")
"""


def compiled_in(folder: Path, code: str) -> list[str]:
    """What a new process with a cache of its own prints, and the files of machine code there."""
    environment = {"NUMBA_CACHE_DIR": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return [done.stdout.strip(), *sorted(path.name for path in folder.rglob("*.nbc"))]


def test_a_density_from_the_cache_has_the_numbers_of_a_new_one(tmp_path: Path) -> None:
    new, again = compiled_in(tmp_path, DENSITY), compiled_in(tmp_path, DENSITY)
    assert new == again
    assert len(new) == 2


def test_other_sources_are_compiled_anew(tmp_path: Path) -> None:
    assert compiled_in(tmp_path, SMALLEST)[0] == "0"
    assert compiled_in(tmp_path, SMALLEST)[0] == "1"
    changed = compiled_in(tmp_path, CHANGED_SOURCES + SMALLEST)
    assert changed[0] == "0"
    assert len(changed) == 3


def test_of_processes_that_start_at_once_one_compiles_and_the_others_read(tmp_path: Path) -> None:
    code = "from xenograft.fitting.compiled_density import compiled_expansion as entry; print(entry().cache_hits)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    together = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    assert sorted(int(process.communicate()[0]) for process in together) == [0, 1, 1]


def modules_after(code: str) -> set[str]:
    """Modules of a new process that has run some code."""
    done = subprocess.run([sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True,
                          text=True, check=True)  # fmt: skip
    return set(done.stdout.split())


def test_no_compiler_and_no_pymc_between_a_study_and_its_results_and_page(tmp_path: Path) -> None:
    fixture = Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
    cards = [word for name in ("exponential-bliss-departure", "gompertz-hsa") for word in ("-m", name)]
    words = ["xenograft", "report", str(fixture), *cards, "--draws", "100", "--quiet", "-o", str(tmp_path / "r.html")]
    found = modules_after(
        f"""
from xenograft import cli
sys.argv = {words!r}
try:
    cli.main()
except SystemExit:
    pass
"""
    )
    assert (tmp_path / "r.html").is_file()
    models = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["models"]
    assert {model["name"] for model in models} == set(cards[1::2])
    assert not {"pymc", "pytensor"} & found
