"""docs/agreement.md: our numbers agree with those of other programs, and the page is what the script writes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from agreement import (
    CARD,
    DOCUMENT,
    SAME,
    TEXT,
    inhibition_rows,
    mixed_model_rows,
    same_readings,
)

from xenograft.model.card import read_card
from xenograft.reading.read import read_study

QUICK = ["ls1034-rabusertib-irinotecan", "pdx-p10-cisplatin-pf384"]


@pytest.fixture(scope="module")
def shared(shared_data: Path, shared_reference: Path) -> Path:
    """The folder of both."""
    assert shared_data.parent == shared_reference.parent
    return shared_data.parent


def stored() -> list[pd.DataFrame]:
    """The tables of the page: mixed models, inhibition, combination index."""
    blocks = re.findall(r"(?:^\|.*\n)+", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    tables: list[pd.DataFrame] = []
    for block in blocks:
        lines = [line.strip("| \n") for line in block.splitlines()]
        text = "\n".join("\t".join(cell.strip() for cell in line.split("|")) for line in (lines[0], *lines[2:]))
        tables.append(pd.read_csv(io.StringIO(text), sep="\t"))
    return tables


def test_the_page_has_growth_rates_and_contrasts_of_every_study_within_half_a_standard_error() -> None:
    mixed = stored()[0]
    assert len(mixed) >= 96
    assert (mixed["apart"] <= SAME).all()
    recomputed = (mixed["theirs"] - mixed["ours"]).abs() / mixed["se"]
    assert (recomputed <= SAME).all()
    np.testing.assert_allclose(recomputed, mixed["apart"], atol=0.02)


def test_the_page_says_what_the_script_says() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    for paragraph in re.split(r"\n\n+", TEXT):
        if "{" not in paragraph:
            assert paragraph.strip() in page


def test_the_numbers_of_other_programs_on_the_page_are_theirs(shared: Path) -> None:
    theirs = pd.read_csv(shared / "reference" / "linear-mixed-models.csv")
    nlme = theirs["program"].str.contains("nlme") & theirs["variant"].str.contains("common baseline")
    common = theirs[nlme]
    mixed = stored()[0]
    assert set(mixed["study"]) == set(theirs["study"])
    vehicle = common[common["quantity"] == "rate vehicle"].set_index("study")["estimate"]
    found = mixed[(mixed["program"] == "nlme") & (mixed["quantity"] == "growth rate, vehicle")].set_index("study")
    np.testing.assert_allclose(found["theirs"], vehicle[found.index], atol=5e-6)


def test_inhibition_from_the_readings_is_invivosyns(shared: Path) -> None:
    rows = inhibition_rows(shared)
    assert len(rows) == 18
    np.testing.assert_allclose(rows["ours"], rows["theirs"], atol=1e-9)
    np.testing.assert_allclose(rows["ours"], stored()[1]["ours"], atol=6e-4)


def test_the_wide_card_is_the_exponential_card_but_for_its_priors() -> None:
    wide, shipped = read_card(CARD), read_card(CARD.parents[1] / "models" / "exponential-bliss-departure.toml")
    differing = {key for key, value in wide.model_dump().items() if value != shipped.model_dump()[key]}
    assert differing <= {"name", "claim", "priors"}


def test_the_same_readings_are_those_the_programs_used(shared: Path) -> None:
    counts = pd.read_csv(shared / "reference" / "linear-mixed-models.csv").drop_duplicates("study")
    for row in counts.itertuples():
        study = same_readings(read_study(shared / "data" / str(row.study)), str(row.study))
        assert len(study.fitted_readings) == row.readings, row.study
        assert len(study.animals) == row.animals, row.study


@pytest.mark.xdist_group("other shapes")
def test_two_studies_fitted_again_give_the_numbers_of_the_page(shared: Path) -> None:
    _are_those_of_the_page(mixed_model_rows(shared, QUICK))


@pytest.mark.slow
@pytest.mark.xdist_group("other shapes")
def test_all_studies_fitted_again_give_the_numbers_of_the_page(shared: Path) -> None:
    rows = mixed_model_rows(shared)
    assert len(rows) == len(stored()[0])
    _are_those_of_the_page(rows)


def _are_those_of_the_page(rows: pd.DataFrame) -> None:
    keys = ["study", "program", "quantity"]
    page = stored()[0].set_index(keys).loc[pd.MultiIndex.from_frame(rows[keys])]
    assert (rows["apart"] <= SAME).all()
    # 8,000 draws: a posterior mean has a Monte-Carlo error of some 0.02 sd
    assert (np.abs(rows["ours"].to_numpy() - page["ours"].to_numpy()) <= 0.1 * rows["sd"].to_numpy()).all()
