"""Every study below a folder × every default card (or those named): is the fit healthy, how long did it take?"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from xenograft.answers.averaging import model_curves
from xenograft.answers.ranking import compare
from xenograft.answers.verdicts import verdicts
from xenograft.errors import StudyError
from xenograft.fitting.sampling import fit_all
from xenograft.model.card import read_cards
from xenograft.model.choice import default_cards, why_not
from xenograft.reading.read import read_study


def main(
    folder: Annotated[Path, typer.Argument(help="A folder of folders, each with a study.toml.")],
    model: Annotated[list[str] | None, typer.Option("-m", help="Cards; default the default set.")] = None,
    study: Annotated[str, typer.Option(help="Only folders whose name contains this.")] = "",
    seed: Annotated[int, typer.Option()] = 1,
    comparison: Annotated[bool, typer.Option(help="Compare the fits and print the verdicts.")] = True,
) -> None:
    """Print two Markdown tables: the fits, and the verdicts."""
    said: list[str] = []
    print("| study | card | health | R-hat | ESS | divergences | elpd | worst k | attempts | seconds | why |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    started, statuses = time.perf_counter(), Counter[str]()
    for place in sorted(folder.glob(f"*{study}*/study.toml")):
        name = place.parent.name
        try:
            found = read_study(place)
        except StudyError as error:
            said.append(f"| {name} | refused: {error.problems[0]} | | | |")
            continue
        cards = {n: c for n, c in read_cards(*model).items() if not why_not(found, c)} if model else read_cards()
        cards = cards if model else default_cards(found, cards)[0]
        fits = fit_all(found, cards, seed=seed, progress=False)
        statuses.update(one.health.status for one in fits.values())
        ranking = compare(fits) if comparison else None
        for card, one in fits.items():
            health, elpd, worst = one.health, "not ranked", ""
            if ranking is not None and card in ranking.table.index:
                elpd = f"{ranking.table.loc[card, 'elpd']:.1f}"
                worst = f"{ranking.pareto_k[card].max():.2f}"
            print(
                f"| {name} | {card} | {health.status} | {health.max_rhat:.3f} | {health.min_ess_bulk:.0f} | "
                f"{health.divergences} | {elpd} | {worst} | {len(one.attempts)} | {one.seconds['sample']:.1f} | "
                f"{'; '.join(health.failures)} |",
                flush=True,
            )
        if ranking is None:
            continue
        for verdict in verdicts(fits, ranking, model_curves(fits, ranking)):
            probability = "" if verdict.probability is None else f"{verdict.probability:.3f}"
            day = f"{verdict.day:g}"
            said.append(
                f"| {name} | {verdict.combination} against {verdict.reference}, day {day}: {verdict.words} | "
                f"{probability} | {verdict.agreement or ''} | {'borderline' if verdict.borderline else ''} |"
            )
    print(f"\n{dict(statuses)} in {time.perf_counter() - started:.0f} s, comparison and compilation included")
    if not said:
        return
    print("\n| study | verdict | probability | growth laws | |\n|---|---|---|---|---|")
    print("\n".join(said))


if __name__ == "__main__":
    typer.run(main)
