"""How fast: the sampler against the same posterior written plainly, a report's figures, the cost of more animals."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from xenograft.model.choice import LASTING

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "her2-four-arm"
CARD = "exponential-bliss-departure"
PARTS = ("sampler", "rendering", "animals")


def main(only: Annotated[str | None, typer.Option(help=f"One of {', '.join(PARTS)}.")] = None) -> None:
    """Print the benchmark table as Markdown."""
    parts: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "sampler": sampler, "rendering": rendering, "animals": animals,
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

    from xenograft.fitting.density import density_of
    from xenograft.fitting.sampling import fit
    from xenograft.model.card import read_cards
    from xenograft.reading.read import read_study

    study, card = read_study(FIXTURE), read_cards(CARD)[CARD]
    density = density_of(study, card)
    plain = explicit_model(study, card)
    explicit = nutpie.compile_pymc_model(plain)

    def ours(seed: int) -> Any:
        return density.parameters(_drawn(density, draws=1000, chains=4, cores=None, seed=seed)[0])

    def with_nutpie(compiled: Any, adaptation: str) -> Callable[[int], Any]:
        return lambda seed: nutpie.sample(
            compiled, draws=1000, tune=1000, chains=4, seed=seed, progress_bar=False, save_warmup=False,
            adaptation=adaptation,
        ).posterior.to_dataset()  # fmt: skip

    def default(seed: int) -> Any:
        with plain:
            sampled = pm.sample(
                draws=1000, tune=1000, chains=4, random_seed=seed, progressbar=False, nuts_sampler="pymc"
            )
        return sampled.posterior.to_dataset()

    seconds: dict[str, float] = {}
    rates: dict[str, float] = {}
    for name, run, repeats in (
        ("integrated", ours, 5),
        ("explicit", with_nutpie(explicit, "diag"), 3),
        ("explicit, low-rank", with_nutpie(explicit, "low_rank"), 3),
        ("default", default, 1),
    ):
        found = [_timed(lambda seed=seed, run=run: run(seed)) for seed in range(repeats)]
        seconds[name] = statistics.median(taken for taken, _ in found)
        rates[name] = statistics.median(_effective(trace) / taken for taken, trace in found)
    refits = [_timed(lambda seed=seed: fit(study, card, seed=seed, progress=False))[0] for seed in range(4)][1:]
    return [
        ("sampling, animals integrated out, nutpie", f"{seconds['integrated']:.2f} s"),
        ("… effective draws per second (worst parameter)", f"{rates['integrated']:,.0f}"),
        ("sampling, explicit animal effects, nutpie", f"{seconds['explicit']:.2f} s"),
        ("… effective draws per second: integrated is faster by", f"{rates['integrated'] / rates['explicit']:.0f} ×"),
        ("… with the low-rank mass matrix", f"{rates['integrated'] / rates['explicit, low-rank']:.0f} ×"),
        ("sampling and compiling, explicit effects, PyMC's own sampler", f"{seconds['default']:.1f} s"),
        ("… effective draws per second: integrated is faster by", f"{rates['integrated'] / rates['default']:.0f} ×"),
        ("refit, health, log likelihood and predictive draws included", f"{statistics.median(refits):.2f} s"),
    ]


def rendering() -> list[tuple[str, str]]:
    """The report of fits at hand: gathering what it shows, and writing the page with all its figures."""
    from xenograft.analysis import Analysis
    from xenograft.answers.ranking import compare
    from xenograft.fitting.processes import Worker
    from xenograft.fitting.sampling import fit_all
    from xenograft.model.card import read_cards
    from xenograft.report.content import report_content
    from xenograft.report.page import render

    study = _fixture_study()
    fits = fit_all(study, read_cards(*LASTING), seed=1, progress=False)
    analysis = Analysis(study, fits, compare(fits))
    results = analysis.results("bliss")
    gathering, content = _timed(lambda: report_content(analysis, results, "benchmark"))
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
    from xenograft.fitting.density import density_of
    from xenograft.model.card import read_cards
    from xenograft.simulation.simulate import simulate
    from xenograft.simulation.truth import read_truth

    card = read_cards("gompertz-bliss-departure")["gompertz-bliss-departure"]
    truth = read_truth(FIXTURE / "truth.toml")
    arms = _fixture_study().arms
    days = [float(day) for day in range(0, 43, 3)]
    rows: list[tuple[str, str]] = []
    for number in (40, 200, 1000, 5000):
        study = simulate(arms, truth, animals=number // 4, days=days, seed=1)
        density = density_of(study, card)
        draws = max(100, 40_000 // number)
        taken, (_, statistics_of_draws) = _timed(
            lambda d=density, n=draws: _drawn(d, draws=n, chains=1, cores=1, seed=1)
        )
        # as many steps of tuning as of drawing, or nearly so: their number is not kept
        gradients = 2 * int(statistics_of_draws["n_steps"].sum())
        each, readings = taken / gradients, len(study.fitted_readings)
        speed = f"{each * 1e6:,.0f} µs, {readings / each / 1e6:.1f} million readings per second"
        rows.append((f"{number:,} animals ({readings:,} readings), one gradient", speed))
    return rows


def _fixture_study() -> Any:
    from xenograft.reading.read import read_study

    return read_study(FIXTURE)


def _drawn(density: Any, *, draws: int, chains: int, cores: int | None, seed: int) -> Any:
    from xenograft.fitting.nutpie_adapter import sample

    return sample(
        density, draws=draws, tune=draws, chains=chains, cores=cores, seed=seed, target_accept=0.8,
        adaptation="low_rank",
    )  # fmt: skip


def _effective(posterior: Any) -> float:
    import arviz as az

    names = ["baseline", "growth", "kill", "sd_baseline", "sd_growth", "correlation", "error"]
    return min(float(values.min()) for values in az.ess(posterior[names]).values())


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    typer.run(main)
