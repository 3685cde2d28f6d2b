"""A panel as people look at it before anything is fitted: models by arms, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import pandas as pd

from xenograft.panels.panel import Panel
from xenograft.printing import few, listed


def arms_table(panel: Panel) -> pd.DataFrame:
    """What every arm gets, in how many models and animals."""
    counts = panel.animals_by_arm
    return pd.DataFrame(
        [
            {
                "arm": arm.name,
                "treatment (days since the first dose)": "; ".join(d.in_words() for d in arm.dosings) or "vehicle",
                "models": int((counts[arm.name] > 0).sum()),
                "animals": int(counts[arm.name].sum()),
            }
            for arm in panel.arms
        ]
    )


def models_table(panel: Panel) -> pd.DataFrame:
    """Animals by model and arm, a dot where there are none, and the moderators."""
    counts = panel.animals_by_arm
    table = counts.map(lambda count: str(count) if count else "·").reset_index()
    for name in panel.moderators:
        table[str(name)] = ["" if pd.isna(v) else f"{v:.3g}" for v in panel.moderators[name]]
    if panel.historical:
        table["historical"] = ["yes" if model in panel.historical else "" for model in panel.models]
    return table


def gaps(panel: Panel) -> Iterable[str]:
    """Sentences on arms that models lack and on agents that never meet in one model."""
    counts = panel.animals_by_arm
    for arm in panel.judged:
        complete = panel.complete(arm)
        having = [m for m in panel.models if counts.loc[m, arm.name]]
        incomplete = [m for m in having if m not in complete]
        yield (
            f"{arm.name}: {len(complete)} {'model has' if len(complete) == 1 else 'models have'} it, each agent alone "
            "and the vehicle" + (f"; without one of them: {few(incomplete, 4)}." if incomplete else ".")
        )
    for arm in panel.combinations:
        if arm not in panel.judged:
            lacking = [d.label() for d in arm.dosings if (d.agent, d.level) not in panel.tested_alone]
            yield f"{arm.name}: no model gives {listed(lacking)} alone, so that nothing can be said of it."
    by_model = {m: {d.agent for arm in study.arms for d in arm.dosings} for m, study in panel.studies.items()}
    agents = list(dict.fromkeys(agent for agent, _ in panel.levels))
    for first, second in combinations(agents, 2):
        if not any({first, second} <= own for own in by_model.values()):
            yield f"{first} and {second} are never given in one model."
