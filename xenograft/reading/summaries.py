"""Rows and columns that sum up others (Mean, SEM, n, TGI): they are no animals and no readings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from xenograft.errors import quoted
from xenograft.reading.study_toml import counted
from xenograft.reading.times import date_in, times_in

_STATISTIC = (
    r"means?|averages?|avg|ave|medians?|geomeans?|geo(?:metric)? ?means?|s\.?d\.?|s\.?e\.?m?\.?|med|st\.? ?dev\.?|"
    r"std\.?(?: ?dev\.?| ?err(?:or)?\.?)?|"
    r"standard (?:deviation|error)s?|variance|var|cv ?%?|% ?cv|%? ?tgi ?%?|%? ?t/c ?%?|p[- ]?values?|totals?|sums?|"
    r"counts?|iqr|95 ?% ?ci|ci|(?:lower|upper) ?(?:95 ?%? ?)?(?:ci|limit)?|mittelwert|mittel|durchschnitt|"
    r"standardabweichung|standardfehler|anzahl|summe|stabw|moyenne|moy|[eé]cart[- ]?type|erreur[- ]?(?:type|standard)|"
    r"m[eé]diane|effectif|somme|media|promedio|mediana|desv(?:iaci[oó]n)?\.? ?est(?:[aá]ndar)?\.?|error est[aá]ndar|"
    r"gemiddelde|mediaan|standaard(?:afwijking|fout)|aantal|deviazione standard|errore standard|geomittel|"
    r"% ?inhibition|inhibition|ttest|t[- ]test|anova|sample size|n ?animals|n ?mice"
)
SUMMARY = rf"(?:{_STATISTIC})(?:\s*(?:±|\+/-|\+|and|&|/|,)\s*(?:{_STATISTIC}|n))*"
_HINT = re.compile(
    r"mean|av|median|geo|s\.?d|s\.?e|st[. d]|std|standard|var|cv|tgi|t/c|p[- ]?val|tot|sum|count|iqr|ci|lower|upper|"
    r"mittel|durchschn|stabw|anzahl|summe|moy|[eé]cart|erreur|m[eé]dia|effectif|somme|promedio|desv|gemiddelde|aantal|"
    r"standaard|deviazione|errore|error|inhib|test|anova|sample|^n\b|\bn$|^no\b|^#|^p$|min|max|range|"
    r"n ?(?:animals|mice)",
    flags=re.IGNORECASE,
)
"""What every summary's word has: other texts need no second look."""
_BESIDE = ("n", "n=", "n =", "no", "no.", "#", "p", "min", "max", "minimum", "maximum", "range")


def summaries_among(texts: Iterable[str], names: Iterable[str] = ()) -> set[str]:
    """The cells that say that their row or column is a summary: "Mean", "SEM", "Mean ± SD", "Vehicle mean", "n = 5".

    Parameters
    ----------
    texts : iterable of str
        Cells where an animal, an arm or a day should be.
    names : iterable of str
        Names of arms, which may stand before or behind a summary's word.
    """
    cells = list(texts)
    plain = {text: _plain(text) for text in cells if _HINT.search(text)}
    if not plain:
        return set()
    known = {*map(_plain, cells), *map(_plain, names)}
    known |= {name for name, often in Counter(_names_of_summaries(plain.values())).items() if often > 1}
    found = {text for text, words in plain.items() if words and _says_so(words, known)}
    if found:  # "n" alone may be a name, beside a mean it is none
        found |= {text for text, words in plain.items() if words in _BESIDE}
    return found


def _names_of_summaries(plain: Iterable[str]) -> Iterable[str]:
    """What stands before the word of a summary: "vehicle" of "vehicle mean" and of "vehicle sem"."""
    for words in set(plain):
        if last := re.fullmatch(rf"(.+?)[\s,-]+(?:{SUMMARY}|n)", words):
            yield last[1]


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[_:;()\[\]]+", " ", text).lower().split()).removesuffix(".")


def _says_so(plain: str, names: set[str]) -> bool:
    plain = re.sub(r"\s+(?:vs\.?|versus|against|of|for|over|to)\s+.+$", "", plain)
    if re.fullmatch(
        rf"n\s*=\s*\d+|{SUMMARY}|(?:group|arm|row|column|grand|overall)s? {SUMMARY}|{SUMMARY} (?:of|for) .+", plain
    ):
        return True
    last = re.fullmatch(rf"(.+?)[\s,-]+({SUMMARY}|n)", plain)
    first = re.fullmatch(rf"({SUMMARY})[\s,-]+(.+)", plain)
    return bool((last and last[1] in names) or (first and first[2] in names))


