"""How records look in a notebook: complete, escaped, honest about what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from lxml import html as lxml_html

from xenograft.answers.ranking import compare
from xenograft.fitting.fit import MOST_PARAMETERS, Fit, parameter_table
from xenograft.model.card import ModelCard
from xenograft.study.study import Arm, Dosing, Study

HOSTILE = "<script>alert(1)</script>"


def words(markup: str) -> str:
    return " ".join(" ".join(lxml_html.fromstring(markup).itertext()).split())


def test_a_study_shows_every_arm_with_its_treatment_and_counts(study: Study) -> None:
    markup = study._repr_html_()
    assert "40 animals in 4 arms · first dose day 0 · numbers given for day 31" in markup
    rows = [[cell.text for cell in row] for row in lxml_html.fromstring(markup).iter("tr")]
    assert [row[0] for row in rows[1:]] == [arm.name for arm in study.arms]
    assert rows[2][1] == "T-DM1 3 mg/kg, days 0, 21"
    assert rows[3][1] == "pertuzumab 15 mg/kg (first 30), days 0, 7, 14, 21, 28, 35"
    assert sum(int(row[3]) for row in rows[1:]) == len(study.fitted_readings)


def test_a_study_shows_what_its_reader_should_know(study: Study) -> None:
    assert "Mind the callipers." in replace(study, notices=("Mind the callipers.",))._repr_html_()


def test_names_from_files_are_never_markup(study: Study, cards: Mapping[str, ModelCard]) -> None:
    arms = (Arm(HOSTILE, control=True), Arm("x", dosings=(Dosing(HOSTILE, (0.0,), (1.0,), HOSTILE),)))
    renamed = study.readings["arm"].map(lambda name: HOSTILE if name == study.control.name else "x")
    readings = study.readings.assign(arm=renamed)
    hostile = replace(study, name=HOSTILE, unit=HOSTILE, arms=arms, notices=(HOSTILE,), readings=readings)
    card = cards["exponential-bliss"].model_copy(
        update={"name": HOSTILE, "claim": HOSTILE, "exposure": {HOSTILE: "constant"}}
    )
    for markup in (hostile._repr_html_(), card._repr_html_()):
        assert HOSTILE not in markup
        assert HOSTILE in words(markup)


def test_a_card_shows_every_prior_with_its_reason_and_where_it_puts_its_mass(cards: Mapping[str, ModelCard]) -> None:
    for card in cards.values():
        shown = words(card._repr_html_())
        assert card.claim in shown
        for name, prior in card.priors.items():
            low, high = prior.frozen.ppf([0.025, 0.975])
            assert f"{name} {prior.in_words()} {low:.3g} to {high:.3g} {prior.why}" in shown


def test_a_fit_shows_its_health_and_every_parameter(fits: Mapping[str, Fit]) -> None:
    fit = fits["exponential-bliss-departure"]
    table = parameter_table(fit)
    assert list(table.columns) == ["mean", "sd", "lower", "upper", "ess_bulk", "rhat"]
    kill = fit.posterior["kill"].sel(agent="T-DM1")
    assert table.loc["kill[T-DM1]", "mean"] == pytest.approx(float(kill.mean()))
    assert table.loc["kill[T-DM1]", "upper"] == pytest.approx(np.quantile(kill, 0.975))
    shown = words(fit._repr_html_())
    assert "Fit, ✓ pass" in shown
    assert all(name in shown for name in table.index)
    assert "4 × 1,000 draws · seed 1" in shown


def test_a_failed_fit_says_so_and_why(fits: Mapping[str, Fit]) -> None:
    fit = fits["exponential-bliss"]
    failed = replace(fit, health=replace(fit.health, status="fail", failures=("R-hat 1.4 (growth)",)))
    shown = words(failed._repr_html_())
    assert "Fit, ✕ fail" in shown
    assert "R-hat 1.4 (growth)" in shown
    assert "fail" in repr(failed)


def test_a_fit_of_many_parameters_stays_legible(fits: Mapping[str, Fit]) -> None:
    fit = fits["exponential-bliss"]
    many = fit.posterior["kill"].isel(agent=[0] * 50).assign_coords(agent=[f"x{i}" for i in range(50)])
    tree = fit.draws.copy()
    tree["posterior"] = type(tree)(
        fit.posterior.drop_vars("kill").drop_dims("agent", errors="ignore").assign(kill=many)
    )
    markup = replace(fit, draws=tree)._repr_html_()
    assert markup.count("<tr>") == MOST_PARAMETERS + 1
    assert "more</p>" in markup


def test_a_ranking_shows_order_nulls_and_what_was_refused(fits: Mapping[str, Fit]) -> None:
    chosen = {name: fit for name, fit in fits.items() if "hsa" not in name}
    bad = chosen["gompertz-bliss"]
    chosen["gompertz-bliss"] = replace(bad, health=replace(bad.health, status="fail", failures=("R-hat 1.4 (growth)",)))
    ranking = compare(chosen, exact=False)
    rows = [[cell.text for cell in row] for row in lxml_html.fromstring(ranking._repr_html_()).iter("tr")]
    assert [row[0] for row in rows[1:]] == list(ranking.table.index)
    assert rows[1][2] == "best"
    shown = words(ranking._repr_html_())
    assert "gompertz-bliss: the sampler did not converge (R-hat 1.4 (growth))" in shown
    null = ranking.nulls.iloc[0]
    assert f"{null['null']} predicts the animals {-null['elpd_diff']:.1f}" in shown


def test_a_dictionary_of_records_is_read_at_a_glance(fits: Mapping[str, Fit], cards: Mapping[str, ModelCard]) -> None:
    assert repr(fits["exponential-bliss"]) == (
        "<Fit exponential-bliss of 'HER2-positive four-arm study (simulated)': pass, 4 × 1000 draws>"
    )
    assert repr(cards["spline"]) == "<ModelCard spline>"
    assert repr(fits["exponential-bliss"].study) == (
        "<Study 'HER2-positive four-arm study (simulated)': 40 animals in 4 arms>"
    )
