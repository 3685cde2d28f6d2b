"""Sentences to take away from a report: one for a slide, one for a paper's results, methods in three lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xenograft.answers.verdicts import REFERENCE_WORDS
from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import GROWTH
from xenograft.printing import capitalised, few, fixed, listed, number, percent, share
from xenograft.report.content import ReportContent
from xenograft.report.content_of_measured import measured_tgi
from xenograft.report.words import averaged_interaction, level_of, lights
from xenograft.study.groups import counted
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print
from xenograft.study.tested import judged_combinations

SYNERGY: Mapping[tuple[str, str], str] = {
    ("bliss", "enhanced"): "“Synergistic” may be written, with its definition: under Bliss independence on log volume.",
    ("bliss", "less than the reference"): (
        "“Antagonistic” may be written, with its definition: under Bliss independence on log volume."
    ),
    ("hsa", "enhanced"): (
        "“More than the better single agent” may be written. That is not yet synergy: two agents that only add do so "
        "too."
    ),
    ("hsa", "less than the reference"): "“Less than the better single agent” may be written.",
}
"""What a verdict allows one to write, by reference and words of the verdict."""

SAID = 0.005
"""Answer weight from which a model is named among those averaged: two decimals of less are 0.00."""


def slide_sentence(content: ReportContent) -> str:
    """The study's answer in the field's own numbers; empty where there is no conclusion.

    Parameters
    ----------
    content : ReportContent
        What the report shows.
    """
    verdict = content.results["verdict"]
    if level_of(content) == "bad" or not verdict or verdict["probability"] is None:
        return ""
    doubts = [light.name.lower() for light in lights(content) if light.level != "good"]
    why = f" ({few(doubts)})" if doubts else ""
    caution = f" Read with caution{why}." if level_of(content) == "doubt" else ""
    if verdict["kind"] == "inhibition":
        return _inhibited(content, verdict) + caution
    found, inhibition = averaged_interaction(content.results, verdict), _inhibition(content.results, verdict)
    if found is None or found["expected_tgi"] is None or inhibition is None:
        return ""
    seen = _as_measured(content, verdict["combination"])
    return (
        f"{verdict['combination']}, day {verdict['day']:g}: TGI expected under {REFERENCE_WORDS[verdict['reference']]} "
        f"{_points(found['expected_tgi']['median'])} %, observed {_points(inhibition['median'])} %"
        f"{f' ({seen})' if seen else ''}; observed/expected volume "
        f"{found['combination_index']['median']:.2f} (95 % interval {found['combination_index']['lower']:.2f} to "
        f"{found['combination_index']['upper']:.2f}); probability of more than expected "
        f"{share(verdict['probability'])}: {verdict['words']}.{caution}"
    )


def may_be_written(content: ReportContent) -> str:
    """Whether "synergy" may be written, and under which definition; empty without a combination or a conclusion."""
    verdict = content.results["verdict"]
    if verdict and verdict.get("independence"):
        reason = verdict.get("independence").partition(": ")[2]
        return f"Neither “synergy” nor “additive” nor “antagonism” may be written: {reason}."
    if not verdict or verdict["kind"] != "interaction" or level_of(content) == "bad":
        return ""
    undecided = (
        "Neither “synergy” nor “antagonism” may be written: these data do not tell the two apart. That is not "
        "“additive” either, which would need an interval inside the margin."
    )
    allowed = SYNERGY.get((verdict["reference"], verdict["words"]))
    said = [allowed or undecided]
    if level_of(content) != "good":
        said.append("The cautions above belong in the same sentence.")
    if allowed and (changed := [one.changed for one in content.sensitivity if one.changed]):
        said.append(f"The verdict would be another with {'; with '.join(changed)}: see Sensitivity.")
    return " ".join(said)


def results_sentences(content: ReportContent) -> str:
    """The answer for the results section of a paper, with all that a reviewer asks of a number; empty without one.

    Parameters
    ----------
    content : ReportContent
        What the report shows.
    """
    said = slide_sentence(content)
    if not said:
        return ""
    verdict, results = content.results["verdict"], content.results
    averaged = {m["name"]: m["answer_weight"] for m in results["models"] if (m["answer_weight"] or 0) >= SAID}
    weights = few([f"{name} {weight:.2f}" for name, weight in sorted(averaged.items(), key=lambda item: -item[1])], 4)
    study = results["study"]
    arms = listed([f"{name} (n = {n})" for name, n in study["arms"].items()])
    more = ""
    if verdict["kind"] == "interaction":
        found = averaged_interaction(results, verdict)
        if found is not None:
            inside = fixed(found["excess"]).replace("(", "(95 % interval ").removesuffix(")")
            more = f" The excess of log volume was {inside}; positive = more than expected)."
    return f"{said}{more} Posterior medians, averaged over models by stacking weight ({weights}). Arms: {arms}."


def methods(content: ReportContent) -> dict[str, str]:
    """How the numbers were made, for a paper, by length: "One sentence", "A paragraph", "For a supplement"."""
    results, study = content.results, content.study
    answering = {name: card for name, card in content.cards.items() if card.answers}
    laws = listed(list(dict.fromkeys(_law(card) for card in answering.values()))) if answering else ""
    version = results["provenance"]["versions"]
    interaction = bool(judged_combinations(study))
    estimand = (
        "the interaction (excess over Bliss independence on log volume)" if interaction else "tumour growth inhibition"
    )
    one = (
        f"Tumour volumes were analysed with hierarchical Bayesian growth-inhibition models ({laws}) in xenograft "
        f"{version.get('xenograft', '')}, which estimate {estimand}; answers are averaged over models by stacking "
        "weights, with 95 % equal-tailed credible intervals."
    )
    limit = study.limit_of_quantification
    censored = (
        f" Readings at or below the limit of quantification ({number(limit, 4)} {unit_in_print(study.unit)}) entered "
        "as censored."
        if limit is not None
        else ""
    )
    decided = (
        "A combination is called enhanced when the posterior probability of an excess above 0 is at least 0.975, and "
        "less than the reference when it is at most 0.025."
        if interaction
        else "A treatment is said to inhibit when the posterior probability that the typical tumour is smaller than "
        "the vehicle's is at least 0.975."
    )
    chains, draws = _size(results)
    paragraph = (
        f"{one} {counted(study.animals)} in {len(study.arms)} arms gave {results['study']['readings']:,} readings; "
        f"each animal kept its own baseline and growth rate, integrated out exactly.{censored} "
        f"{_models(len(answering))} fitted by {_sampled(results)} ({chains} × {draws:,} draws, seed "
        f"{results['provenance']['seed']}; {_health(results)}) and compared by leave-one-animal-out cross-validation"
        f"{' with their nulls' if results['nulls'] else ''}. Numbers are for day {study.horizon:g}. {decided}"
    )
    first = next((model for model in results["models"] if model["name"] in answering), None)
    used = set() if first is None else {name.partition("[")[0] for name in first["parameters"]}
    priors = "; ".join(
        f"{parameter} ~ {prior.in_words()}"
        for parameter, prior in (answering[first["name"]].priors.items() if first else ())
        if parameter.partition(".")[0] in used
    )
    models = " ".join(f"{name}: {claim_of(card.claim, study)}" for name, card in content.cards.items())
    programs = ", ".join(f"{name} {number}" for name, number in version.items() if name != "xenograft")
    supplement = (
        f"{paragraph} Models: {models} Priors of {first['name'] if first else 'none'}: {priors}. Software: xenograft "
        f"{version.get('xenograft', '')} ({programs}). Study digest {results['study']['digest'][:12]}. Reproduce with: "
        f"{content.command}."
    )
    return {"One sentence": one, "A paragraph": paragraph, "For a supplement": supplement}


def claim_of(claim: str, study: Study) -> str:
    """What a model claims; of a study without a combination to judge, without what it says of combinations."""
    return claim if judged_combinations(study) else f"{claim.partition('; together ')[0].removesuffix('.')}."


def _inhibition(results: Mapping[str, Any], verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """TGI (%) of the typical animal of a verdict's combination, averaged; None where nothing was averaged."""
    arms = [row for row in results["arms"] if row["model"] == "averaged" and row["of"] == "typical"]
    return next((row["tgi"] for row in arms if row["arm"] == verdict["combination"]), None)


