"""Every study below a folder × every shipped card: is the fit healthy, and how long did it take?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xenograft.answers import model_curves, verdicts
from xenograft.cards import read_cards
from xenograft.comparison import compare
from xenograft.errors import StudyError
from xenograft.reading import read_study
from xenograft.sampling import fit_all


def main(
    folder: Annotated[Path, typer.Argument(help="A folder of folders, each with a study.toml.")],
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Print two Markdown tables: the fits, and the verdicts."""
    said: list[str] = []
    print("| study | card | health | R-hat | ESS | divergences | elpd | worst k | attempts | seconds |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for place in sorted(folder.glob("*/study.toml")):
        name = place.parent.name
        try:
            study = read_study(place)
        except StudyError as error:
            said.append(f"| {name} | refused: {error.problems[0]} | | | |")
            continue
        fits = fit_all(study, read_cards(), seed=seed, progress=False)
        ranking = compare(fits)
        for card, one in fits.items():
            health, ranked = one.health, card in ranking.table.index
            elpd = f"{ranking.table.loc[card, 'elpd']:.1f}" if ranked else "not ranked"
            worst = f"{ranking.pareto_k[card].max():.2f}" if ranked else ""
            print(
                f"| {name} | {card} | {health.status} | {health.max_rhat:.3f} | {health.min_ess_bulk:.0f} | "
                f"{health.divergences} | {elpd} | {worst} | {len(one.attempts)} | {one.seconds['sample']:.1f} |",
                flush=True,
            )
        for verdict in verdicts(fits, ranking, model_curves(fits, ranking)):
            probability = "" if verdict.probability is None else f"{verdict.probability:.3f}"
            day = f"{verdict.day:g}"
            said.append(
                f"| {name} | {verdict.combination} against {verdict.reference}, day {day}: {verdict.words} | "
                f"{probability} | {verdict.agreement or ''} | {'borderline' if verdict.borderline else ''} |"
            )
    print("\n| study | verdict | probability | growth laws | |\n|---|---|---|---|---|")
    print("\n".join(said))


if __name__ == "__main__":
    typer.run(main)
