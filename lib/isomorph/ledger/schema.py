"""What a ledger entry may hold: papers, claims, and the rule which settles a claim.

A rule is data and not code, so that it can be fixed before a run and read by anyone. It names the
experiments whose rows it reads (none yet: *not measured*) and its predictions. A prediction selects
rows, sums some selections and subtracts others, and says on which side of a bound the result falls:

    {says: "Parsing falls by less than 3 points", metric: las, plus: no_anchors,
     minus: default_anchors, direction: within, tolerance: 0.03, bound_from: ours}

The `primary` prediction decides; `secondary` ones are shown one by one; `requires` are positive
controls, which must hold where the rule is to speak at all, or `no_control` says why it needs none. `scope` says which subjects
(`isomorph.ledger.evidence`) the claim is about: others decide nothing. `registered` is when the rule
was fixed, `fingerprint` its digest, and `history` what stood there before. Scores are fractions of
one, and so are bounds on them; `paper` and `paper_value` keep the papers' own units.
"""

import hashlib
import json
import re
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from isomorph.config import sentence
from isomorph.ledger.estimates import QUANTITIES, RELATING_TWO
from isomorph.ledger.evidence import Record, Subject, select
from isomorph.ledger.intervals import FEWEST
from isomorph.metrics import metric

Provenance = Literal["full text", "authors' code", "abstract", "notes by others", "derived here"]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where PyYAML has it


class LedgerError(ValueError):
    """A ledger entry is not usable; the message names the file, the entry and the field."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _several(value: Any) -> Any:
    """A single value written alone stands for a list of one."""
    return (value,) if isinstance(value, str | int | dict) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
Layers = Annotated[tuple[int, ...], BeforeValidator(_several)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9]+$")]  # of an entry in book/references.bib


class Selection(_Frozen):
    """Which rows: a field left out does not filter, and several values are averaged."""

    metric: Names | None = None
    condition: Names | None = None
    languages: Names | None = None  # "en-fr", or a role: "close" or "distant"
    task: Names | None = None
    split: Names | None = None  # left out: the test examples, and what has no split
    layer: Layers | None = None  # 0 is the embeddings; -1 the deepest layer of each model

    def narrowed(self, other: "Selection") -> "Selection":
        return self.model_copy(update=other.model_dump(exclude_none=True))


def _selections(value: Any) -> Any:
    """A bare name is a condition; a single selection stands for a list of one."""
    return [{"condition": item} if isinstance(item, str) else item for item in _several(value)]


Selections = Annotated[tuple[Selection, ...], BeforeValidator(_selections)]


class Part(Selection):
    """One prediction: quantity over `plus`, less quantity over `minus`, against a bound.

    The part's own fields hold for every selection in both, which may narrow them further.
    """

    says: str | None = None  # the prediction in one English sentence; every one of a rule has it
    plus: Selections = (Selection(),)
    minus: Selections = ()
    quantity: Literal[tuple(QUANTITIES)] = "value"
    beside: str | None = None  # the second metric, for quantities which relate two
    along: Literal["layer", "tokens"] = "layer"  # what `spearman` and `pearson` run along
    # "std" of one selection, or the ratio of the first one's to the second's: its bound is 1
    over_seeds: Literal["mean", "std"] = "mean"
    learnt: bool = False  # read only units whose run learnt: its `failed_run` is 0
    # one part for each value of it
    each: Literal["metric", "condition", "languages", "task"] | None = None
    direction: Literal["above", "below", "within"]
    bound: float = 0.0
    # A bound that no source gives may keep us from saying that a claim holds, and no more.
    bound_from: Literal["paper", "ours"] = "paper"
    tolerance: float = Field(default=0.0, ge=0.0)  # half the width of `within`
    smallest: float = Field(default=0.0, ge=0.0)  # effect of interest; less is no meaningful effect
    smallest_from: Literal["paper", "ours"] = "ours"
    paper: float | None = None  # the paper's own number for this very quantity, in `unit`
    unit: str | None = None  # of the number as it is printed; "points" of a score, if left out
    least: int = Field(default=FEWEST, ge=FEWEST)  # units; fewer decide nothing

    @model_validator(mode="after")
    def _consistent(self) -> "Part":
        if self.tolerance and self.direction not in ("within", "outside"):
            raise ValueError(f"tolerance needs direction within, not {self.direction}")
        needs = self.quantity in RELATING_TWO
        if needs != (self.beside is not None):
            verb = "needs" if needs else "takes no"
            raise ValueError(f"quantity {self.quantity} {verb} second metric in beside")
        if not self.plus:
            raise ValueError("plus must select something")
        if any(term.metric is None for side in self.terms() for term in side):
            raise ValueError("metric is missing in one of the selections")
        if self.over_seeds == "std" and (len(self.plus), len(self.minus)) not in ((1, 0), (1, 1)):
            raise ValueError("over_seeds std compares one selection, or one with another")
        return self

    def metrics(self) -> set[str]:
        """Every metric that it reads."""
        named = {name for side in self.terms() for term in side for name in term.metric}
        return named | ({self.beside} if self.beside else set())

    def is_score(self) -> bool:
        """Whether the number is a share of a whole, printed in percent points."""
        ratio = self.over_seeds == "std" and self.minus
        share = any(metric(name).unit == "%" for name in self.metrics())
        return self.quantity == "value" and share and not ratio

    def edge(self, side: Literal[1, -1]) -> float:
        """The bound moved by the smallest effect of interest: 1 further on the predicted side, -1 on
        the other."""
        step = self.smallest if self.direction == "above" else -self.smallest
        return self.bound + side * step

    def printed(self, value: float) -> float:
        """A number of this part in the unit in which it is printed."""
        return 100 * value if self.is_score() or "x100" in (self.unit or "") else value

    def printed_unit(self) -> str:
        return self.unit or ("points" if self.is_score() else "")

    def terms(self) -> tuple[tuple[Selection, ...], tuple[Selection, ...]]:
        """The full selections which are added and which are subtracted."""
        shared = Selection(**self.model_dump(include=set(Selection.model_fields)))
        return tuple(map(shared.narrowed, self.plus)), tuple(map(shared.narrowed, self.minus))

    def single(self, rows: list[Record]) -> list["Part"]:
        """One part for each value of the column named in `each`, listed or else among the rows that
        it selects; itself where it names none."""
        if self.each is None:
            return [self]
        among = {getattr(row, self.each) for row in select(rows, self.terms()[0][0], self.beside)}
        values = getattr(self, self.each) or sorted(among - {None})
        return [
            self.model_copy(update={self.each: (value,), "each": None}) for value in values
        ] or [self]


class Control(Part):
    """What must hold before a rule may speak; `otherwise` is the outcome where it does not.

    "outside" is further from the bound than the tolerance, on either side.
    """

    direction: Literal["above", "below", "within", "outside"]
    otherwise: Literal["at floor", "at ceiling"] = "at floor"


class Rule(_Frozen):
    """Which experiments' rows settle the claim (None: no experiment yet), and the predictions."""

    rows: Names | None = None
    primary: Part
    secondary: tuple[Part, ...] = ()
    requires: tuple[Control, ...] = ()
    no_control: str | None = Field(default=None, min_length=20)  # why it cannot be at its floor

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.primary, *self.secondary)