def _as_measured(content: ReportContent, arm: str) -> str:
    """TGI of the mean volumes on the day, as a spreadsheet has it; empty where there is none."""
    seen = measured_tgi(content.study, content.results).get(arm)
    return "" if seen is None else f"{_points(seen['tgi'])} % as measured"


def _points(value: float) -> str:
    return f"{value:.0f}".replace("-", "−")


def _inhibited(content: ReportContent, verdict: Mapping[str, Any]) -> str:
    tgi, tc = verdict["tgi"], verdict["tc"]
    seen = "" if verdict.get("independence") else _as_measured(content, verdict["arm"])
    measured = f"; {seen}" if seen else ""
    asked = f"{capitalised(verdict['independence'])}. " if verdict.get("independence") else ""
    return (
        f"{asked}{verdict['arm']} against {verdict['control']}, day {verdict['day']:g}: TGI {percent(tgi['median'])} % "
        f"(95 % interval {percent(tgi['lower'])} to {percent(tgi['upper'])} %{measured}), "
        f"T/C {percent(tc['median'])} %; probability of smaller tumours {share(verdict['probability'])}: "
        f"{verdict['words']}."
    )


def _models(number: int) -> str:
    return (
        "One model that leaves the answer free was"
        if number == 1
        else f"{number} models that leave the answer free were"
    )


def _law(card: ModelCard) -> str:
    """A card's growth law, without its equation."""
    return GROWTH[card.growth].said.partition(" (")[0]


def _size(results: Mapping[str, Any]) -> tuple[int, int]:
    first = results["models"][0]
    return first["chains"], first["draws"]


def _sampled(results: Mapping[str, Any]) -> str:
    ways = {"nuts": "the no-U-turn sampler", "importance": "importance sampling"}
    return " or ".join(dict.fromkeys(ways[model["method"]] for model in results["models"] if model["answers"]))


def _health(results: Mapping[str, Any]) -> str:
    """How well the models of the answer were sampled, their worst numbers; those that failed have no part in it."""
    answering = [model["health"] for model in results["models"] if model["answers"]]
    health = [one for one in answering if one["status"] != "fail"] or answering
    rhat = [one["max_rhat"] for one in health if one["max_rhat"] is not None]
    ess = [one["min_ess_bulk"] for one in health if one["min_ess_bulk"] is not None]
    told = [f"R-hat at most {max(rhat):.3f}"] if rhat else []
    told += [f"at least {min(ess):,.0f} effective draws"] if ess else []
    weights = [one["pareto_k"] for one in health if one.get("pareto_k") is not None]
    told += [f"Pareto k at most {max(weights):.2f}"] if weights else []
    told.append(f"{sum(one['divergences'] for one in health)} divergent draws")
    failed = len(answering) - len(health)
    unused = f"; {failed} more did not converge and {'was' if failed == 1 else 'were'} not used" if failed else ""
    return f"{', '.join(told)}{unused}"
