"""Model cards: the closed vocabulary, the priors and what they imply, the sentences for broken ones."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from xenograft.errors import CardError
from xenograft.fitting.curves import curves_of, prior_draws, reference_names
from xenograft.fitting.pymc_model import build
from xenograft.model.card import ModelCard, read_card, read_cards, shipped_cards
from xenograft.model.prior import ARGUMENTS, Prior
from xenograft.model.vocabulary import PARAMETERS, SHARED_BY
from xenograft.quantities.estimands import excess, growth_rate
from xenograft.study.follow_up import follow_up
from xenograft.study.study import Study

BROKEN = Path(__file__).parents[1] / "fixtures" / "broken-cards"
NAMES = sorted(read_cards())
DRAWS = 4000


BROKEN_NAMES = sorted(file.stem for file in BROKEN.glob("*.toml"))


def test_a_broken_card_gets_its_sentence(subtests: pytest.Subtests) -> None:
    for name in BROKEN_NAMES:
        with subtests.test(name=name):
            with pytest.raises(CardError) as caught:
                read_card(BROKEN / f"{name}.toml")
            assert list(caught.value.problems) == (BROKEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            assert caught.value.exit_code == 2


def test_every_broken_card_has_its_sentence_and_every_sentence_its_card() -> None:
    assert sorted(file.stem for file in BROKEN.glob("*.txt")) == BROKEN_NAMES
    assert len(BROKEN_NAMES) >= 40


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("growth-misspelled", "sigma-negative"):
        shutil.copy(BROKEN / f"{name}.toml", tmp_path)
    with pytest.raises(CardError) as caught:
        read_cards(tmp_path, shipped_cards())
    told = [
        (BROKEN / f"{name}.txt").read_text(encoding="utf-8").strip() for name in ("growth-misspelled", "sigma-negative")
    ]
    assert list(caught.value.problems) == told


def test_one_name_for_two_cards_is_refused(tmp_path: Path) -> None:
    text = (shipped_cards() / "exponential-bliss.toml").read_text(encoding="utf-8")
    file = tmp_path / "exponential-bliss.toml"
    file.write_text(text, encoding="utf-8")
    assert list(read_cards(file, "exponential-bliss")) == ["exponential-bliss"]  # the same card twice is no conflict
    file.write_text(text.replace("mu = 0.5", "mu = 0.6"), encoding="utf-8")
    with pytest.raises(CardError, match='"exponential-bliss" stands for two different cards'):
        read_cards(file, "exponential-bliss")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_bytes(b"\xff\xfe name")
    with pytest.raises(CardError, match=r"^card\.toml: this is not valid TOML"):
        read_card(tmp_path / "card.toml")


def test_every_prior_of_a_card_is_needed(
    cards: dict[str, ModelCard], tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for name in NAMES:
        with subtests.test(name=name):
            for parameter in set(cards[name].priors) - set(SHARED_BY):  # needed where mice carry several tumours
                content = _content(name)
                del content["priors"][parameter]
                with pytest.raises(CardError) as caught:
                    read_card(_written(content, tmp_path))
                missing = f"{name}.toml: the prior of {parameter} is missing. Add [priors.{parameter}]."
                assert caught.value.problems == (missing,)


def test_every_key_of_a_card_without_a_default_is_needed(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name in NAMES:
        with subtests.test(name=name):
            for key in ("name", "claim", "growth", "exposure", "reference", "departure", "varies", "error"):
                content = _content(name)
                del content[key]
                with pytest.raises(CardError) as caught:
                    read_card(_written(content, tmp_path, name))
                assert caught.value.problems == (f'{name}.toml: "{key}" is missing. Add it.',)


def test_the_digest_does_not_see_layout(cards: dict[str, ModelCard], tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name in NAMES:
        with subtests.test(name=name):
            content = _content(name)
            content["priors"] = {
                parameter: dict(reversed(p.items())) for parameter, p in reversed(content["priors"].items())
            }
            content = dict(reversed(content.items()))  # the priors stay last: TOML has no way back to the top
            content["priors"] = content.pop("priors")
            content["varies"] = content["varies"][::-1]
            for prior in content["priors"].values():
                for key, value in prior.items():  # 2.0 and 2 are one number
                    prior[key] = int(value) if isinstance(value, float) and value.is_integer() else value
            assert read_card(_written(content, tmp_path)).digest == cards[name].digest


def test_the_digest_sees_every_number_and_distribution(cards: dict[str, ModelCard], subtests: pytest.Subtests) -> None:
    for name in NAMES:
        with subtests.test(name=name):
            card = cards[name]
            digests = [card.digest]
            for parameter, prior in card.priors.items():
                for key, value in prior.arguments.items():
                    moved = prior.model_copy(update={key: value + 1e-6})
                    digests.append(card.model_copy(update={"priors": card.priors | {parameter: moved}}).digest)
                others = [word for word in PARAMETERS[parameter].distributions if word != prior.distribution]
                for word in others:
                    other = Prior(
                        distribution=word, **dict.fromkeys(ARGUMENTS[word], 0.4), unit=prior.unit, why=prior.why
                    )
                    digests.append(card.model_copy(update={"priors": card.priors | {parameter: other}}).digest)
            assert len(set(digests)) == len(digests)


def test_the_digest_sees_every_word_of_the_vocabulary(cards: dict[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"]
    words = {
        "growth": ["gompertz", "spline"], "exposure": ["decaying", "delayed", {"A": "constant"}], "reference": ["hsa"],
        "departure": ["none"], "departure_by": ["study", "shrunken"], "dose_effect": ["power", "linear"],
        "varies": [("baseline",), ("baseline", "growth", "effect")], "spread": ["arm"], "error": ["student"],
        "error_small": [True], "residual": [True], "panel": [True], "moderators": [True],
    }  # fmt: skip
    assert {*words, "name", "claim", "priors"} == set(ModelCard.model_fields)
    digests = [card.model_copy(update={key: word}).digest for key, choices in words.items() for word in choices]
    assert len({card.digest, *digests}) == 1 + len(digests)


def test_shipped_cards_are_different_hypotheses(cards: dict[str, ModelCard]) -> None:
    assert len({card.digest for card in cards.values()}) == len({card.claim for card in cards.values()}) == len(cards)


def test_a_null_fixes_what_the_answering_card_of_its_growth_leaves_free(cards: dict[str, ModelCard]) -> None:
    for card in cards.values():
        freer = [other.name for other in cards.values() if card.null_of(other)]  # none of a residual has a null
        family = card.name.removesuffix("-bliss").removesuffix("-hsa")
        assert freer == ([] if card.answers else [f"{family}-bliss-departure"])


def test_a_prior_in_scipy_is_the_one_in_pymc(subtests: pytest.Subtests) -> None:
    for distribution in sorted(set(ARGUMENTS) - {"LKJ"}):
        with subtests.test(distribution=distribution):
            prior = Prior(
                distribution=distribution, **dict.fromkeys(ARGUMENTS[distribution], 1.7), unit="", why="A test."
            )
            at = np.array([0.11, 0.4, 0.83])
            theirs = pm.logp(getattr(pm, distribution).dist(**prior.arguments), at).eval(mode="FAST_COMPILE")
            assert np.allclose(prior.frozen.logpdf(at), theirs)


def test_draws_of_a_prior_are_those_of_its_scipy_distribution(subtests: pytest.Subtests) -> None:
    for distribution, names in ARGUMENTS.items():
        with subtests.test(distribution=distribution):
            numbers = dict(zip(names, (1.7, 0.6), strict=False))
            prior = Prior(distribution=distribution, **numbers, unit="", why="A test.")
            ours, theirs = (np.random.default_rng(3) for _ in range(2))
            expected = prior.frozen.rvs((4, 5), random_state=theirs)
            assert np.allclose(prior.draws((4, 5), ours), expected, rtol=1e-12)


def test_the_prior_of_a_correlation_is_that_of_lewandowski_kurowicka_and_joe(subtests: pytest.Subtests) -> None:
    """The density of a 2 × 2 correlation matrix is its determinant to the power η − 1 (LKJ 2009)."""
    for eta in [0.5, 1.0, 2.0, 7.0]:
        with subtests.test(eta=eta):
            prior = Prior(distribution="LKJ", eta=eta, unit="none", why="A test.")
            at = np.linspace(-0.95, 0.95, 9)
            relative = prior.frozen.pdf(at) / prior.frozen.pdf(0.0)
            assert np.allclose(relative, (1 - at**2) ** (eta - 1))
            assert prior.frozen.support() == (-1, 1)


def test_every_shipped_card_is_listed_in_its_readme(cards: dict[str, ModelCard]) -> None:
    readme = (shipped_cards() / "README.md").read_text(encoding="utf-8")
    both = [*cards.values(), *(read_card(path) for path in sorted((shipped_cards() / "panels").glob("*.toml")))]
    for card in both:
        assert f"| `{card.name}` | {card.claim} | {'yes' if card.answers else 'null'} |" in readme
    rows = [line for line in readme.splitlines() if line.startswith("| `") and line.endswith(("| yes |", "| null |"))]
    assert len(rows) == len(both)


def test_a_parameter_has_one_prior_in_all_shipped_cards_unless_it_says_it_differs(cards: dict[str, ModelCard]) -> None:
    seen: dict[str, object] = {}
    for card in cards.values():
        for parameter, prior in card.priors.items():
            assert prior.why.startswith("Differs:") or seen.setdefault(parameter, prior) == prior, (
                card.name,
                parameter,
            )


def test_the_digest_is_of_the_hypothesis_not_of_its_words(cards: dict[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"]
    prior = card.priors["error"]
    reworded = card.model_copy(
        update={"name": "x", "claim": "y", "priors": card.priors | {"error": prior.model_copy(update={"why": "z"})}}
    )
    assert reworded.digest == card.digest
    changed = [
        card.model_copy(update={"growth": "gompertz"}),
        card.model_copy(update={"reference": "hsa"}),
        card.model_copy(update={"departure": "none"}),
        card.model_copy(update={"priors": card.priors | {"error": prior.model_copy(update={"sigma": 0.31})}}),
        card.model_copy(update={"priors": card.priors | {"kill.A": card.priors["kill"]}}),
    ]
    assert len({card.digest, *(one.digest for one in changed)}) == 1 + len(changed)


def test_an_agent_may_have_a_kill_prior_of_its_own(tmp_path: Path) -> None:
    text = (shipped_cards() / "exponential-bliss.toml").read_text(encoding="utf-8")
    own = '[priors.kill."T-DM1"]\ndistribution = "HalfNormal"\nsigma = 0.1\nunit = "1/day"\nwhy = "It never harms."\n'
    (tmp_path / "exponential-bliss.toml").write_text(text + own, encoding="utf-8")
    card = read_card(tmp_path / "exponential-bliss.toml")
    assert card.prior_of("kill", "T-DM1").distribution == "HalfNormal"
    assert card.prior_of("kill", "pertuzumab").distribution == "Normal"


def test_cards_are_found_by_name_file_and_folder(tmp_path: Path) -> None:
    file = shipped_cards() / "exponential-hsa.toml"
    assert list(read_cards("exponential-hsa")) == list(read_cards(file)) == ["exponential-hsa"]
    assert sorted(read_cards(shipped_cards())) == NAMES
    with pytest.raises(CardError, match="no model card"):
        read_cards(tmp_path)
    with pytest.raises(CardError, match='Did you mean "exponential-hsa"'):
        read_cards("exponential-has")
    with pytest.raises(CardError, match="no such file"):
        read_card(tmp_path / "absent.toml")


def test_the_priors_imply_what_is_known_of_xenografts(
    study: Study, cards: dict[str, ModelCard], subtests: pytest.Subtests
) -> None:
    """models/README.md#where-the-priors-come-from."""
    for name in NAMES:
        with subtests.test(name=name):
            card = cards[name]
            draws = prior_draws(study, card, DRAWS, seed=1)
            doubling = np.log(2) / draws["growth"].to_numpy()  # of a vehicle tumour of the reference volume
            assert np.mean((doubling > 1.45) & (doubling < 62)) >= 0.95
            end = study.first_dose + follow_up(study)
            curves = curves_of(draws, study, card, [0.0, 21.0, end])
            treated = curves.sel(day=21.0, arm=[arm.name for arm in study.arms if not arm.control])
            assert (treated < 0).mean(("chain", "draw")).max() < 0.10  # below 1 mm³, in the arm where most are
            if card.departure == "estimated":
                arm = study.combinations[0]
                found = excess(curves, arm.name, reference_names(study, arm), study.control.name).sel(day=end)
                assert float((abs(found) < 4.5).mean()) >= 0.95


