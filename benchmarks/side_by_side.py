"""This build against the one before the compiled density: both run in turn on this machine, ratios new/old.

A ratio depends little on the machine, and, since both builds take turns, little on what else it does. The old build is
made in a temporary folder; `--old FOLDER` keeps it there for the next time.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).parents[1]
OLD = "12f2e13"
FIXTURE = "fixtures/her2-four-arm"
CARD = "exponential-bliss-departure"

START = f"""
import time, resource
import xenograft as xg
study, cards = xg.read_study({FIXTURE!r}), xg.read_cards()
"""
MODEL_OLD = """
from xenograft.sampling import _compiled
model_of = _compiled
called = lambda model: (model.compiled_logp_func.address, model.user_data.ctypes.data)
"""
MODEL_NEW = """
from xenograft.fitting.density import density_of
from xenograft.fitting.nutpie_adapter import _by_address
model_of = lambda study, card: _by_address(density_of(study, card))
called = lambda model: (model.density.address, model.density.block.ctypes.data)
"""
ONE_CARD = (
    START
    + f"""
xg.fit(study, cards[{CARD!r}], progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
)
SECOND_SHAPE = (
    START
    + f"""
days = tuple(range(0, 22, 7))
agent = {{name: xg.Dosing(name, days) for name in "ABC"}}
of = lambda names: tuple(agent[name] for name in names)
arms = [xg.Arm(names or "vehicle", control=not names, dosings=of(names))
        for names in ("", "A", "B", "C", "AB", "AC", "BC", "ABC")][:8]
truth = xg.Truth(baseline=150.0, growth=0.09, sd_baseline=0.2, sd_growth=0.012, error=0.12,
                 kill={{"A": 0.02, "B": 0.03, "C": 0.01}})
other = xg.simulate(arms, truth, animals=5, days=[float(day) for day in range(0, 29, 4)], seed=2)
xg.fit(study, cards[{CARD!r}], progress=False)
print(xg.fit(other, cards[{CARD!r}], progress=False).seconds["compile"])
"""
)
LEAVE_OUT = (
    START
    + f"""
one = xg.fit(study, cards[{CARD!r}], progress=False)
started = time.perf_counter()
for animal in study.animals.index:
    xg.refit_without(one, [animal])
print(time.perf_counter() - started)
"""
)
GRADIENT = """
import ctypes
import numpy as np
kill = {"T-DM1": 0.03, "pertuzumab": 0.02}
truth = xg.Truth(baseline=150.0, growth=0.09, sd_baseline=0.2, sd_growth=0.012, error=0.12, kill=kill)
many = xg.simulate(study.arms, truth, animals=ANIMALS // 4, days=[float(day) for day in range(0, 43, 3)], seed=1)
model = model_of(many, cards["gompertz-bliss-departure"])
address, data = called(model)
function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)(address)
x, gradient, value = np.full(model.n_dim, -1.0), np.empty(model.n_dim), np.empty(1)
given = model.n_dim, x.ctypes.data, gradient.ctypes.data, value.ctypes.data, data
times = []
for _ in range(50):
    started = time.perf_counter()
    for _ in range(max(4, 4000 // ANIMALS)):
        assert function(*given) == 0
    times.append((time.perf_counter() - started) / max(4, 4000 // ANIMALS))
print(min(times) * 1e6)
"""
DRAWS = """
import arviz, nutpie
found = []
for name in ("exponential-bliss-departure", "gompertz-bliss-departure"):
    model = model_of(study, cards[name])
    for seed in (1, 2, 3):
        started = time.perf_counter()
        drawn = nutpie.sample(model, draws=1000, tune=1000, chains=4, cores=2, seed=seed, progress_bar=False,
                              adaptation="low_rank", save_warmup=False)
        taken = time.perf_counter() - started
        known = drawn["posterior"].to_dataset().drop_vars("departure_standard", errors="ignore")
        found.append(min(float(one.min()) for one in arviz.ess(known).values()) / taken)
print(sum(found) / len(found))
"""
DESIGN = """
name = "four arms"
animals = 10
visits = { from = 0, every = 4, times = 8 }
[arms.vehicle]
control = true
[arms.a]
agents.A = { days = { from = 0, every = 7, times = 4 } }
[arms.b]
agents.B = { days = { from = 0, every = 7, times = 4 } }
[arms.both]
agents.A = { days = { from = 0, every = 7, times = 4 } }
agents.B = { days = { from = 0, every = 7, times = 4 } }
"""
TRUTH = """
baseline = 160.0
growth = 0.08
sd_baseline = 0.2
sd_growth = 0.012
error = 0.13
kill = { A = 0.03, B = 0.02 }
departure = { both = 0.02 }
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: what both builds do, and what is compared.

    Parameters
    ----------
    what : str
        In words.
    asked : str
        The ratio to reach.
    code : str
        Python that prints a number; its last line is compared. `MODEL` stands for how a build makes nutpie's model.
    command : str
        Instead of code: arguments of `xenograft`, whose wall time (s) is compared.
    wall : bool
        Compare the wall time of the code, not what it prints.
    warm : bool
        Let it run once before, and keep what it has compiled.
    """

    what: str
    asked: str
    code: str = ""
    command: str = ""
    wall: bool = False
    warm: bool = False


