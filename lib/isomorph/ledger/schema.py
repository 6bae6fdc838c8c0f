"""What a ledger entry may hold: papers, claims, and the rule which settles a claim.

A rule is data and not code, so that it can be fixed before a run and read by anyone; where it was
changed after one, the claim's chapter says so. It names the experiments whose rows it reads (none
yet: the claim is *not yet measured*) and one or more parts. A part selects rows, sums some
selections and subtracts others, and predicts on which side of a bound the result falls:

    {metric: nli_accuracy, plus: no_anchors, minus: default_anchors,
     direction: within, bound: 0, tolerance: 0.03}

A claim holds only when all its parts hold. Scores are fractions of one, and so are bounds on them;
`paper_value` keeps the papers' own units and says which.
"""

from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from isomorph.ledger.quantities import QUANTITIES

Provenance = Literal["full text", "authors' code", "abstract", "notes by others", "derived here"]


class LedgerError(ValueError):
    """A ledger entry is not usable; the message names the file, the entry and the field."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _several(value: Any) -> Any:
    """A single value written alone stands for a list of one."""
    return (value,) if isinstance(value, str | int) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
Layers = Annotated[tuple[int, ...], BeforeValidator(_several)]


class Selection(_Frozen):
    """Which rows: a field left out does not filter, and several values are averaged."""

    metric: Names | None = None
    condition: Names | None = None
    pair: Names | None = None
    layer: Layers | None = None  # 0 is the embeddings; -1 the deepest layer of each model

    def narrowed(self, other: "Selection") -> "Selection":
        return self.model_copy(update=other.model_dump(exclude_none=True))

    def __str__(self) -> str:
        chosen = self.model_dump(exclude_none=True)
        shown = [", ".join(chosen.get(field, ())) for field in ("metric", "condition", "pair")]
        if self.layer is not None:
            shown.append("layer " + ", ".join(map(str, self.layer)))
        return " / ".join(filter(None, shown)) or "all rows"


def _selections(value: Any) -> Any:
    """A bare name is a condition; a single selection stands for a list of one."""
    value = [value] if isinstance(value, str | dict) else value
    return [{"condition": item} if isinstance(item, str) else item for item in value]


Selections = Annotated[tuple[Selection, ...], BeforeValidator(_selections)]


class Part(Selection):
    """One prediction: quantity over `plus`, less quantity over `minus`, against a bound.

    The part's own metric, condition, pair and layer hold for every selection in `plus` and
    `minus`, which may narrow them further.
    """

    plus: Selections = (Selection(),)
    minus: Selections = ()
    quantity: Literal[tuple(QUANTITIES)] = "value"
    beside: str | None = None  # the second metric, for quantities which relate two
    along: Literal["layer", "tokens"] = "layer"  # what `spearman` and `pearson` run along
    over_seeds: Literal["mean", "std"] = "mean"
    each: Literal["metric", "condition", "pair"] | None = None  # one part for each value of it
    direction: Literal["above", "below", "within"]
    bound: float = 0.0
    tolerance: float = Field(default=0.0, ge=0.0)  # half the width of `within`
    seeds: int = Field(default=3, ge=3)  # fewer give no interval

    @model_validator(mode="after")
    def _consistent(self) -> "Part":
        if self.tolerance and self.direction != "within":
            raise ValueError(f"tolerance needs direction within, not {self.direction}")
        needs = QUANTITIES[self.quantity].relates_two
        if needs != (self.beside is not None):
            verb = "needs" if needs else "takes no"
            raise ValueError(f"quantity {self.quantity} {verb} second metric in beside")
        if not self.plus:
            raise ValueError("plus must select something")
        if any(term.metric is None for term in (*self.terms()[0], *self.terms()[1])):
            raise ValueError("metric is missing in one of the selections")
        return self

    def terms(self) -> tuple[tuple[Selection, ...], tuple[Selection, ...]]:
        """The full selections which are added and which are subtracted."""
        fields = set(Selection.model_fields)
        shared = Selection(**self.model_dump(include=fields))
        added, subtracted = self.plus, self.minus
        return tuple(map(shared.narrowed, added)), tuple(map(shared.narrowed, subtracted))

    def split(self, found: list[str]) -> list["Part"]:
        """One part for each value of the column named in `each`, listed or else `found`."""
        values = getattr(self, self.each) or found if self.each else ()
        return [
            self.model_copy(update={self.each: (value,), "each": None}) for value in values
        ] or [self]

    def __str__(self) -> str:
        """The prediction in words, as the tables print it."""
        added, subtracted = self.terms()
        text = " + ".join(map(str, added)) + "".join(f" - {term}" for term in subtracted)
        if self.quantity != "value":
            beside = f" beside {self.beside}" if self.beside else ""
            along = " over tokens" if self.along != "layer" else ""
            text = f"{self.quantity.replace('_', ' ')}{along} of {text}{beside}"
        if self.over_seeds == "std":
            text = f"standard deviation over seeds of {text}"
        spread = f" ± {self.tolerance:g}" if self.direction == "within" else ""
        each = f", for each {self.each}" if self.each else ""
        return f"{text} {self.direction} {self.bound:g}{spread}{each}"


class Rule(_Frozen):
    """Which experiments' rows settle the claim (None: no experiment yet), and the predictions."""

    rows: Names | None = None
    parts: tuple[Part, ...] = Field(min_length=1)

    def __str__(self) -> str:
        return "; and ".join(map(str, self.parts))


