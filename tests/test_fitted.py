"""A fit's file brings everything back, and a sick fit is called sick."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.errors import FitFileError, InputError
from xenograft.fitting.fit import Fit, parameters_of, versions
from xenograft.fitting.health import LIMITS, Attempt, _grade, judge
from xenograft.study.study import Dosing, Study

CARD = "exponential-bliss-departure"


@pytest.fixture
def fit(fits: dict[str, Fit]) -> Fit:
    return fits[CARD]


@pytest.fixture
def saved(fit: Fit, tmp_path: Path) -> Path:
    path = tmp_path / "fit.nc"
    fit.save(path)
    return path


# The file of a fit


def same(first: Study, second: Study) -> None:
    pd.testing.assert_frame_equal(first.readings, second.readings)
    for name in Study.__dataclass_fields__:
        if name != "readings":
            assert getattr(first, name) == getattr(second, name), name
    assert first.digest == second.digest


@pytest.mark.parametrize("name", [CARD, "exponential-bliss", "gompertz-hsa"])
def test_a_fit_comes_back_from_its_file_as_it_was(fits: dict[str, Fit], tmp_path: Path, name: str) -> None:
    fits[name].save(tmp_path / "fit.nc")
    loaded = Fit.load(tmp_path / "fit.nc")
    assert loaded.draws.groups == fits[name].draws.groups
    for group in loaded.draws.groups:
        xr.testing.assert_identical(loaded.draws[group].to_dataset(), fits[name].draws[group].to_dataset())
    same(fits[name].study, loaded.study)
    for field in ("card", "health", "attempts", "seed", "seconds"):
        assert getattr(loaded, field) == getattr(fits[name], field), field


def test_a_loaded_fit_can_be_saved_again(saved: Path, fit: Fit) -> None:
    Fit.load(saved).save(saved)
    xr.testing.assert_identical(Fit.load(saved).posterior, fit.posterior)


def test_a_fit_with_failures_and_retries_comes_back(fit: Fit, tmp_path: Path) -> None:
    attempts = (
        Attempt(1000, 1000, 0.8, "low_rank", "fail", ("share of divergences 0.02 (80 draws)",)),
        Attempt(1000, 1000, 0.95, "low_rank", "caution", ("R-hat 1.02 (kill[T-DM1])", "bulk ESS 300 (growth)")),
    )
    health = replace(fit.health, status="caution", failures=attempts[1].failures, max_rhat=1.02)
    replace(fit, attempts=attempts, health=health).save(tmp_path / "fit.nc")
    loaded = Fit.load(tmp_path / "fit.nc")
    assert loaded.attempts == attempts
    assert loaded.health == health


def test_health_that_is_not_a_number_comes_back(fit: Fit, tmp_path: Path) -> None:
    replace(fit, health=replace(fit.health, status="fail", max_rhat=np.nan)).save(tmp_path / "fit.nc")
    assert np.isnan(Fit.load(tmp_path / "fit.nc").health.max_rhat)


def test_animals_called_001_or_na_keep_their_names_and_everything_else_in_the_table(fit: Fit, tmp_path: Path) -> None:
    renamed = {"V01": "001", "V02": "NA", "V03": "1e3", "V04": "nan", "V05": "Maus ä/7"}
    readings = fit.study.readings.assign(
        animal=fit.study.readings["animal"].replace(renamed),
        weight=np.where(np.arange(len(fit.study.readings)) % 3 == 0, np.nan, 20.5),
        cage="007",
        reason_left=np.where(fit.study.readings["animal"] == "V01", "ulceration", ""),
    )
    study = replace(fit.study, readings=readings.astype({"cage": "str", "reason_left": "str"}))
    replace(fit, study=study).save(tmp_path / "fit.nc")
    same(study, Fit.load(tmp_path / "fit.nc").study)


def test_every_field_of_a_study_comes_back(fit: Fit, tmp_path: Path) -> None:
    dosed = Dosing("B", (0.0, 7.0), ends=True)
    arms = (*fit.study.arms[:-1], replace(fit.study.arms[-1], dosings=(fit.study.arms[1].dosings[0], dosed)))
    study = replace(
        fit.study, name="Étude", unit="photons/s", arms=arms, limit_of_quantification=None, endpoint_volume=None,
        chosen_horizon=21.5, primary=arms[-1].name, fit_from=-3.0, ignored={"isotype": 8}, notices=("a", "b"),
        source_sha256="0" * 64,
    )  # fmt: skip
    replace(fit, study=study).save(tmp_path / "fit.nc")
    same(study, Fit.load(tmp_path / "fit.nc").study)


def test_the_file_says_which_versions_made_it(saved: Path) -> None:
    with h5py.File(saved) as file:
        assert json.loads(file.attrs["versions"]) == versions()
        assert file.attrs["schema"] == "xenograft-fit/1"
    assert {"xenograft", "numba", "nutpie", "arviz"} <= set(versions())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FitFileError) as raised:
        Fit.load(tmp_path / "none.nc")
    assert str(raised.value) == f"{tmp_path / 'none.nc'}: there is no such file. Check the path."
    assert isinstance(raised.value, InputError)


@pytest.mark.parametrize("content", [b"animal,day,volume\n", b"", b"\x89HDF\r\n\x1a\n torn"])
def test_a_file_that_is_not_netcdf_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fit.nc").write_bytes(content)
    with pytest.raises(FitFileError) as raised:
        Fit.load(tmp_path / "fit.nc")
    assert str(raised.value) == "fit.nc: this is not a NetCDF file. Give a file that Fit.save wrote."


@pytest.mark.parametrize("kind", ["external link", "soft link", "external data", "virtual data"])
def test_a_fit_that_points_outside_itself_is_refused(saved: Path, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(3.0)
    with h5py.File(saved, "r+") as file:
        match kind:
            case "external link":
                file["stolen"] = h5py.ExternalLink(str(other), "secret")
            case "soft link":
                file["stolen"] = h5py.SoftLink("/posterior")
            case "external data":
                file.create_dataset("stolen", (3,), "f8", external=[(str(other), 0, 24)])
            case _:
                layout = h5py.VirtualLayout((3,), "f8")
                layout[:] = h5py.VirtualSource(str(other), "secret", (3,))
                file.create_virtual_dataset("stolen", layout)
    with pytest.raises(FitFileError) as raised:
        Fit.load(saved)
    found = "stolen is a link to elsewhere" if "link" in kind else "the data of /stolen are in another file"
    assert str(raised.value) == f"{saved.name}: {found}, which a fit never has. Give a file that Fit.save wrote."


def test_a_fit_that_would_unpack_to_far_more_than_it_is_is_refused(saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        file.create_dataset("bomb", (10**11,), "f8", chunks=(10**6,), compression="gzip")
    with pytest.raises(FitFileError, match="it would unpack to 800,"):
        Fit.load(saved)


def test_a_group_within_itself_is_refused_and_not_followed_for_ever(saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        file["posterior/again"] = file["posterior"]
    with pytest.raises(FitFileError):
        Fit.load(saved)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FitFileError):
        Fit.load(tmp_path)


def test_a_netcdf_file_of_another_program_is_refused(tmp_path: Path) -> None:
    xr.Dataset({"rain": ("day", [1.0, 2.0])}).to_netcdf(tmp_path / "weather.nc", engine="h5netcdf")
    with pytest.raises(FitFileError) as raised:
        Fit.load(tmp_path / "weather.nc")
    expected = "weather.nc: its schema is none, not xenograft-fit/1. Give a file that Fit.save wrote."
    assert str(raised.value) == expected


def test_a_fit_of_a_later_schema_is_refused_by_its_name(saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        file.attrs["schema"] = "xenograft-fit/9"
    with pytest.raises(FitFileError, match="its schema is xenograft-fit/9, not xenograft-fit/1"):
        Fit.load(saved)


def _other_volume(file: h5py.File) -> None:
    file["readings/volume"][0] = 1.0


def _other_prior(file: h5py.File) -> None:
    card = file.attrs["card"]
    file.attrs["card"] = re.sub(r'"sigma":([0-9.]+)', r'"sigma":1\1', card, count=1)
    assert file.attrs["card"] != card


def _other_digest(file: h5py.File) -> None:
    file.attrs["study_digest"] = "0" * 64


@pytest.mark.parametrize("tamper", [_other_volume, _other_prior, _other_digest])
def test_a_file_whose_content_does_not_match_its_digests_is_refused(
    saved: Path, tamper: Callable[[h5py.File], None]
) -> None:
    with h5py.File(saved, "r+") as file:
        tamper(file)
    with pytest.raises(FitFileError) as raised:
        Fit.load(saved)
    assert str(raised.value) == "fit.nc: its content does not match its digests. Fit the study again."


@pytest.mark.parametrize("lost", ["readings", "study", "card", "health", "attempts", "seconds"])
def test_a_fit_that_lost_a_part_is_refused_and_not_read_in_half(saved: Path, lost: str) -> None:
    with h5py.File(saved, "r+") as file:
        if lost in file:
            del file[lost]
        else:
            del file.attrs[lost]
    with pytest.raises(FitFileError) as raised:
        Fit.load(saved)
    assert str(raised.value) == "fit.nc: a part of the fit is missing or broken. Fit the study again."


def test_a_fit_that_cannot_be_written_leaves_the_old_file_alone(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.nc"
    path.write_text("what was there before", encoding="utf-8")

    def torn(self: xr.DataTree, file: io.BytesIO, **_: object) -> None:
        file.write(b"half")
        raise RuntimeError("disk full")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", torn)
    with pytest.raises(RuntimeError, match="disk full"):
        fit.save(path)
    assert path.read_text(encoding="utf-8") == "what was there before"
    assert list(tmp_path.iterdir()) == [path]


def test_saving_changes_nothing_in_the_fit(fit: Fit, tmp_path: Path) -> None:
    groups, attrs = fit.draws.groups, dict(fit.draws.attrs)
    fit.save(tmp_path / "fit.nc")
    assert (fit.draws.groups, dict(fit.draws.attrs)) == (groups, attrs)


# Its draws


def test_the_groups_of_a_fit_are_those_arviz_knows_with_labels(fit: Fit) -> None:
    animals = list(fit.study.animals.index)
    assert fit.posterior["kill"].dims == ("chain", "draw", "agent")
    assert fit.posterior["departure"].dims == ("chain", "draw", "combination")
    assert list(fit.draws["log_likelihood"]["animal"].values) == animals
    assert fit.draws["log_likelihood"]["volume_readings"].sizes == {"chain": 4, "draw": 1000, "animal": 40}
    for group in ("posterior_predictive", "prior_predictive"):
        assert fit.draws[group]["volume_readings"].dims == ("chain", "draw", "animal", "reading")
    assert int(fit.draws["observed_data"]["volume_readings"].notnull().sum()) == len(fit.study.fitted_readings)


def test_parameters_can_be_thinned(fit: Fit) -> None:
    np.testing.assert_array_equal(fit.parameters(10).growth, fit.posterior["growth"].values[:, ::10])


@pytest.mark.parametrize("name", ["exponential-bliss", "exponential-hsa"])
def test_what_a_card_fixes_is_filled_in(fits: dict[str, Fit], name: str) -> None:
    found = parameters_of(fits[name].posterior, fits[name].card)
    assert found.slowing is None
    assert found.departure.shape == (*found.growth.shape, 1)
    assert not found.departure.any()
    assert found.highest_single_agent == float(name.endswith("hsa"))


# Health


def draws_of(n: int = 1000, **shifts: float) -> xr.Dataset:
    """Independent draws of two parameters; a shift moves the first chain."""
    rng = np.random.default_rng(3)
    values = {name: rng.standard_normal((4, n)) for name in ("growth", "error")}
    for name, shift in shifts.items():
        values[name][0] += shift
    return xr.Dataset({name: (("chain", "draw"), value) for name, value in values.items()})


def slow_draws(n: int, share_kept: float) -> xr.Dataset:
    """Draws that remember: an autoregressive chain."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((4, n)) * np.sqrt(1 - share_kept**2)
    values = rng.standard_normal((4, n))
    for step in range(1, n):
        values[:, step] = share_kept * values[:, step - 1] + noise[:, step]
    return xr.Dataset({"growth": (("chain", "draw"), values)})


