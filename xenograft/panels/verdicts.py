"""The three questions of a panel answered in sentences, and what weakens the answers (docs/panels.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from xenograft.answers.precision import is_borderline, monte_carlo_error
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import (
    AGREEMENT_WORDS,
    CARRIES,
    REFERENCE_WORDS,
    Agreement,
    agreement_of,
    verdict_words,
)
from xenograft.panels.answers import Answer, values_of
from xenograft.panels.fit import PanelFit
from xenograft.panels.panel import Panel
from xenograft.printing import few, listed, number, share_in_words
from xenograft.quantities.catalogue import questions
from xenograft.quantities.estimands import interval, probability_positive

MODERATED = ("rises", "falls")
"""What a verdict on a moderator says of a high and of a low probability that the excess rises with it."""

FEW_MODELS = 6
"""Models with all arms below which a spread between models is for the most part a prior's."""

LATE = 2.0
"""Horizons after which readings are late."""

LATE_SHARE = 0.25
"""Share of late readings from which they may bend the curves before the horizon."""

ALIKE = 0.7
"""Correlation of two moderators from which their slopes can hardly be told apart."""

FAR = 2.5
"""Sds of a moderator from its mean at which a single model decides much of its slope."""

type Question = Literal["average", "new_model", "moderator"]


@dataclass(frozen=True)
class PanelVerdict:
    """The answer to one of a panel's questions.

    Parameters
    ----------
    question : {"average", "new_model", "moderator"}
        Does the combination do more in the average model; in a new one; the more, the higher a moderator is.
    combination : str
        The arm.
    reference : {"bliss", "hsa"}
        What no interaction means.
    day : float
        The horizon, days since the first dose.
    moderator : str or None
        Of a moderator, which.
    probability : float or None
        Of an excess above 0; of a moderator, that it rises with it; None without a conclusion.
    words : str
        As of one study; of a moderator "rises", "falls" or "not distinguishable by these data".
    sentence : str
        The answer for people.
    agreement : str or None
        Of the growth laws, on the average model.
    borderline : bool
        Whether the probability is within two Monte-Carlo errors of a limit.
    """

    question: Question
    combination: str
    reference: Literal["bliss", "hsa"]
    day: float
    moderator: str | None
    probability: float | None
    words: str
    sentence: str
    agreement: Agreement | None
    borderline: bool


def panel_verdicts(panel: Panel, answers: Iterable[Answer], weights: Mapping[str, float]) -> list[PanelVerdict]:
    """The answers to the three questions, for every combination and reference.

    Parameters
    ----------
    panel : Panel
        Horizon and moderators.
    answers : iterable of Answer
        From `answers_of`.
    weights : mapping of str to float
        Answer weights.
    """
    found: list[PanelVerdict] = []
    for one in answers:
        said = {name: float(probability_positive(draws)) for name, draws in one.by_card.items()}
        agreement = agreement_of(said, weights)
        at = one.average.sel(day=panel.horizon)
        found.append(_on(panel, one, "average", at, agreement))
        found.append(_on(panel, one, "new_model", one.new_model.sel(day=panel.horizon), None))
        for name in [] if one.moderators is None else list(panel.moderators.columns):
            found.append(_on_moderator(panel, one, str(name)))
    return found


def _on(
    panel: Panel, answer: Answer, question: Literal["average", "new_model"], at: xr.DataArray, agreement: Any
) -> PanelVerdict:
    probability = float(probability_positive(at))
    words = verdict_words(probability, agreement)
    index = interval(xr.ufuncs.exp(-at)).iloc[0]
    between = f"95 % interval {number(index['lower'], 2)} to {number(index['upper'], 2)}"
    head = f"{answer.combination} against {REFERENCE_WORDS[answer.reference]}, day {panel.horizon:g}"
    if question == "average":
        text = (
            f"{head}, in the average model: {words}. Tumours are {number(index['median'], 2)} times the volume "
            f"that the reference predicts ({between}); the probability that the combination does more is "
            f"{share_in_words(probability)}."
        )
    else:
        text = (
            f"{head}, in a model that was not tested: {words}. Its tumours would be {number(index['median'], 2)} times "
            f"the volume that the reference predicts ({between}, the spread between models included); the combination "
            f"does more in a new model with probability {share_in_words(probability)}."
        )
    borderline = is_borderline(probability, monte_carlo_error((at > 0).astype(float)))
    return PanelVerdict(
        question, answer.combination, answer.reference, panel.horizon, None, probability, words, text, agreement,
        borderline,
    )  # fmt: skip


