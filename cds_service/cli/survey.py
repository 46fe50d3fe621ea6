"""What a FHIR server gives for some patients: kinds of data, vocabularies, results, and what the tables make of them.

Every procedure of the tables is judged for every patient, by the same line as a real call; only counts are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from cds_service.answer import answer
from cds_service.cards.wording import Wording
from cds_service.cli import ehr
from cds_service.cli.fhir_source import FhirSource
from cds_service.cli.template_run import TemplateAnswer, run_templates
from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData
from cds_service.facts.extract import extract
from cds_service.facts.orders import read_order
from cds_service.facts.patient_facts import OrderFact
from cds_service.facts.resources import Unreadable
from cds_service.findings.chart import empty_chart
from cds_service.findings.lab_results import book_of
from cds_service.findings.recognition import Recognized, recognize
from cds_service.hooks.catalog import SERVICES, prefetch_templates
from cds_service.hooks.envelope import read_request
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Knowledge
from cds_service.profiles.background import BackgroundValidator, Fault

INDICATIONS = "indications"
"""Stands in the list of rows for the reasons of a procedure."""
EVERYTHING = "every row"
"""Stands there for all of them, for a patient of whom nothing could be had."""


@dataclass(slots=True)
class Kind:
    """One kind of data: resources, patients of whom any was retrieved, what was missing, and codes by system."""

    resource_type: str
    resources: int = 0
    patients: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    codes_read: Counter[str] = field(default_factory=Counter)
    template: Counter[str] = field(default_factory=Counter)
    """What its prefetch template was answered that was not the whole answer, by patients."""
    by_fallback_only: int = 0
    """Patients of whom the service itself found more than the template, run once, brings."""


@dataclass(slots=True)
class Analyte:
    """Results of one analyte of the tables: usable ones, and the others by reason."""

    usable: int = 0
    unusable: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Row:
    """One row of the tables: how often it was put to a record, and why it stayed unknown."""

    asked: int = 0
    unknown: int = 0
    unknown_by_prefetch: int = 0
    """Where the service had only what the templates bring."""
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Orders:
    """Orders of the patients by how they are recognized (`code`, `text`, `details`), `unknown` or `none`.

    `unknown` counts, by code and name, those that look interventional and match no known procedure: a site maps them.
    """

    by: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Survey:
    """Counts over all patients looked at."""

    patients: int
    kinds: dict[str, Kind] = field(
        default_factory=lambda: {kind.key: Kind(kind.resource_type) for kind in KINDS.values()}
    )
    orders: Orders = field(default_factory=Orders)
    analytes: dict[str, Analyte] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    """What of it breaks R4 or the product's own profiles, the most frequent first."""

    @property
    def is_whole(self) -> bool:
        """Whether every kind of data was retrieved for every patient, by prefetch as well, with nothing missing."""
        return not any(kind.missing or kind.by_fallback_only for kind in self.kinds.values())


def survey_of(
    source: FhirSource,
    patients: Sequence[str],
    knowledge: Knowledge,
    now: datetime,
    progress: Callable[[str], None] = lambda said: None,
) -> Survey:
    """Look at some patients of a server.

    Args:
        source: the server.
        patients: bare ids.
        knowledge: the effective tables.
        now: aware, in the hospital's zone.
        progress: told of each patient that is begun.
    """
    survey = Survey(len(patients))
    survey.analytes = {lab.label: Analyte() for lab in knowledge.labs.values() if lab.value_set}
    service = max(SERVICES.values(), key=lambda one: len(one.prefetch_keys))  # asks for every kind of data
    templates = prefetch_templates(service, knowledge.search_codes)
    validator = BackgroundValidator()
    for number, patient_id in enumerate(patients, 1):
        progress(f"patient {number} of {len(patients)}")
        sent = dict(run_templates(source, templates, patient_id))
        by_kind = source.fetch(patient_id, ehr.wanted(templates, patient_id))
        for key, answered in sent.items():
            _count_template(survey.kinds[key], answered, by_kind.get(key))
        for key, retrieved in by_kind.items():
            _count_kind(survey.kinds[key], retrieved, knowledge)
            for record in retrieved.records:
                validator.validate_now(source.base, record.body)
        _count_orders(survey.orders, by_kind.get("orders", RetrievedData()).records, knowledge)
        _count_results(survey, by_kind, knowledge, now)
        _count_rows(survey, _decision(patient_id, by_kind, knowledge, now))
        by_prefetch = {key: answered.data for key, answered in sent.items()}
        _count_prefetch_rows(survey, _decision(patient_id, by_prefetch, knowledge, now))
    survey.faults = validator.counts().faults
    return survey


def _count_template(kind: Kind, answered: TemplateAnswer, fallback: RetrievedData | None) -> None:
    if answered.says:
        kind.template[answered.says] += 1
    more = fallback is not None and len(fallback.records) > len(answered.data.records)
    kind.by_fallback_only += more or (bool(answered.says) and fallback is not None and fallback.complete)


