"""The report's words: the question, the answer in a sentence, how far to trust it, methods, terms."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xenograft.answers.verdicts import Agreement, verdict_words
from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import KEYS
from xenograft.printing import SHORT_REFERENCES, capitalised, few, interval_in_words, number, percent_interval, share
from xenograft.quantities.estimands import REFERENCES
from xenograft.report.content import ReportContent
from xenograft.report.sections import TEMPLATES
from xenograft.study.tested import comparators, why_not_judged

Level = Literal["good", "doubt", "bad"]

LEVELS: Mapping[Level, tuple[str, str]] = {
    "good": ("✓", "analysis sound"),
    "doubt": ("!", "read with caution"),
    "bad": ("✕", "no conclusion"),
}
"""Badge of the verdict: symbol and words beside the colour."""

TERMS: Mapping[str, tuple[str, str]] = {
    key: (entry["term"], entry["meaning"].format_map(REFERENCES))
    for key, entry in tomllib.loads((TEMPLATES / "terms.toml").read_text(encoding="utf-8")).items()
}
"""Terms of the glossary: how each is written, and what it means."""


@dataclass(frozen=True)
class Light:
    """One lamp of the confidence traffic light.

    Parameters
    ----------
    name : str
        What was looked at.
    level : {"good", "doubt", "bad"}
        Its colour.
    words : str
        What was found.
    """

    name: str
    level: Level
    words: str


def question(content: ReportContent) -> str:
    """The question that the report answers."""
    study = content.study
    verdict = content.results["verdict"]
    primary = study.primary_combination
    if primary is None:
        treated = [arm.name for arm in study.arms if not arm.control]
        if len(treated) == 1:
            return f"By how much does {treated[0]} slow the tumours down, against {study.control.name}?"
        return "By how much does each treatment slow the tumours down?"
    told = "".join(filter(str.isalnum, primary.name.casefold()))
    named = all("".join(filter(str.isalnum, dosing.agent.casefold())) in told for dosing in primary.dosings)
    what = primary.name if named else f"{primary.name} ({' + '.join(d.label() for d in primary.dosings)})"
    if reason := why_not_judged(study, primary):
        other = comparators(study, primary)[0].name
        return f"By how much does {what} slow the tumours down, against {other}? (No reference: {reason}.)"
    if verdict and verdict.get("reference") == "hsa":
        return f"Does {what} do more than the better of its agents alone?"
    return f"Does {what} do more than its agents' own activity explains?"


def smallest(content: ReportContent) -> str:
    """The arms whose typical tumour may be the smallest, with that probability from 0.01; empty where none is known."""
    known = {} if content.responses is None else content.responses.smallest
    ranked = sorted(known.items(), key=lambda item: -item[1])
    told = [f"{arm} {share(probability)}" for arm, probability in ranked if probability >= 0.01]
    return few(told, 5) if told else ""


def answer(content: ReportContent) -> str:
    """The answer in one sentence: median, interval, probability of the direction and of a relevant size (SEXIT).

    Makowski et al. (2019), Frontiers in Psychology 10:2767; empty where there is no conclusion.
    """
    verdict = content.results["verdict"]
    if not verdict or verdict["probability"] is None:
        return ""
    if verdict["kind"] == "inhibition":
        return _inhibited(verdict)
    found = averaged_interaction(content.results, verdict)
    if found is None:
        return ""
    index = found["combination_index"]
    return (
        f"On day {verdict['day']:g} tumours are {index['median']:.2f} times the volume that "
        f"{SHORT_REFERENCES[verdict['reference']]} predicts (95 % interval {index['lower']:.2f} to "
        f"{index['upper']:.2f}); the probability that the combination does more is {share(verdict['probability'])}"
        f"{_relevant(content, verdict)}."
    )


def averaged_interaction(results: Mapping[str, Any], verdict: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row of `results["interaction"]` that a verdict is on; None where nothing was averaged."""
    key = {"model": "averaged", "combination": verdict["combination"], "reference": verdict["reference"]}
    return next((row for row in results["interaction"] if all(row[name] == key[name] for name in key)), None)