class Source(_Frozen):
    """Where in the paper the claim stands, and how the entry came to know it."""

    where: str = Field(min_length=3)
    provenance: tuple[Provenance, ...] = Field(min_length=1)
    note: str | None = None

    def __str__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"{self.where} ({', '.join(self.provenance)}{note})"


class Paper(_Frozen):
    citation: str = Field(min_length=5)
    title: str = Field(min_length=5)
    key: str = Field(pattern=r"^[a-z0-9]+$")  # of the entry in book/references.bib


class Claim(_Frozen):
    """One claim of one paper. `paper_value` is what the paper prints, labelled with its unit."""

    id: str = Field(pattern=r"^\d+[a-z]?\.\d+$")
    paper: Paper
    statement: str = Field(min_length=20)
    source: Source
    paper_value: dict[str, float | tuple[float, ...]] | None = None
    quantity: str = Field(min_length=10)  # what is measured here, in words
    rule: Rule
    chapter: str | None = Field(default=None, pattern=r"^[a-z_]+/[a-z0-9_]+$")


def parse(text: str, name: str) -> list[Claim]:
    """The claims of one ledger file.

    `text` is YAML: `section`, `paper` and `claims`; `name` is used in messages. Raises LedgerError
    with one sentence which names the entry, the field, its value and what is allowed.
    """
    content = from_yaml(text, name)
    if not isinstance(content, dict) or set(content) != {"section", "paper", "claims"}:
        raise LedgerError(f"{name} must hold exactly the keys section, paper and claims.")
    claims = []
    for number, entry in enumerate(content["claims"], start=1):
        expected = f"{content['section']}.{number}"
        if not isinstance(entry, dict) or entry.get("id") != expected:
            raise LedgerError(f"{name}: entry {number} must be a mapping with id {expected!r}.")
        try:
            claims.append(Claim(paper=content["paper"], **entry))
        except ValidationError as error:
            raise LedgerError(f"{name}: claim {expected}: {sentence(error)}") from None
    return claims


def from_yaml(text: str, name: str) -> Any:
    """What a file holds; `name` is used in the message. Raises LedgerError when it is not YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LedgerError(f"{name} is not YAML: {' '.join(str(error).split())}.") from None


def validated(model: type[BaseModel], text: str, name: str):
    """A model of what a file holds. Raises LedgerError, in one sentence, when it is not such."""
    try:
        return model.model_validate(from_yaml(text, name))
    except ValidationError as error:
        raise LedgerError(f"{name}: {sentence(error)}") from None


def sentence(error: ValidationError) -> str:
    """The first thing wrong, in one sentence: the field, its value and what is allowed."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"])) or "entry"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{field} is {first['input']!r}, but {reason[0].lower()}{reason[1:]}."


@cache
def load() -> tuple[Claim, ...]:
    """Every claim, in the order of the sections (1, 2, 3, 4a, 4b, 4c, 5, 6, 11)."""
    files = [item for item in resources.files(__package__).iterdir() if item.name.endswith(".yaml")]
    claims = [claim for item in files for claim in parse(item.read_text("utf-8"), item.name)]
    ids = [claim.id for claim in claims]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise LedgerError(f"claim {repeated[0]} stands in two files; an id is used once.")
    return tuple(sorted(claims, key=_order))


def _order(claim: Claim) -> tuple[int, str, int]:
    section, number = claim.id.split(".")
    digits = section.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits), section[len(digits) :], int(number)
