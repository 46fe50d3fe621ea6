"""Whether a medication on the list may still act on the day of the procedure, and what its dose says.

A list says what is prescribed, not what is taken, so age drops no anticoagulant; a stopped or completed order counts as
long as it may still be taken or act.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from cds_service.facts.patient_facts import Activity, MedicationFact, When
from cds_service.findings.doses import Dose
from cds_service.findings.medication_list import KnownMedication
from cds_service.knowledge.medication_types import Agent, MedicationTable, Prophylaxis

_BY_ACTIVITY = tuple(Activity(name) for name in ("taken", "given", "held", "unclear", "lapsed", "completed", "stopped"))
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


def is_prophylaxis(
    doses: Iterable[Dose], entries: Iterable[KnownMedication], agent: Agent, table: MedicationTable
) -> bool:
    """Whether every dose that is named prevents a clot and treats none; without one, whether the agent is given so."""
    often = doses_a_day(entries, agent, table)
    rows = [row for row in table.prophylaxis if row.agent == agent.id and (often is None or often <= row.doses_a_day)]
    named = tuple(doses)
    if not named:
        return any(row.without_a_dose for row in rows)
    return all(any(_is_within(dose, row) for row in rows) for dose in named)


def _is_within(dose: Dose, row: Prophylaxis) -> bool:
    return dose.unit == row.unit and dose.amount <= row.at_most


def _texts(entry: KnownMedication) -> tuple[str, ...]:
    return (*(text for name in entry.fact.names for text in name.texts), *entry.fact.instructions)
