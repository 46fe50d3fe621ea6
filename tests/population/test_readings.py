"""Readings of a record that count as judged alike: they are, and most that differ in nothing of interest are found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

from msgspec.structs import replace

import cds_service.findings
from cds_service.cards.render import choose_cards
from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData
from cds_service.facts.known_at import known_at, read_record
from cds_service.facts.orders import read_order
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.evaluate import evaluate
from cds_service.hooks.catalog import SERVICES
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Knowledge
from cds_service.population.readings import are_judged_alike
from cds_service.population.rows import told_cards
from tests.population.exports import Resource
from tests.population.people import LAG, ZONE, person, span, without_marks


def raw(resource: Resource) -> RawResource:
    """As it is read from a line."""
    kind = resource["resourceType"]
    return RawResource(f"{kind}/{resource['id']}", kind, json.dumps(without_marks(resource)).encode())


def readings_of(record: list[Resource], knowledge: Knowledge) -> Iterator[PatientFacts]:
    """Every reading of the record as of the order, at both ends of its day where it has no hour."""
    order, kinds = raw(record[1]), [kind for kind in KINDS.values() if kind.key != "orders"]
    by_kind = {
        kind.key: RetrievedData(tuple(raw(one) for one in record if one["resourceType"] in kind.resource_types))
        for kind in kinds
    }
    encounters = [raw(one) for one in record if one["resourceType"] == "Encounter"]
    data = ClinicalData(RetrievedData(), by_kind)
    read = read_record(data, encounters, zone=ZONE, result_lag=LAG, reads=knowledge.lab_index.reads)
    for moment in dict.fromkeys(span(record[1]["authoredOn"])):
        for count in (True, False):
            facts = known_at(read, moment, count_doubtful=count).facts
            yield replace(facts, orders=(read_order(order, {}, ZONE),))


def test_readings_that_count_as_alike_bring_the_same_cards(knowledge):
    """Of made-up patients with bad dates: where one judgement does for two readings, both would bring the same."""
    chance = Random(1415)  # noqa: S311  made-up patients, not a secret
    alike = 0
    for number in range(150):
        patient, order, *record = person(f"p{number}", chance)
        order["authoredOn"] = order["authoredOn"][:10]
        some = [one for one in record if chance.random() < 0.25]
        found = list(readings_of([patient, order, *some], knowledge))
        for one, other in combinations(found, 2):
            if one != other and are_judged_alike(one, other, knowledge):
                alike += 1
                assert judged(one, knowledge) == judged(other, knowledge)
    assert alike > 20


def judged(facts: PatientFacts, knowledge: Knowledge) -> object:
    """All that a row of a run keeps of a judgement."""
    findings = evaluate(facts, knowledge)
    rows = [(row.contraindication.id, row.certainty) for order in findings.orders for row in order.contraindications]
    return told_cards(choose_cards(findings, knowledge, SERVICES["ir-order-sign"])), rows, findings.unavailable


def test_the_hour_of_a_call_is_asked_for_of_results_alone():
    """Readings of two hours of a day count as alike where no result lies ahead: nothing else may ask for the hour."""
    folder = Path(cds_service.findings.__file__).parent
    asking = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if re.search(r"facts\.now(?!\.tzinfo)", path.read_text("utf-8"))
    }
    assert asking == {"lab_results.py"}
