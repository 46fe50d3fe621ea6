"""How a value was before: the newest result beside one of some months ago, for labs of which `labs.toml` asks it.

An eGFR of 28 is another thing where it was 61 in summer than where it was 30. It changes no answer.
"""

from __future__ import annotations

from msgspec.structs import replace

from cds_service.findings.lab_results import LabBook, LabResult, newest
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.tables import Knowledge


def add_earlier(book: LabBook, knowledge: Knowledge) -> None:
    """Put beside the newest results of a lab the newest one that is older by the days that its row names."""
    for lab in knowledge.labs.values():
        latest = newest(book.of(lab.id)) if lab.earlier_from_days else []
        if len(latest) == 1 and (before := _before(latest[0], lab, book)) is not None:
            told = replace(latest[0], evidence=replace(latest[0].evidence, earlier=before.evidence))
            book.results[lab.id] = [told if result is latest[0] else result for result in book.of(lab.id)]
            book.latest.pop(lab.id, None)


def _before(latest: LabResult, lab: Lab, book: LabBook) -> LabResult | None:
    def days_older(result: LabResult) -> int:
        return (latest.when.earliest.date() - result.when.latest.date()).days

    start, end = lab.earlier_from_days or 0, lab.earlier_to_days or 0
    fitting = [result for result in book.of(lab.id) if start <= days_older(result) <= end]
    return max(fitting, key=lambda result: result.when.latest, default=None)
