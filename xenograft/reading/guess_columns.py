"""Which column is the animal, the arm, the day, the volume: what their names say, the best first (`xenograft init`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from xenograft.reading.times import UNIT_WORDS, times_in

_TUMOUR = r"tumou?rs?|tum"
_NOT_A_TUMOURS = (
    r"inject|inj\b|injection|dose|dosing|dosed|blood|plasma|serum|sample|urine|administered|admin|infusion|infused|gavage|"
    r"oral|drug|vehicle|syringe|fluid|formulation|intake|water|spleen|liver|organ"
)
_DERIVED = (
    r"baseline|initial|start|starting|final|last|end|endpoint|relative|rel|rtv|normali[sz]ed|norm|percent|pct|change|"
    r"delta|diff|log|log10|ln|log2|ratio|fold|tgi|mean|average|avg|median|sd|sem|se|max|maximum|min|minimum|previous|prior|"
    r"growth|rate|auc|day ?0|d0|v0|at randomi[sz]ation|limit|predicted|fitted|pre"
)
_OTHER_THINGS = (
    r"age|ages|passage|cells?|glucose|temp|temperature|scores?|bcs|plate|lane|row|line|order|index|number|no|nr|sex|"
    r"gender|strain|chip|rfid|barcode|room|rack|box|hours?|weeks?|count|viability|conc|concentration|notes?|comments?|"
    r"remarks?|initials|weights?|mass|bmi|food|price|year|survival|status|event|area|diameter|length|width|height|depth|"
    r"ph|pressure|rate|value of|p value|rank|rand|random|key|code|sort"
)
_BEGINS = (
    r"start|started|begin|beginning|(?:first|1st|initial) (?:dose|dosing|treatment|injection)|treated|randomi[sz]ation|"
    r"randomi[sz]ed|enrol?lment|enrolled|staging|on study"
)
_TWO_TUMOURS = (
    ("primary", "distant"), ("primary", "secondary"), ("proximal", "distal"), ("ipsilateral", "contralateral"),
    ("injected", "uninjected"), ("injected", "noninjected"), ("treated", "untreated"), ("irradiated", "abscopal"),
)  # fmt: skip
_OTHER_DATES = r"birth|dob|born|death|sacrifice|arrival|implant(?:ation)?|inoculation|removal|euthanasia|end|necropsy"
_PATTERNS: Mapping[str, Sequence[tuple[int, str]]] = {
    "animal": (
        (5, r"animal|mouse|mice|subject|rat|animal ?ids?|mouse ?ids?|subject ?ids?|rat ?id|ear ?tag|tag"),
        (4, r".*\b(?:animal|mouse|mice|subject|ear ?tag|rat)\b.*\b(?:ids?|no|nr|number|#|name|tag|code)\b.*"),
        (3, r"ids?|tag|name|#|no|number|eartag|mouseid|animalid|subjectid|.*\b(?:animal|mouse|subject)"),
        (2, r".*\b(?:animal|mouse|mice|subject|rat|tag|ids?)\b.*"),
        (2, r"(?:maus|m[aä]use|tier|souris|raton|ratón|topo|muis|dier)(?: ?(?:nr|nummer|id|no|n°))?"),
        (2, r"tiernummer|mausnummer|diernummer|(?:sample|specimen|individual)(?: ?(?:ids?|no|nr|name|#))?"),
    ),
    "arm": (
        (6, r"arm|group|treatment ?group|treatment ?arm|study ?arm|study ?group|dose ?group|treatment"),
        (5, r"regimen|drug|compound|condition|therapy|agent|cohort ?name|test ?article|intervention|group ?name"),
        (4, r".*\b(?:arm|group|treatment|regimen)\b.*"),
        (2, r".*\b(?:drug|compound|condition|therapy|agent)\b.*|gruppe|groupe|grupo|groep|gruppo|behandlung"),
        (2, r"traitement|tratamiento|behandeling|trattamento|behandlungsgruppe|tx|trt|rx|treated ?with|given"),
    ),
    "cohort": ((5, r"cohort|batch"), (2, r".*\b(?:cohort|batch)\b.*")),
    "cage": ((5, r"cage|housing|home ?cage|cage ?(?:id|no|nr|number|#)"), (2, r".*\b(?:cage|housing)\b.*")),
    "reason_left": (
        (5, r"reason ?left|reason|fate|removal ?reason|reason ?removed|cause ?of ?death|exit ?reason"),
        (2, r".*\b(?:fate|reason)\b.*"),
    ),
    "length": ((5, r"length|l|long|long ?axis|longest ?diameter|length ?mm|tumou?r ?length|largest ?diameter|len"),),
    "width": ((5, r"width|w|short|short ?axis|shortest ?diameter|width ?mm|tumou?r ?width|smallest ?diameter|wid"),),
    "height": ((5, r"height|h|depth|tumou?r ?height|tumou?r ?depth"),),
    "weight": ((5, r"weight|body ?weight|bw|bwt|body ?wt|mouse ?weight|animal ?weight"),
               (3, rf"(?!.*\b(?:{_DERIVED})\b).*\b(?:body ?weight|bw)\b.*"),
               (1, rf"(?!.*\b(?:tumou?r|{_DERIVED})\b).*\bweight\b.*")),
    "tumour": (
        (5, rf"(?:{_TUMOUR})|flank|side|location|site|(?:{_TUMOUR}) ?(?:id|no|nr|number|#|side|site|location|name)"),
        (3, rf"(?:{_TUMOUR}) (?:position|flank)|implant(?:ation)? ?(?:site|side)|.*\bflank\b.*"),
    ),
    "replicate": ((5, r"replicate|rep|repeat|operator|reader|observer|measurement ?(?:no|nr|number|#)|technician"),),
    "limit": ((5, r"limit|lloq|loq|limit of quantification"),),
    "exclude": ((5, r"exclude|exclusion ?reason"),),
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """The columns of a header by part.

    Parameters
    ----------
    parts : dict of str to str
        Part to the column that fits best.
    also : dict of str to tuple of str
        Part to the other columns whose names fit too.
    sides : dict of str to str
        Left and right to their columns of volume, where a table has one for each.
    repeated : tuple of str
        Columns of volume that count readings ("TV1", "TV2", "TV3"), where a table has such.
    """

    parts: dict[str, str]
    also: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    sides: dict[str, str] = field(default_factory=dict[str, str])
    repeated: tuple[str, ...] = ()


def named_columns(header: Sequence[str]) -> Named:
    """Part to column, judged by the names alone.

    Parameters
    ----------
    header : sequence of str
        Names of the columns; repeated and blank ones are no candidates for anything but readings.
    """
    names = [name for name in dict.fromkeys(header) if name]
    own = {name: _scores(name) for name in names if not _NUMBER.fullmatch(name)}
    timed = sum(found["timed"] for found in own.values())
    parts_of_columns = ("day", "start", "volume", *_PATTERNS)
    scores = {part: {name: own[name][part] if name in own else 0 for name in names} for part in parts_of_columns}
    if timed > 1:  # "Day 0" among "Day 4" and "Day 7" is a heading, alone it may be a date
        scores["start"] = {
            name: 0 if name in own and own[name]["timed"] and "date" not in name.lower() else score
            for name, score in scores["start"].items()
        }
        scores["arm"] = {  # "Day 0 post treatment" is a heading too
            name: 0 if name in own and own[name]["timed"] and re.search(r"\bday ?\d", name.lower()) else score
            for name, score in scores["arm"].items()
        }
    parts: dict[str, str] = {}
    also: dict[str, tuple[str, ...]] = {}
    order = ("day", "start", "volume", "length", "width", "height", "weight", "animal", "arm", "tumour")
    for part in (*order, *(part for part in scores if part not in order)):
        free = [name for name in names if name not in parts.values() and scores[part][name] > 0]
        ranked = sorted(free, key=lambda name: -scores[part][name])
        if not ranked:
            continue
        parts[part] = ranked[0]
        same = [name for name in ranked[1:] if scores[part][name] == scores[part][ranked[0]]]
        if same:
            also[part] = tuple(same)
    repeated = _repeated(names) if "day" in parts else ()
    sides = {} if repeated else _sides([name for name in names if scores["volume"][name] > 0])
    if "arm" not in parts and "cohort" in parts:  # "Cohort" is often what a laboratory calls an arm
        parts["arm"] = parts.pop("cohort")
    return Named(parts, also, sides, repeated)


_NUMBER = re.compile(r"[<+-]?\s*[\d.,]+")


@lru_cache(maxsize=20_000)
def _scores(name: str) -> dict[str, int]:
    """How well a name fits each part, 0 where not at all; `timed` is 1 where it says a time itself ("Day 4")."""
    plain = plain_name(name)
    found = {"day": _day_score(plain), "start": _start_score(plain), "volume": _volume_score(name, plain)}
    for part, patterns in _PATTERNS.items():
        found[part] = next((score for score, pattern in patterns if re.fullmatch(pattern, plain)), 0)
    if found["day"] or found["start"]:
        found["arm"] = 0
    measure = re.search(r"\b(?:size|volume|weight|number of|doses?(?! (?:group|arm)))\b", plain)
    if found["volume"] > 0 or measure:
        found |= {"arm": 0, "tumour": 0, "animal": 0}
    if re.search(r"\d", plain) and plain != plain_name(name, keep_brackets=True):
        found["start"] = 0  # "Day 0 (L)" is a heading of readings
    found["timed"] = 1 if times_in([name]).count else 0
    if found["timed"] and re.search(r"\d", name):
        found |= {"day": 0, "animal": 0}  # "Tag 0" is a German day, and no ear tag
    return found


def says_another_date(name: str) -> bool:
    """Whether a name is that of a date which is no visit: of birth, of implantation, of a start of treatment."""
    plain = plain_name(name)
    return bool(_start_score(plain)) or re.search(rf"\b(?:{_OTHER_DATES})\b", plain) is not None


def is_derived(name: str) -> bool:
    """Whether a heading says that its numbers are made of others: a change, a ratio, a percentage."""
    derived = (
        r"percent|pct|change|relative|rel|normali[sz]ed|norm|fold|delta|ratio|log\d*|ln|growth|rate|tgi|t/c|inhibition"
    )
    plain = name.lower().replace("_", " ")
    if re.fullmatch(r"(?:r|rel)tv ?[-.:]? ?(?:day |d)?\d*|[a-z]* ?\d+ ?/ ?[a-z]* ?\d+", plain):  # "RTV4", "D4/D0"
        return not re.fullmatch(r"\d+ ?/ ?\d+", plain)  # "4/5" is a date
    return re.search(rf"%|Δ|\b(?:rtv|{derived})\b", plain) is not None


def says_nothing(name: str) -> bool:
    """Whether a name tells neither a part of a table, nor a time, nor one of the things that sheets also hold."""
    if _NUMBER.fullmatch(name) or any(_scores(name).values()):
        return False
    return re.search(rf"\b(?:{_OTHER_THINGS}|{_NOT_A_TUMOURS}|{_DERIVED}|{_OTHER_DATES})\b", plain_name(name)) is None


def unit_of_name(name: str) -> str | None:
    """The unit, other than days, that the name of a column of days says that it counts: hours, weeks or months."""
    words = plain_name(name, keep_brackets=True).split()
    for unit in ("hours", "weeks", "months"):
        if any(re.fullmatch(UNIT_WORDS[unit], word) for word in words) and not any(
            re.fullmatch(r"days?|dates?", word) for word in words
        ):
            return unit
    return None


def plain_name(name: str, *, keep_brackets: bool = False) -> str:
    """A name in lower case, its words apart, without what stands in brackets."""
    text = name if keep_brackets else re.sub(r"[(\[].*?[)\]]", " ", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = re.sub(
        r"\b(?:mm|cm)\s*(?:\^?3|³|\^?2|²)|\b(?:mm|cm|mg|g)\b(?=\s*$)|(?<=_)(?:mm|cm)3?$|%",
        lambda found: " percent " if found[0] == "%" else " ",
        text,
    )
    return " ".join(re.sub(r"[_\W]+", " ", text.replace("#", " # ") if "#" in text else text).lower().split()) or (
        "#" if "#" in name else ""
    )


def _day_score(plain: str) -> int:
    if re.search(r"\b(?:day|d|week|wk|w) ?\d|\bday zero", plain):  # "BW Day 0", "Day 0 date" and "Week 1 Day 3"
        return 0
    if re.fullmatch(
        r"days?|study days?|days? of study|experiment(?:al)? day|dp[a-z]{1,2}|pid|day (?:no|number|nr|#)", plain
    ):
        return 8
    if re.match(r"days?\b", plain) or re.search(r"\bdays?$", plain):
        told = re.sub(rf"^(?:study )?days? (?:after|since|post|from) .*(?:{_BEGINS}|first day).*", "", plain)
        return 7 if not re.search(r"\b(?:start|first|birth|removed|left|death|endpoint|end)\b", told) else 0
    if _start_score(plain) or (
        re.search(rf"\b(?:{_OTHER_DATES})\b", plain) and not re.search(r"\b(?:after|since|post|from)\b", plain)
    ):
        return 0
    if re.fullmatch(
        r"time ?points?|time|date|dates|visit date|measurement date|date of measurement|date measured|tag|jour|datum|"
        r"measured (?:at|on)|time ?stamp|date ?time|d[ií]a|giorno|dag|data|fecha|messdatum|messtag|zeitpunkt|elapsed|d",
        plain,
    ):
        return 6 if plain not in ("tag", "d", "data", "elapsed") else 1
    if re.fullmatch(
        r"weeks?|wks?|hours?|hrs?|h|months?|study weeks?|time (?:h|hrs?|hours?|weeks?|wks?|days?|d|months?)", plain
    ):
        return 5
    if re.search(r"\b(?:dates?|time ?points?|days?|weeks?|hours?|hrs)\b", plain):
        return 4
    return 3 if re.search(r"\btime\b", plain) else 0


def _start_score(plain: str) -> int:
    if re.match(r"days?\b", plain) and not re.fullmatch(
        r"day (?:0|zero)(?: date)?|day (?:of )?(?:first dose|treatment start)", plain
    ):
        return 0
    if re.search(r"\b(?:after|since|post|from|volume|vol|tv|weight|bw|size)\b", plain):
        return 0
    if re.fullmatch(
        rf"(?:treatment|tx|dosing|therapy|study|rx)? ?(?:{_BEGINS}) ?"
        r"(?:date|day|of (?:treatment|dosing|therapy|study))?",
        plain,
    ):
        return 5
    if re.fullmatch(
        rf"(?:date|day)(?: of)? (?:the )?(?:(?:treatment|tx|dosing|therapy) )?(?:{_BEGINS}).*"
        r"|day (?:0|zero)(?: date)?|date (?:0|zero)",
        plain,
    ):
        return 5
    return 0


def _volume_score(name: str, plain: str) -> int:
    if re.search(rf"\b(?:{_NOT_A_TUMOURS})\b", plain) and not re.search(rf"\b(?:{_TUMOUR})\b", plain):
        return 0
    if re.search(r"\b(?:diameter|length|width|height|weight|mass|number|no|id|side|site|type|location|line)\b", plain):
        return 0
    unit = re.search(r"(?:mm|cm)\s*(?:\^?3|³)", name, flags=re.IGNORECASE) is not None
    score = 0
    if re.search(
        rf"\b(?:{_TUMOUR}) (?:volumes?|vol|size|burden)\b|\bm?tv\b|\b(?:{_TUMOUR})(?:volumen?|vol|size)\b", plain
    ):
        score = 50
    elif re.search(r"\b(?:volumes?|volumen|vol)\b", plain):
        score = 40
    elif re.search(r"\b(?:flux|bli|radiance|luminescence|total flux|photons?|signal|rlu|fluorescence)\b", plain):
        score = 30
    elif re.search(r"\bsizes?\b", plain):
        score = 25
    elif (unit and plain and not re.search(r"\bdays?\b|\d", plain)) or (unit and not plain):
        score = 20
    if not score:
        return 0
    score += 1 if unit else 0
    return score - 24 if re.search(rf"\b(?:{_DERIVED})\b", plain) else score + 10


def _repeated(names: Sequence[str]) -> tuple[str, ...]:
    """Columns of volume whose names differ in nothing but a last number that counts from 1, three or more."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        if parted := re.fullmatch(
            r"(?P<stem>.*?\D)[\s_.#-]*(?P<number>\d)", re.sub(r"[(\[].*?[)\]]", "", name).strip()
        ):
            stem = re.sub(
                r"[\s_.#-]*(?:rep(?:licate|eat)?|reading|measurement|m)?[\s_.#-]*$", "", parted["stem"], flags=re.I
            )
            if _volume_score(stem, plain_name(stem)) >= 20:
                found.setdefault(stem.lower(), {})[int(parted["number"])] = name
    counted = [numbers for numbers in found.values() if sorted(numbers) == list(range(1, len(numbers) + 1))]
    return next((tuple(numbers[at] for at in sorted(numbers)) for numbers in counted if len(numbers) >= 3), ())


def _sides(names: Sequence[str]) -> dict[str, str]:
    """Columns of volume whose names differ in nothing but left and right (or 1 and 2, A and B, L and R)."""
    sides = (("left", "right"), ("l", "r"), ("lt", "rt"), ("lf", "rf"), ("1", "2"), ("a", "b"), ("t1", "t2"))
    for pairs in (*sides, *_TWO_TUMOURS):
        found: dict[str, dict[str, str]] = {}
        for name in names:
            words = re.split(r"[\s_.()\[\]-]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
            for word in words:
                if word in pairs:
                    frame = " ".join("…" if other == word else other for other in words)
                    found.setdefault(frame, {})[word] = name
        for sides in found.values():
            if len(sides) == 2:
                first, second = (sides[side] for side in pairs)
                said = ("left", "right") if pairs[0] in ("left", "l", "lt", "lf") else (pairs[0], pairs[1])
                return {said[0]: first, said[1]: second}
    return {}
