"""What an answered call leaves in memory: nothing that only the garbage collector would free, however large it was."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime

import pytest

from cds_service.cases import Case, answer_case
from cds_service.findings.lab_results import LabBook
from cds_service.knowledge.tables import Knowledge

_OF_A_CALL = tuple(f"cds_service.{room}" for room in ("clinical_data", "facts", "findings", "cards"))


@pytest.mark.slow
def test_a_large_record_is_free_when_the_call_is_answered(knowledge: Knowledge, now: datetime) -> None:
    """No object that holds a record is in a circle: the next large call would come before the collector."""
    labs = [{"code": "loinc|777-3", "value": 40 + n, "unit": "10*9/L", "days": n % 900} for n in range(200)]
    labs += [{"code": "loinc|1975-2", "value": 3, "unit": "mg/dL", "days": n} for n in range(200)]
    row = {"order": "hepatic-artery-chemoembolization", "conditions": ["icd-10-cm|C22.0"], "labs": labs}
    case = Case("large", row | {"expect": {}})
    answer_case(case, knowledge, now)
    assert left_in_circles(lambda: answer_case(case, knowledge, now)) == []


def test_a_circle_is_noticed() -> None:
    """An object of ours that refers to itself is among what is left."""
    assert left_in_circles(_in_a_circle) == ["LabBook"]


def left_in_circles(call: Callable[[], object]) -> list[str]:
    """Types of ours whose objects only the collector would free; those of other threads are none of ours."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        call()
        gc.collect()
        return sorted({type(one).__name__ for one in gc.garbage if type(one).__module__.startswith(_OF_A_CALL)})
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _in_a_circle() -> None:
    book = LabBook()
    book.to_compute["platelets"] = lambda _: book.results.clear()