REPORT = f"report {FIXTURE} --seed 1 --quiet -o {{folder}}/report.html"
POWER = (
    "power {folder}/design.toml --truth {folder}/truth.toml -n 500 -m exponential-bliss-departure "
    "-m gompertz-bliss-departure --quiet -o {folder}/power"
)
ROWS: dict[str, Row] = {
    "report-cold": Row("`xenograft report`, ten cards, nothing cached", "≤ 0.20", command=REPORT),
    "report-warm": Row("the same, second run", "≤ 0.40", command=REPORT, warm=True),
    "card-cold": Row("process start to the posterior of one card, nothing cached", "≤ 0.20", ONE_CARD, wall=True),
    "card-warm": Row("the same, second run", "≤ 0.40", ONE_CARD, wall=True, warm=True),
    "shape": Row("a second study of another shape, beyond its sampling", "≤ 0.02", SECOND_SHAPE),
    "power": Row("`xenograft power`, 500 studies, two cards", "≤ 0.20", command=POWER, warm=True),
    "leave-out": Row("exact leave-one-out of all 40 animals, one card", "≤ 0.20", LEAVE_OUT, warm=True),
    "gradient-40": Row(
        "one gradient, 40 animals", "≤ 1.0", START + "MODEL" + GRADIENT.replace("ANIMALS", "40"), warm=True
    ),
    "gradient-5000": Row(
        "one gradient, 5,000 animals", "≤ 0.7", START + "MODEL" + GRADIENT.replace("ANIMALS", "5000"), warm=True
    ),
    "draws": Row("effective draws per second, two cores (more is better)", "≥ 1.8", START + "MODEL" + DRAWS, warm=True),
    "memory": Row("peak memory of a one-card process", "≤ 0.7", ONE_CARD, warm=True),
    "tests": Row("plain test run in a clean clone, nothing cached", "≤ 0.40"),
}  # fmt: skip


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Rows: {', '.join(ROWS)}.")] = None,
    times: Annotated[int, typer.Option(help="Runs of each build.")] = 3,
    old: Annotated[Path | None, typer.Option(help="Folder that keeps the old build.")] = None,
) -> None:
    """Print the table of ratios as Markdown, with the medians and every run."""
    with tempfile.TemporaryDirectory() as temporary:
        place = old or Path(temporary) / "old"
        builds = {"old": built(place, OLD), "new": built(Path(temporary) / "new", "HEAD")}
        print("| what | asked | new/old | old | new | runs |\n|---|---|---|---|---|---|", flush=True)
        for name in only or ROWS:
            row = ROWS[name]
            found: dict[str, list[float]] = {"old": [], "new": []}
            for number in range(times):
                for which, build in builds.items():
                    found[which].append(measured(name, row, which, build, Path(temporary), number))
            medians = {which: statistics.median(values) for which, values in found.items()}
            runs = json.dumps({which: [round(value, 4) for value in values] for which, values in found.items()})
            ratio = medians["new"] / medians["old"]
            print(
                f"| {row.what} | {row.asked} | {ratio:.3f} | {medians['old']:.4g} | {medians['new']:.4g} | {runs} |",
                flush=True,
            )


def built(folder: Path, commit: str) -> Path:
    """A clone at a commit with its environment."""
    if not folder.exists():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
        full = subprocess.run(["git", "rev-parse", commit], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        subprocess.run(["git", "checkout", "-q", full.strip()], cwd=folder, check=True)
        subprocess.run(["uv", "sync", "-q"], cwd=folder, check=True, env=_without_environment())
        # bytecode is neither compiling nor caching of models: both builds have it
        python = folder / ".venv" / "bin" / "python"
        subprocess.run([python, "-m", "compileall", "-q", folder / ".venv", folder / "xenograft"], check=False)
    return folder


def measured(name: str, row: Row, which: str, build: Path, temporary: Path, number: int) -> float:
    """One run of one build: seconds, or the number that the code prints."""
    cache = temporary / f"cache-{which}" if row.warm else Path(tempfile.mkdtemp(dir=temporary))
    folder = Path(tempfile.mkdtemp(dir=temporary))
    (folder / "design.toml").write_text(DESIGN, encoding="utf-8")
    (folder / "truth.toml").write_text(TRUTH, encoding="utf-8")
    environment = _without_environment() | {
        "NUMBA_CACHE_DIR": str(cache / "numba"), "PYTENSOR_FLAGS": f"base_compiledir={cache / 'pytensor'}",
    }  # fmt: skip
    if name == "tests":
        clone = folder / "clone"
        subprocess.run(["git", "clone", "-q", str(build), str(clone)], check=True)
        return _seconds(["uv", "run", "pytest", "-q"], clone, environment)[0]
    code = row.code.replace("MODEL", MODEL_OLD if which == "old" else MODEL_NEW)
    python = build / ".venv" / "bin" / "python"
    words = ["-c", code] if code else ["-m", "xenograft.cli", *row.command.format(folder=folder).split()]
    command = [python, *words]
    if row.warm and number == 0:
        _seconds(command, build, environment)
        shutil.rmtree(folder / "power", ignore_errors=True)
    seconds, printed = _seconds(command, build, environment, may_fail=not code)
    return seconds if row.wall or row.command else float(printed.split()[-1])


def _seconds(
    command: list[object], folder: Path, environment: dict[str, str], *, may_fail: bool = True
) -> tuple[float, str]:
    started = time.perf_counter()
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode not in ((0, 1) if may_fail else (0,)):  # a test may fail, a report may say caution
        raise RuntimeError(done.stderr)
    return taken, done.stdout


def _without_environment() -> dict[str, str]:
    """This process's environment without that of its own project."""
    dropped = ("VIRTUAL_ENV", "PYTENSOR_FLAGS", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if name not in dropped}


if __name__ == "__main__":
    typer.run(main)
