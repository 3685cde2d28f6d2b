"""truth.toml: what a truth may say, how it is written, and how it must fit the design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xenograft.errors import InputError
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth, read_truth, truth_text
from xenograft.study.study import Arm, Dosing

A, B = Dosing("A", days=(0.0,)), Dosing("B", days=(0.0, 7.0))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
EVERYTHING: dict[str, Any] = {
    "law": "von-bertalanffy", "baseline": 170.0, "growth": 0.08, "cell_loss": 0.02, "sd_baseline": 0.2,
    "sd_growth": 0.015, "correlation": -0.2, "sd_effect": 0.3, "sd_cohort": 0.1, "mouse_share": 0.4,
    "responder_share": 0.1,
    "responder_factor": 2.0, "error": 0.13, "degrees_of_freedom": 4.0, "small_tumour_error": 8.0, "residual": 20.0,
    "outlier_share": 0.05,
    "outlier_factor": 4.0, "dropout": 0.01, "kill": {"A": 0.03, "B": 0.02},
    "exposure": {"A": "decaying", "B": "delayed"}, "waning": {"A": 0.1}, "onset": {"B": 0.3},
    "departure": {"A + B": -0.01}, "spread": {"A": 1.5}, "error_factor": {"B": 0.5},
    "panel": {
        "sd_baseline": 0.3, "sd_growth": 0.01, "sd_kill": {"A": 0.01}, "sd_departure": {"A + B": 0.02}, "lost": 0.1,
        "missing": {"A": 0.2}, "moderators": {
            "HER 2": {"mean": 5.0, "sd": 2.0, "slope_kill": {"B": 0.01}, "slope_departure": {"A + B": -0.01}},
            "subtype": {"share": 0.3, "like": "HER 2", "correlation": 0.7, "unknown": 0.1},
        },
    },
}  # fmt: skip


def test_a_truth_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    truth = Truth(**EVERYTHING)
    (tmp_path / "truth.toml").write_text(truth_text(truth), encoding="utf-8")
    assert read_truth(tmp_path / "truth.toml") == truth
    assert (
        len(EVERYTHING) == len(Truth.model_fields) - 5
    )  # four laws' own parameters, and a reference without departure


def test_a_written_truth_says_what_each_parameter_means_and_nothing_that_is_at_its_default() -> None:
    text = truth_text(Truth(baseline=170.0, growth=0.08, sd_effect=0.0, kill={"T-DM1": 0.03}))
    assert text == (
        "# The parameters that the study was simulated with.\n"
        '# Growth law; "lag": exponential, at another rate before the first dose, in every arm\n'
        'law = "exponential"\n'
        "# Median volume on the day of the first dose (mm³)\n"
        "baseline = 170.0\n"
        "# Typical growth rate (1/day): of a 100 mm³ tumour (gompertz, von-bertalanffy), "
        "of a very small one (the others)\n"
        "growth = 0.08\n\n"
        '# Kill rate (1/day) of each agent, or of an agent at one dose level ("T-DM1 3"), which comes first\n'
        "[kill]\n"
        '"T-DM1" = 0.03\n'
    )


def test_a_truth_that_says_something_about_nothing_is_refused(subtests: pytest.Subtests) -> None:
    for changed, sentence in [
        ({"exposure": {"D": "delayed"}, "onset": {"D": 0.1}}, 'truth: exposure."D" is an agent of no arm. Remove it.'),
        ({"kill": {"A": 0.1, "B": 0.1, "C": 0.1}}, 'truth: kill."C" is an agent of no arm. Remove it.'),
        ({"spread": {"C": 2.0}}, 'truth: spread."C" is not an arm. Name one of vehicle, A, B, A + B.'),
        ({"error_factor": {"C": 2.0}}, 'truth: error_factor."C" is not an arm. Name one of vehicle, A, B, A + B.'),
        (
            {"sd_cohort": 0.1},
            "truth: sd_cohort changes nothing in a design without cohorts. Give cohorts, or remove it.",
        ),
    ]:
        with subtests.test(changed=changed, sentence=sentence):
            truth = Truth(**{"baseline": 170.0, "growth": 0.08, "kill": {"A": 0.03, "B": 0.02}, **changed})
            with pytest.raises(InputError) as refused:
                simulate(ARMS, truth, days=[0.0, 7.0], seed=1)
            assert refused.value.problems == (sentence,)


@pytest.mark.parametrize("growth", [40.0, -40.0])
def test_a_truth_whose_tumours_no_number_can_hold_is_refused(growth: float) -> None:
    with pytest.raises(InputError, match="beyond any volume that can be recorded"):
        simulate(ARMS[:2], Truth(baseline=170.0, growth=growth, kill={"A": 0.1}), days=[0.0, 20.0], seed=1)


def test_a_broken_truth_file_says_what_to_mend(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for text, sentence in [
        (
            'law = "gompertz"\nbaseline = 170.0\ngrowth = 0.08\n',
            'truth.toml: law = "gompertz" needs slowing. Add it.',
        ),
        (
            "baseline = 170.0\ngrowth = 0.08\ncapacity = 3000.0\n",
            'truth.toml: capacity has no meaning under law = "exponential". Remove it, or set law = "logistic".',
        ),
        (
            'law = "von-bertalanffy"\nbaseline = 170.0\ngrowth = 0.08\n',
            'truth.toml: law = "von-bertalanffy" needs cell_loss. Add it.',
        ),
        (
            "baseline = 170.0\ngrowth = 0.08\nlinear_from = 300.0\n",
            'truth.toml: linear_from has no meaning under law = "exponential". '
            'Remove it, or set law = "exponential-linear".',
        ),
        (
            'baseline = 170.0\ngrowth = 0.08\nexposure."T-DM1" = "decaying"\n',
            'truth.toml: exposure."T-DM1" = "decaying" needs waning."T-DM1". Add it.',
        ),
        (
            'baseline = 170.0\ngrowth = 0.08\nonset."T-DM1" = 0.1\n',
            'truth.toml: onset."T-DM1" needs exposure."T-DM1" = "delayed". Add that, or remove onset."T-DM1".',
        ),
        (
            'baseline = 170.0\ngrowth = 0.08\nexposure.B = "waning"\n',
            'truth.toml: exposure.B = "waning" is not one of constant, decaying, delayed.',
        ),
        (
            "baseline = 170.0\ngrowth = 0.08\nresponder_share = 0.1\n",
            "truth.toml: responder_share changes nothing without responder_factor. Add it, or remove both.",
        ),
        (
            "baseline = 170.0\ngrowth = 0.08\noutlier_factor = 3.0\n",
            "truth.toml: outlier_factor changes nothing without outlier_share. Add it, or remove both.",
        ),
        (
            'baseline = 170.0\ngrowth = 0.08\nreference = "hsa"\ndeparture.both = 0.1\n',
            'truth.toml: departure has no meaning under reference = "hsa". Remove one of them.',
        ),
        ("baseline = 170.0\n", 'truth.toml: "growth" is missing. Add it.'),
        ("baseline = 170.0\ngrowth = 0.08\nkil = 1\n", 'truth.toml: unknown key "kil". Did you mean "kill"?'),
        (
            "baseline = \n",
            "truth.toml: this is not valid TOML (Invalid value (at line 1, column 12)). Mend the line it names.",
        ),
    ]:
        with subtests.test(text=text, sentence=sentence):
            path = tmp_path / "truth.toml"
            path.write_text(text, encoding="utf-8")
            with pytest.raises(InputError) as refused:
                read_truth(path)
            assert refused.value.problems == (sentence,)


def test_a_truth_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_truth(tmp_path / "truth.toml")