def _on_moderator(panel: Panel, answer: Answer, name: str) -> PanelVerdict:
    assert answer.moderators is not None
    both = answer.moderators.sel(moderator=name)
    low, high = values_of(panel)[name]
    rise = both.sel(place="high", drop=True) - both.sel(place="low", drop=True)
    probability = float(probability_positive(rise))
    words = verdict_words(probability, None, *MODERATED)
    indices = [interval(xr.ufuncs.exp(-both.sel(place=place, drop=True))).iloc[0] for place in ("low", "high")]
    at = " and ".join(
        f"{number(row['median'], 2)} ({number(row['lower'], 2)} to {number(row['upper'], 2)})" for row in indices
    )
    what = f"the excess {words} with {name}" if words in MODERATED else f"whether it changes with {name}: {words}"
    text = (
        f"{answer.combination} against {REFERENCE_WORDS[answer.reference]}, day {panel.horizon:g}: {what}. At {name} "
        f"of {number(low)} and {number(high)} tumours of the average model are {at} times the volume that the "
        f"reference predicts; the probability that the combination does more where {name} is higher is "
        f"{share_in_words(probability)}."
    )
    return PanelVerdict(
        "moderator", answer.combination, answer.reference, panel.horizon, name, probability, words, text, None,
        is_borderline(probability, monte_carlo_error((rise > 0).astype(float))),
    )  # fmt: skip


def panel_cautions(
    panel: Panel, fits: Mapping[str, PanelFit], ranking: Comparison, verdicts: Iterable[PanelVerdict]
) -> list[str]:
    """What weakens the answers: one list for every surface."""
    answering = {name: fit for name, fit in fits.items() if fit.card.answers}
    found: list[str] = []
    wary = [name for name, fit in answering.items() if fit.health.status == "caution"]
    failed = [name for name, fit in answering.items() if fit.health.status == "fail"]
    if wary:
        found.append(f"The sampler did its work only in part for {listed(wary)}.")
    if failed:
        found.append(
            f"The sampler did not converge for {listed(failed)}, which {'is' if len(failed) == 1 else 'are'} left out."
        )
    for one in verdicts:
        where = f"{one.combination}, {REFERENCE_WORDS[one.reference]}"
        if one.borderline:
            found.append(f"{where}, {_QUESTIONS[one.question]}: within the sampler's error of a limit.")
        if one.agreement in ("conflict", "opposite directions", "differ in strength"):
            found.append(f"{where}: the growth laws {AGREEMENT_WORDS[one.agreement]} on the average model.")
    found += _of_design(panel)
    found += _of_moderators(panel, fits, ranking)
    bad = {str(name): int(row["bad_k"]) for name, row in ranking.table.iterrows() if row["bad_k"]}
    if any(name in answering for name in bad):
        found.append(
            f"How well {listed([n for n in bad if n in answering])} predict some models could not be computed exactly, "
            "so that the weights are rough."
        )
    return found


_QUESTIONS: Mapping[Question, str] = {
    "average": "average model", "new_model": "new model", "moderator": "moderator",
}  # fmt: skip


def _of_design(panel: Panel) -> Iterable[str]:
    for arm in panel.judged:
        complete = len(panel.complete(arm))
        if complete < FEW_MODELS:
            models = f"{complete} model{'' if complete == 1 else 's'}"
            yield (
                f"{arm.name}: {models} with all arms tell little of how models differ; the spread between models, and "
                "what is said of a new one, rest on its prior for the most part."
            )
        own = panel.fitted_readings[panel.fitted_readings["arm"] == arm.name]
        if own["censored"].mean() > 0.2:
            yield (
                f"{arm.name}: {100 * own['censored'].mean():.0f} % of its readings are below the limit, so that how "
                "much the combination does in these models is known from below only."
            )
    late = float((panel.fitted_readings["elapsed"] > LATE * panel.horizon).mean())
    if late > LATE_SHARE:
        yield (
            f"{100 * late:.0f} % of the readings are later than {LATE:g} times the horizon (day {panel.horizon:g}) and "
            "bend the curves before it; until = … in panel.toml leaves them out."
        )
    for arm in panel.combinations:
        if arm not in panel.judged:
            yield f"{arm.name}: an agent of it was not given alone in any model, so that nothing is said of it."


def _of_moderators(panel: Panel, fits: Mapping[str, PanelFit], ranking: Comparison) -> Iterable[str]:
    if not any(fits[name].card.moderators for name in ranking.answer_weights):
        return
    standard = panel.standard_moderators
    for name, column in standard.items():
        far = column[column.abs() > FAR]
        if len(far) and panel.moderators[name].nunique() > 2:
            models = few(list(map(str, far.index)), 3)
            yield f"What is said of {name} rests much on {models}, far from the other models."
    correlated = standard.corr().abs().to_numpy()
    names = list(map(str, standard.columns))
    for i in range(len(names)):
        for j in range(i):
            if np.isfinite(correlated[i, j]) and correlated[i, j] > ALIKE:
                yield (
                    f"{names[j]} and {names[i]} go together in these models (correlation "
                    f"{standard.iloc[:, i].corr(standard.iloc[:, j]):.2f}): which of them decides cannot be told."
                )
    weight = sum(w for n, w in ranking.answer_weights.items() if fits[n].card.moderators)
    if weight < CARRIES:
        yield "Cards without moderators predict the models better: what is said of moderators carries no weight."


def margin_of(reference: str) -> float:
    """How large an excess has to be to matter (log units)."""
    return questions()[f"excess_{reference}"].margin
