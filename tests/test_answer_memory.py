"""What an answered call leaves in memory: nothing that only the garbage collector would free, however large it was."""

from __future__ import annotations

import gc
from datetime import datetime

import pytest

from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge


@pytest.mark.slow
def test_a_large_record_is_free_when_the_call_is_answered(knowledge: Knowledge, now: datetime) -> None:
    """No object that holds a record is in a circle: the next large call would come before the collector."""
    labs = [{"code": "loinc|777-3", "value": 40 + n, "unit": "10*9/L", "days": n % 900} for n in range(200)]
    labs += [{"code": "loinc|1975-2", "value": 3, "unit": "mg/dL", "days": n} for n in range(200)]
    row = {"order": "hepatic-artery-chemoembolization", "conditions": ["icd-10-cm|C22.0"], "labs": labs}
    case = Case("large", row | {"expect": {}})
    answer_case(case, knowledge, now)
    gc.collect()
    gc.disable()
    try:
        answer_case(case, knowledge, now)
        left = gc.collect()
    finally:
        gc.enable()
    assert left < 20
