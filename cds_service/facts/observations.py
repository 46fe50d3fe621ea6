"""Facts stage, observations: Observation resources and their components -> ObservationFact.

Cancelled, entered-in-error and registered ones are left out. Reading is in two steps, because a record holds many
results and only the newest of an analyte is judged: `read_observations` finds code, time and status, and the fact reads
its value (`result_values.py`) when it is asked for it. What can't be read keeps its code and says why.
Source: FHIR R4 Observation.status, effective[x], issued and component.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.retrieved import RawResource, RetrievedData
from cds_service.facts.dates import Dates
from cds_service.facts.members import read_concept
from cds_service.facts.optional_fields import display_of
from cds_service.facts.patient_facts import Concept, ObservationFact, ReportedValue, When
from cds_service.facts.reading import Reading
from cds_service.facts.resources import (
    NOT_GIVEN,
    RawObservation,
    Unreadable,
    decode_code,
    decode_components,
    decode_each,
    is_given,
)
from cds_service.facts.result_values import Component, WholeResource
from cds_service.facts.versions import current_versions

_VOID = frozenset({"cancelled", "entered-in-error", "registered"})
_VALID = frozenset({"final", "amended", "corrected", "preliminary"})
_MOST_SHOWN = 40


def read_observations(retrieved: RetrievedData, reading: Reading) -> tuple[ObservationFact, ...]:
    """Every result that the tables may read, its value not read yet.

    An unreadable Observation stays as a fact with its code, so that it can block the analyte that it may report. One of
    which another version is void stays with its status unclear, unless it is known which of them is the current one.
    """
    selection, dates = _Selection(reading), Dates(reading.zone)
    facts: list[ObservationFact] = []
    records, untold = current_versions(retrieved.records)
    decoded = list(decode_each(records, RawObservation))
    void = {record.reference for record, raw in decoded if raw is not None and raw.status in _VOID} & untold
    for record, raw in decoded:
        if raw is not None and selection.passes_over(raw):
            continue
        try:
            found = read_observation(record, raw, selection, dates) if raw is not None else None
        except Unreadable:
            found = None
        if found is None:
            code = decode_code(record.body)
            facts.append(ObservationFact(record.reference, code, None, preliminary=False, problem="unreadable-value"))
            reading.note_unreadable("observations", record)
        else:
            facts += [replace(fact, problem="status-unclear") for fact in found] if record.reference in void else found
    return tuple(facts)


class _Selection:
    """Decides once for each code of a call: a record holds thousands of results, and a few hundred codes."""

    def __init__(self, reading: Reading) -> None:
        self._reads = reading.reads
        self._decided: dict[tuple[bytes, tuple[str, ...]], Concept | None] = {}
        self._passed_over: set[bytes] = set()

    def passes_over(self, raw: RawObservation) -> bool:
        """Whether it is known already that nothing reads a result, by its code alone: most of a record."""
        return raw.component is NOT_GIVEN and raw.specimen is NOT_GIVEN and bytes(raw.code) in self._passed_over

    def select(self, code: msgspec.Raw, within: tuple[str, ...]) -> Concept | None:
        """The code of a result that may be one of the labs; one that says nothing as it is; None for another one.

        Args:
            code: as sent.
            within: words that say what it is of.

        Raises:
            Unreadable: the code is none.
        """
        key = bytes(code), within
        if key not in self._decided:
            found = read_concept(code)
            found = replace(found, within=within) if within and not found.says_nothing else found
            # One that does not say what it reports may be anything.
            self._decided[key] = found if found.says_nothing or self._reads(found) else None
            if self._decided[key] is None and not within:
                self._passed_over.add(key[0])
        return self._decided[key]


def read_observation(
    record: RawResource, raw: RawObservation, selection: _Selection, dates: Dates
) -> list[ObservationFact]:
    """The facts of one Observation: its own value and each component's, as far as their code is selected.

    Args:
        record: the resource as received.
        raw: its code, time and status.
        selection: asked before anything else is looked at.
        dates: the reader of this call's dates.

    Raises:
        Unreadable: its code is none.
    """
    specimen = display_of(raw.specimen)
    within = (specimen,) if specimen else ()
    own = selection.select(raw.code, within)
    found: list[tuple[Concept, ReportedValue | None]] = []
    if own is not None:
        found.append((own, WholeResource(record.body)))
    if is_given(raw.component):
        found += _components(raw.component, (*within, *read_concept(raw.code).texts), selection)
    if not found or raw.status in _VOID:
        return []
    problem = None if raw.status is None or raw.status in _VALID else "status-unclear"
    when, preliminary = _when(raw, dates), raw.status == "preliminary"
    no_date = None if when else _sent_as_date(raw)
    return [
        ObservationFact(record.reference, code, when, preliminary, value, problem, no_date) for code, value in found
    ]


def _components(
    raw: msgspec.Raw, panel: tuple[str, ...], selection: _Selection
) -> list[tuple[Concept, ReportedValue | None]]:
    """The selected components; where they can't be read, one that may be anything."""
    try:
        coded = [(selection.select(part.code, panel), part) for part in decode_components(raw)]
    except Unreadable:
        return [(Concept(), None)]
    return [(code, Component(part)) for code, part in coded if code is not None]


def _when(raw: RawObservation, dates: Dates) -> When | None:
    if raw.effective_date_time:
        found = dates.read(raw.effective_date_time)
        if found:
            return found
    period = raw.effective_period
    candidates = (raw.effective_instant, period and (period.end or period.start), raw.issued)
    return next((when for text in candidates if text and (when := dates.read(text))), None)


def _sent_as_date(raw: RawObservation) -> str | None:
    """What stands in place of a date, where it is none."""
    period = raw.effective_period
    sent = (raw.effective_date_time, period and (period.end or period.start), raw.effective_instant, raw.issued)
    return next((text.strip()[:_MOST_SHOWN] for text in sent if text and text.strip()), None)
