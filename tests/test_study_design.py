"""Designs: what they may say, and the studies that are simulated from them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from xenograft.errors import InputError
from xenograft.planning.design import Design, read_design, simulate_design
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

DESIGN = """
name = "Plan"
limit_of_quantification = 20.0
endpoint_volume = 2.0
unit = "cm3"
horizon = 14
primary = "A + B"
cohorts = 2
animals = { control = 3, A = 4, B = 3, "A + B" = 2 }
visits = { from = -3, every = 3.5, times = 6 }
[arms.control]
control = true
[arms.A]
agents.A = { dose = 3.0, unit = "mg/kg", days = [0] }
[arms.B]
agents.B = { start = 2 }
[arms."A + B"]
agents.A = { dose = 3.0, unit = "mg/kg", days = [0] }
agents.B = { start = 2 }
"""
TRUTH = Truth(baseline=150.0, growth=0.09, sd_baseline=0.2, error=0.1, kill={"A": 0.03, "B": 0.02})


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_design_is_a_study_file_with_animals_and_visits(tmp_path: Path) -> None:
    a, b = Dosing("A", (0.0,), (3.0,), "mg/kg"), Dosing("B", (2.0,), schedule_known=False)
    text = DESIGN.replace("limit_of_quantification = 20.0", "limit_of_quantification = 0.02")
    assert read_design(written(tmp_path, text)) == Design(
        name="Plan",
        arms=(
            Arm("control", control=True),
            Arm("A", dosings=(a,)),
            Arm("B", dosings=(b,)),
            Arm("A + B", dosings=(a, b)),
        ),
        animals={"control": 3, "A": 4, "B": 3, "A + B": 2},
        visits=(-3.0, 0.5, 4.0, 7.5, 11.0, 14.5),
        cohorts=2,
        limit_of_quantification=20.0,  # given in cm³
        endpoint_volume=2000.0,
        horizon=14.0,
        primary="A + B",
    )


def test_one_number_of_animals_is_for_every_arm_and_visits_may_be_listed(tmp_path: Path) -> None:
    lines = [line for line in DESIGN.splitlines() if not line.startswith(("animals", "visits"))]
    design = read_design(written(tmp_path, "\n".join(["animals = 5", "visits = [0, 3, 7, 14]", *lines])))
    assert dict(design.animals) == {"control": 5, "A": 5, "B": 5, "A + B": 5}
    assert design.visits == (0.0, 3.0, 7.0, 14.0)


def test_a_study_simulated_from_a_design_has_all_that_it_says(tmp_path: Path) -> None:
    text = DESIGN.replace("20.0", "0.02").replace("endpoint_volume = 2.0", "endpoint_volume = 0.3")
    design = read_design(written(tmp_path, text + ""))
    study = simulate_design(design, TRUTH, seed=2, digits=3)
    plain = simulate(
        design.arms, TRUTH, animals=design.animals, days=design.visits, seed=2, endpoint_volume=300.0,
        limit_of_quantification=20.0, cohorts=2, digits=3,
    )  # fmt: skip
    pd.testing.assert_frame_equal(study.readings, plain.readings)
    assert (study.name, study.chosen_horizon, study.primary) == ("Plan", 14.0, "A + B")
    assert (study.animals["reason_left"] == "endpoint volume").any()
    assert study.truth == TRUTH


def test_readings_from_another_day_on_are_fitted_where_the_design_says_so(tmp_path: Path) -> None:
    whole = simulate_design(read_design(written(tmp_path, DESIGN.replace("20.0", "0.02"))), TRUTH, seed=1)
    later = simulate_design(
        read_design(written(tmp_path, "fit_from = 4\n" + DESIGN.replace("20.0", "0.02"))), TRUTH, seed=1
    )
    assert whole.fitted_readings["day"].min() == -3.0
    assert later.fitted_readings["day"].min() == 4.0


def test_a_broken_design_says_what_to_mend(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for old, new, sentences in [
        ("cohorts = 2", "cohorts = 1", ["cohorts is 1; it must be greater than or equal to 2."]),
        (
            "cohorts = 2",
            "cohort = 2",
            ['unknown key "cohort". Did you mean "cohorts"?'],
        ),
        (
            'name = "Plan"',
            'name = "Plan"\ndata = "volumes.csv"',
            ['"data" has no meaning in a design, which has no table yet. Remove it.'],
        ),
        (
            "control = 3, ",
            "controls = 3, ",
            [
                'arm control has no animals. Add animals."control".',
                'animals."controls" is not an arm. Did you mean "control"? Name arms of this design only.',
            ],
        ),
        (
            "A = 4, B = 3",
            "A = 1, B = 3",
            [
                'animals: {"control": 3, "A": 1, "B": 3, "A + B": 2} is no number of animals, 2 or more. '
                "Write 8, or one number for each arm."
            ],
        ),
        (
            "times = 6",
            "times = 0.5",
            [
                "visits: from must be a day, every above 0 and times a whole number up to 1000. "
                "Write { from = 0, every = 7, times = 4 }."
            ],
        ),
        ("visits = { from = -3, every = 3.5, times = 6 }\n", "", ['"visits" is missing. Add it.']),
        (
            "from = -3, every = 3.5",
            "from = -30, every = 3.5",
            [
                "the last visit is on day -12.5 and the first dose on day 0. Add visits after it.",
                "horizon = 14; it must be after the first dose (day 0) and not after the last visit (day -12.5).",
            ],
        ),
        (
            "horizon = 14",
            "horizon = 0",
            ["horizon = 0; it must be after the first dose (day 0) and not after the last visit (day 14.5)."],
        ),
        ("horizon = 14", "fit_from = 15", ["fit_from = 15 is after the last visit (day 14.5). Give an earlier day."]),
        (
            'unit = "cm3"',
            'unit = "photons/s"',
            ['unit = "photons/s"; studies are simulated in mm3. Remove unit, and give volumes in mm³.'],
        ),
        (
            "control = true",
            "control = false",
            [
                "no arm has control = true. Add it to the vehicle arm.",
                "arm control: it receives no agent and is not the control. "
                "Add agents.NAME = { … }, control = true, or ignore = true.",
            ],
        ),
        ('primary = "A + B"', 'primary = "A"', ['primary = "A" is not one of A + B.']),
    ]:
        with subtests.test(old=old, new=new):
            assert old in DESIGN
            with pytest.raises(InputError) as refused:
                read_design(written(tmp_path, DESIGN.replace(old, new)))
            places = ("plan.toml: ", "plan.toml, ")
            assert [p.removeprefix(places[0]).removeprefix(places[1]) for p in refused.value.problems] == sentences


def test_a_design_that_is_not_there_or_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_design(tmp_path / "plan.toml")
    with pytest.raises(InputError, match=r"plan\.toml: this is not valid TOML"):
        read_design(written(tmp_path, "name = \n"))
    with pytest.raises(InputError, match="cannot be read"):
        read_design(tmp_path)
