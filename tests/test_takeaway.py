"""What people take away from a report: the sentence for a slide, the paragraphs for a paper, slides."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pptx
import pytest
from invented_report import content_for, without_combination

from xenograft.errors import InputError
from xenograft.report import slides
from xenograft.report.content import ReportContent
from xenograft.report.page import render
from xenograft.report.sensitivity_table import SensitivityTable
from xenograft.report.sentences import may_be_written, methods, results_sentences, slide_sentence
from xenograft.report.slides import check_slides, write_slides


def judged(**verdict: Any) -> ReportContent:
    content = content_for()
    results = dict(content.results)
    return replace(content, results=results | {"verdict": results["verdict"] | verdict})


def test_the_slide_sentence_has_the_fields_numbers_as_results_json_has_them() -> None:
    content = content_for()
    results = dict(content.results)
    bliss = next(row for row in results["interaction"] if row["reference"] == "bliss")
    arm = next(row for row in results["arms"] if row["arm"] == "A + B" and row["of"] == "typical")
    bliss |= {"expected_tgi": {"median": 81.2, "lower": 61.0, "upper": 89.0}}
    bliss |= {"combination_index": {"median": 0.42, "lower": 0.27, "upper": 0.68}}
    arm["tgi"] = {"median": 92.1, "lower": 85.0, "upper": 94.0, "unit": "%"}
    assert slide_sentence(content) == (
        "A + B, day 14: TGI expected under independent action (Bliss) 81 %, observed 92 %; observed/expected volume "
        "0.42 (95 % interval 0.27 to 0.68); probability of more than expected 0.990: enhanced."
    )


@pytest.mark.parametrize(
    ("reference", "words", "allowed"),
    [
        ("bliss", "enhanced", "“Synergistic” may be written"),
        ("bliss", "less than the reference", "“Antagonistic” may be written"),
        ("hsa", "enhanced", "not yet synergy"),
        ("bliss", "not distinguishable by these data", "Neither “synergy” nor “antagonism” may be written"),
    ],
)
def test_synergy_may_be_written_only_of_a_verdict_that_says_so(reference: str, words: str, allowed: str) -> None:
    assert allowed in may_be_written(judged(reference=reference, words=words))


def test_a_doubt_stands_in_the_sentence_itself() -> None:
    assert slide_sentence(judged(borderline=True)).endswith("Read with caution (verdict).")
    assert "cautions above" in may_be_written(judged(borderline=True))


def test_whether_synergy_may_be_written_says_under_which_assumptions_it_may_not() -> None:
    caged = SensitivityTable("On cages", pd.DataFrame(), "It would.", changed="animals in cages (not distinguishable)")
    content = replace(judged(), sensitivity=(caged,))
    assert "would be another with animals in cages (not distinguishable): see Sens" in may_be_written(content)
    undecided = replace(judged(words="not distinguishable by these data"), sensitivity=(caged,))
    assert "Sensitivity" not in may_be_written(undecided)


def test_without_a_conclusion_there_is_no_sentence_to_copy() -> None:
    content = judged(words="no conclusion: the growth laws contradict each other", probability=None)
    assert (slide_sentence(content), results_sentences(content), may_be_written(content)) == ("", "", "")
    assert "There is no conclusion, so there is no sentence to take away." in render(content)


def test_a_study_without_a_combination_has_a_sentence_on_inhibition_and_none_on_synergy() -> None:
    content = without_combination()
    assert re.match(r"\w+ against vehicle, day 14: TGI ", slide_sentence(content))
    assert may_be_written(content) == ""


def test_methods_grow_in_length_and_name_what_a_reviewer_asks_for() -> None:
    content = content_for()
    one, paragraph, supplement = methods(content).values()
    assert paragraph.startswith(one)
    assert supplement.startswith(paragraph)
    for fact in ("4 × 1,000 draws", "seed 1", "R-hat at most 1.001", "limit of quantification (16 mm³)"):
        assert fact in paragraph
    for fact in ("growth ~", content.cards["exponential-bliss-departure"].claim, content.command, "d" * 12):
        assert fact in supplement
    assert "slowing ~" not in supplement, "a prior of no parameter of the model"


def test_a_fit_that_failed_is_named_in_the_methods_and_lends_no_number_to_them() -> None:
    content = content_for()
    failed = {"status": "fail", "max_rhat": 1.63, "min_ess_bulk": 7.0, "divergences": 361}
    first, *others = content.results["models"]
    assert first["answers"]
    models = [first, first | {"health": first["health"] | failed}, *others]
    paragraph = methods(replace(content, results=content.results | {"models": models}))["A paragraph"]
    assert "R-hat at most 1.001, at least 2,000 effective draws, 0 divergent draws; 1 more did not" in paragraph


def test_every_sentence_of_the_page_can_be_copied_and_every_number_in_it_is_in_the_results() -> None:
    content = content_for()
    page = render(content)
    quotes = re.findall(r'<blockquote class="copied">(.*?)</blockquote>', page, re.DOTALL)
    assert len(quotes) == 5


def test_slides_say_the_verdict_and_carry_figures_with_words_and_a_table_that_can_be_edited(tmp_path: Path) -> None:
    content = content_for()
    write_slides(tmp_path / "deck.pptx", content)
    deck = pptx.Presentation(str(tmp_path / "deck.pptx"))
    texts = [" ".join(s.text_frame.text for s in slide.shapes if s.has_text_frame) for slide in deck.slides]
    assert "A + B: enhanced" in texts[0]
    assert slide_sentence(content) in texts[0]
    assert content.command in texts[-1]
    pictures = [shape for slide in deck.slides for shape in slide.shapes if shape.shape_type == 13]
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert len(pictures) == 4
    for start in ("Every animal's readings", "The typical animal", "A + B: its readings", "A + B: what it does beyond"):
        assert any(title.startswith(start) for title in titles), start
    assert all(shape._element.nvPicPr.cNvPr.get("descr") for shape in pictures)
    tables = [shape.table for slide in deck.slides for shape in slide.shapes if shape.has_table]
    assert [table.cell(1, 0).text for table in tables] == ["vehicle"]
    for slide in deck.slides:  # nothing hangs over the edge
        for shape in slide.shapes:
            assert 0 <= shape.left <= shape.left + shape.width <= deck.slide_width
            assert 0 <= shape.top <= shape.top + shape.height <= deck.slide_height


def test_slides_are_refused_before_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"--slides deck\.pdf: slides are written as \.pptx"):
        check_slides("deck.pdf")
    monkeypatch.setattr(slides, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r'pip install "xenograft\[slides\]"'):
        check_slides("deck.pptx")
