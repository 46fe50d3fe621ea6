"""Cards stage: what stayed unknown about one order, as questions that a card can name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds_service.cards.wording import Wording
from cds_service.findings.finding import Certainty, CriterionFinding, Evidence, OrderFinding
from cds_service.knowledge.tables import Contraindication, Knowledge
from cds_service.reasons import Reason

NOT_HAD_AT_ALL = {"conditions-unavailable": "conditions", "allergies-unavailable": "allergies"}
"""Reason -> the data of which nothing could be retrieved. Most rows rest on them, so such a question is loud."""

_MOST_INDICATIONS = 3  # a parent has the reasons of all its children; a list of them all says less than one word


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """One question without an answer: `what` names it, `lab` the analyte where it is about a result.

    `loud` ones make the card a warning: allergies or conditions not retrieved at all, or a result that a procedure of
    high bleeding risk requires. `advice` are keys of what to ask for.
    """

    what: str
    lab: str | None
    reason: Reason | None
    evidence: tuple[Evidence, ...]
    loud: bool
    advice: tuple[str, ...] = ()

    @property
    def data_missing(self) -> str | None:
        """The data of which nothing could be retrieved, where that is the reason."""
        return NOT_HAD_AT_ALL.get(self.reason.key) if self.reason else None


def open_questions(order: OrderFinding, knowledge: Knowledge, wording: Wording) -> list[OpenQuestion]:
    """Everything unknown about one order, the loud questions first."""
    questions = [_question(row, finding, knowledge) for row, finding in _unknown(order)]
    if order.indication is Certainty.UNKNOWN:
        questions += _indications(order, wording)
    return sorted(questions, key=lambda question: not question.loud)


def names_of(questions: Sequence[OpenQuestion], wording: Wording) -> list[str]:
    """Every row once, with the results in question: `Bleeding tendency (INR, Platelets)`."""
    labs: dict[str, dict[str, None]] = {}
    for question in questions:
        labs.setdefault(question.what, {})
        if question.lab:
            labs[question.what][question.lab] = None
    return [
        wording.say("card.not_checked.lab", row=row, labs=", ".join(names)) if names else row
        for row, names in labs.items()
    ]


def _unknown(order: OrderFinding) -> Iterator[tuple[Contraindication, CriterionFinding]]:
    """Every criterion without an answer, of the rows that are not settled as absent."""
    for row in order.contraindications:
        if row.certainty is not Certainty.ABSENT:
            for finding in row.criteria:
                if finding.certainty is Certainty.UNKNOWN:
                    yield row.contraindication, finding


def _question(row: Contraindication, finding: CriterionFinding, knowledge: Knowledge) -> OpenQuestion:
    criterion, reason = finding.criterion, finding.reason
    limit = finding.threshold or knowledge.thresholds.get(criterion.threshold or "")
    required_lab = criterion.kind == "lab" and criterion.required and criterion.gate.bleeding_risk == "high"
    return OpenQuestion(
        what=row.label,
        lab=knowledge.labs[limit.lab].label if criterion.kind == "lab" and limit else None,
        reason=reason,
        evidence=finding.evidence,
        loud=required_lab or (reason is not None and reason.key in NOT_HAD_AT_ALL),
        advice=criterion.advice if reason is not None and reason.key == "severity-not-recorded" else (),
    )


def _indications(order: OrderFinding, wording: Wording) -> Iterator[OpenQuestion]:
    unknown = [finding for finding in order.indications if finding.certainty is Certainty.UNKNOWN]
    for finding in unknown:
        what = wording.say("card.not_checked.indication", indication=finding.indication.label)
        if len(unknown) > _MOST_INDICATIONS:
            what = wording.say("card.not_checked.any-indication")
        loud = finding.reason is not None and finding.reason.key in NOT_HAD_AT_ALL
        yield OpenQuestion(what, None, finding.reason, finding.evidence, loud)
