"""Stored fits are reused where nothing that matters changed, and only there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings
from xenograft.fitting.store import FitStore

CARD = "exponential-bliss-departure"
SETTINGS = SamplerSettings()


class Stored:
    def __init__(self, folder: Path, fit: Fit) -> None:
        self.said: list[str] = []
        self.store = FitStore(folder, self.said.append)
        self.fit = fit
        self.store.keep(fit, settings=SETTINGS)
        (self.file,) = folder.iterdir()

    def find(self, **changed: object) -> Fit | None:
        given = {"study": self.fit.study, "card": self.fit.card, "seed": self.fit.seed, "settings": SETTINGS} | changed
        return self.store.find(given.pop("study"), given.pop("card"), **given)  # pyright: ignore


@pytest.fixture
def stored(fits: Mapping[str, Fit], tmp_path: Path) -> Stored:
    return Stored(tmp_path / "fits", fits[CARD])


def test_a_stored_fit_is_found_and_says_so(stored: Stored) -> None:
    found = stored.find()
    assert found is not None
    np.testing.assert_array_equal(found.posterior["growth"], stored.fit.posterior["growth"])
    assert found.health == stored.fit.health
    assert stored.said == [f"{CARD}: stored fit reused ({stored.file})"]


def test_prose_and_cores_do_not_matter_and_todays_prose_is_used(stored: Stored) -> None:
    study = replace(stored.fit.study, name="Renamed")
    card = stored.fit.card.model_copy(update={"claim": "In other words."})
    found = stored.find(study=study, card=card, settings=SamplerSettings(cores=1))
    assert found is not None
    assert (found.study.name, found.card.claim) == ("Renamed", "In other words.")


def test_data_card_seed_settings_order_and_versions_matter(
    stored: Stored, fits: Mapping[str, Fit], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = stored.fit.study
    assert stored.find(study=replace(study, readings=study.readings.assign(volume=100.0))) is None
    assert stored.find(study=replace(study, arms=study.arms[::-1])) is None  # the same digest, other positions
    assert stored.find(card=fits["exponential-bliss"].card) is None
    assert stored.find(seed=99) is None
    assert stored.find(settings=SamplerSettings(draws=500)) is None
    assert stored.find(without=["V01"]) is None
    assert stored.find() is not None
    monkeypatch.setattr(metadata, "version", lambda _: "99.0")
    assert stored.find() is None


def test_a_broken_file_is_named_and_ignored(stored: Stored) -> None:
    stored.file.write_bytes(b"not a fit")
    assert stored.find() is None
    assert stored.said == [
        f"{stored.file.name}: this is not a NetCDF file. Give a file that Fit.save wrote. It is ignored."
    ]


def test_refits_are_stored_by_the_animals_left_out(stored: Stored) -> None:
    asked: list[list[str]] = []

    def refit(fit: Fit, animals: object) -> Fit:
        asked.append(list(animals))  # pyright: ignore
        return fit

    again = stored.store.refitting(refit, SETTINGS)
    again(stored.fit, ["V01", "V02"])
    again(stored.fit, ["V02", "V01"])
    again(stored.fit, ["V03"])
    assert asked == [["V01", "V02"], ["V03"]]
    assert len(list(stored.file.parent.glob(f"{CARD}-without-*.nc"))) == 2
