"""A code or words that somebody looks for -> the value sets and procedures that a record with them would be read as.

Local codes of a site's ConceptMaps are among the codes. Words are read as an order, a diagnosis, an allergy, a
medication and the name of a lab, by what reads them in a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import procedure_of


@dataclass(frozen=True, slots=True)
class ReadAs:
    """What a query means: ids of value sets and of procedures."""

    value_sets: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()


def read_as(query: str, knowledge: Knowledge) -> ReadAs:
    """What an entry of a record with this code or these words is; nothing for an empty query."""
    query = query.strip()
    if not query:
        return ReadAs()
    value_sets = knowledge.codes.find(query) | frozenset(_local(query, knowledge)) | frozenset(_words(query, knowledge))
    ordered = knowledge.order_texts.recognize([query]).procedures
    coded = filter(None, map(procedure_of, value_sets))
    return ReadAs(value_sets, frozenset((*ordered, *coded)))


def _local(query: str, knowledge: Knowledge) -> Iterator[str]:
    """Value sets of what a local code is mapped to, with or without its system: `IR-4711`, `https://...|IR-4711`."""
    for system, code in knowledge.codes.mapped():
        if query.casefold() in (code.casefold(), f"{system}|{code}".casefold()):
            yield from (hit.value_set for hit in knowledge.codes.lookup(system, code))


def _words(query: str, knowledge: Knowledge) -> Iterator[str]:
    yield from (hit.value_set for mention in knowledge.diagnosis_texts.read(query).mentions for hit in mention.hits)
    named = {group for statement in knowledge.allergy_texts.read(query) for group in statement.groups}
    yield from (group.value_set for group in knowledge.allergies.groups if group.id in named)
    agents = (knowledge.medications.agents[name] for name in knowledge.medications.texts.agents_in(query))
    yield from (agent.value_set for agent in agents if agent.value_set)
    yield from (lab.value_set for lab in knowledge.labs.values() if knowledge.lab_index.calls(lab.id, query))
