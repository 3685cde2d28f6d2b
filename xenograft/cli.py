"""The command line: progress on standard error, results on standard output, exit codes of DESIGN 8.4."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from xenograft.errors import InputError, XenograftError

if TYPE_CHECKING:
    from xenograft.cards import ModelCard
    from xenograft.comparison import Comparison
    from xenograft.fitted import Fit
    from xenograft.sampling import SamplerSettings
    from xenograft.study import Study
    from xenograft.workers import Worker

INTERNAL_ERROR, INTERRUPTED, NO_HEALTHY_FIT = 4, 130, 3
LOG = "xenograft.log"

app = typer.Typer(
    help="Bayesian analysis of mouse xenograft studies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="A study.toml, or the folder that holds one.")]
Cards = Annotated[
    list[str] | None,
    typer.Option("-m", "--model", metavar="CARD", help="A shipped card's name, a card file or a folder of cards."),
]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers.")]
Draws = Annotated[int, typer.Option(min=100, help="Posterior draws per chain, after as many for tuning.")]
Chains = Annotated[int, typer.Option(min=2, help="Independent chains.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")]
JsonPath = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Where to write results.json.")]
Reference = Annotated[Literal["bliss", "hsa"], typer.Option(help="What no interaction means in the study's verdict.")]


@app.command()
def check(study: StudyPath) -> None:
    """Read and validate a study; print its arms, animals and days."""
    from xenograft.reading import read_study, summary_table

    found = read_study(study)
    out = _stdout()
    out.print(f"[bold]{_plain(found.name)}[/bold]")
    out.print(f"first dose day {found.first_dose:g} · horizon day {found.horizon:g} · volumes in {_plain(found.unit)}")
    out.print(_table(summary_table(found)))
    for notice in found.notices:
        out.print(f"note: {_plain(notice)}")
    out.print("No problems found.")


@app.command()
def models() -> None:
    """List the model cards that come with the package."""
    from xenograft.cards import read_cards

    table = Table("card", "claim", "answers", box=None, pad_edge=False)
    for card in read_cards().values():
        table.add_row(_plain(card.name), _plain(card.claim), "yes" if card.answers else "null")
    _stdout().print(table)


@app.command()
def example(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the study to.")]) -> None:
    """Write a simulated four-arm study to start from."""
    inside = Path(__file__).parent / "example"
    source = inside if inside.is_dir() else Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
    taken = [file.name for file in source.iterdir() if (folder / file.name).exists()]
    if taken:
        raise InputError(f"{folder}: it already holds {', '.join(sorted(taken))}. Name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            shutil.copyfile(file, folder / file.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}). Choose another place.") from None
    _stdout().print(f"Wrote {_plain(folder)}. Next: xenograft report {_plain(shlex.quote(str(folder)))}")


@app.command()
def fit(
    study: StudyPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the fits.")],
    model: Cards = None,
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Fit model cards; write one NetCDF file per card and results.json."""
    analysis = _Analysis(study, model, seed, draws, chains, quiet)
    for name, one in analysis.fits.items():
        one.save(output / f"{name}.nc")
        _stdout().print(_plain(f"{name}: {_health(one)} → {output / f'{name}.nc'}"))
    analysis.write_json(output / "results.json", "bliss")
    analysis.finish()