def _count_kind(kind: Kind, retrieved: RetrievedData, knowledge: Knowledge) -> None:
    wording = Wording(knowledge.wording)
    kind.resources += len(retrieved.records)
    kind.patients += retrieved.obtained
    kind.missing.update(wording.reason(gap.reason, data=gap.data) for gap in retrieved.unavailable)
    for record in retrieved.records:
        for system, code in _codings(orjson.loads(record.body)):
            kind.codes[system] += 1
            kind.codes_read[system] += knowledge.codes.reads(system, code)


def _codings(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(system, code) of what a resource is about; ("", "") for one that says it in words only."""
    for concept in _concepts(resource):
        codings = concept.get("coding") if isinstance(concept, dict) else None
        found = [c for c in codings if isinstance(c, dict) and c.get("code")] if isinstance(codings, list) else []
        yield from ((str(c.get("system", "")), str(c["code"])) for c in found)
        if not found:
            yield "", ""


def _concepts(resource: Mapping[str, Any]) -> Iterator[Any]:
    """What a resource is about; nothing for a patient, or for a use of a Medication that is a resource of its own."""
    if resource.get("resourceType") == "Patient":
        return
    if "medicationReference" in resource:
        contained = resource.get("contained")
        yield from (one.get("code") for one in contained or () if isinstance(one, dict) and "code" in one)
    elif "medicationCodeableConcept" in resource:
        yield resource["medicationCodeableConcept"]
    else:
        yield resource.get("code")


def _count_orders(orders: Orders, records: Iterable[RawResource], knowledge: Knowledge) -> None:
    for record in records:
        try:
            fact = read_order(record, {}, UTC)
        except Unreadable:
            continue  # counted as a fault of the server
        found = recognize(fact, empty_chart(knowledge), knowledge)
        if isinstance(found, Recognized):
            orders.by[found.by] += 1
        elif found.looks_interventional:
            orders.by["unknown"] += 1
            orders.unknown[_order_name(fact)] += 1
        else:
            orders.by["none"] += 1


def _order_name(order: OrderFact) -> str:
    """The order's codes and its name, as a person maps it."""
    codes = [f"{coding.system}|{coding.code}" for coding in order.concept.codings]
    return " ".join((*codes, order.concept.label or ""))


def _count_results(survey: Survey, by_kind: Mapping[str, RetrievedData], knowledge: Knowledge, now: datetime) -> None:
    facts = extract(ClinicalData(RetrievedData(), by_kind), now=now, reads=knowledge.lab_index.reads)
    book, wording = book_of(facts, knowledge), Wording(knowledge.wording)
    for lab in knowledge.labs.values():
        if lab.label in survey.analytes:
            analyte = survey.analytes[lab.label]
            analyte.usable += len(book.of(lab.id))
            analyte.unusable.update(wording.reason(blocked.reason) for blocked in book.blocked.get(lab.id, ()))


def _decision(
    patient_id: str, by_kind: Mapping[str, RetrievedData], knowledge: Knowledge, now: datetime
) -> Mapping[str, Any] | None:
    """What the tables say of every procedure for this patient; None where nothing could be retrieved."""
    drafts = [ehr.draft(name, name, patient_id, knowledge) for name in knowledge.procedures]
    body = {
        "hook": "order-sign",
        "hookInstance": "survey",
        "context": {"patientId": patient_id, "userId": "Practitioner/survey", "draftOrders": ehr.bundle(drafts)},
        "prefetch": ehr.prefetch_of({key: retrieved for key, retrieved in by_kind.items() if key != "orders"}),
    }
    request = read_request("ir-order-sign", orjson.dumps(body))
    found = answer(request, knowledge, now=now, new_id=lambda: "survey")
    return None if found.nothing_judged else found.decision


def _count_rows(survey: Survey, decision: Mapping[str, Any] | None) -> None:
    if decision is None:
        _count_row(survey, EVERYTHING, unknown=True, reasons=[])
        return
    for entry in decision["procedures"]:
        for found in entry.get("contraindications", ()):
            reasons = [c["reason"] for c in found.get("criteria", ()) if c["certainty"] == "unknown" and "reason" in c]
            _count_row(survey, found["id"], found["certainty"] == "unknown", reasons)
        reasons = [f["reason"] for f in entry.get("indications", ()) if f["certainty"] == "unknown" and "reason" in f]
        present = any(found["certainty"] == "present" for found in entry.get("indications", ()))
        if entry.get("indications"):
            _count_row(survey, INDICATIONS, bool(reasons) and not present, reasons)


def _count_prefetch_rows(survey: Survey, decision: Mapping[str, Any] | None) -> None:
    """The rows that are unknown by what the templates bring alone."""
    if decision is None:
        for row in survey.rows.values():
            row.unknown_by_prefetch = row.asked
        return
    for found in (row for entry in decision["procedures"] for row in entry.get("contraindications", ())):
        if found["certainty"] == "unknown" and found["id"] in survey.rows:
            survey.rows[found["id"]].unknown_by_prefetch += 1


def _count_row(survey: Survey, name: str, unknown: bool, reasons: Sequence[str]) -> None:
    row = survey.rows.setdefault(name, Row())
    row.asked += 1
    row.unknown += unknown
    if unknown:
        row.reasons.update(set(reasons))
