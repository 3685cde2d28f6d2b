"""How records look in a notebook: a study, a card, a fit, a ranking as short HTML tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from xenograft.answers.ranking import Comparison
from xenograft.fitting.fit import Fit
from xenograft.model.card import ModelCard
from xenograft.study.study import Dosing, Study

STATUS_MARKS: Mapping[str, str] = {"pass": "✓ pass", "caution": "! caution", "fail": "✕ fail"}

MOST_PARAMETERS = 30
"""Rows of the parameter table; a spline's hundreds of bends would bury the rest."""

UNBROKEN = 32
"""Letters up to which a cell stays on one line."""


def study_html(study: Study) -> str:
    """A study: its arms with treatment, animals and readings, and what the reader should know."""
    animals, by_arm = study.animals, study.animals.groupby("arm")
    unit = study.unit.replace("mm3", "mm³")
    rows = [
        {
            "arm": arm.name,
            "treatment": "; ".join(map(_treatment, arm.dosings)) or ("control" if arm.control else ""),
            "animals": len(own := animals[animals["arm"] == arm.name]),
            "readings": int(own["readings"].sum()),
            "at or below the limit": int(own["censored"].sum()),
            f"median baseline ({unit})": f"{own['baseline'].median():.0f}",
            "last day": f"{own['last_day'].max():g}",
        }
        for arm in study.arms
    ]
    facts = [
        f"{len(animals)} animals in {by_arm.ngroups} arms",
        f"first dose day {study.first_dose:g}",
        f"numbers given for day {study.horizon:g}",
        *([f"limit {study.limit_of_quantification:g} {unit}"] if study.limit_of_quantification else []),
        *([f"endpoint {study.endpoint_volume:g} {unit}"] if study.endpoint_volume else []),
    ]
    return _card(study.name, "Study", facts, [_table(rows), _list(study.notices)])


def card_html(card: ModelCard) -> str:
    """A hypothesis: its claim, its words, and every prior with where it puts 95 % of its mass and why."""
    exposure = card.exposure
    said = exposure if isinstance(exposure, str) else ", ".join(f"{agent}: {word}" for agent, word in exposure.items())
    facts = [
        f"growth {card.growth}",
        f"exposure {said}",
        f"reference {card.reference}",
        f"departure {card.departure}",
        f"varies {', '.join(card.varies)}",
        f"spread {card.spread}",
        f"error {card.error}",
        "answers" if card.answers else "null",
    ]
    rows = [
        {
            "parameter": name,
            "prior": prior.in_words(),
            "95 % of it": "{:.3g} to {:.3g}".format(*prior.frozen.ppf([0.025, 0.975])),
            "why": prior.why,
        }
        for name, prior in card.priors.items()
    ]
    return _card(card.name, "Model card", facts, [f"<p>{escape(card.claim)}</p>", _table(rows)])


def fit_html(fit: Fit) -> str:
    """A fit: whether the sampler did its work, and the parameters."""
    health, posterior = fit.health, fit.posterior
    facts = [
        fit.study.name,
        f"{posterior.sizes['chain']} × {posterior.sizes['draw']:,} draws",
        f"seed {fit.seed}",
        f"R-hat up to {health.max_rhat:.3f}",
        f"ESS from {health.min_ess_bulk:,.0f}",
        f"{health.divergences} divergences",
    ]
    table = parameter_table(fit)
    more = f"<p>… and {len(table) - MOST_PARAMETERS} more</p>" if len(table) > MOST_PARAMETERS else ""
    shown = table.head(MOST_PARAMETERS)
    rows = [
        {
            "parameter": name,
            "mean": f"{row['mean']:.3g}",
            "sd": f"{row['sd']:.2g}",
            "95 % interval": f"{row['lower']:.3g} to {row['upper']:.3g}",
            "ESS": f"{row['ess_bulk']:,.0f}",
            "R-hat": f"{row['rhat']:.3f}",
        }
        for name, row in shown.iterrows()
    ]
    kind = f"Fit, {STATUS_MARKS[health.status]}"
    return _card(fit.card.name, kind, facts, [_list(health.failures), _table(rows), more])


