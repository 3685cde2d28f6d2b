"""The last step: everything to take away, and the command that makes it again."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.analysing import ANSWER, FIGURES, NUMBERS, PAGE, TABLE, WORKBOOK, command_of
from xenograft.app.here import Here, settle
from xenograft.app.run import digest
from xenograft.app.work import Work, read_record
from xenograft.errors import InputError

SHOWN = {
    PAGE: "The report: a page that opens anywhere, without network",
    NUMBERS: "Every result for programs",
    WORKBOOK: "Every number as a workbook",
    TABLE: "Every number as a table",
}
HOW = "how-it-was-made.txt"


def panel() -> Tag:
    """The step, before anything is known."""
    return tags.div(ui.output_ui("take_body"))


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the step does."""
    there: reactive.Value[tuple[str, ...]] = reactive.Value(())

    @reactive.effect
    def _() -> None:
        work, standing = here.work(), here.standing()
        fits = standing.is_open and (standing.progress or {}).get("step") in (None, "fit", "compare", "report")
        if work is None or fits:
            settle(there, ())
            return
        found = [name for name in (*SHOWN, ANSWER) if (work.out / name).is_file()]
        drawn = standing.state == "done" and (work.out / FIGURES).is_dir()
        settle(there, (*found, *([FIGURES] if drawn else [])))

    @render.ui
    def take_body() -> TagChild:
        found, work = there(), here.work()
        if ANSWER not in found or work is None:
            return tags.p("There is nothing to take away yet. Run the analysis first.", class_="mt-3")
        asked = here.standing().asked or {}
        rows = [
            tags.li(ui.download_button(f"take_{number}", name), tags.span(words))
            for number, (name, words) in enumerate(SHOWN.items())
            if name in found
        ]
        later = tags.p("Tables and figures are still being written; they appear here by themselves.", role="status")
        figures = tags.li(
            ui.download_button("take_figures", "figures.zip"), tags.span("Every figure as PNG, SVG and PDF")
        )
        everything = tags.li(
            ui.download_button("take_all", "everything.zip", class_="btn-primary"),
            tags.span("All of these with the sheet, study.toml and the command that makes it again"),
        )
        return TagList(
            tags.h1("Take it away"),
            tags.ul(everything if FIGURES in found else None, *rows, figures if FIGURES in found else None,
                    class_="files"),
            None if FIGURES in found else later,
            tags.h2("Make it again"),
            tags.p("In the folder of everything.zip, this gives the same results.json:"),
            tags.pre(tags.code(command_of(asked) if asked else ""), class_="toml"),
        )  # fmt: skip

    def offers(number: int, name: str) -> None:
        @output(id=f"take_{number}")
        @render.download_button(filename=lambda: f"{_stem(here)}-{name}")
        def _() -> Iterable[bytes]:
            yield (_work(here).out / name).read_bytes()

    for number, name in enumerate(SHOWN):
        offers(number, name)

    @render.download_button(filename=lambda: f"{_stem(here)}-figures.zip")
    def take_figures() -> Iterable[bytes]:
        out = _work(here).out
        yield zipped({f"{FIGURES}/{path.name}": path for path in sorted((out / FIGURES).iterdir())}, {})

    @render.download_button(filename=lambda: f"{_stem(here)}.zip")
    def take_all() -> Iterable[bytes]:
        yield everything_of(_work(here), here.text())


def everything_of(work: Work, lines: str) -> bytes:
    """A zip of the study, its answer and how it was made; in its folder the command gives the same results.json.

    Raises
    ------
    InputError
        The study was changed after the analysis.
    """
    asked = read_record(work.folder / "job.json").get("asked") or {}
    if asked.get("lines") != digest(lines):
        raise InputError("The study was changed after this analysis. Run it again.")
    files = {path.name: path for path in sorted(work.study.iterdir()) if path.is_file()}
    files |= {name: work.out / name for name in SHOWN if (work.out / name).is_file()}
    files |= {f"{FIGURES}/{path.name}": path for path in sorted((work.out / FIGURES).glob("*"))}
    versions = read_record(work.out / NUMBERS).get("provenance", {}).get("versions", {})
    told = [
        "Made with xenograft app. In this folder, this command gives the same results.json (but for times):", "",
        f"    {command_of(asked)}", "",
        "and, with every figure as a file:", "", f"    {command_of(asked, everything=True)}", "", "Versions:",
        *(f"    {name} {version}" for name, version in versions.items()), "",
    ]  # fmt: skip
    return zipped(files, {HOW: "\n".join(told)})


def zipped(files: dict[str, Path], texts: dict[str, str]) -> bytes:
    """Files and texts as one zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files.items():
            archive.write(path, name)
        for name, text in texts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _work(here: Here) -> Work:
    with reactive.isolate():
        work = here.work()
    if work is None:
        raise InputError("There is no study.")
    return work


def _stem(here: Here) -> str:
    """The study's name as a file may be called."""
    title = str(read_record(_work(here).out / ANSWER).get("title", "study"))
    return re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:60] or "study"