def _inhibited(verdict: Mapping[str, Any]) -> str:
    """The answer on an arm against another."""
    arm, control, rate = verdict["arm"], verdict["control"], verdict["growth_rate"]
    asked = f"{capitalised(verdict['independence'])}. " if verdict.get("independence") else ""
    slower = "tumours are smaller than under that arm" if asked else "the treatment slows the tumours down"
    return (
        f"{asked}On day {verdict['day']:g} tumours under {arm} have {percent_interval(verdict['tc'])} % of the volume "
        f"under {control} (T/C, 95 % interval), which is a TGI of {percent_interval(verdict['tgi'])} %; their growth "
        f"rate is {interval_in_words(rate, 2)} per day, under {control} "
        f"{interval_in_words(verdict['control_growth_rate'], 2)}. The probability that {slower} is "
        f"{share(verdict['probability'])}, {'by' if asked else 'that it does so by'} a relevant size (more "
        f"than {number(verdict['margin'])} % of the volume under {control}) {share(verdict['relevant'])}, and that "
        f"they are larger by as much {share(verdict['opposite'])}."
    )


def subject(verdict: Mapping[str, Any]) -> str:
    """The arm that a verdict is on."""
    return str(verdict["arm"] if verdict["kind"] == "inhibition" else verdict["combination"])


def compared_with(verdict: Mapping[str, Any]) -> str:
    """What a verdict compares its arm with, in a word or two."""
    return str(verdict["control"]) if verdict["kind"] == "inhibition" else SHORT_REFERENCES[verdict["reference"]]


def headline(verdict: Mapping[str, Any]) -> str:
    """A verdict in a line; of an inhibition with its size."""
    against = f" against {verdict['control']}" if verdict.get("independence") else ""
    said = f"{subject(verdict)}{against}: {verdict['words']}"
    if verdict["kind"] != "inhibition" or verdict["probability"] is None:
        return said
    return f"{said}, TGI {percent_interval(verdict['tgi'])} % on day {verdict['day']:g}"


def _relevant(content: ReportContent, verdict: Mapping[str, Any]) -> str:
    rows = content.relevance
    if not len(rows):
        return ""
    row = rows[(rows["combination"] == verdict["combination"]) & (rows["reference"] == verdict["reference"])].iloc[0]
    smaller = 100 * (1 - float(np.exp(-content.margin)))
    bliss = verdict["reference"] == "bliss"
    less = "is antagonistic by the same margin" if bliss else "does less than the better agent by the same margin"
    return (
        f", that it does so by a relevant size (tumours at least {smaller:.0f} % smaller than predicted) "
        f"{share(float(row['above']))}, and that it {less} {share(float(row['below']))}"
    )


def lights(content: ReportContent) -> list[Light]:
    """How far to trust the answer: health of the fits, agreement of the growth laws, predictive check."""
    results = content.results
    status = {model["name"]: model["health"]["status"] for model in results["models"] if model["answers"]}
    failed = [name for name, found in status.items() if found == "fail"]
    wary = [name for name, found in status.items() if found == "caution"]
    if not status or len(failed) == len(status):
        found = [Light("Health of the fits", "bad", "no model that may answer converged")]
    elif failed or wary:
        named = "; ".join(f"{name}: {status[name]}" for name in (*failed, *wary))
        found = [Light("Health of the fits", "doubt", named)]
    else:
        found = [Light("Health of the fits", "good", f"{len(status)} of {len(status)} models used for the answer pass")]
    verdict = results["verdict"]
    if verdict and verdict.get("independence"):
        found.append(Light("Interaction", "bad", verdict.get("independence")))
    if verdict and verdict["probability"] is not None:
        shared = next((said for said in verdict["cautions"] if said.startswith("No growth law")), None)
        laws = Light("Growth laws", "doubt", shared) if shared else _agreement(results, verdict, failed)
        found.append(laws)
        if verdict["borderline"]:
            words = "the probability is within its Monte-Carlo error of a limit; use more draws"
            found.append(Light("Verdict", "doubt", words))
    if content.predictive_check is not None:
        found.append(_predictive(content, content.predictive_check))
    shown = {"Health of the fits", "Verdict", "Growth laws", "Predictive check"}
    return [*found, *(Light(one.about, "doubt", one.words) for one in content.cautions if one.about not in shown)]


def _predictive(content: ReportContent, missed: Sequence[str]) -> Light:
    if not missed:
        return Light("Predictive check", "good", "the models used for the answer reproduce the readings of every arm")
    arms = [arm.name for arm in content.study.arms if any(f": {arm.name}: " in words for words in missed)]
    if not arms:
        return Light("Predictive check", "doubt", few(missed, 2))
    card = missed[0].partition(":")[0]
    words = f"{card} does not predict the readings of {few(arms, 4)} well; the list is under Methods"
    return Light("Predictive check", "doubt", words)