def parameter_table(fit: Fit) -> pd.DataFrame:
    """The parameters of a fit: what the data say of each, and how well it was sampled.

    Parameters
    ----------
    fit : Fit
        Posterior draws.

    Returns
    -------
    DataFrame
        By parameter: `mean`, `sd`, `lower`, `upper` (95 %, equal-tailed; rates in 1/day, spreads in log units),
        `ess_bulk`, `rhat`.
    """
    import arviz as az

    posterior = fit.posterior
    with np.errstate(divide="ignore", invalid="ignore"):  # of a parameter that never moved
        measures = {
            "mean": posterior.mean(("chain", "draw")),
            "sd": posterior.std(("chain", "draw"), ddof=1),
            "lower": posterior.quantile(0.025, ("chain", "draw")),
            "upper": posterior.quantile(0.975, ("chain", "draw")),
            "ess_bulk": az.ess(posterior, method="bulk"),
            "rhat": az.rhat(posterior),
        }
    order = {name: place for place, name in enumerate(fit.card.priors)}
    columns: dict[str, dict[str, float]] = {}
    for measure, table in measures.items():
        columns[measure] = {}
        for name, variable in sorted(table.items(), key=lambda item: order.get(str(item[0]), len(order))):
            series = variable.to_series() if variable.ndim else pd.Series({"": float(variable)})
            for label, value in series.items():
                words = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
                columns[measure][f"{name}[{words}]" if words else str(name)] = float(value)
    return pd.DataFrame(columns)


def comparison_html(comparison: Comparison) -> str:
    """A ranking: which card predicts an animal best, the nulls beside what they fix, and what was refused."""
    table = comparison.table
    rows = [
        {
            "card": name,
            "elpd": f"{row['elpd']:.1f}",
            "difference": "best" if row["elpd_diff"] == 0 else f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}",
            "weight": f"{row['weight']:.2f}",
            "answer weight": f"{row['answer_weight']:.2f}" if row["answers"] else "null",
            "animals refitted": int(row["exact_refits"]),
            "in doubt": int(row["bad_k"]),
            "health": STATUS_MARKS.get(str(row["health"]), str(row["health"])),
        }
        for name, row in table.iterrows()
    ]
    nulls = [
        f"{row['null']} predicts the animals {abs(row['elpd_diff']):.1f} ± {row['elpd_diff_se']:.1f} elpd "
        f"{'worse' if row['elpd_diff'] < 0 else 'better'} than {row['answering']}"
        for _, row in comparison.nulls.iterrows()
    ]
    refused = [f"{name}: {reason}" for name, reason in comparison.refused.items()]
    facts = [f"{len(comparison.pointwise)} animals, each left out in turn", "higher elpd predicts better"]
    return _card("Comparison", f"{len(table)} cards", facts, [_table(rows), _list([*nulls, *refused])])


def _treatment(dosing: Dosing) -> str:
    days = [f"{day:g}" for day in dosing.days]
    if not dosing.schedule_known:
        return f"{dosing.label()} from day {days[0]}"
    listed = ", ".join(days) if len(days) <= 4 else f"{days[0]}, {days[1]}, … {days[-1]} ({len(days)} doses)"
    return f"{dosing.label()} on day{'s' if len(days) > 1 else ''} {listed}"


def _card(title: str, kind: str, facts: Sequence[str], parts: Sequence[str]) -> str:
    """Colours are the notebook's own, so that light and dark themes both work."""
    return (
        f'<div class="xenograft"><p><strong>{escape(title)}</strong> <em>{escape(kind)}</em><br>'
        f"{escape(' · '.join(facts))}</p>{''.join(parts)}</div>"
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in rows[0])
    body = "".join("<tr>" + "".join(map(_cell, row.values())) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div style="overflow-x:auto" tabindex="0">{table}</div>'


def _cell(value: Any) -> str:
    words = str(value)
    wrap = "nowrap" if len(words) < UNBROKEN else "normal"
    return f'<td style="text-align:left;white-space:{wrap}">{escape(words)}</td>'


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in sentences)}</ul>" if sentences else ""
