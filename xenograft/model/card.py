"""Model cards: one hypothesis per TOML file, from a closed vocabulary, every prior with its unit and reason."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from xenograft.errors import CardError, did_you_mean, problems_of
from xenograft.files import digest_of, read_toml
from xenograft.model.prior import FOLLOW_UP, Prior
from xenograft.model.vocabulary import (
    DEPARTURE,
    DEPARTURE_BY,
    DOSE_EFFECT,
    ERROR,
    EXPOSURE,
    GROWTH,
    KEYS,
    LASTS,
    PARAMETERS,
    SHARED_BY,
    SHARES,
    SHRUNKEN,
    SPREAD,
    VARIES,
    WITH_OWN_CURVES,
    CardReference,
    Law,
    Parameter,
    needed_priors,
    one_of,
)
from xenograft.printing import html_card, html_table, listed
from xenograft.study.follow_up import follow_up
from xenograft.study.study import Study

ExposureWord = Annotated[str, one_of(EXPOSURE)]
_ONE_EXPOSURE: TypeAdapter[str] = TypeAdapter(ExposureWord)
_EXPOSURE_BY_AGENT: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, ExposureWord])


class ModelCard(BaseModel):
    """A hypothesis about a study: growth law, exposure, reference, departure, what varies, errors, priors.

    Parameters
    ----------
    name, claim : str
        What the card is called (its file's name) and what it claims in one sentence.
    growth, exposure, reference, departure, departure_by, dose_effect, varies, spread, error, error_small, residual
        Words of `vocabulary.KEYS`; models/README.md lists them.
    panel, moderators : bool
        Whether it is for a panel of models, and whether what was measured of these changes how they respond.
    priors : mapping of str to Prior
        One per parameter; `kill.<agent>` holds an agent's own kill prior.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    claim: str = Field(min_length=1)
    growth: Annotated[str, one_of(GROWTH)]
    exposure: str | dict[str, str]
    reference: CardReference
    departure: Annotated[str, one_of(DEPARTURE)]
    departure_by: Annotated[str, one_of(DEPARTURE_BY)] = "arm"
    dose_effect: Annotated[str, one_of(DOSE_EFFECT)] = "free"
    varies: tuple[Annotated[str, one_of(VARIES)], ...]
    spread: Annotated[str, one_of(SPREAD)] = "common"
    error: Annotated[str, one_of(ERROR)]
    error_small: Annotated[bool, Field(strict=True)] = False
    residual: Annotated[bool, Field(strict=True)] = False
    panel: Annotated[bool, Field(strict=True)] = False
    moderators: Annotated[bool, Field(strict=True)] = False
    priors: dict[str, Prior]

    @field_validator("exposure", mode="before")
    @classmethod
    def _a_word_or_a_word_per_agent(cls, written: Any) -> Any:
        """Read as what is meant, so that a misspelled word is found once and not once per kind."""
        kind = _EXPOSURE_BY_AGENT if isinstance(written, dict) else _ONE_EXPOSURE
        return kind.validate_python(written)

    def __repr__(self) -> str:
        return f"<ModelCard {self.name}>"

    def _repr_html_(self) -> str:

        return _card_html(self)

    @property
    def law(self) -> Law:
        """The growth law that the card claims."""
        return GROWTH[self.growth]

    @property
    def answers(self) -> bool:
        """Whether the card leaves the combination free, so that its draws may answer.

        See docs/comparison.md#which-cards-answer.
        """
        return self.departure == "estimated" or self.law.own_curves

    def words(self, key: str) -> set[str]:
        """What the card says under a key of the vocabulary, one word or several.

        Parameters
        ----------
        key : str
            A key of `model.vocabulary.KEYS`.
        """
        said = getattr(self, key)
        return {said} if isinstance(said, str) else set(said.values() if isinstance(said, dict) else said)

    @property
    def varying(self) -> tuple[str, ...]:
        """What each animal has of its own, of "baseline", "growth" and "effect"."""
        return tuple(name for name in ("baseline", "growth", "effect") if name in self.varies)

    def shared_in(self, group: str) -> tuple[str, ...]:
        """Which of the `varying` effects members of a group have in common.

        Parameters
        ----------
        group : {"animal", "mouse", "cage"}
            Tumours of a mouse are alike in all, animals of a cage in how fast they grow.
        """
        if group == "mouse":
            return self.varying
        return tuple(name for name in self.varying if name == "growth" and group == "cage")

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the card that changes a posterior; name and prose do not.

        The priors of `mouse_share` and `cage_share` count where they are not the usual ones: without them a card is not
        fitted to studies that need them, so that a card with the usual one and a card without never have two posteriors
        for one study.
        """
        later = ("residual", "panel", "moderators")  # a card that does not say them keeps the digest it had
        unsaid = {key for key in later if not getattr(self, key)}
        content = self.model_dump(exclude={"name", "claim", "priors", *unsaid})
        priors = {name: prior.says for name, prior in self.priors.items()}
        for share, usual in SHARES.values():
            if priors.get(share) == usual:
                del priors[share]
        return digest_of(content | {"varies": sorted(set(self.varies)), "priors": priors})

    def prior_of(self, parameter: str, agent: str | None = None) -> Prior:
        """The prior of a parameter.

        Parameters
        ----------
        parameter, agent : str
            For example "kill"; an agent's own prior is returned where the card has one.
        """
        return self.priors.get(f"{parameter}.{agent}", self.priors[parameter])

    def on(self, study: Study) -> ModelCard:
        """The card with every prior in days: what it says of a study, whose follow-up some of its priors count in.

        Parameters
        ----------
        study : Study
            To be fitted, or simulated, under the card.
        """
        return self.on_days(follow_up(study))

    def on_days(self, days: float) -> ModelCard:
        """The card with every prior in days, of a follow-up of so many.

        Parameters
        ----------
        days : float
            What the priors' follow-up stands for.
        """
        return self.model_copy(update={"priors": {n: prior.on_follow_up(days) for n, prior in self.priors.items()}})

    def null_of(self, other: ModelCard) -> bool:
        """Whether this card fixes what another leaves free.

        Parameters
        ----------
        other : ModelCard
            An answering card of the same growth, exposure, error, residual, spread and effects, whose departures are
            not drawn together.
        """
        keys = ("growth", "exposure", "error", "residual", "spread", "panel", "moderators")
        same = all(getattr(self, key) == getattr(other, key) for key in keys) and other.departure_by != SHRUNKEN
        return same and set(self.varies) == set(other.varies) and not self.answers and other.answers


def read_card(path: str | Path) -> ModelCard:
    """Read one model card.

    Parameters
    ----------
    path : str or Path
        A TOML file.

    Raises
    ------
    CardError
        With a sentence per problem of the file.
    """
    path = Path(path)
    content = read_toml(path, CardError)
    content = content | {"priors": _flat_priors(content.get("priors", {}))}
    try:
        card = ModelCard.model_validate(content)
    except ValidationError as error:
        raise CardError(problems_of(path.name, error, ModelCard)) from None
    problems = [*_contradictions(path.name, card)] or _prior_problems(path.name, card)
    if card.name != path.stem:
        problems.append(f'{path.name}: name = "{card.name}" is not the file\'s name. Make the two equal.')
    if problems:
        raise CardError(problems)
    return card


def read_cards(*paths: str | Path) -> dict[str, ModelCard]:
    """Read model cards from files and folders.

    Parameters
    ----------
    *paths : str or Path
        TOML files, folders of them, or names of shipped cards; none means all shipped cards.

    Returns
    -------
    dict of str to ModelCard
        By name, in the order given (files of a folder alphabetically).

    Raises
    ------
    CardError
        With a sentence per problem of all files.
    """
    cards: dict[str, ModelCard] = {}
    problems: list[str] = []
    for path in paths or (shipped_cards(),):
        for file in _files(path):
            try:
                card = read_card(file)
            except CardError as error:
                problems.extend(error.problems)
                continue
            if card.name in cards and cards[card.name].digest != card.digest:
                problems.append(f'{file.name}: the name "{card.name}" stands for two different cards. Rename one.')
            cards[card.name] = card
    if problems:
        raise CardError(problems)
    return cards


def shipped_cards() -> Path:
    """The folder of the cards that come with the package."""
    inside = Path(__file__).parents[1] / "models"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "models"


def _files(path: str | Path) -> list[Path]:
    shipped = {file.stem: file for kind in ("*.toml", "panels/*.toml") for file in sorted(shipped_cards().glob(kind))}
    if str(path) in shipped:
        return [shipped[str(path)]]
    path = Path(path)
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise CardError(f"{path}: the folder has no model card (*.toml). Name a folder that has one.")
        return files
    if not path.is_file():
        hint = did_you_mean(str(path), shipped) or " `xenograft models` lists the shipped cards."
        raise CardError(f'"{path}" is neither a shipped card nor a file or folder.{hint}')
    return [path]


def _flat_priors(priors: Any) -> Any:
    """`[priors.kill."T-DM1"]` becomes the entry `kill.T-DM1`; anything malformed is left for the schema to name."""
    if not isinstance(priors, dict):
        return priors
    flat: dict[str, Any] = {}
    for name, table in priors.items():
        own = {key: value for key, value in table.items() if isinstance(value, dict)} if isinstance(table, dict) else {}
        flat[name] = {key: value for key, value in table.items() if key not in own} if own else table
        flat |= {f"{name}.{agent}": value for agent, value in own.items()}
    return flat


def _contradictions(place: str, card: ModelCard) -> Iterable[str]:
    if card.reference == "hsa" and card.departure == "estimated":
        yield (
            f'{place}: departure = "estimated" under reference = "hsa" is the bliss card with its prior moved. '
            'Use departure = "none" with hsa, or reference = "bliss".'
        )
    for key, word in WITH_OWN_CURVES.items() if card.law.own_curves else ():
        if getattr(card, key) != word:
            what = "its exposure" if key == "exposure" else f'{key} = "{getattr(card, key)}"'
            yield (
                f'{place}: growth = "{card.growth}" leaves the course of every arm free, and {what} would restrict it. '
                f"Use {listed([f'{key} = "{word}"' for key, word in WITH_OWN_CURVES.items()])}."
            )
    if card.residual and "cohort" in card.varies:
        yield (
            f'{place}: a residual is what the typical tumours of an arm leave, and varies = "cohort" moves these by '
            "cohort. Leave one of them out."
        )
    if card.departure_by == SHRUNKEN and card.departure == "none":
        yield (
            f'{place}: departure_by = "{SHRUNKEN}" says how departures are estimated, and departure = "none" has none. '
            "Leave departure_by out."
        )
    yield from _contradictions_of_a_panel(place, card)
    if isinstance(card.exposure, dict) and not card.exposure:
        yield f'{place}: exposure names no agent. Write one word for all, or a word per agent and "default".'


def _contradictions_of_a_panel(place: str, card: ModelCard) -> Iterable[str]:
    if card.moderators and not card.panel:
        yield f"{place}: moderators are of the models of a panel. Write panel = true too, or leave moderators out."
    if not card.panel:
        return
    asked = {
        "reference": card.reference == "bliss" or card.exposure == LASTS, "error": card.error == "normal",
        "dose_effect": card.dose_effect == "free", "departure_by": card.departure_by == "arm",
        "error_small": not card.error_small, "residual": not card.residual, "growth": not card.law.own_curves,
        "varies": set(card.varies) == {"baseline", "growth"},
    }  # fmt: skip
    can = {
        "reference": '"bliss" unless exposure is "constant"', "error": '"normal"', "dose_effect": '"free"',
        "departure_by": '"arm"', "growth": "a growth law", "varies": '["baseline", "growth"]',
    }  # fmt: skip
    for key in (key for key, fine in asked.items() if not fine):
        yield (
            f"{place}: panel = true integrates what models and animals have of their own, which needs {key} to be "
            f"{can.get(key, 'false')}. Change it, or leave panel out."
        )


def _prior_problems(place: str, card: ModelCard) -> list[str]:
    said = {key: card.words(key) for key in KEYS}
    needed = needed_priors(
        said, small_tumours=card.error_small, residual=card.residual, panel=card.panel, moderators=card.moderators
    )
    problems = [f"{place}: the prior of {name} is missing. Add [priors.{name}]." for name in needed - set(card.priors)]
    for entry, prior in card.priors.items():
        name, _, agent = entry.partition(".")
        if name not in PARAMETERS:
            problems.append(f"{place}: there is no parameter called {name}.{did_you_mean(name, PARAMETERS)}")
        elif name not in needed and not (name in SHARED_BY and card.shared_in(SHARED_BY[name])):
            problems.append(f"{place}: the prior of {name} is not used by this card. Delete [priors.{name}].")
        elif agent and name != "kill":
            problems.append(f"{place}: [priors.{entry}] is for one agent; only kill has priors by agent. Delete it.")
        elif prior.distribution not in PARAMETERS[name].distributions:
            choices = ", ".join(PARAMETERS[name].distributions)
            problems.append(f"{place}: the prior of {entry} is {prior.distribution}; it must be one of {choices}.")
        elif problem := _unit_problem(PARAMETERS[name], prior):
            problems.append(f"{place}: the prior of {entry} {problem}")
    return sorted(problems)


def _unit_problem(parameter: Parameter, prior: Prior) -> str:
    """A unit of time that would be misread: rates count in days or in follow-ups."""
    _, _, time = parameter.unit.rpartition("day")
    if "day" not in parameter.unit:
        return f'is in "{prior.unit}", and {parameter.name} has no unit of time.' if prior.relative else ""
    allowed = [f"day{time}", f"{FOLLOW_UP}{time}"]
    if any(prior.unit.endswith(f"{before}{unit}") for unit in allowed for before in ("/", "per ")):
        return ""
    choices = " or ".join(f'"{parameter.unit.replace("day", word)}"' for word in ("day", FOLLOW_UP))
    return f'is in "{prior.unit}"; its unit must be {choices}.'


def _card_html(card: ModelCard) -> str:
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
    return html_card(card.name, "Model card", facts, [f"<p>{escape(card.claim)}</p>", html_table(rows)])
