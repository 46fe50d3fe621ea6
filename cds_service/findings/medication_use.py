"""Whether a medication on the list may still act on the day of the procedure, and what its dose says.

A list says what is prescribed, not what is taken, so age drops no anticoagulant; a stopped or completed order counts as
long as it may still be taken or act.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal

from cds_service.facts.patient_facts import Activity, MedicationFact, When
from cds_service.findings.medication_list import KnownMedication
from cds_service.knowledge.medication_types import Agent, MedicationTable

_MILLIGRAMS = re.compile(r"(\d+(?:[.,]\d+)?)\s*mg\b", re.IGNORECASE)
_BY_ACTIVITY = tuple(Activity(name) for name in ("taken", "given", "held", "unclear", "completed", "stopped"))
_TWICE = Decimal(2)


def in_use(
    entries: Iterable[KnownMedication], agent: Agent, table: MedicationTable, today: date
) -> list[KnownMedication]:
    """The entries of an agent that count, what is surest in use first."""
    counted = [entry for entry in entries if _counts(entry.fact, agent, table, today)]
    return sorted(counted, key=lambda entry: _BY_ACTIVITY.index(entry.fact.activity))


def _counts(fact: MedicationFact, agent: Agent, table: MedicationTable, today: date) -> bool:
    if fact.activity is Activity.COMPLETED:
        if fact.ended is not None:
            return _within(fact.ended, today, table.stopped_within_days)
        return _within(fact.written, today, table.completed_within_days)
    if fact.activity is Activity.STOPPED:
        return _within(fact.ended or fact.written, today, table.stopped_within_days)
    if fact.activity is Activity.GIVEN:
        return _within(fact.last_dose, today, table.acts_days(agent.id))
    return agent.counts_within_days is None or _within(fact.written, today, agent.counts_within_days)


def _within(when: When | None, today: date, days: int) -> bool:
    """Whether it may be so lately; what has no date may."""
    return when is None or (today - when.latest.date()).days <= days


def doses_a_day(entries: Iterable[KnownMedication], agent: Agent, table: MedicationTable) -> Decimal | None:
    """How often it is taken: as structured, as its words say, else as is usual."""
    for entry in entries:
        if entry.fact.doses_a_day is not None:
            return entry.fact.doses_a_day
        if table.texts.holds_any(_texts(entry), table.twice_a_day_words):
            return _TWICE
    return agent.doses_a_day


def is_prophylaxis(entries: Collection[KnownMedication], agent: Agent, table: MedicationTable) -> bool:
    """Whether every dose that is named prevents a clot and treats none."""
    rows = [row for row in table.prophylaxis if row.agent == agent.id]
    if not rows:
        return False
    often, named = doses_a_day(entries, agent, table), strengths(entries)
    return any(
        (row.strength is None or named == {row.strength}) and (often is None or often <= row.doses_a_day)
        for row in rows
    )


def strengths(entries: Iterable[KnownMedication]) -> set[Decimal]:
    """Milligrams that the name or the instructions hold."""
    texts = (text for entry in entries for text in _texts(entry))
    return {Decimal(found.replace(",", ".")) for text in texts for found in _MILLIGRAMS.findall(text)}


def _texts(entry: KnownMedication) -> tuple[str, ...]:
    return (*(text for name in entry.fact.names for text in name.texts), *entry.fact.instructions)