class Scope(_Frozen):
    """The kind of model and data that a claim is about, in words and as subjects."""

    says: str = Field(min_length=5)
    subjects: tuple[Subject, ...] = ()  # none: the claim is proved, and what runs checks our code


class Earlier(_Frozen):
    """A rule that stood here before: what it was, what it said, and why it went."""

    rule: str = Field(min_length=10)
    said: str
    until: datetime
    because: str = Field(min_length=10)


class Since(_Frozen):
    """What later work found."""

    says: str = Field(min_length=10)
    key: Key


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
    key: Key


class Claim(_Frozen):
    """One claim of one paper. `paper_value` is what the paper prints, labelled with its unit."""

    id: str = Field(pattern=r"^\d+[a-z]?\.\d+$")
    paper: Paper
    statement: str = Field(min_length=20)
    source: Source
    paper_value: dict[str, float | tuple[float, ...]] | None = None
    quantity: str = Field(min_length=10)  # what is measured here, in words
    scope: Scope
    rule: Rule
    registered: datetime  # when the rule was fixed, in UTC
    fingerprint: str
    history: tuple[Earlier, ...] = ()
    since: tuple[Since, ...] = ()
    chapter: str | None = Field(default=None, pattern=r"^[a-z_]+/[a-z0-9_]+$")

    @model_validator(mode="after")
    def _said_and_registered(self) -> "Claim":
        for part in (*self.rule.parts, *self.rule.requires):
            if not part.says:
                raise ValueError("every prediction and control needs says, one English sentence")
        if not self.proved and bool(self.rule.requires) == bool(self.rule.no_control):
            raise ValueError(
                "a rule needs requires, its positive controls, or no_control, the reason why it can do "
                "without, and not both"
            )
        if self.fingerprint != self.computed_fingerprint():
            raise ValueError(
                f"the rule's fingerprint is {self.computed_fingerprint()}: a changed rule takes it, "
                "with a new date in registered and the old rule in history"
            )
        return self

    @property
    def proved(self) -> bool:
        return not self.scope.subjects

    def computed_fingerprint(self) -> str:
        """Of all that decides: scope, predictions, controls and bounds; not of words."""
        rule, words = self.rule, {"says", "paper", "unit", "smallest_from"}
        parts = [
            part.model_dump(mode="json", exclude=words, exclude_defaults=True)
            for part in (*rule.parts, *rule.requires)
        ]
        whole = [self.scope.subjects, rule.rows, len(rule.requires), parts]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:12]


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
        return yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise LedgerError(f"{name} is not YAML: {' '.join(str(error).split())}.") from None


@cache
def load() -> tuple[Claim, ...]:
    """Every claim, in the order of the sections (1, 2, 3, 4a, 4b, 4c, 5, 6, 11)."""
    claims: dict[str, Claim] = {}
    for item in resources.files(__package__).iterdir():
        for claim in parse(item.read_text("utf-8"), item.name) if item.suffix == ".yaml" else ():
            if claims.setdefault(claim.id, claim) is not claim:
                raise LedgerError(f"claim {claim.id} stands in two files; an id is used once.")
    return tuple(claims[name] for name in sorted(claims, key=_order))


def _order(name: str) -> tuple[int, str, int]:
    digits, letter, number = re.fullmatch(r"(\d+)([a-z]?)\.(\d+)", name).groups()
    return int(digits), letter, int(number)
