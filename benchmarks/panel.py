"""What a panel costs: effective draws per second, many models, memory, and start to report beside one study's.

`uv run python benchmarks/panel.py [FOLDER]` prints the tables of README.md. FOLDER is a panel (a table with a column of
models, or a folder of studies) for the first and last table; without one the simulated panel of the fixtures is taken.
`--combination ARM` restricts it, `--only PART` runs one of sampling, models, memory, report.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd

from xenograft.fitting.nutpie_adapter import sample
from xenograft.fitting.sampling import LOW_RANK_UP_TO, SamplerSettings
from xenograft.panels.analysis import panel_cards
from xenograft.panels.density import panel_density
from xenograft.panels.fit import fit_panel
from xenograft.panels.panel import Panel
from xenograft.panels.read import of_combination, read_panel

ROOT = Path(__file__).parents[1]
BRMS = 0.28
"""Worst effective draws per second of brms 2.18 (4 × (1000 + 1000), 4,082 processor seconds on two cores; 272 effective
draws of the worst parameter): LJM716 + trastuzumab of the breast panel, same effects and priors, zeros as 15 mm³."""

PARTS = ("sampling", "models", "memory", "report")


def times_larger(panel: Panel, times: int) -> Panel:
    """A panel with every model so many times, under other names."""
    copies = {f"{name}#{k}": study for k in range(times) for name, study in panel.studies.items()}
    first = {f"{name}#{k}": panel.first_dose[name] for k in range(times) for name in panel.studies}
    known = pd.concat([panel.moderators.rename(index=lambda name, k=k: f"{name}#{k}") for k in range(times)])
    historical = frozenset(f"{name}#{k}" for k in range(times) for name in panel.historical)
    return replace(panel, studies=copies, first_dose=first, moderators=known, historical=historical)


def sampling(panel: Panel) -> None:
    """Worst effective draws per second of sampling, both cores."""
    print(
        "| card | seconds of sampling | worst bulk ESS | a second | beside brms | health |\n|---|---|---|---|---|---|"
    )
    for name, card in panel_cards(panel).items():
        began = time.perf_counter()
        fit = fit_panel(panel, card, seed=1, progress=False)
        whole = time.perf_counter() - began
        density = panel_density(panel, card)
        began = time.perf_counter()
        adaptation = "low_rank" if density.n_dim <= LOW_RANK_UP_TO else "diag"
        positions, _ = sample(
            density, draws=1000, tune=1000, target_accept=0.8, adaptation=adaptation, chains=4, cores=None, seed=1,
            progress=lambda *_: None,
        )  # fmt: skip
        spent = time.perf_counter() - began
        ess = az.ess(density.parameters(positions), method="bulk")
        worst = min(float(np.min(ess[one].to_numpy())) for one in ess)
        rate = worst / spent
        health = f"{fit.health.status}, attempt {len(fit.attempts)}, {whole:.1f} s"
        print(f"| {name} | {spent:.1f} | {worst:,.0f} | {rate:,.0f} | {rate / BRMS:,.0f} × | {health} |", flush=True)


def models(panel: Panel) -> None:
    """Sampling 40 models and 400."""
    card = panel_cards(panel)["panel-exponential"]
    small = times_larger(panel, max(1, round(40 / len(panel.models))))
    seconds: list[float] = []
    print("| models | readings | seconds, 4 × (500 + 500) | times |\n|---|---|---|---|")
    for one in (small, times_larger(small, 10)):
        began = time.perf_counter()
        fit_panel(one, card, seed=1, progress=False, settings=SamplerSettings(draws=500, tune=500, retries=0))
        seconds.append(time.perf_counter() - began)
        times = seconds[-1] / seconds[0]
        print(f"| {len(one.models)} | {one.readings:,} | {seconds[-1]:.1f} | {times:.1f} |", flush=True)


def started(*words: str) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak memory (MB) of a command."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("xenograft"), *words], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, _, usage = os.wait4(process.pid, 0)
    spent = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, processor, usage.ru_maxrss / 1024


def report(place: Path, combination: str | None) -> None:
    """Start to page, beside a report of the fixture; each twice in turn, the second is told."""
    only = [] if combination is None else ["--combination", combination]
    commands = {
        "xenograft report fixtures/her2-four-arm": ["report", str(ROOT / "fixtures" / "her2-four-arm"), "--quiet"],
        f"xenograft panel {place.name}": ["panel", str(place.resolve()), *only, "--quiet"],
    }
    found = {name: [started(*words) for _ in range(2)][-1] for name, words in commands.items()}
    base, *_ = found.values()
    print("| command | seconds | processor seconds | peak memory | times |\n|---|---|---|---|---|")
    for name, (spent, processor, memory) in found.items():
        print(f"| `{name}` | {spent:.0f} | {processor:.0f} | {memory:,.0f} MB | {spent / base[0]:.2f} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", nargs="?", type=Path, default=ROOT / "fixtures" / "her2-panel")
    parser.add_argument("--combination")
    parser.add_argument("--only", choices=PARTS, action="append")
    given = parser.parse_args()
    panel = read_panel(given.place)
    if given.combination:
        panel = of_combination(panel, given.combination, "--combination")
    wanted = given.only or PARTS
    if "sampling" in wanted:
        sampling(panel)
    if "models" in wanted:
        models(panel)
    if "memory" in wanted:
        print(f"Peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    if "report" in wanted:
        report(given.place, given.combination)


if __name__ == "__main__":
    main()
