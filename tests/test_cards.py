"""Model cards: the closed vocabulary, the priors and what they imply, the sentences for broken ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymc as pm
import pytest

from xenograft.cards import ModelCard, read_card, read_cards, shipped_cards
from xenograft.errors import CardError
from xenograft.estimands import excess, growth_rate
from xenograft.model import build
from xenograft.prediction import curves_of, prior_draws, reference_names
from xenograft.study import Study

BROKEN = Path(__file__).parents[1] / "fixtures" / "broken-cards"
NAMES = sorted(read_cards())
DRAWS = 4000


@pytest.mark.parametrize("name", sorted(file.stem for file in BROKEN.glob("*.toml")))
def test_a_broken_card_gets_its_sentence(name: str) -> None:
    with pytest.raises(CardError) as caught:
        read_card(BROKEN / f"{name}.toml")
    assert list(caught.value.problems) == (BROKEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert caught.value.exit_code == 2


def test_every_shipped_card_is_listed_in_its_readme(cards: dict[str, ModelCard]) -> None:
    readme = (shipped_cards() / "README.md").read_text(encoding="utf-8")
    for card in cards.values():
        assert f"| `{card.name}` | {card.claim} | {'yes' if card.answers else 'null'} |" in readme
    assert readme.count("| `exponential-") + readme.count("| `gompertz-") == len(cards)


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


@pytest.mark.parametrize("name", NAMES)
def test_the_priors_imply_what_is_known_of_xenografts(study: Study, cards: dict[str, ModelCard], name: str) -> None:
    """DESIGN 3.7."""
    card = cards[name]
    draws = prior_draws(study, card, DRAWS, seed=1)
    doubling = np.log(2) / draws["growth"].to_numpy()
    assert np.mean((doubling > 2) & (doubling < 60)) >= 0.95
    curves = curves_of(draws, study, card, [0.0, 21.0])
    treated = curves.sel(day=21.0, arm=[arm.name for arm in study.arms if not arm.control])
    assert float((treated < 0).mean()) < 0.10  # below 1 mm³
    if card.departure == "estimated":
        arm = study.combinations[0]
        found = excess(curves, arm.name, reference_names(study, arm), study.control.name).sel(day=21.0)
        assert float((abs(found) < 1.3).mean()) >= 0.945  # Monte-Carlo error 0.004


@pytest.mark.parametrize("name", NAMES)
def test_priors_drawn_without_pymc_are_the_models_priors(study: Study, cards: dict[str, ModelCard], name: str) -> None:
    model, ours = build(study, cards[name]), prior_draws(study, cards[name], DRAWS, seed=1)
    variables = [*(v for v in model.free_RVs if v.name != "correlation_unit"), model["correlation"]]
    theirs = pm.draw(variables, draws=DRAWS, random_seed=1, mode="FAST_COMPILE")
    for variable, drawn in zip(variables, theirs, strict=True):
        mine = ours[variable.name].to_numpy().reshape(DRAWS, -1)
        drawn = np.asarray(drawn).reshape(DRAWS, -1)
        error = np.sqrt(2 / DRAWS) * mine.std(axis=0)
        assert (abs(np.median(mine, axis=0) - np.median(drawn, axis=0)) < 1.5 * 4 * error).all(), variable.name
        assert np.allclose(np.quantile(mine, 0.9), np.quantile(drawn, 0.9), rtol=0.2), variable.name


def test_growth_on_the_fixture_starts_from_doubling_times_of_her2_positive_lines(
    study: Study, cards: dict[str, ModelCard]
) -> None:
    draws = prior_draws(study, cards["exponential-bliss"], DRAWS, seed=2)
    rate = growth_rate(curves_of(draws, study, cards["exponential-bliss"], [0.0, 21.0]), 21.0).sel(arm="vehicle")
    assert 8 < np.log(2) / float(rate.median()) < 14