def without_summary_rows(place: str, body: pd.DataFrame, named: Mapping[str, int]) -> tuple[pd.DataFrame, list[str]]:
    """The body without rows such as Mean and SEM, and a notice that names them."""
    columns = {named[part] for part in ("animal", "day") if part in named} or {0}
    if "arm" in named:
        columns.add(named["arm"])
    found = _summary_rows(body, sorted(columns), named.get("arm"))
    body = body.drop(index=list(found))
    beside = _rows_beside(body, sorted(columns), named)
    return body.drop(index=list(beside)), [*_summary_notice(place, found), *_beside_notice(place, beside)]


_BESIDE_ROWS = re.compile(
    r"(?:dos(?:e|es|ing|ed)|treat(?:ment|ments|ed)?|rx|tx|drug|injections?|schedule|dates?|time|comments?|notes?|"
    r"measured by|operator|initials)(?: (?:days?|dates?|given|times?|no|#))?",
    flags=re.IGNORECASE,
)


def is_beside(text: str) -> bool:
    """Whether a cell where an animal or a day should be says that its row holds doses, dates or notes."""
    return _BESIDE_ROWS.fullmatch(_plain(text)) is not None


def _rows_beside(body: pd.DataFrame, columns: Sequence[int], named: Mapping[str, int]) -> dict[int, str]:
    """Rows of doses, dates or notes among those of animals: their names are one of those words, or they have none."""
    found: dict[int, str] = {}
    keys = {position: body[position].str.strip() for position in columns}
    words = {text for column in keys.values() for text in column.unique().tolist()}
    likely = {text for text in words if is_beside(text)}
    if len(columns) == 1:  # days: a row with nothing but a text is a note
        filled = [body[at].str.strip().ne("") for at in body if at not in columns]
        empty = ~pd.concat(filled, axis=1).any(axis=1) if filled else pd.Series(data=False, index=body.index)
        likely |= {text for text in keys[columns[0]][empty].unique().tolist() if text and not times_in([text]).count}
    said = sum(
        (column.isin(list(likely)).astype(int) for column in keys.values()), start=pd.Series(0, index=body.index)
    )
    blank = sum((column.eq("").astype(int) for column in keys.values()), start=pd.Series(0, index=body.index))
    candidates = said > 0 if len(columns) == 1 else blank >= len(columns) - 1
    for row in body.index[candidates]:
        name = next((str(column[row]) for column in keys.values() if column[row]), "")
        cells = [str(body.at[row, at]).strip() for at in body if at not in columns and str(body.at[row, at]).strip()]
        unnamed = "arm" in named and not keys[named["arm"]][row]
        if name in likely or (name and not cells and unnamed):
            found[int(row)] = name
        elif not name and cells and all(map(date_in, cells)):
            found[int(row)] = "dates"
    return found


def _beside_notice(place: str, found: Mapping[int, str]) -> list[str]:
    if not found:
        return []
    shown = ", ".join(f"row {row} ({quoted(text)})" for row, text in sorted(found.items())[:5])
    more = ", …" if len(found) > 5 else ""
    return [f"{place}: {counted(len(found), 'row')} without an animal left out: {shown}{more}."]


def without_summaries(
    place: str, body: pd.DataFrame, names: list[str], words: Mapping[str, str]
) -> tuple[pd.DataFrame, list[str], tuple[str, ...]]:
    positions = [names.index(words[part]) for part in ("animal", "day") if words[part] in names]
    arm = names.index(words["arm"]) if words["arm"] in names else None
    numbered = body.set_axis(range(len(names)), axis=1)
    found = _summary_rows(numbered, positions, arm)
    return body.drop(index=list(found)), names, tuple(_summary_notice(place, found))


def _summary_rows(body: pd.DataFrame, positions: Sequence[int], arm: int | None) -> dict[int, str]:
    """Row to the word that says that it is a summary; a row is only judged by its arm where no animal is named."""
    found: dict[int, str] = {}
    arms = set() if arm is None else {text.strip() for text in body[arm].unique().tolist()}
    for position in positions:
        texts = body[position].unique().tolist()
        summaries = summaries_among(texts, arms)
        if position == arm:
            unnamed = [body[other].str.strip().eq("") for other in positions if other != arm]
            rows = body.index[
                body[position].isin(list(summaries)) & (pd.concat(unnamed, axis=1).all(axis=1) if unnamed else False)
            ]
        else:
            rows = body.index[body[position].isin(list(summaries))]
        found |= {int(row): str(body.at[row, position]).strip() for row in rows if row not in found}
    return found


def _summary_notice(place: str, found: Mapping[int, str]) -> list[str]:
    if not found:
        return []
    rows = sorted(found)
    words = ", ".join(quoted(word) for word in list(dict.fromkeys(found[row] for row in rows))[:5])
    shown = ", ".join(map(str, rows[:8])) + (", …" if len(rows) > 8 else "")
    return [f"{place}: {counted(len(rows), 'row')} of summaries left out ({words}: row {shown})."]
