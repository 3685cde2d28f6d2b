"""Everything a comparison finds out, gathered once: what gates judge and what is printed (docs/comparison.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, interaction_of
from xenograft.answers.findings import Findings, findings
from xenograft.answers.followed import EXCESS
from xenograft.answers.inhibition import Inhibition
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import Verdict, answers_by_law
from xenograft.evidence.bayes_factor import bayes_factors
from xenograft.evidence.parts import predict_from_parts
from xenograft.evidence.predictive_check import PredictiveCheck, predictive_check
from xenograft.evidence.sensitivity import prior_sensitivity
from xenograft.files import finite, json_records
from xenograft.fitting.fit import Fit, Refit
from xenograft.quantities.estimands import REFERENCES
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a comparison of cards on one study found.

    Parameters
    ----------
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name, failed ones too.
    ranking : Comparison
        Of the fits.
    verdicts : tuple of Verdict or Inhibition
        As of `Findings`.
    arms : DataFrame
        Every number of every arm at the horizon by model, as `Summary.arms`.
    against : mapping of str to DataFrame
        As of `Findings`.
    excess : mapping of str to DataArray (chain, draw, reference, combination)
        Draws at the horizon by model ("averaged" or a healthy card); positive = enhanced. Empty without combination.
    laws : DataFrame
        Every answer under every answering card, from `answers_by_law`.
    parts : DataFrame
        Combinations predicted from their parts, from `predict_from_parts`.
    bayes_factors : DataFrame
        From `bayes_factors`.
    sensitivity : mapping of str to DataFrame
        Prior sensitivity by answering card, from `prior_sensitivity`.
    checks : mapping of str to PredictiveCheck
        By healthy card.
    """

    study: Study
    fits: Mapping[str, Fit]
    ranking: Comparison
    verdicts: tuple[Verdict | Inhibition, ...]
    arms: pd.DataFrame
    against: Mapping[str, pd.DataFrame]
    excess: Mapping[str, xr.DataArray]
    laws: pd.DataFrame
    parts: pd.DataFrame
    bayes_factors: pd.DataFrame
    sensitivity: Mapping[str, pd.DataFrame]
    checks: Mapping[str, PredictiveCheck]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before trusting a number, in sentences."""
        found: list[str] = []
        for card, check in self.checks.items():
            found += [f"{card} cannot reproduce the data: {words}" for words in check.warnings]
        for card, table in self.sensitivity.items():
            found += [
                f"{card}: {name} depends on the priors ({row['words']}: prior sensitivity {row['prior']:.2f})."
                for name, row in table.iterrows()
                if row["words"] and str(name).startswith(EXCESS)
            ]
        for card, row in self.ranking.table.iterrows():
            if row["bad_k"]:
                found.append(
                    f"{card}: the elpd of {row['bad_k']:d} animal{'s' if row['bad_k'] > 1 else ''} cannot be trusted "
                    "(large Pareto k, and the fit without it did not converge)."
                )
        return tuple(found)


def gather_evidence(
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    refit: Refit | None = None,
    exact: bool = True,
    found: Findings | None = None,
    checks: Mapping[str, PredictiveCheck] | None = None,
) -> Evidence:
    """Answers, nulls, checks and sensitivities of a comparison.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name, of one study.
    ranking : Comparison
        Of these fits.
    refit : callable, optional
        How to fit again; default `sampling.refit_without`.
    exact : bool
        Predict the combinations from their parts, which fits again; False leaves that out.
    found, checks : optional
        What the fits say together, and predictive checks by card, where at hand.
    """
    study = next(iter(fits.values())).study
    healthy = {str(name): fits[str(name)] for name in ranking.table.index}
    found = findings(study, fits, ranking) if found is None else found
    curves = found.curves
    answering, judged = list(ranking.answer_weights), judged_combinations(study)
    parts = predict_from_parts(fits, ranking, refit=refit) if exact else predict_from_parts({}, _nobody(ranking))
    return Evidence(
        study=study,
        fits=fits,
        ranking=ranking,
        verdicts=found.verdicts,
        arms=found.arms[found.arms["of"] == "typical"],
        against=found.against,
        excess={name: _excess(study, draws) for name, draws in curves.items()} if judged else {},
        laws=answers_by_law(study, curves, ranking.answer_weights),
        parts=parts,
        bayes_factors=bayes_factors([healthy[name] for name in answering] if judged else []),
        sensitivity={name: prior_sensitivity(healthy[name], curves[name]) for name in answering},
        checks={name: (checks or {}).get(name) or predictive_check(fit) for name, fit in healthy.items()},
    )


def evidence_as_data(evidence: Evidence) -> dict[str, Any]:
    """The comparison as plain data for results.json (key `comparison`).

    Parameters
    ----------
    evidence : Evidence
        From `gather_evidence`.

    Returns
    -------
    dict
        Numbers that are not finite are None.
    """
    ranking = evidence.ranking
    return {
        "ranking": json_records(ranking.table.rename_axis("card").reset_index()),
        "good_k": finite(ranking.good_k),
        "animals": json_records(ranking.pointwise.rename_axis("animal").reset_index()),
        "pareto_k": json_records(ranking.pareto_k.rename_axis("animal").reset_index()),
        "nulls": json_records(ranking.nulls),
        "alike": list(ranking.alike),
        "refused": dict(ranking.refused),
        "laws": json_records(evidence.laws),
        "parts": json_records(evidence.parts),
        "bayes_factors": json_records(evidence.bayes_factors),
        "sensitivity": {
            card: json_records(table.rename_axis("quantity").reset_index())
            for card, table in evidence.sensitivity.items()
        },
        "checks": {
            card: {"by_arm": json_records(c.by_arm), "by_day": json_records(c.by_day), "warnings": list(c.warnings)}
            for card, c in evidence.checks.items()
        },
        "verdicts": [asdict(verdict) for verdict in evidence.verdicts],
        "warnings": list(evidence.warnings),
    }


def _nobody(ranking: Comparison) -> Comparison:
    return Comparison(ranking.table.iloc[:0], ranking.pointwise, ranking.pareto_k, ranking.good_k, ranking.nulls, {})


def _excess(study: Study, curve: xr.DataArray) -> xr.DataArray:
    at_horizon = curve.sel(day=[study.horizon])
    found = [interaction_of(study, at_horizon, AVERAGED, name).draws for name in REFERENCES]  # pyright: ignore
    return xr.concat(found, dim=pd.Index(list(REFERENCES), name="reference")).isel(day=0, drop=True)