def stats_of(n: int = 1000, *, divergent: int = 0, at_limit: int = 0, energy: np.ndarray | None = None) -> xr.Dataset:
    def first(count: int) -> np.ndarray:
        flags = np.zeros(4 * n, dtype=bool)
        flags[:count] = True
        return flags.reshape(4, n)

    energy = np.random.default_rng(4).standard_normal((4, n)) if energy is None else energy
    values = {"diverging": first(divergent), "reached_max_treedepth": first(at_limit), "energy": energy}
    return xr.Dataset({name: (("chain", "draw"), value) for name, value in values.items()})


def energy_with_bfmi(wanted: float) -> np.ndarray:
    """Energies whose fraction Σ(Eₙ − Eₙ₋₁)² / Σ(Eₙ − mean)² is 2(1 − ρ) = `wanted`."""
    rng = np.random.default_rng(6)
    kept, n = 1 - wanted / 2, 20000
    energy = rng.standard_normal((4, n))
    noise = rng.standard_normal((4, n)) * np.sqrt(1 - kept**2)
    for step in range(1, n):
        energy[:, step] = kept * energy[:, step - 1] + noise[:, step]
    return energy


def test_a_healthy_fit_passes_without_a_word() -> None:
    found = judge(draws_of(), stats_of())
    assert (found.status, found.failures, found.divergences, found.max_treedepth_share) == ("pass", (), 0, 0.0)
    assert found.max_rhat < 1.01
    assert found.min_ess_bulk > 400
    assert found.min_ess_tail > 400
    assert found.min_bfmi > 1.5


