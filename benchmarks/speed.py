"""How fast: the sampler against the same posterior written plainly, the command line, the cost of more animals."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from xenograft.model.choice import LASTING

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "her2-four-arm"
CARD = "exponential-bliss-departure"
READ = f"import xenograft as xg; study = xg.read_study({str(FIXTURE)!r}); cards = xg.read_cards(); "
ONE_CARD = READ + f"print(xg.fit(study, cards[{CARD!r}], progress=False).health.status)"
EACH_CARD = READ + (
    "import nutpie; from xenograft.fitting.pymc_model import build; "
    f"[nutpie.compile_pymc_model(build(study, cards[name])) for name in {LASTING}]"
)
PARTS = ("sampler", "start", "rendering", "animals")


def main(only: Annotated[str | None, typer.Option(help=f"One of {', '.join(PARTS)}.")] = None) -> None:
    """Print the benchmark table as Markdown."""
    parts: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "sampler": sampler, "start": start, "rendering": rendering, "animals": animals,
    }  # fmt: skip
    print("| what | found |\n|---|---|", flush=True)
    for name in [only] if only else PARTS:
        for what, found in parts[name]():
            print(f"| {what} | {found} |", flush=True)


def sampler() -> list[tuple[str, str]]:
    """The fixture, 4 × (1000 + 1000) draws of one posterior, in three ways."""
    import nutpie
    import pymc as pm
    from explicit import explicit_model

    from xenograft.fitting.arrays import sampler_data
    from xenograft.fitting.pymc_model import build_for_sampler
    from xenograft.fitting.sampling import fit
    from xenograft.model.card import read_cards
    from xenograft.reading.read import read_study

    study, card = read_study(FIXTURE), read_cards(CARD)[CARD]
    integrated = nutpie.compile_pymc_model(build_for_sampler(study, card), default_initialization_strategy="prior")
    plain = explicit_model(study)
    explicit = nutpie.compile_pymc_model(plain)

    def with_nutpie(compiled: Any, adaptation: str) -> Callable[[int], Any]:
        return lambda seed: nutpie.sample(
            compiled, draws=1000, tune=1000, chains=4, seed=seed, progress_bar=False, save_warmup=False,
            adaptation=adaptation,
        )  # fmt: skip

    def default(seed: int) -> Any:
        with plain:
            return pm.sample(draws=1000, tune=1000, chains=4, random_seed=seed, progressbar=False, nuts_sampler="pymc")

    seconds: dict[str, float] = {}
    rates: dict[str, float] = {}
    for name, run, repeats in (
        ("integrated", with_nutpie(integrated, "low_rank"), 5),
        ("explicit", with_nutpie(explicit, "diag"), 3),
        ("explicit, low-rank", with_nutpie(explicit, "low_rank"), 3),
        ("default", default, 1),
    ):
        found = [_timed(lambda seed=seed, run=run: run(seed)) for seed in range(repeats)]
        seconds[name] = statistics.median(taken for taken, _ in found)
        rates[name] = statistics.median(_effective(trace) / taken for taken, trace in found)
    refits = [_timed(lambda seed=seed: fit(study, card, seed=seed, progress=False))[0] for seed in range(4)][1:]
    bound = [
        _timed(lambda: with_nutpie(integrated.with_data(**sampler_data(study, card)), "low_rank")(3))[0]
        for _ in range(3)
    ]
    return [
        ("sampling, animals integrated out, nutpie", f"{seconds['integrated']:.2f} s"),
        ("… effective draws per second (worst parameter)", f"{rates['integrated']:,.0f}"),
        ("sampling, explicit animal effects, nutpie", f"{seconds['explicit']:.2f} s"),
        ("… effective draws per second: integrated is faster by", f"{rates['integrated'] / rates['explicit']:.0f} ×"),
        ("… with the low-rank mass matrix", f"{rates['integrated'] / rates['explicit, low-rank']:.0f} ×"),
        ("sampling and compiling, explicit effects, PyMC's own sampler", f"{seconds['default']:.1f} s"),
        ("… effective draws per second: integrated is faster by", f"{rates['integrated'] / rates['default']:.0f} ×"),
        ("refit through with_data", f"{statistics.median(bound):.2f} s"),
        ("refit, health, log likelihood and predictive draws included", f"{statistics.median(refits):.2f} s"),
    ]


def start() -> list[tuple[str, str]]:
    """From the start of a process: one card, and the report, against compiling six cards one by one in the same run.

    Seconds of start-up and compilation are those of one thread of the machine, so the share counts, not the seconds.
    """
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        one = [sys.executable, "-c", ONE_CARD]
        report = ["xenograft", "report", str(FIXTURE), "-o", str(Path(folder) / "report.html"), "--quiet"]
        report += [word for name in LASTING for word in ("-m", name)]
        for state in ("nothing cached", "warm caches"):
            each = _seconds([sys.executable, "-c", EACH_CARD], f"{folder}/each")
            rows.append((f"six cards compiled one by one, {state}", f"{each:.1f} s"))
            for what, command in (
                ("process start to posterior of one card", one),
                ("xenograft report, six cards", report),
            ):
                taken = _seconds(command, f"{folder}/{command[0]}")
                rows.append((f"{what}, {state}", f"{taken:.1f} s, {taken / each:.2f} of that"))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [*rows, ("peak memory of these", f"{memory:,.0f} MB")]


def rendering() -> list[tuple[str, str]]:
    """The report of fits at hand: gathering what it shows, and writing the page with all its figures."""
    from xenograft.answers.ranking import compare
    from xenograft.answers.results import collect_results
    from xenograft.fitting.processes import Worker
    from xenograft.fitting.sampling import fit_all
    from xenograft.model.card import read_cards
    from xenograft.report.content import report_content
    from xenograft.report.page import render

    study = _fixture_study()
    fits = fit_all(study, read_cards(*LASTING), seed=1, progress=False)
    ranking = compare(fits)
    results = collect_results(study, fits, ranking)
    gathering, content = _timed(lambda: report_content(study, fits, ranking, results, "benchmark"))
    render(content)  # fonts and templates are read once
    taken, page = _timed(lambda: render(content))
    second = Worker()
    try:
        render(content, second=second)
        shared, _ = _timed(lambda: render(content, second=second))
    finally:
        second.close()
    drawing, laid_out = _saving_of_panels(content)
    return [
        ("report, gathering what it shows", f"{gathering:.1f} s"),
        ("report, rendering (at most 5 s asked for)", f"{taken:.1f} s, {len(page.encode()) / 1e6:.1f} MB"),
        ("… with a second process, as the command does", f"{shared:.1f} s"),
        ("… one figure of panels as it is, against a layout engine that places it", f"{laid_out / drawing:.1f} ×"),
    ]


def _saving_of_panels(content: Any) -> tuple[float, float]:
    """Processor time to write the panels of all arms: with fixed margins, and with the layout left to matplotlib."""
    from xenograft.figures.theme import WIDE, svg
    from xenograft.report.drawings import drawings

    panels = next(one for one in drawings(content) if one.name == "panels")

    def written(engine: str | None) -> float:
        figure = panels.draw(WIDE)
        if engine:
            figure.set_layout_engine(engine)
        started = time.process_time()
        svg(figure, "benchmark")
        return time.process_time() - started

    fixed, placed = ([written(engine) for _ in range(5)] for engine in (None, "constrained"))
    return statistics.median(fixed), statistics.median(placed)


def animals() -> list[tuple[str, str]]:
    """Time per gradient of the Gompertz card against the number of animals."""
    import nutpie

    from xenograft.fitting.arrays import sampler_data
    from xenograft.fitting.pymc_model import build_for_sampler
    from xenograft.model.card import read_cards
    from xenograft.simulation.simulate import simulate
    from xenograft.simulation.truth import read_truth

    card = read_cards("gompertz-bliss-departure")["gompertz-bliss-departure"]
    truth = read_truth(FIXTURE / "truth.toml")
    arms = _fixture_study().arms
    days = [float(day) for day in range(0, 43, 3)]
    rows: list[tuple[str, str]] = []
    compiled: Any = None
    for number in (40, 200, 1000, 5000):
        study = simulate(arms, truth, animals=number // 4, days=days, seed=1)
        compiled = compiled or nutpie.compile_pymc_model(build_for_sampler(study, card))
        bound = compiled.with_data(**sampler_data(study, card))
        draws = max(100, 40_000 // number)
        taken, trace = _timed(
            lambda b=bound, n=draws: nutpie.sample(b, draws=n, tune=n, chains=1, cores=1, seed=1, progress_bar=False)
        )
        gradients = sum(int(trace[group]["n_steps"].sum()) for group in ("sample_stats", "warmup_sample_stats"))
        each, readings = taken / gradients, len(study.fitted_readings)
        speed = f"{each * 1e6:,.0f} µs, {readings / each / 1e6:.1f} million readings per second"
        rows.append((f"{number:,} animals ({readings:,} readings), one gradient", speed))
    return rows


def _seconds(command: list[str], cache: str) -> float:
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "PYTHONDONTWRITEBYTECODE": ""}
    return _timed(lambda: subprocess.run(command, check=True, capture_output=True, env=environment))[0]


def _fixture_study() -> Any:
    from xenograft.reading.read import read_study

    return read_study(FIXTURE)


def _effective(trace: Any) -> float:
    import arviz as az

    names = ["baseline", "growth", "kill", "sd_baseline", "sd_growth", "correlation_unit", "error"]
    return min(float(values.min()) for values in az.ess(trace.posterior.to_dataset()[names]).values())


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    typer.run(main)
