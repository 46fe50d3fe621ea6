"""The decision beside the cards: the whole answer for machines, as the public contract describes it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from cds_service.cards.decision import build_decision
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Concept, OrderFact
from cds_service.findings.finding import Evidence, Findings, OrderFinding
from cds_service.reasons import Reason
from tests.cards.builders import IOHEXOL, PLATELETS, Tables
from tests.support.responses import find_empty


def _decision(tables: Tables, *orders: OrderFinding, unavailable: tuple[Unavailable, ...] = ()) -> dict[str, Any]:
    decision = build_decision(Findings(orders, unavailable), tables.knowledge)
    assert list(find_empty(decision)) == []
    return orjson.loads(orjson.dumps(decision))


def test_an_order_is_listed_with_everything_that_was_asked(tables: Tables):
    """Indications and rows with their certainty; the indicator only where not absent; reasons in words."""
    order = tables.order(
        "uterine-fibroid-embolization",
        tables.present("iodinated-contrast-allergy", IOHEXOL, indicator="critical"),
        tables.absent("seafood-allergy"),
        tables.unknown("inr-high-risk", Reason("older-than", {"days": 30})),
        tables.absent("platelets-high-risk", PLATELETS),
        tables.absent("psychosis"),
        indications=tables.indications("uterine-fibroid-embolization", "present")[:1],
    )
    gap = Unavailable("observations", Reason("refused"))
    assert _decision(tables, order, unavailable=(gap,)) == {
        "knowledgeVersion": tables.knowledge.version,
        "procedures": [
            {
                "order": "ServiceRequest/draft-1",
                "procedure": "uterine-fibroid-embolization",
                "urgency": "elective",
                "indications": [{"id": "uterine-fibroids", "certainty": "present"}],
                "contraindications": [
                    {
                        "id": "iodine-allergy",
                        "certainty": "present",
                        "indicator": "critical",
                        "told": {"as": "card", "why": "present"},
                        "criteria": [
                            {
                                "id": "iodinated-contrast-allergy",
                                "certainty": "present",
                                "indicator": "critical",
                                "told": {"as": "card", "why": "present"},
                                "evidence": [
                                    {
                                        "reference": "AllergyIntolerance/a1",
                                        "text": "Iohexol",
                                        "coding": {
                                            "system": "http://snomed.info/sct",
                                            "code": "395751002",
                                            "display": "Iohexol (substance)",
                                        },
                                        "date": "2021-03-04",
                                    }
                                ],
                            }
                        ],
                    },
                    {
                        "id": "bleeding-tendency",
                        "certainty": "unknown",
                        "indicator": "info",
                        "told": {"as": "card", "why": "required"},
                        "criteria": [
                            {
                                "id": "inr-high-risk",
                                "certainty": "unknown",
                                "indicator": "info",
                                "told": {"as": "card", "why": "required"},
                                "reason": "no result within 30 days",
                            },
                            {
                                "id": "platelets-high-risk",
                                "certainty": "absent",
                                "told": {"as": "none", "why": "absent"},
                                "evidence": [
                                    {
                                        "reference": "Observation/plt",
                                        "text": "Platelets",
                                        "value": 42,
                                        "unit": "10*9/L",
                                        "date": "2026-11-20",
                                    }
                                ],
                            },
                        ],
                    },
                    {"id": "severe-mental-illness", "certainty": "absent", "told": {"as": "none", "why": "absent"}},
                ],
            }
        ],
        "unavailable": [{"data": "observations", "reason": "the EHR reported an error instead of the results"}],
    }


def test_an_order_that_is_no_known_procedure_is_listed_bare(tables: Tables):
    """An unknown order is named, so that its silence can be told from an oversight."""
    fact = OrderFact("ServiceRequest/x", "ServiceRequest", Concept(), (), (), b"{}")
    assert _decision(tables, OrderFinding(fact))["procedures"] == [{"order": "ServiceRequest/x"}]


def test_options_of_patient_view_have_no_order(tables: Tables):
    """In patient-view an entry is a procedure, not an order."""
    (entry,) = _decision(tables, tables.option("tips"))["procedures"]
    assert "order" not in entry
    assert entry["procedure"] == "tips"


def test_nothing_judged_and_nothing_missing_leaves_only_the_version(tables: Tables):
    """Lists without an entry are left out."""
    assert list(_decision(tables)) == ["knowledgeVersion"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("42.0"), 42),
        (Decimal("0"), 0),
        (Decimal("1.75"), 1.75),
        ("<20", "<20"),
        (Decimal("1e300"), 1e300),
        (Decimal("1e400"), "1E+400"),
        (Decimal("0.1000000000000000055511151231257827"), 0.1),
    ],
)
def test_values_are_numbers_and_comparators_texts(value: Decimal | str, shown: object, tables: Tables):
    """A value is a JSON number, whole where it is whole; with a comparator it is the text of the record."""
    item = Evidence("Observation/o1", "x", None, value, "mg/dL")
    order = tables.order("tips", tables.present("platelets-high-risk", item))
    found = _decision(tables, order)["procedures"][0]["contraindications"][0]["criteria"][0]["evidence"][0]["value"]
    assert (found, type(found)) == (shown, type(shown))


def test_machines_get_the_text_of_the_record(tables: Tables):
    """Text is not changed for machines: JSON keeps it safe."""
    item = Evidence("Condition/c1", "<b>Na*</b>\u0007", notes=(Reason("not-a-date", {"date": "<i>"}),))
    order = tables.order("tips", tables.present("psychosis", item))
    found = _decision(tables, order)["procedures"][0]["contraindications"][0]["criteria"][0]["evidence"][0]
    assert found["text"] == "<b>Na*</b>\u0007"
    assert "<i>" in found["note"]


def test_a_gap_names_its_resource(tables: Tables):
    """What could not be read is listed with the data, the reason and the reference."""
    gap = Unavailable("conditions", Reason("unreadable-resource"), "Condition/c9")
    assert _decision(tables, unavailable=(gap,))["unavailable"] == [
        {
            "data": "conditions",
            "reason": "one entry of the recorded conditions could not be read",
            "reference": "Condition/c9",
        }
    ]