@pytest.mark.parametrize(
    ("divergent", "status"), [(0, "pass"), (4, "pass"), (5, "caution"), (40, "caution"), (41, "fail")]
)
def test_a_thousandth_of_divergences_passes_and_more_than_a_hundredth_fails(divergent: int, status: str) -> None:
    found = judge(draws_of(), stats_of(divergent=divergent))
    assert (found.status, found.divergences) == (status, divergent)
    assert found.failures == (
        () if status == "pass" else (f"share of divergences {divergent / 4000:.3g} ({divergent} draws)",)
    )


@pytest.mark.parametrize(("at_limit", "status"), [(40, "pass"), (41, "caution"), (400, "caution"), (401, "fail")])
def test_a_hundredth_at_the_maximum_tree_depth_passes_and_more_than_a_tenth_fails(at_limit: int, status: str) -> None:
    found = judge(draws_of(), stats_of(at_limit=at_limit))
    assert (found.status, found.max_treedepth_share) == (status, at_limit / 4000)
    assert all("maximum tree depth" in failure for failure in found.failures)


@pytest.mark.parametrize(("shift", "status"), [(0.1, "pass"), (0.4, "caution"), (2.0, "fail")])
def test_chains_that_disagree_are_caught_by_r_hat_with_the_name_of_the_quantity(shift: float, status: str) -> None:
    found = judge(draws_of(error=shift), stats_of())
    assert found.status == status
    if status != "pass":
        assert any(failure.startswith("R-hat 1.") and failure.endswith("(error)") for failure in found.failures)


