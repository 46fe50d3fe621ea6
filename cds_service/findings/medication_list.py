"""The medications of one call by agent, and those that nobody can read.

A medication belongs to the agents of its codes; where these name none, or only a class, its words count as well. The
product's own code comes before its ingredients: a flush holds heparin and is none. What names no agent of the tables
is something else where it has words, or a code of a system that is complete; a bare code of another one is unread.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from cds_service.facts.patient_facts import Activity, Coding, Concept, MedicationFact, PatientFacts
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason

_NOT_SYSTEMIC, _NOT_KNOWN = "not-systemic", "not-known"


class KnownMedication(msgspec.Struct, frozen=True):
    """One medication with its agents; `unread` says why it can't be interpreted.

    `verified` is False where only a name that no source confirms says so.
    """

    fact: MedicationFact
    agents: frozenset[str]
    coding: Coding | None
    label: str | None
    verified: bool = True
    unread: Reason | None = None
    display: str | None = None
    """What the code stands for, where the record gives the code alone."""


class MedicationList(msgspec.Struct, frozen=True):
    """All medications of one call."""

    entries: tuple[KnownMedication, ...]

    @property
    def unread(self) -> list[KnownMedication]:
        """Those that may be anything."""
        return [entry for entry in self.entries if entry.unread]

    def of(self, agents: Iterable[str]) -> list[KnownMedication]:
        """Every medication that is, or holds, one of the agents."""
        wanted = frozenset(agents)
        return [entry for entry in self.entries if entry.agents & wanted]


def medications_of(facts: PatientFacts, knowledge: Knowledge) -> MedicationList:
    """Look every medication up once."""
    reader = _Reader(knowledge)
    return MedicationList(tuple(reader.entry(fact) for fact in facts.medications))


class _Found(msgspec.Struct):
    """What names say: agents, the first coding that does, and whether a source confirms it."""

    agents: set[str] = msgspec.field(default_factory=set)
    coding: Coding | None = None
    display: str | None = None
    verified: bool = False


class _Reader:
    def __init__(self, knowledge: Knowledge) -> None:
        self._codes = knowledge.codes
        self._table = knowledge.medications
        systems = knowledge.codes.systems_of(self._table.by_value_set)
        # Their families are whole, so a code that names no agent is something else.
        self._complete = frozenset(filter(self._codes.classifies, systems))

    def entry(self, told: MedicationFact) -> KnownMedication:
        fact = self._by_its_name(told)
        if not fact.readable:
            return KnownMedication(fact, frozenset(), None, fact.label, unread=Reason("medication-not-named"))
        found = self._first_that_names(fact.names)
        agents = self._as_used(found.agents, fact)
        kinds = {self._table.agents[name].kind for name in agents}
        unread = Reason("medications-not-known") if _NOT_KNOWN in kinds else None
        if not agents and not self._is_read(fact.names):
            worded = any(text for name in fact.names for text in name.texts)
            unread = Reason("medication-not-named" if worded else "medication-code-alone")
        in_use = {name for name in agents if self._table.agents[name].kind not in (_NOT_SYSTEMIC, _NOT_KNOWN)}
        label = fact.label or found.display
        return KnownMedication(fact, frozenset(in_use), found.coding, label, found.verified, unread, found.display)

    def _by_its_name(self, fact: MedicationFact) -> MedicationFact:
        """On hold where its name says so: lists are kept by hand, and `warfarin (stopped)` stays active in them."""
        named = (text for name in fact.names for text in name.texts)
        if fact.activity is Activity.TAKEN and self._table.texts.holds_any(named, self._table.held_words):
            return replace(fact, activity=Activity.HELD)
        return fact

    def _first_that_names(self, names: Iterable[Concept]) -> _Found:
        """The product, else its ingredients together."""
        product, *ingredients = [self._named(name) for name in names]
        if product.agents or not ingredients:
            return product
        together = _Found()
        for part in ingredients:
            together.agents |= part.agents
            together.coding = together.coding or part.coding
            together.display = together.display or part.display
            together.verified |= part.verified
        return together

    def _named(self, name: Concept) -> _Found:
        found = _Found()
        for coding in name.codings:
            for hit in self._codes.lookup(coding.system, coding.code):
                if (agent := self._table.by_value_set.get(hit.value_set)) is not None:
                    found.agents.add(agent)
                    found.coding = found.coding or coding
                    found.display = found.display or self._codes.display(coding.system, coding.code)
                    found.verified = True
        if any(not self._table.agents[agent].a_class for agent in found.agents):
            return self._most_specific(found)
        self._add_texts(name, found)
        return self._most_specific(found)

    def _add_texts(self, name: Concept, found: _Found) -> None:
        for text in name.texts:
            exact = [self._table.by_value_set.get(hit.value_set) for hit in self._codes.named(text)]
            displayed = {agent: True for agent in exact if agent}
            # An ointment is named like its agent: a name alone is the agent's, unless no agent has it.
            systemic = {agent: True for agent in displayed if self._table.agents[agent].kind != _NOT_SYSTEMIC}
            named = systemic or self._table.texts.agents_in(text) or displayed
            found.agents |= set(named)
            found.verified |= any(named.values())

    def _most_specific(self, found: _Found) -> _Found:
        """Without classes where an agent is named, too."""
        specific = {agent for agent in found.agents if not self._table.agents[agent].a_class}
        found.agents = specific or found.agents
        return found

    def _as_used(self, agents: set[str], fact: MedicationFact) -> set[str]:
        """The agents, by what the words of the whole order say of their use."""
        words = (*(text for name in fact.names for text in name.texts), *fact.instructions)
        if self._table.texts.is_topical(words):
            agents = {agent for agent in agents if not self._table.agents[agent].topical}
        for use in self._table.uses:
            if agents & use.of and self._table.texts.holds_any(words, use.words):
                return (agents - use.of) | {use.means}
        return agents

    def _is_read(self, names: Iterable[Concept]) -> bool:
        """Whether a medication that names no agent is known to be something else."""
        reader, names = self._table.texts, tuple(names)
        codings = (coding for name in names for coding in name.codings)
        if any(self._codes.reads_for(coding.system, coding.code, self._complete) for coding in codings):
            return True
        texts = [text for name in names for text in name.texts]
        return any(map(reader.says_something, texts)) and not any(map(reader.may_be_misspelled, texts))