def _agreement(results: Mapping[str, Any], verdict: Mapping[str, Any], failed: list[str]) -> Light:
    agreement: Agreement | None = verdict["agreement"]
    words: Mapping[Agreement, tuple[Level, str]] = {
        "agree": ("good", "the laws give the same verdict"),
        "differ in strength": ("doubt", "same direction, not the same verdict"),
        "opposite directions": ("doubt", "opposite directions, not the same verdict"),
        "conflict": ("doubt", "the laws contradict each other"),
    }
    if agreement is None:
        return _one_law(results, verdict)
    level, said = words[agreement]
    if failed and agreement == "agree":
        return Light("Growth laws", "doubt", f"those that converged agree; {', '.join(failed)} did not converge")
    return Light("Growth laws", level, said)


def _one_law(results: Mapping[str, Any], verdict: Mapping[str, Any]) -> Light:
    """Where one law carries all the weight: whether the others, which have no say, would give its verdict too."""
    weights = {m["name"]: m["answer_weight"] for m in results["models"] if m["answer_weight"] is not None}
    alone = max(weights, key=lambda name: weights[name], default="")
    said = {name: verdict_words(found, None) for name, found in _probabilities(results, verdict).items()}
    others = [name for name in weights if name != alone and name in said]
    if not others or alone not in said:
        return Light("Growth laws", "doubt", "one law only; the answer was not tried under another")
    differing = [name for name in others if said[name] != said[alone]]
    if differing:
        words = f"{alone} carries all the weight; under {few(differing)} alone the verdict would be another"
        return Light("Growth laws", "doubt", words)
    return Light("Growth laws", "good", f"{alone} carries all the weight; the others give the same verdict")


def _probabilities(results: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, float]:
    """The verdict's probability under each model alone."""
    if verdict["kind"] == "inhibition":
        rows = results["comparisons"] if verdict.get("independence") else results["arms"]
        own = [r for r in rows if r["of"] == "typical" and r["arm"] == verdict["arm"]]
        own = [r for r in own if r.get("control", verdict["control"]) == verdict["control"]]
        return {row["model"]: row["tgi"]["probability"] for row in own}
    keys = ("combination", "reference")
    own = [r for r in results["interaction"] if all(r[key] == verdict[key] for key in keys)]
    return {row["model"]: row["probability"] for row in own}


def level_of(content: ReportContent) -> Level:
    """What the badge beside the verdict says: the worst of what must not be overlooked.

    Laws that differ in strength only, or a single law, colour their own lamp and not the badge.
    """
    results = content.results
    verdict = results["verdict"]
    words = verdict["words"] if verdict else results["reason"]
    health = {model["health"]["status"] for model in results["models"] if model["answers"]}
    if words.startswith("no conclusion") or health == {"fail"}:
        return "bad"
    doubts = verdict and (
        verdict.get("independence") or verdict["caution"] or verdict["borderline"] or verdict["agreement"] == "conflict"
    )
    doubts = doubts or bool(verdict and verdict["cautions"]) or bool(content.predictive_check or content.cautions)
    # an answering model that failed is left out of the average, and its growth law of the agreement: never "sound"
    return "doubt" if doubts or health != {"pass"} else "good"


_RESIDUAL = (
    "Where something that never shrinks is measured with every tumour (the models with a residual), predicted readings "
    "are with it; curves, TGI, T/C and the excess are those of the tumour without it."
)


def model_in_words(cards: Mapping[str, ModelCard]) -> list[str]:
    """What the fitted cards assume, a sentence per choice, with every word that any of them uses."""
    return [
        f"Growth: {_listed('growth', cards)}.",
        f"Exposure e(t): {_listed('exposure', cards)}.",
        f"Animals differ in {_listed('varies', cards, 'and')}.",
        f"Reading error: {_listed('error', cards)}.",
        *([_RESIDUAL] if any(card.residual for card in cards.values()) else []),
    ]


def _listed(key: str, cards: Mapping[str, ModelCard], joint: str = "or") -> str:
    """What cards say under a key, in the order of the vocabulary."""
    used = {word for card in cards.values() for word in card.words(key)}
    found = [word.said for name, word in KEYS[key].items() if name in used]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {joint} {found[-1]}"