@pytest.mark.parametrize(("share_kept", "status"), [(0.5, "pass"), (0.85, "caution"), (0.97, "fail")])
def test_chains_that_remember_are_caught_by_their_effective_size(share_kept: float, status: str) -> None:
    found = judge(slow_draws(1000, share_kept), stats_of())
    assert found.status == status
    assert status == "pass" or any("ESS" in failure and "(growth)" in failure for failure in found.failures)


@pytest.mark.parametrize(("bfmi", "status"), [(0.35, "pass"), (0.25, "caution"), (0.15, "fail")])
def test_energy_that_moves_slowly_is_caught(bfmi: float, status: str) -> None:
    energy = energy_with_bfmi(bfmi)
    found = judge(draws_of(energy.shape[1]), stats_of(energy.shape[1], energy=energy))
    assert found.status == status
    assert found.min_bfmi == pytest.approx(bfmi, abs=0.03)
    assert status == "pass" or found.failures[0].startswith("E-BFMI 0.")


@pytest.mark.parametrize(("name", "limits"), LIMITS.items())
def test_the_limits_themselves_belong_to_the_better_grade(name: str, limits: tuple[float, float]) -> None:
    worse = -1 if name.endswith("ESS") or name == "E-BFMI" else 1
    beyond = [np.nextafter(limit, worse * np.inf) for limit in limits]
    found = [_grade(name, value) for value in (limits[0], beyond[0], limits[1], beyond[1], np.nan)]
    assert found == [0, 1, 1, 2, 2]


