"""Slides for the meeting: the answer, what it is based on, how it was made."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xenograft.errors import InputError
from xenograft.figures.theme import CONTROL, INK, WIDE, picture
from xenograft.files import replacing
from xenograft.printing import interval_in_words
from xenograft.quantities.catalogue import shown
from xenograft.report.content import ReportContent
from xenograft.report.drawings import drawings
from xenograft.report.sentences import may_be_written, methods, slide_sentence
from xenograft.report.words import LEVELS, Level, headline, level_of, lights, question
from xenograft.study.groups import counted

SHOWN = ("panels", "typical", "expected", "excess", "grid")
"""Figures that get a slide, by name; one of several combinations carries its number behind the name."""

COLOURS: dict[Level, str] = {"good": "17693F", "doubt": "7D4F00", "bad": "A01C22"}
MOST_ROWS = 14
"""Arms that a table on a slide has room for."""


def check_slides(path: str | Path) -> None:
    """Refuse before time is spent a file of another kind, or where the library that writes slides is not installed.

    Parameters
    ----------
    path : str or Path
        Where the slides will be written.

    Raises
    ------
    InputError
        With what to do instead.
    """
    if Path(path).suffix.lower() != ".pptx":
        raise InputError(f"--slides {path}: slides are written as .pptx. Give the file that ending.")
    if find_spec("pptx") is None:
        raise InputError('--slides: python-pptx is not installed. Install it with `pip install "xenograft[slides]"`.')


def write_slides(path: str | Path, content: ReportContent) -> None:
    """Write a PowerPoint file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends in .pptx.
    content : ReportContent
        What the report shows.

    Raises
    ------
    InputError
        When python-pptx is not installed, or the file cannot be written.
    """
    check_slides(path)
    import pptx
    from pptx.util import Inches

    deck: Any = pptx.Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    deck.core_properties.title, deck.core_properties.author = content.title, "xenograft"
    _answer(deck, content)
    for one in drawings(content):
        if one.name.rstrip("-0123456789") in SHOWN:
            _figure(deck, one.caption, picture(one.draw(WIDE)), one.alt)
    _arms(deck, content)
    _methods(deck, content)
    with replacing(path) as temporary:
        deck.save(str(temporary))


def _answer(deck: Any, content: ReportContent) -> None:
    level, verdict = level_of(content), content.results["verdict"]
    slide = _slide(deck, question(content))
    words = headline(verdict) if verdict else "No conclusion"
    _text(slide, words, top=1.35, height=0.9, size=32, bold=True, colour=COLOURS[level])
    said = [slide_sentence(content) or content.results["reason"] or (verdict or {}).get("sentence", "")]
    said += [may_be_written(content)]
    _text(slide, [one for one in said if one], top=2.3, height=2.4, size=20)
    lamps = [f"{LEVELS[one.level][0]} {one.name}: {one.words}" for one in lights(content)]
    _text(slide, lamps, top=4.8, height=1.6, size=14)
    study = content.study
    foot = f"{content.title} · {counted(study.animals)} in {len(study.arms)} arms · day {study.horizon:g}"
    _text(slide, foot, top=6.85, height=0.4, size=11, colour=CONTROL[1:])


def _figure(deck: Any, caption: str, image: bytes, alt: str) -> None:
    from pptx.util import Inches

    slide = _slide(deck, caption.partition(". ")[0].removesuffix(".") + ".", size=18)
    drawn = slide.shapes.add_picture(io.BytesIO(image), Inches(0.6), Inches(1.2))
    room = Inches(12.1), Inches(5.9)
    scale = min(room[0] / drawn.width, room[1] / drawn.height)
    drawn.width, drawn.height = int(drawn.width * scale), int(drawn.height * scale)
    drawn.left = int((deck.slide_width - drawn.width) / 2)
    drawn._element.nvPicPr.cNvPr.set("descr", alt)


def _arms(deck: Any, content: ReportContent) -> None:
    """The numbers of the arms as a table that can be edited."""
    from pptx.util import Inches, Pt

    rows = [r for r in content.results["arms"] if r["model"] == "averaged" and r["of"] == "typical"][:MOST_ROWS]
    if not rows:
        return
    numbers = shown("printed")
    slide = _slide(deck, f"The typical animal of each arm, day {content.study.horizon:g}: median (95 % interval)")
    heads = ["Arm", *(one.heading(rows[0][one.key]["unit"]) for one in numbers)]
    height = Inches(0.45)
    table = slide.shapes.add_table(
        len(rows) + 1, len(heads), Inches(0.6), Inches(1.4), Inches(12.1), height * (len(rows) + 1)
    ).table
    lines = [heads] + [[row["arm"], *(interval_in_words(row[one.key], one.digits) for one in numbers)] for row in rows]
    for line, cells in enumerate(lines):
        for column, words in enumerate(cells):
            cell = table.cell(line, column)
            cell.text = words
            for paragraph in cell.text_frame.paragraphs:
                paragraph.font.size = Pt(13)


def _methods(deck: Any, content: ReportContent) -> None:
    slide = _slide(deck, "How this was made")
    said = methods(content)["A paragraph"].split(". ")
    _text(slide, [f"{one.removesuffix('.')}." for one in said], top=1.35, height=4.6, size=15)
    _text(slide, f"Again: {content.command}", top=6.6, height=0.6, size=11, colour=CONTROL[1:])


def _slide(deck: Any, title: str, size: int = 24) -> Any:
    slide = deck.slides.add_slide(deck.slide_layouts[5])  # of the default template: a title, and room below
    from pptx.util import Inches, Pt

    place = slide.shapes.title
    place.left, place.top, place.width, place.height = (Inches(one) for one in (0.6, 0.35, 12.1, 0.9))
    place.text_frame.word_wrap = True
    place.text_frame.text = title
    for paragraph in place.text_frame.paragraphs:
        paragraph.font.size, paragraph.font.bold = Pt(size), False
        paragraph.alignment = 1  # left
    return slide


def _text(
    slide: Any, words: str | Sequence[str], *, top: float, height: float, size: int, bold: bool = False,
    colour: str = INK[1:].upper(),
) -> None:  # fmt: skip
    from pptx.dml.color import RGBColor
    from pptx.util import Inches, Pt

    frame = slide.shapes.add_textbox(Inches(0.6), Inches(top), Inches(12.1), Inches(height)).text_frame
    frame.word_wrap = True
    for number, line in enumerate([words] if isinstance(words, str) else words):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text = line
        paragraph.font.size, paragraph.font.bold = Pt(size), bold
        paragraph.font.color.rgb = RGBColor.from_string(colour.upper())
        paragraph.space_after = Pt(6)
