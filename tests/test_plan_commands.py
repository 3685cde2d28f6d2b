"""`xenograft simulate` and `xenograft allocate`, and the page that describes them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import Outcome, Run

import xenograft
from xenograft.panels.read import read_panel
from xenograft.planning.design import read_design
from xenograft.planning.simulated_panel import simulate_panel
from xenograft.reading.read import read_study
from xenograft.simulation.panel_truth import ModeratorTruth, PanelTruth
from xenograft.simulation.truth import Truth, read_truth

PAGE = (Path(__file__).parents[1] / "docs" / "planning.md").read_text(encoding="utf-8")


@pytest.fixture
def run(run: Run) -> Run:
    """As everywhere, in a folder that holds the files shown on the page and 44 baselines."""
    design, truth, *_ = blocks("toml")
    Path("design.toml").write_text(design, encoding="utf-8")
    Path("truth.toml").write_text(truth, encoding="utf-8")
    rows = [f"M{i},{100 + 7.3 * ((i * 17) % 44):.1f},K{i // 4}" for i in range(44)]
    Path("baselines.csv").write_text("\n".join(["animal,volume,cage", *rows]) + "\n", encoding="utf-8")
    return run


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def on_the_page(command: str) -> list[str]:
    return next(shlex.split(block)[1:] for block in blocks("bash") if f"xenograft {command}" in block)


def test_the_simulation_on_the_page_writes_a_study_with_its_truth(run: Run) -> None:
    found = run(*on_the_page("simulate"))
    assert (found.code, found.err) == (0, "")
    study = read_study("simulated")
    assert study.animals.groupby("arm").size().to_dict() == {"vehicle": 10, "T-DM1": 8, "pertuzumab": 8, "both": 8}
    assert study.readings["censored"].any()
    assert (study.animals["reason_left"] == "endpoint volume").any()
    assert read_truth(Path("simulated", "truth.toml")) == read_truth("truth.toml")
    excess = xenograft.true_excess(study.arms, read_truth("truth.toml"), study.horizon).item()
    assert f"True bliss excess of both on day {study.horizon:g}: {excess:.3f}" in found.out
    assert "Wrote simulated: study.toml, volumes.csv, truth.toml." in found.out
    assert run("check", "simulated").code == 0


def test_the_python_on_the_page_simulates_the_study_that_the_command_writes(run: Run) -> None:
    run(*on_the_page("simulate"))
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    made, read = names["study"], read_study("simulated")
    assert made.readings["volume"].to_numpy() == pytest.approx(read.readings["volume"].to_numpy(), rel=1e-3)


def test_every_parameter_of_a_truth_is_on_the_page() -> None:
    fields = [*Truth.model_fields, *PanelTruth.model_fields, *ModeratorTruth.model_fields]
    assert not [
        name for name in fields if f"`{name}`" not in PAGE and f"{name} =" not in PAGE and f"[{name}" not in PAGE
    ]


def test_the_panel_on_the_page_is_written_as_a_panel_that_is_read_as_it_was_made(run: Run) -> None:
    _, _, design, truth = blocks("toml")
    Path("design.toml").write_text(design, encoding="utf-8")
    Path("truth.toml").write_text(truth, encoding="utf-8")
    found = run("simulate", "design.toml", "--truth", "truth.toml", "--seed", 3, "-o", "simulated")
    assert (found.code, found.err) == (0, "")
    names = "study.toml, volumes.csv, panel.toml, truth.toml, moderators.csv"
    assert f"Wrote simulated: {names}." in found.out
    made = simulate_panel(read_design("design.toml"), read_truth("truth.toml"), seed=3, digits=4)
    read = read_panel("simulated")
    assert read.digest == made.digest
    assert read.animals == 120
    assert read_truth(Path("simulated", "truth.toml")) == read_truth("truth.toml")
    day = f"{made.horizon:g}"
    assert f"True bliss excess of both on day {day} in the typical model: {0.02 * made.horizon:.3f}" in found.out
    slope = f"True rise of the bliss excess of both on day {day} per unit of NRG1: {0.006 * made.horizon:.3f}"
    assert slope in found.out
    assert run("check", "simulated").code == 0


def test_the_same_seed_writes_the_same_study_and_another_seed_another(run: Run) -> None:
    for folder, seed in (("one", 5), ("two", 5), ("three", 6)):
        assert run("simulate", "design.toml", "--truth", "truth.toml", "--seed", seed, "-o", folder).code == 0
    one, two, three = (Path(folder, "volumes.csv").read_text(encoding="utf-8") for folder in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_a_truth_that_the_card_excludes_is_refused_and_nothing_is_written(run: Run) -> None:
    found = run("simulate", "design.toml", "--truth", "truth.toml", "-m", "exponential-bliss-departure", "-o", "out")
    assert found == Outcome(
        2,
        "",
        'truth.toml: exposure."T-DM1" is decaying, and the card exponential-bliss-departure claims constant. '
        'Set exposure."T-DM1" = "constant". Or leave out -m exponential-bliss-departure.\n',
    )
    assert not Path("out").exists()


def test_a_truth_that_the_card_holds_possible_is_simulated(run: Run) -> None:
    truth = Path("truth.toml").read_text(encoding="utf-8").replace("departure.both = 0.15", "")
    lines = [line for line in truth.splitlines() if not line.startswith(("exposure", "waning"))]
    Path("truth.toml").write_text("\n".join(lines), encoding="utf-8")
    with_card = ("simulate", "design.toml", "--truth", "truth.toml", "-m", "exponential-bliss", "-o")
    assert run(*with_card, "out").code == 0
    Path("here.toml").write_text("", encoding="utf-8")
    folder = Path(xenograft.__file__).parents[1] / "models"
    several = run("simulate", "design.toml", "--truth", "truth.toml", "-m", folder, "-o", "out")
    assert several.code == 2
    assert re.search(r"this is \d+ cards\. Name one\.", several.err)


def test_a_design_and_a_truth_that_do_not_fit_are_refused(run: Run) -> None:
    Path("truth.toml").write_text("baseline = 170.0\ngrowth = 0.08\nkill.pertuzumab = 0.1\n", encoding="utf-8")
    found = run("simulate", "design.toml", "--truth", "truth.toml", "-o", "out")
    assert found == Outcome(2, "", 'truth: agent T-DM1 has no kill rate. Add kill."T-DM1".\n')
    assert not Path("out").exists()


def test_a_simulated_study_that_could_not_be_read_is_not_written(run: Run) -> None:
    truth = Path("truth.toml").read_text(encoding="utf-8")
    Path("truth.toml").write_text(truth + "dropout = 50.0\n", encoding="utf-8")  # every animal is lost on the first day
    found = run("simulate", "design.toml", "--truth", "truth.toml", "-o", "out")
    assert found.code == 2
    assert found.err.startswith("design.toml: the simulated study cannot be analysed: ")
    assert not Path("out").exists()


def test_the_allocation_on_the_page_is_written_with_seed_and_balance(run: Run) -> None:
    found = run(*on_the_page("allocate"))
    assert (found.code, found.err) == (0, "")
    table, balance = pd.read_csv("allocation.csv", keep_default_na=False), pd.read_csv("allocation-balance.csv")
    assert list(table.columns) == ["animal", "volume", "cage", "arm", "seed"]
    assert table.groupby("arm").size().to_dict() == {"": 4, "vehicle": 10, "T-DM1": 10, "pertuzumab": 10, "both": 10}
    assert set(table["seed"]) == {4}
    assert list(balance["arm"]) == ["vehicle", "T-DM1", "pertuzumab", "both"]
    spare = ", ".join(table.loc[table["arm"] == "", "animal"])
    assert f"Not needed, farthest from the median baseline: {spare}." in found.out


def test_an_allocation_is_reproduced_from_its_seed_and_improves_with_tries(run: Run) -> None:
    common = ("allocate", "baselines.csv", "--arms", "a, b", "--per-arm", 20, "-o")
    outcomes = [
        run(*common, f"{name}.csv", "--seed", seed, "--tries", tries)
        for name, seed, tries in (("one", 3, 100), ("two", 3, 100), ("three", 4, 100), ("plain", 3, 1))
    ]
    one, two, three, plain = (
        Path(f"{name}.csv").read_text(encoding="utf-8") for name in ("one", "two", "three", "plain")
    )
    assert one == two
    assert one not in (three, plain)
    best, first = (float(re.search(r"added: ([\d.]+); of", out.out)[1]) for out in (outcomes[0], outcomes[3]))
    assert best < first


def test_an_allocation_that_cannot_be_made_is_refused(run: Run) -> None:
    assert run("allocate", "baselines.csv", "--arms", "a,b", "--per-arm", 30) == Outcome(
        2, "", "baselines: 44 animals for 2 arms of 30, which need 60. Add animals, or ask for fewer.\n"
    )
    assert not Path("allocation.csv").exists()
