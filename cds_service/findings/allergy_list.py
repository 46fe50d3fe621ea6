"""The allergies of one call by group, with what was severe and what was only physiologic; and those nobody can read.

An allergy belongs to the groups of its codes and of its words: a code never silences a text, nor a text a code. What
names the allergy is its code and the substances of its reactions; the agent may also stand in a manifestation, a
description or a note. An entry that names neither a group nor plainly something else is unread: it may be any allergy.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.facts.patient_facts import AllergyFact, Coding, Concept, PatientFacts
from cds_service.knowledge.allergy_types import Statement
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason

_KIND = AllergyQuestion.DATA
_FEW_WORDS = 3
EMPTY, NONE_KNOWN, RECORDED = "empty", "none known", "recorded"


class KnownAllergy(msgspec.Struct, frozen=True):
    """One allergy with the groups that it belongs to.

    `codings` holds the coding of each group that a code named, `texts` the words of each that only words did. `unread`
    says why it, or a part of it, can't be interpreted. `denies`: it says that there is no allergy.
    """

    fact: AllergyFact
    groups: frozenset[str]
    codings: dict[str, Coding]
    texts: dict[str, str]
    severe: bool
    physiologic: bool
    unread: Reason | None
    denies: bool


class AllergyList(msgspec.Struct, frozen=True):
    """All allergies of one call."""

    entries: tuple[KnownAllergy, ...]
    complete: bool

    @property
    def unread(self) -> list[KnownAllergy]:
        """The entries that can't be interpreted, or of which a part can't."""
        return [allergy for allergy in self.entries if allergy.unread]

    @property
    def unread_reason(self) -> Reason:
        """Why those can't be interpreted: their common reason, or one that covers all."""
        reasons = {allergy.unread.key for allergy in self.entries if allergy.unread}
        return Reason(reasons.pop() if len(reasons) == 1 else "uncoded-allergy")

    @property
    def state(self) -> str:
        """What the list says as a whole: `empty`, `none known`, or `recorded` where it holds anything else."""
        if not self.entries:
            return EMPTY
        return NONE_KNOWN if all(allergy.denies for allergy in self.entries) else RECORDED

    def in_group(self, group: str) -> list[KnownAllergy]:
        """Every allergy of a group, inactive ones too."""
        return [allergy for allergy in self.entries if group in allergy.groups]

    def may_be_in(self, groups: Iterable[str]) -> bool:
        """True unless the list is complete and holds none of the groups."""
        return not self.complete or bool(self.unread) or any(self.in_group(group) for group in groups)


class _Codes(msgspec.Struct):
    """What the codes of an entry say; `something_else`: one is read, and names none of the groups."""

    groups: dict[str, Coding] = msgspec.field(default_factory=dict)
    something_else: bool = False
    none_known: bool = False


class _Reader(msgspec.Struct, frozen=True):
    """What reads one call's entries."""

    knowledge: Knowledge
    systems: frozenset[str]

    def statements(self, texts: Iterable[str]) -> list[Statement]:
        """What the texts say, each once."""
        return [said for text in dict.fromkeys(texts) for said in self.knowledge.allergy_texts.read(text)]


def allergies_of(facts: PatientFacts, knowledge: Knowledge) -> AllergyList:
    """Group every allergy once."""
    systems = knowledge.worked_out.once(allergies_of, lambda: AllergyQuestion.systems(knowledge))
    reader = _Reader(knowledge, systems)
    return AllergyList(tuple(_entry(fact, reader) for fact in facts.allergies), _KIND in facts.complete)


def _entry(fact: AllergyFact, reader: _Reader) -> KnownAllergy:
    knowledge = reader.knowledge
    codes = _codes(fact.names, reader)
    names = reader.statements(text for concept in fact.names for text in _own_words(concept, knowledge))
    story = reader.statements(_story(fact))
    texts: dict[str, str] = {}
    for statement in (*names, *story):
        texts |= {group: statement.text for group in statement.groups if group not in codes.groups | texts}
    groups = frozenset(codes.groups) | frozenset(texts)
    covered = {group for group in groups if knowledge.allergies.by_id[group].covered_by & groups}
    severe, physiologic = _weights(fact, names, story, reader)
    return KnownAllergy(
        fact,
        groups - covered,
        codes.groups,
        texts,
        severe,
        physiologic,
        unread=_unread(codes, groups, names, story, knowledge),
        denies=_denies(codes, groups, names, knowledge),
    )


