"""The HTML report: verdict first, everything escaped, doubts unmistakable, nothing from the network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from invented_report import HOSTILE, content_for, without_combination

from xenograft.errors import InputError
from xenograft.evidence.cautions import Caution
from xenograft.quantities.catalogue import ARM_NUMBERS
from xenograft.report.content import ReportContent
from xenograft.report.content_of_responses import Responses
from xenograft.report.content_of_sensitivity import SensitivityTable, on_the_day
from xenograft.report.drawings import drawings
from xenograft.report.page import render, write_figures, write_html
from xenograft.report.sections import SECTIONS, TEMPLATES, Section
from xenograft.report.words import TERMS, level_of

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture(scope="module")
def page() -> str:
    return render(content_for())


def test_the_verdict_stands_before_the_first_figure(page: str) -> None:
    assert page.index("A + B: enhanced") < page.index("<figure")


def test_every_section_is_there(page: str, subtests: pytest.Subtests) -> None:
    for section in [
        "answer",
        "figures",
        "numbers",
        "sensitivity",
        "models",
        "methods",
        "animals",
        "health",
        "provenance",
        "terms",
    ]:
        with subtests.test(section=section):
            assert f'id="{section}"' in page


def test_the_figures_of_these_tests_are_blank() -> None:
    page = render(content_for())
    assert page.count("<svg") > 6
    assert len(page) < 400_000  # drawn they are 2 MB, and take each test some seconds


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', page)
    assert page.count("<script") == 1, "its own, which its policy names by its digest"
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)


def test_ids_on_the_page_are_unique(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_table_has_column_headers_and_every_figure_says_what_it_shows(page: str) -> None:
    assert page.count("<table>") == page.count("<thead>")
    alternatives = re.findall(r'<div role="img" aria-label="([^"]+)"', page)
    assert len(alternatives) == page.count("<figure") == len(drawings(content_for()))
    assert len(set(alternatives)) == len(alternatives)


def test_names_from_the_data_are_shown_as_they_are_and_never_run(drawn: None) -> None:
    for names in (HOSTILE[:4], ("vehicle", HOSTILE[4], "B", f"{HOSTILE[4]} + B")):
        page = render(content_for(names=names))
        assert "<script>alert" not in page
        for name in names:
            assert name.replace("<", "&lt;").replace(">", "&gt;") in page, name
            if 1 < len(name) < 20:
                assert len(re.findall(re.escape(name.lstrip("_")), page)) >= 8, name  # tables and figures


def test_a_failed_fit_is_said_before_the_first_figure() -> None:
    content = content_for()
    results = dict(content.results)
    words = "no conclusion: the sampler did not converge (R-hat 1.4 (growth))"
    results["verdict"] = results["verdict"] | {"words": words, "probability": None, "agreement": None}
    failing = results["models"][0] | {"elpd": None, "weight": None, "answer_weight": None, "refused": "R-hat 1.4"}
    failing["health"] = failing["health"] | {"status": "fail", "failures": ["R-hat 1.4 (growth)"]}
    results["models"] = [failing, results["models"][1]]
    page = render(replace(content, results=results))
    first = page[: page.index("<figure")]
    assert words in first
    assert "exponential-bliss-departure: fail." in first
    assert 'class="verdict bad"' in first


def test_an_answering_fit_that_failed_is_never_called_sound_even_if_another_answers() -> None:
    content = content_for()
    healthy, null = content.results["models"]
    failed = healthy | {
        "elpd": None,
        "weight": None,
        "answer_weight": None,
        "refused": "R-hat 1.4",
        "name": "other-law",
    }
    failed["health"] = failed["health"] | {"status": "fail", "failures": ["R-hat 1.4 (growth)"]}
    page = render(replace(content, results=dict(content.results) | {"models": [healthy, failed, null]}))
    first = page[: page.index("<figure")]
    assert 'class="verdict doubt"' in first
    assert "other-law: fail.</strong> R-hat 1.4 (growth)" in first


def test_a_null_that_failed_does_not_put_the_answer_in_doubt() -> None:
    content = content_for()
    healthy, null = content.results["models"]
    null = null | {"health": null["health"] | {"status": "fail"}}
    page = render(replace(content, results=dict(content.results) | {"models": [healthy, null]}))
    assert 'class="verdict good"' in page


@pytest.mark.parametrize("doubt", [{"caution": True}, {"borderline": True}, {"agreement": "conflict"}])
def test_a_doubtful_verdict_is_marked_as_such(doubt: dict[str, Any]) -> None:
    content = content_for()
    results = dict(content.results)
    results["verdict"] = results["verdict"] | doubt
    assert 'class="verdict doubt"' in render(replace(content, results=results))


def test_a_study_without_combination_shows_every_arms_inhibition_before_the_first_figure() -> None:
    page = render(without_combination())
    assert page.index(" of A (%)") < page.index(" of B (%)") < page.index("<figure")
    assert "The typical animal of each arm" in page


def test_a_study_without_combination_whose_fits_all_failed_is_not_called_sound() -> None:
    content = content_for()
    failed = [model | {"health": model["health"] | {"status": "fail"}} for model in content.results["models"]]
    changes = {"verdict": None, "verdicts": [], "interaction": [], "models": failed, "reason": "no conclusion: none"}
    page = render(replace(content, results=dict(content.results) | changes))
    assert 'class="verdict bad"' in page


def test_the_page_forbids_itself_to_load_anything(page: str) -> None:
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_same_content_gives_the_same_bytes(page: str, drawn: None) -> None:
    assert render(content_for()) == page


def test_the_animal_that_left_is_listed(page: str) -> None:
    assert "vehicle-00" in page


def test_a_report_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("here before")
    with pytest.raises(InputError, match="cannot be written"):
        write_html(blocked / "report.html", content_for())
    assert blocked.read_text() == "here before"


def test_the_sections_stand_in_the_order_in_which_a_reader_asks(page: str) -> None:
    order = ["answer", "figures", "numbers", "sensitivity", "methods", "animals", "health", "provenance", "terms"]
    places = [page.index(f'id="{name}"') for name in order]
    assert places == sorted(places)
    assert page.index("Does A + B do more than") < page.index("A + B: enhanced") < places[1]


def test_the_answer_is_one_sentence_with_size_interval_direction_and_relevance(page: str) -> None:
    assert (
        "On day 14 tumours are 0.60 times the volume that Bliss predicts (95 % interval 0.40 to 0.80); the probability "
        "that the combination does more is 0.990, that it does so by a relevant size (tumours at least 20 % smaller "
        "than predicted) 0.900, and that it is antagonistic by the same margin &lt; 0.001."
    ) in page


def test_a_margin_of_another_size_is_what_the_answer_speaks_of() -> None:
    assert "at least 50 % smaller than predicted" in render(content_for(margin=0.6931471805599453))


def lamps(page: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r'<li class="(\w+)"><span class="lamp".*?</span><strong>(.*?):</strong> (.*?)</li>', page)
    return {name: (level, words) for level, name, words in found}


def test_the_traffic_light_tells_health_and_agreement(page: str) -> None:
    assert lamps(page) == {
        "Health of the fits": ("good", "1 of 1 models used for the answer pass"),
        "Growth laws": ("good", "the laws give the same verdict"),
    }


def test_a_predictive_check_has_its_lamp_once_it_was_made() -> None:
    fine, missed = (lamps(render(content_for(predictive_check=found))) for found in ((), ("A: too few are large",)))
    assert fine["Predictive check"] == ("good", "the models used for the answer reproduce the readings of every arm")
    assert missed["Predictive check"] == ("doubt", "A: too few are large")


def test_a_failed_predictive_check_is_said_above_everything_else() -> None:
    page = render(content_for(predictive_check=("A: too few are large",)))
    assert 'class="alarm doubt"' in page[: page.index('id="answer"')]
    assert "<title>Caution: A study" in page


@pytest.mark.parametrize(
    ("agreement", "level"),
    [
        ("agree", "good"),
        ("differ in strength", "doubt"),
        ("opposite directions", "doubt"),
        ("conflict", "doubt"),
        (None, "doubt"),
    ],
)
def test_the_lamp_of_the_growth_laws_follows_their_agreement(agreement: str | None, level: str) -> None:
    content = content_for()
    results = dict(content.results)
    results["verdict"] = results["verdict"] | {"agreement": agreement}
    assert lamps(render(replace(content, results=results)))["Growth laws"][0] == level


def test_where_one_law_carries_all_the_weight_the_lamp_says_what_the_others_would_say() -> None:
    content = content_for()
    models = content.results["models"]
    second = models[0] | {"name": "another law", "answer_weight": 0.0}
    alone = {"agreement": None}
    for probability, level, words in (
        (0.98, "good", "exponential-bliss-departure carries all the weight; the others give the same verdict"),
        (0.9, "doubt", "exponential-bliss-departure carries all the weight; under another law alone the verdict would "
         "be another"),
    ):  # fmt: skip
        own = [
            row | {"model": model, "probability": found}
            for row in content.results["interaction"]
            for model, found in (("averaged", 0.99), (models[0]["name"], 0.99), ("another law", probability))
        ]
        verdict = content.results["verdict"] | alone
        results = dict(content.results) | {"models": [*models, second], "interaction": own, "verdict": verdict}
        assert lamps(render(replace(content, results=results)))["Growth laws"] == (level, words)


def test_a_sound_analysis_raises_no_alarm(page: str) -> None:
    assert 'class="alarm' not in page
    assert "<title>A study" in page


def linked(page: str) -> set[str]:
    return set(re.findall(r'<a class="term" href="#term-([^"]+)" title="[^"]+"', page))


def test_a_page_explains_every_term_that_it_uses_once_and_no_other(page: str) -> None:
    for shown in (page, render(without_combination())):
        assert linked(shown) <= set(TERMS)
        assert sorted(re.findall(r'<dt id="term-([\w-]+)">', shown)) == sorted(linked(shown))


def test_every_entry_of_the_glossary_is_linked_from_some_page() -> None:
    """By a link of the template, or as the name of a number."""
    written = " ".join(path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.jinja"))
    called = set(re.findall(r"""term\(["']([\w-]+)["']""", written)) | {"bliss", "hsa"}  # the verdicts' references
    assert set(TERMS) == called | {number.term for number in ARM_NUMBERS.values() if number.term}


def test_no_two_entries_of_the_glossary_explain_the_same_term() -> None:
    assert len({said.casefold() for said, _ in TERMS.values()}) == len(TERMS)


def test_methods_say_the_equation_every_prior_with_its_reason_and_the_command(page: str) -> None:
    assert "<math" in page
    for card in content_for().cards.values():
        for name, prior in card.priors.items():
            used = name not in ("mouse_share", "cage_share")  # animals are by themselves
            assert (prior.why.replace("'", "&#39;") in page) is used, name
    assert "exponential growth" in page
    assert "Gompertz growth" not in page  # of no card of this report
    assert "<code>xenograft report study</code>" in page


def with_readings(**columns: Any) -> ReportContent:
    content = content_for()
    return replace(content, study=replace(content.study, readings=content.study.readings.assign(**columns)))


def test_excluded_readings_are_listed_with_their_reason() -> None:
    content = with_readings(exclude="")
    readings = content.study.readings
    readings.loc[readings.index[4], ["exclude", "fitted"]] = ["<torn> label", False]
    page = render(replace(content, study=replace(content.study, readings=readings)))
    assert "Readings kept out of the likelihood" in page
    assert "&lt;torn&gt; label" in page


def test_censored_readings_are_counted_by_arm(page: str) -> None:
    assert "None of the fitted readings." in page
    shown = render(with_readings(censored=lambda table: table["arm"] == "A"))
    assert re.search(r'<th scope="row">A</th><td>9</td><td>9</td>', shown)


def test_a_line_may_end_between_the_agents_of_a_name() -> None:
    page = render(content_for(names=("vehicle", "A", "<B>", "A+<B>")))
    assert '<th scope="row">A+<wbr>&lt;B&gt;</th>' in page


def test_the_answer_is_shown_again_on_other_days() -> None:
    content = content_for()
    again = on_the_day(content.study, content.interaction, content.results["verdict"])
    found = re.search(r"excess by day.*?</table>", render(replace(content, sensitivity=(again,))), re.DOTALL)
    assert found
    assert re.findall(r'<th scope="row">(\d+)</th>', found.group()) == ["7", "14"]
    assert found.group().count("<td>0.990</td>") == 4


def test_a_further_sensitivity_table_is_shown_and_a_caution_puts_the_answer_in_doubt() -> None:
    table = pd.DataFrame({"estimand": ["excess"], "change": [0.25]})
    row = SensitivityTable("Priors scaled by power", table, "The <excess> moves.")
    caution = Caution("Spread of animals", "The <excess> moves.")
    calm, doubtful = (render(content_for(sensitivity=(row,), cautions=cautions)) for cautions in ((), (caution,)))
    for page in (calm, doubtful):
        assert "Priors scaled by power" in page
        assert "The &lt;excess&gt; moves." in page
        assert '<th scope="row">excess</th><td>0.25</td>' in page
    assert 'class="verdict good"' in calm
    assert lamps(doubtful)["Spread of animals"] == ("doubt", "The &lt;excess&gt; moves.")
    assert 'class="verdict doubt"' in doubtful


def test_responses_are_drawn_once_they_are_given(page: str) -> None:
    content = content_for()
    animals = content.study.animals.reset_index(names="animal")
    best = animals[["animal", "arm"]].assign(best=-20.0, response="SD")
    observed = pd.DataFrame({"arm": ["A", "A"], "day": [0.0, 14.0], "survival": [1.0, 0.5], "censored": [0, 0]})
    found = Responses(best, ("CR", "PR", "SD", "PD"), "mRECIST (Gao 2015)", observed, pd.DataFrame(), "endpoint")
    shown = render(replace(content, responses=found))
    assert "figure-waterfall" not in page
    for name in ("waterfall", "survival"):
        assert f'id="figure-{name}"' in shown
    assert "by mRECIST (Gao 2015)" in shown
    assert "A: 3 SD" in shown


def test_body_weights_are_drawn_where_the_study_has_them(page: str) -> None:
    content = content_for()
    weights = content.changes.assign(change=-3.0)
    assert 'id="figure-weight"' not in page
    assert "Largest loss of an animal: A -3 %" in render(replace(content, weights=weights))


def test_traces_are_drawn_for_a_fit_that_is_not_pass(page: str) -> None:
    content = content_for()
    results = dict(content.results)
    wary = results["models"][0]
    wary = wary | {"health": wary["health"] | {"status": "caution", "failures": ["bulk ESS 300 (growth)"]}}
    results["models"] = [wary, results["models"][1]]
    draws = pd.DataFrame({"parameter": "growth", "chain": [0, 0, 1, 1], "draw": [0, 1, 0, 1], "value": [1.0, 2, 3, 4],
                          "rank": [0.25, 0.5, 0.75, 1.0]})  # fmt: skip
    shown = render(replace(content, results=results, traces={wary["name"]: draws}))
    assert 'id="figure-traces0"' in shown
    assert "bulk ESS 300 (growth)" in shown
    assert 'id="figure-traces0"' not in page


def test_without_any_fit_the_report_still_shows_what_was_measured(drawn: None) -> None:
    content = content_for()
    none = pd.DataFrame()
    results = dict(content.results) | {"interaction": [], "arms": [], "nulls": []}
    results["verdict"] = results["verdict"] | {
        "words": "no conclusion: the sampler did not converge",
        "probability": None,
    }
    results["verdicts"] = [results["verdict"]]
    empty = replace(
        content, results=results, curves=content.curves.iloc[:0], interaction=content.interaction.iloc[:0],
        relevance=none, expected=none, predictive=none, residuals=none, pareto_k=none, densities={}, arms=none,
    )  # fmt: skip
    page = render(empty)
    assert 'class="alarm bad"' in page
    assert "<title>No conclusion: A study" in page
    assert {one.name for one in drawings(empty)} == {"panels", "spider", "swimmer"}
    assert "there is no healthy fit to draw" in page


def test_the_question_names_the_agents_where_the_arms_name_does_not() -> None:
    assert "Does A + B do more than its agents" in render(content_for())
    named = render(content_for(names=("vehicle", "one", "two", "D")))
    assert "Does D (A 3 mg/kg + B) do more than its agents" in named


def test_a_study_without_combination_is_headed_by_its_verdict_and_answers_in_a_sentence() -> None:
    page = render(without_combination())
    assert '<h2 class="words">B: inhibited, TGI 86.7 (80.0 to 93.0) % on day 14</h2>' in page
    assert "On day 14 tumours under B have 1.0 (0.8 to 1.2) % of the volume under vehicle (T/C, 95 % interval)" in page
    assert "the probability that the treatment slows the tumours down is 0.996".capitalize()[4:] in page
    assert "that they are larger by as much &lt; 0.001." in page
    for arm, tgi in (("A", "40.0 (80.0 to 93.0)"), ("B", "86.7 (80.0 to 93.0)")):
        row = re.search(rf'<tr><th scope="row">{arm}</th><td>vehicle</td><td>inhibited</td>(.*?)</tr>', page)
        assert row
        assert tgi in row.group(1)
    assert "Mind the scale" not in page
    assert "so there is no interaction to judge" in page
    for told_of_combinations in ("together the agents", "combination free", "δ"):
        assert told_of_combinations not in page
    assert lamps(page)["Growth laws"] == ("good", "the laws give the same verdict")


def test_a_study_without_combination_and_without_a_healthy_fit_has_no_conclusion() -> None:
    words = "no conclusion: the sampler did not converge (A: R-hat 1.4)"
    content = without_combination(words, None)
    assert level_of(content) == "bad"
    assert f'<h2 class="words">B: {words}</h2>' in render(content)


def test_what_a_model_does_not_reproduce_is_summed_up_beside_the_answer_and_listed_under_methods() -> None:
    missed = tuple(f"some-card: {arm}: 90 of 90 readings <inside>." for arm in ("vehicle", "A", "B"))
    page = render(content_for(predictive_check=missed))
    assert lamps(page)["Predictive check"] == (
        "doubt",
        "some-card does not predict the readings of vehicle, A and B well; the list is under Methods",
    )
    assert page.index("<li>some-card: vehicle: 90 of 90 readings &lt;inside&gt;.</li>") > page.index('id="methods"')


def test_a_title_and_a_logo_of_ones_own(tmp_path: Path) -> None:
    logo = tmp_path / "logo.PNG"
    logo.write_bytes(b"not really a picture")
    page = render(content_for(title="Q3 <review>"), logo=logo)
    assert "<h1>Q3 &lt;review&gt;</h1>" in page
    assert '<img class="logo" src="data:image/png;base64,bm90IHJlYWxseSBhIHBpY3R1cmU=" alt="Logo">' in page


@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("none.png", None, "none.png: there is no such file. Check the path."),
        ("logo.gif", 3, 'logo.gif: the logo\'s ending = ".gif" is not one of .png, .jpg, .jpeg, .svg.'),
        ("logo.svg", 1_000_001, "logo.svg: the logo has 1,000,001 bytes; it must be 1,000,000 or less."),
    ],
)
def test_a_logo_that_cannot_be_used_is_refused(tmp_path: Path, name: str, size: int | None, sentence: str) -> None:
    if size is not None:
        (tmp_path / name).write_bytes(b"x" * size)
    with pytest.raises(InputError) as found:
        render(content_for(), logo=tmp_path / name)
    assert str(found.value).replace(f"{tmp_path}/", "") == sentence


