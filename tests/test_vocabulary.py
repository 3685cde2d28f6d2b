"""One register says what a card may say: a word more in it is read, priced with priors, fitted, told and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from definitions import page

from xenograft.errors import CardError
from xenograft.fitting.curves import curves, curves_of, prior_draws
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.pymc_model import build
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.model.card import ModelCard, read_card, read_cards, shipped_cards
from xenograft.model.choice import why_not
from xenograft.model.courses import Course
from xenograft.model.curve import Parameters
from xenograft.model.exposure import accumulated_exposure, schedule
from xenograft.model.growth import relative_growth
from xenograft.model.vocabulary import (
    ALWAYS,
    CORRELATION,
    ERROR_SMALL,
    EXPOSURE,
    GROWTH,
    KEYS,
    MODERATORS,
    MODERATORS_OF_DEPARTURE,
    PANEL,
    PANEL_DEPARTURE,
    PARAMETERS,
    REFERENCE,
    RESIDUAL,
    SHARED_BY,
    VARIES,
    CardReference,
    Exposure,
    Law,
    Parameter,
)
from xenograft.planning.card_truth import in_truths, problems_of_card
from xenograft.report.words import model_in_words
from xenograft.simulation.truth import NEEDED_BY_EXPOSURE, NEEDED_BY_LAW, Truth
from xenograft.study.study import Dosing, Study

README = shipped_cards() / "README.md"


def tiring_columns(day: Any, parameters: Any, *, xp: Any = np) -> tuple[Any, Any]:
    """Growth that tires with time, whatever the size: dz/dt = g e^−τt."""
    tiring = parameters.of_law["tiring"][..., None]
    return xp.ones_like(day), day * relative_growth(tiring * day, xp=xp)


def first_week(dosing: Dosing, first_dose: float) -> list[Course]:
    start = dosing.days[0] - first_dose
    return [Course([(start, 1.0), (start + 7, -1.0)])]


TIRING = Law("tiring", "growth that tires with time", ("tiring",), columns=tiring_columns)
FIRST_WEEK = Exposure("first week", "for a week after the first dose", first_week, truth=None)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModelCard:
    """A card with a law and an exposure that were registered a moment ago."""
    monkeypatch.setitem(GROWTH, "tiring", TIRING)
    monkeypatch.setitem(EXPOSURE, "first week", FIRST_WEEK)
    monkeypatch.setitem(PARAMETERS, "tiring", Parameter("tiring", ("LogNormal", "HalfNormal"), "1/day"))
    return read_card(written(tmp_path))


def written(folder: Path, **words: str) -> Path:
    words = {"growth": "tiring", "exposure": "first week", "prior": "tiring", "distribution": "HalfNormal"} | words
    text = (shipped_cards() / "exponential-bliss-departure.toml").read_text(encoding="utf-8")
    text = text.replace('name = "exponential-bliss-departure"', 'name = "mine"')
    text = text.replace('growth = "exponential"', f'growth = "{words["growth"]}"')
    text = text.replace('exposure = "constant"', f'exposure = "{words["exposure"]}"')
    prior = f'\n[priors.{words["prior"]}]\ndistribution = "{words["distribution"]}"\nsigma = 0.05\n'
    (folder / "mine.toml").write_text(text + prior + 'unit = "1/day"\nwhy = "A test."\n', encoding="utf-8")
    return folder / "mine.toml"


def test_a_law_that_is_registered_is_known_to_every_sentence_about_cards(card: ModelCard, tmp_path: Path) -> None:
    assert card.growth == "tiring"
    assert card.answers
    for words, sentence in (
        ({"growth": "tirin"}, 'growth = "tirin" is not one of exponential, gompertz, spline, tiring.'
                              ' Did you mean "tiring"?'),
        ({"growth": "exponential"}, "the prior of tiring is not used by this card. Delete [priors.tiring]."),
        ({"exposure": "first weak"}, 'exposure = "first weak" is not one of constant, decaying, delayed, first week.'
                                     ' Did you mean "first week"?'),
        ({"distribution": "Normal"}, None),
    ):  # fmt: skip
        with pytest.raises(CardError) as caught:
            read_card(written(tmp_path, **words))
        assert sentence is None or caught.value.problems == (f"mine.toml: {sentence}",)
    text = written(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text[: text.index("[priors.tiring]")], encoding="utf-8")
    with pytest.raises(CardError, match=r"the prior of tiring is missing. Add \[priors.tiring\]"):
        read_card(tmp_path / "mine.toml")


def test_a_law_that_is_registered_has_its_curve(study: Study, card: ModelCard) -> None:
    draws = prior_draws(study, card, 5, seed=1)
    tiring, days = draws["tiring"].to_numpy()[..., None], np.array([0.0, 3.0, 20.0])
    vehicle = curves_of(draws, study, card, study.first_dose + days).sel(arm="vehicle").to_numpy()
    grown = draws["growth"].to_numpy()[..., None] * -np.expm1(-tiring * days) / tiring
    expected = np.log(study.reference_volume) + draws["baseline"].to_numpy()[..., None] + grown
    assert np.allclose(vehicle, expected, rtol=1e-12)


def test_an_exposure_that_is_registered_acts_as_it_says(study: Study, card: ModelCard) -> None:
    received = schedule(study, exposure=card.exposure)
    of_dosing, _ = accumulated_exposure(np.array([0.0, 2.0, 7.0, 30.0]), received, None)
    assert np.allclose(of_dosing[0], [0, 2, 7, 7])


def test_what_is_registered_is_one_text_for_the_pymc_model_and_for_curves(study: Study, card: ModelCard) -> None:
    """The log likelihood of PyMC's graph is that of NumPy at draws of the prior, and moves with the law's parameter."""
    assert why_not(study, card) is None
    model, draws = build(study, card), prior_draws(study, card, 3, seed=2)
    by_value = {rv.name: rv for rv in model.free_RVs}
    assert "tiring" in by_value
    density = model.compile_fn(model.observedlogp, point_fn=True, mode="FAST_COMPILE", on_unused_input="ignore")
    ours = log_likelihood(draws, study, card).sum("animal").to_numpy()[0]
    for draw, expected in enumerate(ours):
        at = draws.isel(chain=0, draw=draw)
        point = {}
        for variable in model.free_RVs:
            value = model.rvs_to_values[variable]
            transform = model.rvs_to_transforms[variable]
            name = str(variable.name)
            number = at["correlation"] / 2 + 0.5 if name == "correlation_unit" else at[name]
            number = np.asarray(number, dtype=float)
            inputs = variable.owner.inputs
            point[value.name] = number if transform is None else transform.forward(number, *inputs).eval()
        assert np.isclose(float(density(point)), expected, rtol=1e-9)
    assert len({*ours}) == 3


def test_a_law_without_derivatives_is_refused_and_not_sampled_as_another(study: Study, card: ModelCard) -> None:
    with pytest.raises(CardError) as caught:
        fit(study, card, seed=1, progress=False)
    assert caught.value.problems == (
        'mine: growth = "tiring" has a curve whose derivatives the sampler does not have. Add them as '
        "docs/architecture.md says under a growth law, or use another law.",
    )


def test_a_law_of_the_closed_form_and_an_exposure_are_fitted_once_they_are_registered(
    study: Study, card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(GROWTH, "slowing down", Law("slowing down", "growth that slows down", ("slowing",)))
    card = read_card(written(tmp_path, growth="slowing down", prior="slowing"))
    settings = SamplerSettings(chains=2, draws=100, tune=200)
    fitted = fit(study, card, seed=1, settings=settings, progress=False, keep="posterior")
    assert float(fitted.posterior["slowing"].std()) > 0
    treated = curves(fitted, [study.first_dose + 7, study.first_dose + 8]).sel(arm="T-DM1")
    assert np.isfinite(treated).all()


def test_what_is_registered_is_told_and_listed(card: ModelCard) -> None:
    assert model_in_words({"mine": card})[:2] == [
        "Growth: growth that tires with time.",
        "Exposure e(t): for a week after the first dose.",
    ]
    listed = page(README.read_text(encoding="utf-8"))
    assert "| `growth` | `tiring` | growth that tires with time | `tiring` |" in listed
    assert "| `exposure` | `first week` | for a week after the first dose |  |" in listed
    assert "| `tiring` | 1/day | `LogNormal`, `HalfNormal` | `growth = tiring` |" in listed


def test_no_truth_is_taken_for_a_law_that_the_simulator_does_not_have(study: Study, card: ModelCard) -> None:
    truth = Truth(baseline=100.0, growth=0.1, kill=dict.fromkeys(["T-DM1", "pertuzumab"], 0.02))
    found = problems_of_card(card, truth, study.arms)
    assert "truth: no truth has the law tiring, which the card mine claims. Use another card." in found
    assert "truth: no truth has the exposure first week, which the card mine claims. Use another card." in found
    assert not in_truths(card)


def test_every_word_stands_for_a_truth_that_the_simulator_has() -> None:
    """The simulator shares no code with the models, so its words are its own: they must be the same ones."""
    laws = {law.truth: law for law in GROWTH.values() if law.truth}
    assert set(laws) <= set(get_args(Truth.model_fields["law"].annotation))
    for name, law in laws.items():
        assert law.priors == tuple(filter(None, [NEEDED_BY_LAW.get(name)]))
    assert [law.name for law in GROWTH.values() if law.truth is None] == ["spline"]
    assert all(law.truth or law.own_curves for law in GROWTH.values())
    (words,) = [get_args(part) for part in get_args(Truth.model_fields["exposure"].annotation)[1:]]
    assert {one.truth for one in EXPOSURE.values()} == set(words)
    for exposure in EXPOSURE.values():
        assert exposure.priors == tuple(filter(None, [NEEDED_BY_EXPOSURE.get(exposure.truth or "")]))
    assert get_args(CardReference.__value__) == tuple(REFERENCE)
    assert get_args(Truth.model_fields["reference"].annotation) == tuple(REFERENCE)
    for word in VARIES.values():
        assert set(word.priors) <= set(Truth.model_fields)


def test_every_parameter_is_needed_by_a_word_and_every_word_needs_parameters_that_there_are() -> None:
    needed = {prior for words in KEYS.values() for word in words.values() for prior in word.priors}
    of_panels = {*PANEL, *PANEL_DEPARTURE, *MODERATORS, *MODERATORS_OF_DEPARTURE}
    assert needed | {*ALWAYS, *ERROR_SMALL, *RESIDUAL, CORRELATION, *SHARED_BY} | of_panels == set(PARAMETERS)
    fields = set(Parameters.__dataclass_fields__)
    assert set(PARAMETERS) - fields - of_panels == {"sd_departure", "dose_power", "sd_cohort", "smoothness"}, (
        "these stand behind departure, kill, cohort, bend"
    )
    for key, words in KEYS.items():
        assert key in ModelCard.model_fields
        assert all(name == word.name for name, word in words.items())


def test_the_units_of_the_shipped_priors_are_those_of_the_register() -> None:
    """Written as a card's author would: "ln volume" for log units, follow-ups for days."""
    same = {"ln volume": "log units", "ln (volume / 100 mm3)": "log units", "ln volume per day^1.5":
            "log units per day^1.5", "none (relative to the arm's effect)": "none"}  # fmt: skip
    for card in read_cards().values():
        for entry, prior in card.priors.items():
            unit = prior.unit.replace("follow-up", "day")
            assert same.get(unit, unit) == PARAMETERS[entry.partition(".")[0]].unit, (card.name, entry)


def test_the_error_of_small_tumours_is_a_volume_in_a_truth(study: Study) -> None:
    """A card has it over the reference volume, a truth in mm³."""
    from xenograft.planning.card_truth import truth_of

    card = read_cards("exponential-bliss-departure")["exponential-bliss-departure"]
    prior = card.priors["error"]
    card = card.model_copy(update={"error_small": True, "priors": card.priors | {"small_tumour_error": prior}})
    drawn = prior_draws(study, card, 1, seed=1).isel(chain=0, draw=0)
    truth = truth_of(card, drawn, study.arms)
    assert truth.small_tumour_error == pytest.approx(100 * float(drawn["small_tumour_error"]))