@app.command()
def compare(
    study: StudyPath,
    model: Cards = None,
    json: JsonPath = None,
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Rank model cards by how well they predict an animal they have not seen."""
    analysis = _Analysis(study, model, seed, draws, chains, quiet)
    out, ranking = _stdout(), analysis.ranking
    table = Table(
        "card", "elpd", "difference", "weight", "answer weight", "bad k", "health", "cautions", box=None, pad_edge=False
    )
    for name, row in ranking.table.iterrows():
        table.add_row(
            _plain(name),
            f"{row['elpd']:.1f} ± {row['elpd_se']:.1f}",
            f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}",
            f"{row['weight']:.2f}",
            f"{row['answer_weight']:.2f}" if row["answers"] else "null",
            f"{row['bad_k']:d}",
            str(row["health"]),
            _plain(row["cautions"]),
        )
    out.print(table)
    for _, row in ranking.nulls.iterrows():
        difference = f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}"
        out.print(_plain(f"null {row['null']} against {row['answering']}: elpd {difference}"))
    for name, reason in ranking.refused.items():
        out.print(_plain(f"refused {name}: {reason}"))
    if json:
        analysis.write_json(json, "bliss")
    analysis.finish()


@app.command()
def report(
    study: StudyPath,
    model: Cards = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML file.")] = Path(
        "report.html"
    ),
    json: JsonPath = None,
    reference: Reference = "bliss",
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Fit, compare, average: one HTML report, results.json and the verdict."""
    from xenograft.reporting import report_content, write_html

    analysis = _Analysis(study, model, seed, draws, chains, quiet)
    json = json or output.with_name("results.json")
    content = analysis.write_json(json, reference)
    write_html(output, report_content(analysis.study, analysis.fits, analysis.ranking, content, _command()))
    out = _stdout()
    for verdict in content["verdicts"]:
        out.print(_plain(verdict["sentence"]))
    if content["reason"]:
        out.print(_plain(content["reason"]))
    out.print(f"Report: {_plain(output)}  Numbers: {_plain(json)}")
    analysis.finish()


class _Analysis:
    """Read, fit and compare: what fit, compare and report have in common."""

    def __init__(self, study: Path, model: list[str] | None, seed: int, draws: int, chains: int, quiet: bool) -> None:
        from xenograft.cards import read_cards
        from xenograft.workers import Worker

        self._started = time.perf_counter()
        two_cores = (os.cpu_count() or 1) > 1
        worker = Worker() if two_cores and not model else None  # the shipped cards are of two growth laws
        try:
            cards = read_cards(*(model or ()))
            if two_cores and worker is None and len({card.growth for card in cards.values()}) > 1:
                worker = Worker()
            self._read_and_fit(
                study, cards, worker, seed=seed, draws=draws, chains=chains, quiet=quiet, default=not model
            )
        finally:
            if worker:
                worker.close()

    def _read_and_fit(
        self,
        place: Path,
        cards: dict[str, ModelCard],
        worker: Worker | None,
        *,
        seed: int,
        draws: int,
        chains: int,
        quiet: bool,
        default: bool,
    ) -> None:
        from xenograft.reading import read_study

        self.study: Study = read_study(place)
        cards = _default_cards(self.study, cards) if default else cards
        if not quiet:
            for notice in self.study.notices:
                typer.echo(f"note: {notice}", err=True)
            laws = list(dict.fromkeys(card.growth for card in cards.values()))
            typer.echo(f"fitting {len(cards)} cards; each growth law ({', '.join(laws)}) is compiled once", err=True)
        from xenograft.comparison import compare as rank
        from xenograft.sampling import SamplerSettings, fit_all

        settings: SamplerSettings = SamplerSettings(draws=draws, tune=draws, chains=chains)
        first = next(iter(cards.values())).growth
        here = {name: card for name, card in cards.items() if worker is None or card.growth == first}
        there = {name: card for name, card in cards.items() if name not in here}
        if worker:
            worker.begin(self.study, there, seed=seed, settings=settings)
        fits = fit_all(self.study, here, seed=seed, settings=settings, progress=not quiet)
        if worker:
            if not quiet:
                typer.echo(f"waiting for {', '.join(there)}, fitted by a second process", err=True)
            found = worker.fits()
            if found is None:
                found = fit_all(self.study, there, seed=seed, settings=settings, progress=not quiet)
            fits |= found
        self.fits: dict[str, Fit] = {name: fits[name] for name in cards}
        self.ranking: Comparison = rank(self.fits)

    def write_json(self, path: Path, reference: Literal["bliss", "hsa"]) -> dict[str, Any]:
        """Write results.json and return its content."""
        from xenograft.files import write_text
        from xenograft.results import collect_results, to_json

        seconds = time.perf_counter() - self._started
        content = collect_results(self.study, self.fits, self.ranking, reference=reference, seconds=seconds)
        write_text(path, to_json(content))
        return content

    def finish(self) -> None:
        """Say which fits failed; exit 3 when no healthy card may answer."""
        for name, reason in self.ranking.refused.items():
            typer.echo(f"{name}: {reason}", err=True)
        if not self.ranking.answer_weights and any(one.card.answers for one in self.fits.values()):
            raise typer.Exit(NO_HEALTHY_FIT)


def _default_cards(study: Study, cards: dict[str, ModelCard]) -> dict[str, ModelCard]:
    """All shipped cards; without a combination, cards that differ in the departure only are one and the same."""
    if study.combinations:
        return cards
    return {name: card for name, card in cards.items() if card.answers}


def _health(one: Fit) -> str:
    failures = f" ({'; '.join(one.health.failures)})" if one.health.failures else ""
    return f"{one.health.status}{failures}"


def _command() -> str:
    return shlex.join(["xenograft", *sys.argv[1:]])


def _table(frame: Any) -> Table:
    table = Table(*map(str, frame.columns), box=None, pad_edge=False)
    for row in frame.itertuples(index=False):
        table.add_row(*(_plain(value) for value in row))
    return table


def _plain(value: object) -> str:
    from rich.markup import escape

    return escape(str(value))


def _stdout() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=160)


def main() -> None:
    """Entry point: every outcome is a sentence and an exit code, never a traceback."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer turns an interruption into this exit code without a word
            typer.echo("xenograft: interrupted; files that were there before are unchanged.", err=True)
        raise
    except XenograftError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        typer.echo(f"xenograft: internal error ({type(error).__name__}: {error}). {_logged()}", err=True)
        sys.exit(INTERNAL_ERROR)


def _logged() -> str:
    """Write the traceback of the current error to the log file; what to do with it, in words."""
    try:
        Path(LOG).write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as error:
        return f"Please report it; {LOG} could not be written ({error.strerror})."
    return f"Please report it with {LOG}."


if __name__ == "__main__":
    main()