def test_a_template_of_a_teams_own_replaces_blocks_and_keeps_the_rest(tmp_path: Path) -> None:
    template = tmp_path / "team.html.jinja"
    template.write_text(
        '{% extends "report.html.jinja" %}{% block footer %}ACME, {{ study.name }}{% endblock %}'
        "{% block style %}h1 { color: teal; }{% endblock %}{% block terms %}{% endblock %}"
    )
    page = render(content_for(), template=template)
    assert "<footer>ACME, A study</footer>" in page
    assert "h1 { color: teal; }" in page
    assert "A + B: enhanced" in page
    assert 'id="terms"' not in page


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("none.jinja", None, "none.jinja: there is no such file. Check the path."),
        ("report.html.jinja", "x", 
         "report.html.jinja: a template of this name hides the shipped one it extends. Rename the file."),
        ("t.jinja", "{{ 1 + }}", "t.jinja, line 1: unexpected 'end of print statement'. Mend the template."),
        ("t.jinja", '{% extends "x" %}', 't.jinja: it asks for "x", which is not there. Mend the template.'),
        ("t.jinja", "{{ sudy.name }}", "t.jinja: 'sudy' is undefined. Use the names of the shipped report.html.jinja."),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_refused(tmp_path: Path, name: str, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as found:
        render(content_for(), template=tmp_path / name)
    assert str(found.value).replace(f"{tmp_path}/", "") == sentence


def test_every_figure_of_the_report_is_written_in_three_formats(tmp_path: Path) -> None:
    content = content_for()
    written = write_figures(tmp_path, content)
    names = {one.name for one in drawings(content)}
    assert {path.name for path in written} == {f"{name}.{ending}" for name in names for ending in ("png", "svg", "pdf")}
    assert {"panels", "typical", "expected0", "excess0", "forest", "spider", "swimmer", "predictive"} <= names


def test_the_page_of_a_small_study_is_small(page: str) -> None:
    assert len(page.encode()) < 1_500_000


def test_an_analysis_is_called_sound_only_after_a_predictive_check(page: str) -> None:
    assert "sampling sound; fit to the readings not yet checked" in page
    assert "analysis sound" not in page
    assert "analysis sound" in render(content_for(predictive_check=()))


def test_a_section_that_is_registered_stands_in_the_page_and_its_navigation(tmp_path: Path) -> None:
    template = tmp_path / "colours.html.jinja"
    template.write_text("<p>{{ study.name }} has {{ study.arms | length }} colours.</p>", encoding="utf-8")
    toy = Section("colours", "Colours", "What it is painted with", template)
    page = render(content_for(), sections=(*SECTIONS[:3], toy, *SECTIONS[3:]))
    assert re.search(r'<a href="#numbers">Numbers</a><a href="#colours">Colours</a><a href="#sensitivity">', page)
    section = re.search(r'<section aria-labelledby="colours">\s*<h2 id="colours">(.*?)</h2>\s*(.*?)\s*</section>', page)
    assert section
    assert section.groups() == ("What it is painted with", "<p>A study has 4 colours.</p>")
    assert page.index('id="numbers"') < page.index('id="colours"') < page.index('id="sensitivity"')
    own = tmp_path / "own.html.jinja"
    own.write_text('{% extends "report.html.jinja" %}{% block colours %}grey{% endblock %}', encoding="utf-8")
    assert "grey<" in "".join(render(content_for(), template=own, sections=(toy,)).split())


def test_a_section_without_what_it_needs_is_left_out_of_page_and_navigation(tmp_path: Path) -> None:
    template = tmp_path / "weights.html.jinja"
    template.write_text("weights", encoding="utf-8")
    toy = Section("weights", "Weights", "Body weights", template, needs=lambda content: len(content.weights) > 0)
    assert "weights" not in re.sub(r"<style>.*?</style>", "", render(content_for(), sections=(toy,)), flags=re.DOTALL)
    weighed = pd.DataFrame({"animal": ["a"], "arm": ["A"], "day": [0.0], "change": [0.0]})
    page = render(content_for(weights=weighed), sections=(toy,))
    assert '<a href="#weights">Weights</a>' in page
    assert '<h2 id="weights">Body weights</h2>' in page
