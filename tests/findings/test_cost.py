"""What many results cost: twice as many results are about twice the work, whatever they are. Counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.evaluate import evaluate
from cds_service.knowledge.tables import Knowledge
from tests.support.reading import read

MAN = {"birthDate": "1976-11-23", "gender": "male"}
ORDER = {
    "status": "draft",
    "intent": "order",
    "code": {
        "coding": [
            {
                "system": "https://example.org/ir-cds/fhir/CodeSystem/procedures",
                "code": "hepatic-artery-chemoembolization",
            }
        ]
    },
}


def result(
    loinc: str | None, value: float, unit: str | None, date: str | None = "2026-11-23", **more: Any
) -> dict[str, Any]:
    """A result of the day before, under a LOINC code or only named."""
    concept = {"coding": [{"system": "http://loinc.org", "code": loinc}]} if loinc else {}
    found = {"status": "final", "code": concept, "valueQuantity": {"value": value, "unit": unit}, **more}
    return found | ({"effectiveDateTime": date} if date else {})


def blood_counts(n: int, date: str | None) -> list[dict[str, Any]]:
    """As many leukocyte counts as percentages, of one day or without a date."""
    counts = [result("6690-2", 2 + i / n, "10*3/uL", date) for i in range(n // 2)]
    return [*counts, *(result("770-8", 20 + i / n, "%", date) for i in range(n // 2))]


MANY: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "creatinines of one day": lambda n: [result("2160-0", 1 + i / n, "mg/dL") for i in range(n)],
    "creatinines of one day without unit": lambda n: [result("2160-0", 1 + i / n, None) for i in range(n)],
    "creatinines minute by minute": lambda n: [
        result("2160-0", 1 + i / n, "mg/dL", f"2026-11-22T{i // 60 % 24:02}:{i % 60:02}:00Z") for i in range(n)
    ],
    "blood counts of one day": lambda n: blood_counts(n, "2026-11-23"),
    "blood counts without a date": lambda n: blood_counts(n, None),
    "creatinines and weights of one day": lambda n: [
        one
        for i in range(n // 2)
        for one in (result("2160-0", 1 + i / n, "mg/dL"), result("29463-7", 60 + i / n, "kg"))
    ],
    "creatinines of two years": lambda n: [
        result("2160-0", 1 + i / n, "mg/dL", f"{2024 + i % 2}-{i % 12 + 1:02}-{i % 28 + 1:02}") for i in range(n)
    ],
    "results of the liver of one day": lambda n: [
        one
        for i in range(n // 4)
        for one in (
            *(result("1975-2", 1 + i / n, "mg/dL"), result("1751-7", 3 + i / n, "g/dL")),
            *(result("6301-6", 1 + i / n, "1"), result("2951-2", 130 + i / n, "mmol/L")),
        )
    ],
    "low platelets under as many names": lambda n: [
        result(None, 12, "10*9/L", code={"text": f"Platelets {i}"}) for i in range(n)
    ],
    "creatinines under as many names": lambda n: [
        result(None, 1 + i / n, "mg/dL", code={"text": f"Creatinine {i}"}) for i in range(n)
    ],
    "other results": lambda n: [result(None, 1, "mg/dL", code={"text": f"Analyte {i}"}) for i in range(n)],
}


def calls_in(work: Callable[[], object]) -> int:
    """How many functions are called."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_twice_the_results_are_twice_the_work(name: str, knowledge: Knowledge) -> None:
    """From 500 to 2,000 results the work grows with their number and not with its square, in reading and in judging."""

    def facts(n: int) -> PatientFacts:
        return read(observations=MANY[name](n), patient=MAN, orders=[ORDER])

    work = {n: calls_in(lambda n=n: evaluate(facts(n), knowledge)) for n in (500, 1000, 2000)}  # type: ignore[misc]  # bound now
    assert work[1000] / work[500] <= 2.5
    assert work[2000] / work[1000] <= 2.5


def test_the_rest_of_a_call_is_counted(knowledge: Knowledge, now: datetime) -> None:
    """The counter is awake: pairs of all results with all others would be noticed."""
    counts = {n: calls_in(lambda n=n: [abs(i - j) for i in range(n) for j in range(n)]) for n in (50, 100)}  # type: ignore[misc]  # bound now
    assert counts[100] / counts[50] > 2.5
