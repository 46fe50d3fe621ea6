"""What one row of the tables says, for people and for programs that read it: the shape of a rule page and its JSON.

Only types live here. Empty members say that there is nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedCode:
    """One code of a value set; `family` is True where it stands for every code that begins with it.

    `system` is the URI of the code system, `vocabulary` what people call it. `relation` says how far the code means the
    concept: `exact`, `narrower`, `broader`, `shared`, `component`, `adjacent`.
    """

    vocabulary: str
    code: str
    display: str
    relation: str
    family: bool
    system: str


@dataclass(frozen=True, slots=True)
class CodeList:
    """A value set with its codes."""

    id: str
    title: str
    codes: tuple[ListedCode, ...]


@dataclass(frozen=True, slots=True)
class RuleLimit:
    """A limit; `shown` is how a card words it, `value` in UCUM `unit`. `within_days` is the oldest age that counts."""

    id: str
    shown: str
    comparison: str
    value: str
    unit: str
    within_days: int
    guideline: str
    source: str
    grade: str
    status: str


@dataclass(frozen=True, slots=True)
class Link:
    """Another rule."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class RuleQuestion:
    """One question to the record. `kind` is its type in the tables, or `indication`.

    `applies` says when it is asked, `without_data` what it is when nothing is recorded, `advice` what a card proposes.
    """

    id: str
    label: str
    kind: str
    asks: str
    told_as: str
    without_data: str
    source: str
    grade: str
    status: str = "active"
    origin: str = ""
    possible: str = ""
    limit: RuleLimit | None = None
    reads: tuple[str, ...] = ()
    applies: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    table: tuple[Mapping[str, str], ...] = ()
    """Rows of a table of its own by which the question is judged: column -> text."""
    code_lists: tuple[CodeList, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row at its stable address `/knowledge/<kind>/<id>`.

    `status` is `active`, `in shadow`, `draft` or `retired`. `facts` are further properties in words. `words` are names
    by which it is recognized in free text. `changes` are those of the site, each with what, reason, approver and date.
    """

    kind: str
    id: str
    label: str
    status: str
    source: str
    origin: str = ""
    grade: str = ""
    facts: Mapping[str, str] | None = None
    words: tuple[str, ...] = ()
    code_lists: tuple[CodeList, ...] = ()
    questions: tuple[RuleQuestion, ...] = ()
    limit: RuleLimit | None = None
    related: Mapping[str, tuple[Link, ...]] | None = None
    changes: tuple[Mapping[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """(label, address) of the hospital's own documents."""

    @property
    def key(self) -> tuple[str, str]:
        """Kind and id."""
        return self.kind, self.id
