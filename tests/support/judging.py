"""The result for a compact case (a row as in `tests/cases/`) as a short text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cds_service.cases import request_of
from cds_service.clinical_data.gather import gather
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.evaluate import evaluate
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.hooks.envelope import read_request
from cds_service.hooks.request import HookRequest
from cds_service.knowledge.tables import Knowledge


def judge_request(request: Mapping[str, Any], knowledge: Knowledge, now: datetime) -> Findings:
    """The findings of a whole hook request."""
    call = read_request(f"ir-{request['hook']}", json.dumps(request).encode())
    focus = call.service.focus
    return evaluate(_facts(call, knowledge, now), knowledge, options=focus == "none", planning=focus != "selections")


def facts_of_case(row: Mapping[str, Any], knowledge: Knowledge, now: datetime) -> PatientFacts:
    """What is read of the call of a case."""
    return _facts(read_request("ir-order-sign", json.dumps(request_of(row, now)).encode()), knowledge, now)


def _facts(call: HookRequest, knowledge: Knowledge, now: datetime) -> PatientFacts:
    return extract(
        gather(call, not_connected=knowledge.not_connected),
        now=now,
        reads=knowledge.lab_index.reads,
        encounter_id=call.encounter_id,
    )


def judge(row: Mapping[str, Any], knowledge: Knowledge, now: datetime) -> OrderFinding:
    """The finding of the first order of a case."""
    return judge_request(request_of(row, now), knowledge, now).orders[0]


def said_of(order: OrderFinding, row: str) -> str:
    """`present critical`, `absent`, ... for a contraindication or indication; `-` for a row that is not listed."""
    for finding in order.contraindications:
        if finding.contraindication.id == row:
            return f"{finding.certainty} {finding.indicator.word}" if finding.indicator else f"{finding.certainty}"
    for indication in order.indications:
        if indication.indication.id == row:
            return f"{indication.certainty}"
    return "-"


def said_of_criterion(order: OrderFinding, criterion: str) -> str:
    """The same for one criterion; `-` if it is not in the result."""
    for row in order.contraindications:
        for finding in row.criteria:
            if finding.criterion.id == criterion:
                return f"{finding.certainty} {finding.indicator.word}" if finding.indicator else f"{finding.certainty}"
    return "-"


def reason_of(order: OrderFinding, criterion: str) -> str | None:
    """The key of the reason of one criterion."""
    found = [f for row in order.contraindications for f in row.criteria if f.criterion.id == criterion]
    return found[0].reason.key if found and found[0].reason else None