def test_the_limits_are_those_of_the_design() -> None:
    assert LIMITS == {
        "R-hat": (1.01, 1.05),
        "bulk ESS": (400, 100),
        "tail ESS": (400, 100),
        "share of divergences": (0.001, 0.01),
        "E-BFMI": (0.3, 0.2),
        "share at maximum tree depth": (0.01, 0.1),
    }


def test_a_quantity_that_never_moved_fails_by_name() -> None:
    stuck = draws_of().assign(kill=(("chain", "draw", "agent"), np.zeros((4, 1000, 2)))).assign_coords(agent=["A", "B"])
    stuck["kill"].loc[{"agent": "B"}] = np.random.default_rng(8).standard_normal((4, 1000))
    found = judge(stuck, stats_of())
    assert found.status == "fail"
    assert any("nan (kill[A])" in failure for failure in found.failures)


def test_a_draw_that_is_not_a_number_fails_the_fit() -> None:
    draws = draws_of()
    draws["error"][0, 17] = np.nan
    found = judge(draws, stats_of())
    assert found.status == "fail"
    assert any("(error)" in failure for failure in found.failures)


def test_energy_that_is_not_a_number_fails_the_fit() -> None:
    energy = np.random.default_rng(4).standard_normal((4, 1000))
    energy[2, 5] = np.nan
    found = judge(draws_of(), stats_of(energy=energy))
    assert found.status == "fail"
    assert found.failures == ("E-BFMI nan (chain 2)",)


def test_labelled_quantities_are_named_with_their_label() -> None:
    draws = draws_of().assign(kill=(("chain", "draw", "agent"), np.random.default_rng(9).standard_normal((4, 1000, 2))))
    draws = draws.assign_coords(agent=["T-DM1", "pertuzumab"])
    draws["kill"].loc[{"agent": "pertuzumab", "chain": 0}] += 3
    assert "kill[pertuzumab]" in judge(draws, stats_of()).failures[0]


def test_the_worst_criterion_decides_and_all_are_named() -> None:
    found = judge(draws_of(error=0.4), stats_of(divergent=50))
    assert found.status == "fail"
    assert found.failures[0].startswith("R-hat 1.")
    assert "share of divergences 0.0125 (50 draws)" in found.failures


def test_energy_that_never_moved_fails_the_fit() -> None:
    assert judge(draws_of(), stats_of(energy=np.ones((4, 1000)))).status == "fail"