def _codes(concepts: Iterable[Concept], reader: _Reader) -> _Codes:
    knowledge = reader.knowledge
    by_value_set, found = knowledge.allergies.by_value_set, _Codes()
    for coding in (c for concept in concepts for c in concept.codings):
        hits = [h for h in knowledge.codes.lookup(coding.system, coding.code) if h.value_set in by_value_set]
        for hit in hits:
            group = by_value_set[hit.value_set]
            found.groups.setdefault(group.id, coding)
            found.none_known |= group.role == "none-known" and hit.sufficient
        found.something_else |= not hits and knowledge.codes.reads_for(coding.system, coding.code, reader.systems)
    return found


def _own_words(concept: Concept, knowledge: Knowledge) -> Iterable[str]:
    """The texts of a concept, without those that only repeat how the tables call its code: `Exposure to iodine`."""
    displays = [knowledge.codes.display(c.system, c.code) or "" for c in concept.codings]
    repeated = {name.casefold() for display in displays for name in (display, display.rpartition(" (")[0])}
    return (text for text in concept.texts if text.casefold() not in repeated)


def _story(fact: AllergyFact) -> Iterable[str]:
    """Where an agent may stand as well: manifestations, descriptions and notes."""
    yield from (text for reaction in fact.reactions for m in reaction.manifestations for text in m.texts)
    yield from fact.notes


def _unread(
    codes: _Codes, groups: frozenset[str], names: list[Statement], story: list[Statement], knowledge: Knowledge
) -> Reason | None:
    """Why an entry can't be cleared; None where it is in a group that a question asks for, or all of it is read."""
    table = knowledge.allergies
    look_alikes = table.with_role("look-alike")
    nothing_named = table.with_role("none-known") | table.with_role("not-known") | table.with_role("no-agent")
    if groups - look_alikes - nothing_named:
        return None
    if codes.something_else or set(codes.groups) & look_alikes:
        return None
    if any(s.not_known for s in names) or set(codes.groups) & table.with_role("not-known"):
        return Reason("allergies-not-known")
    if any(s.unread for s in names):
        return Reason("uncoded-allergy")
    clear = any(s.something_else or s.none_known or s.groups or s.denied for s in names)
    if clear or set(codes.groups) & table.with_role("none-known") or _is_told(story):
        return None
    if any(s.unknown for s in names):
        return Reason("allergies-not-known")
    return Reason("allergy-names-no-agent" if names or codes.groups else "uncoded-allergy")


def _is_told(story: list[Statement]) -> bool:
    """Whether a note or description begins with the substance that the entry does not name, and no other is unread."""
    alone = any(s.unread and len(s.text.split()) <= _FEW_WORDS for s in story)
    return not alone and any(s.begins_so for s in story)


def _denies(codes: _Codes, groups: frozenset[str], names: list[Statement], knowledge: Knowledge) -> bool:
    """Whether an entry says that there is no allergy, and nothing else."""
    others = groups - knowledge.allergies.with_role("none-known")
    said = codes.none_known or any(s.none_known for s in names)
    return said and not others and not codes.something_else and not any(s.something_else or s.unread for s in names)


def _weights(fact: AllergyFact, names: list[Statement], story: list[Statement], reader: _Reader) -> tuple[bool, bool]:
    """Whether a reaction was severe, and whether all that is known of it is physiologic.

    A reaction that an entry tells of something else (`peanuts: anaphylaxis; CT dye: hives`) says nothing of this one.
    """
    look_alikes = reader.knowledge.allergies.with_role("look-alike")
    own = [s for s in names if not s.something_else and not (s.groups and s.groups <= look_alikes)]
    told = {weight for statement in (*own, *story) for weight in statement.weights}
    weights = [w for r in fact.reactions for m in r.manifestations for w in _manifestation_weights(m, reader)]
    graded = fact.criticality == "high" or any(reaction.severity == "severe" for reaction in fact.reactions)
    known = told | set(weights)
    unweighed = None in weights if weights else None in told
    physiologic = not unweighed and known - {None} == {"physiologic"}
    return graded or "severe" in told or "severe" in weights, physiologic


def _manifestation_weights(concept: Concept, reader: _Reader) -> list[str | None]:
    """The weights that a manifestation's codes or words carry; None for one that the tables don't weigh."""
    knowledge = reader.knowledge
    hits = {h.value_set for c in concept.codings for h in knowledge.codes.lookup(c.system, c.code)}
    coded = [weight for weight, value_set in knowledge.allergies.reactions.items() if value_set in hits]
    told = [weight for statement in reader.statements(concept.texts) for weight in statement.weights]
    if coded:
        return [coded[0], *(weight for weight in told if weight)]
    return told or [None]
