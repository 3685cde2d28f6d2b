"""Animals that left: what the words for it mean, events of times to the endpoint, and what the answer owes to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from xenograft.answers.averaging import AVERAGED, averaged_curves, interaction_of
from xenograft.answers.ranking import compare
from xenograft.evidence.removal import curves_of_cut, cut_at_horizon, removed_otherwise, would_have_grown
from xenograft.fitting.sampling import fit_all
from xenograft.model.card import ModelCard
from xenograft.quantities.animals import animal_courses, endpoint_of
from xenograft.quantities.arms import survival_curves
from xenograft.reading.leaving import carried_forward, leaving_notices, leaving_questions
from xenograft.reading.remarks import questions_about
from xenograft.report.content_of_removal import on_animals_that_left
from xenograft.study.removal import left_for_size, reasons_table, removal_of, removals
from xenograft.study.study import Study

CARD = "exponential-bliss-departure"


def marked(study: Study, reasons: Mapping[str, str], last_day: Mapping[str, float] | None = None) -> Study:
    """The study with reasons for leaving by animal, some of its animals measured for less long."""
    readings = study.readings.assign(reason_left=[reasons.get(str(name), "") for name in study.readings["animal"]])
    until = readings["animal"].map(last_day or {}).fillna(np.inf).astype(float)
    return replace(study, readings=readings[readings["day"] <= until].reset_index(drop=True))


def test_words_for_leaving_are_recognised_and_a_humane_endpoint_is_not_one_of_size() -> None:
    for words, kind in (
        ("endpoint volume", "size"), ("Tumor burden", "size"), ("size > 2000 mm3", "size"),
        ("tumour too large", "size"),
        ("TV limit", "size"), ("End-point", "size"), ("max. volume", "size"),
        ("humane endpoint", "condition"), ("moribund", "condition"), ("other", "condition"),
        ("ulcerated tumour, endpoint", "ulceration"), ("necrosis", "ulceration"),
        ("BW loss > 20 %", "weight loss"), ("weight loss", "weight loss"), ("cachexia", "weight loss"),
        ("found dead", "found dead"), ("FD; died overnight", "found dead"), ("†", "found dead"),
        ("scheduled", "scheduled"), ("end of study", "scheduled"), ("PK sampling", "scheduled"),
        ("Necropsy d21", "scheduled"),
        ("ulceration, tumour size", "unclear"), ("found dead, 1800 mm3", "unclear"), ("PD", "unclear"),
        ("harvested at endpoint", "unclear"), ("weight loss and lethargy", "weight loss"),
        ("sacrificed", "unclear"), ("euthanised", "unclear"), ("removed", "unclear"), ("", ""), ("  ", ""),
    ):  # fmt: skip
        assert removal_of(words) == kind, words


def test_an_animal_that_left_for_size_has_the_event_whatever_was_read_last(study: Study) -> None:
    first, second = (str(name) for name in study.animals.index[:2])
    large = replace(study, endpoint_volume=1e6)
    told = marked(large, {first: "tumour size", second: "found dead"}, {first: 7.0, second: 7.0})
    assert left_for_size(told) == {first}
    courses = {course.animal: endpoint_of(course, told) for course in animal_courses(told)}
    assert courses[first] == (7.0, True, "")
    assert courses[second] == (7.0, False, "")
    curve = survival_curves(told)
    own = curve[(curve["event"] == "endpoint") & (curve["arm"] == told.animals["arm"].iloc[0])].set_index("day")[
        "share"
    ]
    assert own.loc[7.0] == pytest.approx(1 - 1 / 10)
    unnamed = replace(told, endpoint_volume=None)  # who left for size is then all that is known
    assert "endpoint" in set(survival_curves(unnamed)["event"])
    assert "endpoint" not in set(survival_curves(marked(unnamed, {}))["event"])


def test_many_that_left_for_size_below_the_endpoint_are_a_notice(study: Study) -> None:
    names = [str(name) for name in study.animals.index[:5]]
    told = marked(replace(study, endpoint_volume=1e6), dict.fromkeys(names, "endpoint"), dict.fromkeys(names, 14.0))
    (notice,) = leaving_notices(told)
    assert notice.startswith("5 animals left for size with no reading at the endpoint volume (1e+06 mm³; their last ")
    assert not list(leaving_notices(marked(replace(study, endpoint_volume=1.0), dict.fromkeys(names, "endpoint"))))


def test_reasons_are_counted_and_unclear_ones_asked_about(study: Study) -> None:
    stayed = study.animals["last_day"] == study.animals["last_day"].max()
    one, two = (str(name) for name in study.animals.index[:2])
    three = str(study.animals.index[stayed][-1])
    told = marked(study, {one: "sac", two: "ulcer", three: "ulcer"}, {one: 14.0, two: 14.0})
    table = reasons_table(told).set_index("reason")
    assert table["counts as"].to_dict() == {"sac": "unclear", "ulcer": "ulceration"}
    assert table["animals"].to_dict() == {"sac": 1, "ulcer": 2}
    assert [line.partition(":")[0] for line in leaving_questions(told)] == [f'reason_left "sac" ({one})']
    assert set(leaving_questions(told)) <= set(questions_about(told))
    why = removals(told)
    assert (why[one], why[two], why[three]) == ("unclear", "ulceration", "")  # the third stayed to the last day


def test_readings_carried_forward_are_asked_about_when_an_animal_should_have_none(study: Study) -> None:
    def repeated(base: Study, animals: list[str]) -> Study:
        readings = base.readings.copy()
        for animal in animals:
            rows = readings.index[readings["animal"] == animal]
            readings.loc[rows[-1], "volume"] = readings.loc[rows[-2], "volume"]
        return replace(base, readings=readings)

    names = [str(name) for name in study.animals.index]
    assert not list(carried_forward(study))
    study = marked(study, {})
    assert not list(carried_forward(repeated(study, names[:1])))  # two equal readings of one animal happen
    (told,) = carried_forward(repeated(marked(study, {names[0]: "ulcer"}), names[:1]))
    assert f"Animal {names[0]}: its last 2 readings" in told
    assert 'after which it left ("ulcer")' in told
    (told,) = carried_forward(repeated(study, names[:6]))
    assert told.startswith("The last two readings are the same in 6 animals (")


def test_animals_that_left_move_their_arm_by_their_share(study: Study) -> None:
    names = study.animals.groupby("arm", sort=False).groups
    gone = {str(name): "found dead" for name in names["T-DM1 + pertuzumab"][:2]}
    day = study.horizon - 10
    told = replace(marked(study, gone, dict.fromkeys(gone, day)), chosen_horizon=study.horizon)
    last = float(told.animals.loc[list(gone), "last_day"].iloc[0])
    assert removed_otherwise(told) == {"T-DM1 + pertuzumab": (last, last)}
    arms = [arm.name for arm in study.arms]
    import xarray as xr

    curves = xr.DataArray(
        np.zeros((1, 3, 4, 1)), dims=("chain", "draw", "arm", "day"), coords={"arm": arms, "day": [study.horizon]},
        attrs={"of": "typical", "first_dose": 0.0},
    )  # fmt: skip
    moved = would_have_grown(told, curves, 0.02)
    expected = 0.02 * (study.horizon - last) * 2 / 10
    assert moved.sel(arm="T-DM1 + pertuzumab").to_numpy() == pytest.approx(expected)
    assert np.abs(moved.sel(arm="vehicle").to_numpy()).max() == 0
    excess = interaction_of(told, moved, "", "bliss").draws
    assert excess.to_numpy() == pytest.approx(-expected)  # larger tumours of the combination: less than expected


def test_cut_at_the_horizon_no_later_reading_has_a_say(study: Study, cards: Mapping[str, ModelCard]) -> None:
    early = replace(study, chosen_horizon=21.0)
    late = early.readings["day"] > 21
    assert cut_at_horizon(replace(study, chosen_horizon=float(study.readings["day"].max()))) is None
    other = replace(early, readings=early.readings.assign(volume=early.readings["volume"].where(~late, 500.0)))
    found: list[pd.Series] = []
    for one in (early, other):
        fits = fit_all(one, {CARD: cards[CARD]}, seed=1, progress=False, method="importance")
        ranking = compare(fits, exact=False)
        curves = curves_of_cut(fits, ranking)
        assert curves is not None
        found.append(curves.sel(day=21.0).median(("chain", "draw")).to_series())
        whole = averaged_curves(fits, ranking)[AVERAGED]
        verdict = {"kind": "interaction", "combination": "T-DM1 + pertuzumab", "reference": "bliss"}
        (table,) = on_animals_that_left(one, fits, ranking, whole, curves, verdict)
        assert list(table.table["Assumed"]) == ["as reported", "all arms cut at day 21"]
        assert table.table.iloc[0].to_list()[1:] != table.table.iloc[1].to_list()[1:]
    np.testing.assert_allclose(found[0], found[1], atol=0.02)
