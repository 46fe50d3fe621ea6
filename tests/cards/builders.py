"""Findings by hand, from the shipped tables, so that a test of a card shows only what matters to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from markdown_it import MarkdownIt

from cds_service.cards.context import CardSettings
from cds_service.cards.render import render
from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Coding, Concept, OrderFact
from cds_service.findings.finding import (
    ContraindicationFinding,
    CriterionFinding,
    Evidence,
    Findings,
    IndicationFinding,
    LookedAt,
    OrderFinding,
    Shown,
    Told,
    Urgency,
)
from cds_service.hooks.catalog import SERVICES
from cds_service.indicator import Indicator, indicator_of
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import SOURCE_TABLE, Contraindication, Criterion, Knowledge
from cds_service.reasons import Reason

PLATELETS = Evidence("Observation/plt", "Platelets", None, Decimal(42), "10*9/L", "2026-11-20")
IOHEXOL = Evidence(
    "AllergyIntolerance/a1",
    "Iohexol",
    Coding("http://snomed.info/sct", "395751002", "Iohexol (substance)"),
    date="2021-03-04",
)
TODAY = date(2026, 11, 24)
LOOKED_AT = (
    LookedAt("conditions", 12, whole=True),
    LookedAt("allergies", 3, whole=True),
    LookedAt("observations", 40, whole=True, newest=date(2026, 11, 20)),
)
DEFAULT = CardSettings()
DRAFT = {
    "resourceType": "ServiceRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "code": {"text": "Embolization"},
}


class Tables:
    """The shipped tables, asked by id."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge

    def row(self, row_id: str) -> Contraindication:
        """A row of the second table."""
        return next(row for row in self.knowledge.contraindications if row.id == row_id)

    def criterion(self, criterion_id: str) -> Criterion:
        """One question of any row."""
        rows = self.knowledge.contraindications
        return next(c for row in rows for c in row.criteria if c.id == criterion_id)

    def present(
        self, criterion_id: str, *evidence: Evidence, indicator: str | None = None, shown: Shown = Shown.CARD
    ) -> CriterionFinding:
        """A criterion that the record meets, as loud as the table says."""
        criterion = self.criterion(criterion_id)
        level = indicator_of(indicator) if indicator else criterion.indicator
        return CriterionFinding(criterion, Certainty.PRESENT, level, evidence=evidence, told=Told(shown, "present"))

    def unknown(
        self, criterion_id: str, reason: Reason | str, *evidence: Evidence, shown: Shown = Shown.CARD
    ) -> CriterionFinding:
        """A criterion without an answer."""
        reason = Reason(reason) if isinstance(reason, str) else reason
        told = Told(shown, "required")
        criterion = self.criterion(criterion_id)
        return CriterionFinding(criterion, Certainty.UNKNOWN, _level(reason), reason, evidence, told=told)

    def absent(self, criterion_id: str, *evidence: Evidence) -> CriterionFinding:
        """A criterion that the record does not meet."""
        return CriterionFinding(self.criterion(criterion_id), Certainty.ABSENT, evidence=evidence)

    def rows(self, *criteria: CriterionFinding) -> tuple[ContraindicationFinding, ...]:
        """The rows of these criteria, each as its criteria make it."""
        found: dict[str, list[CriterionFinding]] = {}
        for finding in criteria:
            row = next(r for r in self.knowledge.contraindications if finding.criterion in r.criteria)
            found.setdefault(row.id, []).append(finding)
        return tuple(_row(self.row(row_id), findings) for row_id, findings in found.items())

    def indications(self, procedure: str, certainty: str, *evidence: Evidence, reason: str | None = None):
        """Every indication that a procedure has from the source's table, with one answer."""
        return tuple(
            IndicationFinding(
                row, Certainty(certainty), Reason(reason) if reason else None, evidence, _level(Reason(reason or ""))
            )
            for row in self.knowledge.procedures[procedure].indications
            if row.origin == SOURCE_TABLE
        )

    def order(
        self,
        procedure: str,
        *criteria: CriterionFinding,
        reference: str = "ServiceRequest/draft-1",
        draft: Mapping[str, Any] | bytes | None = None,
        text: str = "Embolization",
        **fields: Any,
    ) -> OrderFinding:
        """An order of a procedure, recognized by its code, its indication recorded unless the test says otherwise."""
        body = draft if isinstance(draft, bytes) else json.dumps(draft or DRAFT).encode()
        fact = OrderFact(reference, reference.partition("/")[0], Concept(texts=(text,)), (), (), body)
        row = self.knowledge.procedures[procedure]
        defaults: dict[str, Any] = {
            "order": fact,
            "procedure": row,
            "candidates": (row,),
            "recognised_by": "code",
            "urgency": Urgency.EMERGENCY if row.emergency else Urgency.ELECTIVE,
            "indications": self.indications(procedure, "present"),
            "contraindications": self.rows(*criteria),
        }
        return OrderFinding(**(defaults | fields))

    def option(self, procedure: str, *criteria: CriterionFinding, **fields: Any) -> OrderFinding:
        """A procedure that patient-view may name; there is no order."""
        return self.order(procedure, *criteria, order=None, recognised_by="condition", **fields)

    def cards(
        self,
        *orders: OrderFinding,
        unavailable: Sequence[Unavailable] = (),
        service: str = "ir-order-sign",
        card_settings: CardSettings = DEFAULT,
        **fields: Any,
    ) -> list[dict[str, Any]]:
        """The cards of these findings, with ids that count up; everything was looked at unless the test says so."""
        numbers = count(1)
        told: dict[str, Any] = {"options": SERVICES[service].focus == "none", "today": TODAY, "looked_at": LOOKED_AT}
        findings = Findings(orders, tuple(unavailable), **(told | fields))
        new_id = lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"  # noqa: E731  # ids that count up
        return render(findings, self.knowledge, SERVICES[service], new_id, card_settings).cards

    def card(self, *orders: OrderFinding, **more: Any) -> dict[str, Any]:
        """The only card of these findings."""
        (card,) = self.cards(*orders, **more)
        return card


def _level(reason: Reason) -> Indicator:
    """How loudly the findings tell a question that stays open for this reason."""
    levels = {kind.unavailable.key: kind.when_unavailable for kind in CLINICAL}
    return levels.get(reason.key, Indicator.INFO)


def _row(row: Contraindication, findings: Sequence[CriterionFinding]) -> ContraindicationFinding:
    for certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
        levels = [f.indicator or Indicator.INFO for f in findings if f.certainty is certainty]
        if levels:
            return ContraindicationFinding(row, certainty, max(levels), tuple(findings), findings[0].told)
    return ContraindicationFinding(row, Certainty.ABSENT, None, tuple(findings))


_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_PLAIN = {"paragraph", "bullet_list", "list_item", "inline", "text", "softbreak"}


def live_markdown(detail: str) -> list[str]:
    """Everything in a detail that is more than paragraphs and bullets: emphasis, links, HTML, headings, tables, ..."""
    return sorted({name for name in _kinds(detail) if name not in _PLAIN})


def _kinds(detail: str) -> Iterator[str]:
    for token in _MARKDOWN.parse(detail):
        yield token.type.removesuffix("_open").removesuffix("_close")
        yield from (child.type.removesuffix("_open").removesuffix("_close") for child in token.children or ())
