"""The procedures of one call: which rows of `performed.toml` each is, and which conditions it proves.

A Procedure belongs to the rows of its codes, of the procedures that it is recognized as, and of its words. A problem
list that names a procedure or an operation in words ("s/p craniotomy", "knee surgery") counts as well. What was undone
later (a filter that was removed) is none any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache

import msgspec
from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Coding, Concept, ConditionFact, PatientFacts, ProcedureFact
from cds_service.findings.chart import Dates, Match
from cds_service.findings.finding import Evidence
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.performed_types import Performed
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import Hit, procedure_of
from cds_service.reasons import Reason


class KnownProcedure(msgspec.Struct, frozen=True):
    """One Procedure with its rows; `sure` is False where it may not have been done.

    `readable` is False where it has neither words nor a code of a system that is complete. `may_be_surgery`: nothing
    says what it was, or that it was no operation.
    """

    fact: ProcedureFact
    rows: frozenset[str]
    coding: Coding | None
    label: str | None
    sure: bool
    readable: bool
    may_be_surgery: bool

    @property
    def recorded(self) -> ConditionFact:
        """As a condition since it was done, for what asks by conditions and their dates."""
        fact = self.fact
        return ConditionFact(fact.reference, fact.concept, "active", self.sure, fact.performed, fact.encounter)

    def evidence(self) -> Evidence:
        """As evidence."""
        when, by_text = self.fact.performed, None if self.coding else Reason("matched-by-text")
        notes = (by_text,) if by_text and self.rows else ()
        return Evidence(self.fact.reference, self.label, self.coding, date=when.text if when else None, notes=notes)


class PerformedList(msgspec.Struct, frozen=True):
    """All procedures of one call."""

    entries: tuple[KnownProcedure, ...]

    def of(self, rows: Collection[str]) -> list[KnownProcedure]:
        """Every one that is of a row."""
        return [entry for entry in self.entries if entry.rows.intersection(rows)]


def performed_of(facts: PatientFacts, knowledge: Knowledge) -> PerformedList:
    """Look every procedure up once; a record holds thousands of procedures, and a few hundred names."""
    meaning = cache(lambda concept: _meaning(concept, knowledge))
    entries = [_entry(fact, meaning(fact.concept), meaning(fact.category), knowledge) for fact in facts.procedures]
    is_performed = cache(lambda concept: _is_performed(concept, meaning, knowledge))
    named = [_named_as_problem(fact, knowledge) for fact in facts.conditions if is_performed(fact.concept)]
    entries += [_entry(fact, meaning(fact.concept), _NOTHING, knowledge) for fact in named]
    table = knowledge.performed.rows
    return PerformedList(tuple(_without_ended(entry, entries, table) for entry in entries))


def proved(performed: PerformedList, knowledge: Knowledge, dates: Dates) -> Iterator[tuple[str, Match]]:
    """The conditions that procedures prove: a value set, and a match as of a recorded condition.

    One that proves it for some days only, and has no date, makes it possible.
    """
    for entry in performed.entries:
        for name in sorted(entry.rows):
            row = knowledge.performed.rows[name]
            fits = dates.fit(Expression("is", within_days=row.proves_within_days), entry.recorded)
            if row.proves is None or fits is Certainty.ABSENT:
                continue
            fact = (
                entry.recorded if fits is Certainty.PRESENT else msgspec.structs.replace(entry.recorded, certain=False)
            )
            yield row.proves, Match(fact, entry.coding, Hit(row.proves, "exact"), entry.label or row.label)


class _Meaning(msgspec.Struct, frozen=True):
    """What a code and its words mean: the rows, the coding that says so, and whether it is known to be anything.

    `no_surgery` and `not_done`: its words say so.
    """

    rows: frozenset[str]
    coding: Coding | None
    known: bool
    no_surgery: bool
    not_done: bool


_NOTHING = _Meaning(frozenset(), None, known=False, no_surgery=False, not_done=False)


def _is_performed(concept: Concept, meaning_of: Callable[[Concept], _Meaning], knowledge: Knowledge) -> bool:
    """Whether the words of a problem name what is asked for as done, or some operation."""
    if not _is_in_words(concept, knowledge):
        return False
    meaning = meaning_of(concept)
    is_unclear = not (meaning.known or meaning.no_surgery)
    return bool(meaning.rows) or (is_unclear and _is_some_surgery(concept, knowledge))


def _is_in_words(concept: Concept, knowledge: Knowledge) -> bool:
    """Whether its words tell what a problem is: no code of it says all."""
    codes, states = knowledge.codes, knowledge.performed.states
    return not any(codes.says_all(c.system, c.code) and not states.fullmatch(c.code) for c in concept.codings)


def _is_some_surgery(concept: Concept, knowledge: Knowledge) -> bool:
    """Whether a problem is an operation of which nobody knows which; a code that is read says that it is another."""
    is_read = any(knowledge.codes.reads(coding.system, coding.code) for coding in concept.codings)
    return not is_read and knowledge.performed.names_surgery(concept.texts)


def _named_as_problem(fact: ConditionFact, knowledge: Knowledge) -> ProcedureFact:
    """What a problem in words would be as a Procedure; the day of its record is not the day of the procedure."""
    when = fact.onset if fact.onset_recorded else None
    done = fact.certain and not knowledge.performed.is_denied(fact.concept.texts)
    return ProcedureFact(fact.reference, fact.concept, done, when, encounter=fact.encounter)


def _entry(fact: ProcedureFact, meaning: _Meaning, category: _Meaning, knowledge: Knowledge) -> KnownProcedure:
    concept, coding = fact.concept, meaning.coding
    return KnownProcedure(
        fact=fact,
        rows=meaning.rows,
        coding=coding,
        label=concept.label or (knowledge.codes.display(coding.system, coding.code) if coding else None),
        sure=fact.done and not meaning.not_done,
        readable=meaning.known or knowledge.performed.says_something(concept.texts),
        may_be_surgery=not (meaning.known or meaning.no_surgery or category.no_surgery),
    )


def _meaning(concept: Concept, knowledge: Knowledge) -> _Meaning:
    table, codes = knowledge.performed, knowledge.codes
    hits = [(coding, hit) for coding in concept.codings for hit in codes.lookup(coding.system, coding.code)]
    coded = {hit.value_set: coding for coding, hit in reversed(hits) if hit.sufficient}
    found = {*coded, *(hit.value_set for text in concept.texts for hit in codes.named(text) if hit.sufficient)}
    recognized = set(filter(None, map(procedure_of, found)))
    recognized = recognized or _recognized(concept, knowledge)
    rows = {row.id for row in table.rows.values() if row.value_set in found or recognized & row.procedures}
    rows |= {name for text in concept.texts for name in table.named_in(text)}
    sets = [value_set for name in sorted(rows) for value_set in table.rows[name].code_sets]
    complete = any(codes.reads_for(c.system, c.code, table.complete_systems) for c in concept.codings)
    return _Meaning(
        rows=frozenset(rows),
        coding=next((coded[value_set] for value_set in sets if value_set in coded), None),
        known=bool(rows or recognized) or complete,
        no_surgery=table.not_surgery in found or table.is_not_surgery(concept.texts),
        not_done=table.is_not_done(concept.texts),
    )


def _recognized(concept: Concept, knowledge: Knowledge) -> set[str]:
    """The procedure of the tables that its words name, as in an order; none where they leave several."""
    found = knowledge.order_texts.recognize(concept.texts).procedures if concept.texts else ()
    return set(found) if len(found) == 1 else set()


def _without_ended(
    entry: KnownProcedure, entries: Iterable[KnownProcedure], table: Mapping[str, Performed]
) -> KnownProcedure:
    """Without the rows that another procedure of the same day or later undid."""
    ended = {
        name
        for name in entry.rows
        for other in entries
        if other.sure and other.rows.intersection(table[name].ended_by) and _is_later(other.fact, entry.fact)
    }
    return replace(entry, rows=entry.rows - ended) if ended else entry


def _is_later(other: ProcedureFact, fact: ProcedureFact) -> bool:
    if other.performed is None or fact.performed is None:
        return False
    return other.performed.latest >= fact.performed.latest
