"""The pre-procedure summary in words and as data: what its page, its JSON and the terminal are made from.

Every text is worded and made harmless; who shows it words nothing. Ids, references and dates stand beside them for
programs. A member without a value is left out of the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Frozen; in JSON in camel case and without what is empty."""


class Line(_Part, frozen=True):
    """One thing found, or one question without an answer.

    `certainty` is `present` or `unknown`, and empty for a remark. `level` is `critical`, `warning` or `info` where it
    is present. `row` and `question` are ids of the tables, `references` what it rests on, as `Type/id`.
    """

    text: str
    certainty: str = ""
    level: str = ""
    row: str = ""
    question: str = ""
    references: tuple[str, ...] = ()


class Result(_Part, frozen=True):
    """One lab that the order asks for: its newest result with its age, each limit, and what the result says of them.

    `date` is ISO as recorded; `age_days` None where the date is no day. `certainty` is the worst answer of its limits:
    `present` where one is crossed.
    """

    lab: str
    name: str
    value: str = ""
    date: str = ""
    when: str = ""
    age_days: int | None = None
    limits: tuple[str, ...] = ()
    says: str = ""
    certainty: str = ""
    level: str = ""
    references: tuple[str, ...] = ()


class Drug(_Part, frozen=True):
    """One antithrombotic: what is done before the procedure, the day of the last dose (ISO, and in words), the restart.

    `action` is one of `HoldAction`. `last_dose` is empty where the day of the procedure is not known, or none is held.
    """

    agent: str
    name: str
    action: str
    do: str
    level: str
    last_dose: str = ""
    when: str = ""
    restart: str = ""


class Section(_Part, frozen=True):
    """One heading of the list.

    `state` is `found`; `open` (questions without an answer); `nothing-recorded` (all that it needs was read, and
    nothing that matters is there); `not-read` (it could not look); or `not-asked` (no question of the tables applies).
    `statement` says the last three, and what of it was not read, in words. `steps` are what can be done.
    """

    id: str
    title: str
    state: str
    statement: str = ""
    lines: tuple[Line, ...] = ()
    results: tuple[Result, ...] = ()
    drugs: tuple[Drug, ...] = ()
    steps: tuple[str, ...] = ()


class Fact(_Part, frozen=True):
    """A name and a value, of the patient or the order."""

    name: str
    value: str


class OrderList(_Part, frozen=True):
    """The list of one order; `procedure` is its id, empty for an order that is none of the tables."""

    title: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    order: str = ""
    procedure: str = ""


class Summary(_Part, frozen=True):
    """The summary of one patient: a list for each order of the call, and what was not looked at.

    `made` is the time of the call (ISO). `words` are the headings and labels for who shows it.
    """

    title: str
    language: str
    made: str
    from_record: str
    knowledge_version: str
    patient: tuple[Fact, ...]
    orders: tuple[OrderList, ...]
    not_read: Section
    words: Mapping[str, str]


def as_json(summary: Summary) -> bytes:
    """The summary as JSON."""
    return msgspec.json.encode(summary)


_decoder = msgspec.json.Decoder(Summary)  # made here, before there are threads


def from_json(body: bytes) -> Summary:
    """A summary that `as_json` wrote.

    Raises:
        msgspec.MsgspecError: it is none, or of another release.
    """
    return _decoder.decode(body)
