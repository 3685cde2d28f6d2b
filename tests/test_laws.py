"""Every answer under every law, averaged, with the agreement in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr

from xenograft.answers.averaging import interaction, model_curves
from xenograft.answers.ranking import Comparison, compare
from xenograft.answers.verdicts import COLUMNS, answers_by_law
from xenograft.fitting.fit import Fit
from xenograft.study.study import Study

ANSWERING = {"exponential-bliss-departure": 0.7, "gompertz-bliss-departure": 0.3}
GOMPERTZ = "gompertz-bliss-departure"
EXCESS, RATE = "excess_bliss[T-DM1 + pertuzumab]", "growth_rate[vehicle]"


@pytest.fixture(scope="module")
def ranking(fits: Mapping[str, Fit]) -> Comparison:
    return compare(fits, exact=False)


@pytest.fixture(scope="module")
def curves(fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, xr.DataArray]:
    return model_curves(fits, ranking)


def words(study: Study, curves: Mapping[str, xr.DataArray], quantity: str) -> str | None:
    table = answers_by_law(study, curves, ANSWERING)
    (found,) = set(table.loc[table["quantity"] == quantity, "agreement"])
    return found


def moved(curves: Mapping[str, xr.DataArray], by: float, arm: str) -> dict[str, xr.DataArray]:
    """The Gompertz card's log volumes of one arm, moved by so much a day."""
    curve = curves[GOMPERTZ]
    days = curve["day"] - curve.attrs["first_dose"]
    return dict(curves) | {GOMPERTZ: (curve + by * days * (curve["arm"] == arm)).assign_attrs(curve.attrs)}


def test_every_answer_is_given_averaged_and_by_answering_card(
    fits: Mapping[str, Fit], ranking: Comparison, curves: Mapping[str, xr.DataArray], study: Study
) -> None:
    table = answers_by_law(study, curves, ANSWERING)
    assert tuple(table.columns) == COLUMNS
    assert list(table["model"].unique()) == ["averaged", *ANSWERING]
    counts = table.groupby("model").size()
    assert counts.nunique() == 1
    own = table[(table["quantity"] == EXCESS) & (table["model"] == "averaged")].iloc[0]
    expected = interaction(fits, ranking).table.query("day == @study.horizon").iloc[0]
    assert (own["median"], own["lower"], own["upper"]) == pytest.approx(
        (expected["median"], expected["lower"], expected["upper"])
    )


def test_on_the_fixture_the_laws_agree_on_the_excess(curves: Mapping[str, xr.DataArray], study: Study) -> None:
    assert words(study, curves, EXCESS) == "agree"


@pytest.mark.parametrize(("by", "expected"), [(0.02, "differ in strength"), (0.08, "conflict")])
def test_an_excess_is_judged_by_its_verdicts(
    curves: Mapping[str, xr.DataArray], study: Study, by: float, expected: str
) -> None:
    assert words(study, moved(curves, by, "T-DM1 + pertuzumab"), EXCESS) == expected


@pytest.mark.parametrize(("by", "expected"), [(0.0, "agree"), (0.012, "differ in strength"), (0.1, "conflict")])
def test_other_answers_are_judged_by_their_intervals(
    curves: Mapping[str, xr.DataArray], study: Study, by: float, expected: str
) -> None:
    assert words(study, moved(curves, by, "vehicle"), RATE) == expected


def test_one_law_alone_agrees_with_nobody(curves: Mapping[str, xr.DataArray], study: Study) -> None:
    table = answers_by_law(study, curves, {GOMPERTZ: 1.0})
    assert table["agreement"].isna().all()
    assert np.isfinite(table["median"]).any()
