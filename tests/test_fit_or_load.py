"""Kept fits: read where nothing changed, fitted where something did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import xenograft as xg
from xenograft.fitting import sampling
from xenograft.fitting.fit import Fit
from xenograft.fitting.store import FitStore

NAMES = ("exponential-bliss", "exponential-bliss-departure")


@pytest.fixture
def folder(fits: Mapping[str, Fit], tmp_path: Path) -> Path:
    store = FitStore(tmp_path / "kept", print)
    for name in NAMES:
        store.keep(fits[name], settings=sampling.SamplerSettings())
    return tmp_path / "kept"


@pytest.fixture
def fitted(fits: Mapping[str, Fit], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Names of the cards that were fitted, call by call; the fits are at hand."""
    asked: list[list[str]] = []

    def fit_all(study: Any, cards: Any, **_: Any) -> dict[str, Fit]:
        asked.append([card.name for card in cards])
        return {card.name: fits[card.name] for card in cards}

    monkeypatch.setattr(sampling, "fit_all", fit_all)
    return asked


def test_kept_fits_are_read_and_the_others_fitted_and_kept(
    fits: Mapping[str, Fit], folder: Path, fitted: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    study = fits[NAMES[0]].study
    names = ("gompertz-bliss", *NAMES)
    found = xg.fit_or_load(study, xg.read_cards(*names), seed=1, folder=folder)
    assert list(found) == list(names)
    assert fitted == [["gompertz-bliss"]]
    assert found[NAMES[0]].posterior.equals(fits[NAMES[0]].posterior)
    assert found[NAMES[0]].study is study
    xg.fit_or_load(study, xg.read_cards(*names).values(), seed=1, folder=str(folder))
    assert fitted == [["gompertz-bliss"]]
    assert capsys.readouterr() == ("", "")


def test_another_seed_or_other_settings_are_fitted_again(
    fits: Mapping[str, Fit], folder: Path, fitted: list[list[str]]
) -> None:
    study, cards = fits[NAMES[0]].study, xg.read_cards(NAMES[0])
    xg.fit_or_load(study, cards, seed=2, folder=folder)
    xg.fit_or_load(study, cards, seed=1, folder=folder, settings=xg.SamplerSettings(draws=500))
    assert fitted == [[NAMES[0]], [NAMES[0]]]


def test_a_damaged_file_is_named_and_fitted_again(
    fits: Mapping[str, Fit], folder: Path, fitted: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    study, cards = fits[NAMES[0]].study, xg.read_cards(NAMES[0])
    (file,) = [path for path in folder.iterdir() if "departure" not in path.name]
    file.write_bytes(b"half a file")
    xg.fit_or_load(study, cards, seed=1, folder=folder)
    assert fitted == [[NAMES[0]]]
    assert capsys.readouterr().err.startswith(f"{file.name}: this is not a NetCDF file.")


def test_the_examples_are_the_fixtures() -> None:
    assert xg.read_study(xg.example_folder("her2-single-dose")).name == "HER2-positive single-dose study (simulated)"
    with pytest.raises(xg.InputError, match='name = "her2-four-arms" is not one of her2-four-arm, her2-single-dose'):
        xg.example_folder("her2-four-arms")  # pyright: ignore[reportArgumentType]