BEHIND = {
    "correlation_unit", "bend_scaled", "cohort_standard", "departure_standard", "departure_of_study",
    "kill_at_top_dose",
}  # fmt: skip
"""Variables of the model that stand behind a parameter."""
LATENT = {"spread", "own_effect"}


def _with_everything(cards: dict[str, ModelCard]) -> ModelCard:
    """Every parameter that may go together: mixed exposures, one departure, dose powers, cohorts, small tumours."""
    card = cards["robust-bliss-departure"]
    numbers = {"waning": 0.1, "onset": 0.3, "dose_power": 0.7, "sd_cohort": 0.01, "small_tumour_error": 0.1}
    own = {
        name: Prior(distribution="LogNormal", mu=float(np.log(value)), sigma=0.5, unit="", why="A test.")
        for name, value in numbers.items()
    }
    words = {
        "growth": "gompertz", "exposure": {"T-DM1": "decaying", "default": "delayed"}, "departure_by": "study",
        "dose_effect": "power", "varies": (*card.varies, "cohort"), "error_small": True,
        "priors": card.priors | own | {"slowing": cards["gompertz-bliss"].priors["slowing"]},
    }  # fmt: skip
    return card.model_copy(update=words)


@pytest.mark.parametrize("name", [*NAMES, "everything"])
def test_priors_drawn_without_pymc_are_the_models_priors(study: Study, cards: dict[str, ModelCard], name: str) -> None:
    card = _with_everything(cards) if name == "everything" else cards[name]
    readings = study.readings
    batches = readings.assign(
        cohort=["batch 2" if animal.endswith("2") else "batch 1" for animal in readings["animal"]]
    )
    mice = batches["arm"] + [f" {(int(animal[-2:]) + 1) // 2}" for animal in readings["animal"]]  # two tumours in each
    study = replace(study, readings=batches.assign(mouse=mice))
    model, ours = build(study, card), prior_draws(study, card, DRAWS, seed=1)
    names = [str(parameter) for parameter in ours]
    assert {rv.name for rv in model.free_RVs} - set(names) <= BEHIND | LATENT
    assert set(card.priors) - {"cage_share"} <= set(names)  # mice carry several tumours, and none share cages
    theirs = pm.draw([model[parameter] for parameter in names], draws=DRAWS, random_seed=1, mode="FAST_COMPILE")
    for parameter, drawn in zip(names, theirs, strict=True):
        assert ours[parameter].shape[2:] == np.shape(drawn)[1:], parameter
        mine = ours[parameter].to_numpy().reshape(DRAWS, -1)
        drawn = np.asarray(drawn).reshape(DRAWS, -1)
        # two samples of one distribution are further apart than this once in a million times
        limit = np.sqrt(-np.log(1e-6 / 2) / DRAWS)
        for one, other in zip(mine.T, drawn.T, strict=True):
            assert stats.ks_2samp(one, other).statistic < limit, parameter


def _content(name: str) -> dict[str, Any]:
    return tomllib.loads((shipped_cards() / f"{name}.toml").read_text(encoding="utf-8"))


def _written(content: dict[str, Any], folder: Path, name: str | None = None) -> Path:
    """A card file from plain data, in the order of that data."""
    tables = [("", {key: value for key, value in content.items() if key != "priors"})]
    tables += [(f"[priors.{parameter}]\n", prior) for parameter, prior in content["priors"].items()]
    rows = [head + "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) for head, table in tables]
    file = folder / f"{name or content['name']}.toml"
    file.write_text("# of this test\n" + "\n\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_growth_on_the_fixture_starts_from_doubling_times_of_her2_positive_lines(
    study: Study, cards: dict[str, ModelCard]
) -> None:
    draws = prior_draws(study, cards["exponential-bliss"], DRAWS, seed=2)
    rate = growth_rate(curves_of(draws, study, cards["exponential-bliss"], [0.0, 21.0]), 21.0).sel(arm="vehicle")
    assert 8 < np.log(2) / float(rate.median()) < 14
