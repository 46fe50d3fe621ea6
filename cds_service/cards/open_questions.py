"""Cards stage: what stayed unknown about one order, as questions that a card can name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.findings.finding import CriterionFinding, Evidence, OrderFinding
from cds_service.indicator import Indicator
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Contraindication, Knowledge
from cds_service.reasons import Reason

DATA_MISSING = {kind.unavailable.key: kind.key for kind in CLINICAL if kind.when_unavailable > Indicator.INFO}
"""Reason -> the data that could not be retrieved at all. Most rows rest on them, so they stand for the rows."""

NAMED_AS_GAPS = frozenset({"uncoded-condition", "unread-vocabulary"})
"""Reasons of a resource that can't be read: it is named once among the gaps, not with every row that it leaves open."""

NEVER_SENT = frozenset(
    f"{kind.key}-{why}" for kind in CLINICAL if kind.often_missing for why in ("not-sent", "not-connected")
)
"""Reasons of a question about data that many clients never send."""

_MOST_INDICATIONS = 3  # a parent has the reasons of all its children; a list of them all says less than one word


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """One question without an answer: `what` names its row, `subject` what is asked for (an analyte).

    `indicator` is how loudly it is told, as the findings say. `advice` are keys of what to ask for.
    """

    what: str
    subject: str | None
    reason: Reason | None
    evidence: tuple[Evidence, ...]
    indicator: Indicator
    advice: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Equal for questions that say the same."""
        return repr((self.what, self.subject, self.reason, [item.reference for item in self.evidence]))

    @property
    def data_missing(self) -> str | None:
        """The data of which nothing could be had, where that is the reason."""
        return DATA_MISSING.get(self.reason.key) if self.reason else None


def open_questions(order: OrderFinding, knowledge: Knowledge, wording: Wording) -> list[OpenQuestion]:
    """Everything unknown about one order, the loudest questions first."""
    questions = [_question(row, finding, knowledge) for row, finding in _unknown(order)]
    questions += _indications(order, wording)
    asked = [question for question in questions if question.reason is None or question.reason.key not in NAMED_AS_GAPS]
    return sorted(asked, key=lambda question: -question.indicator)


def names_of(questions: Sequence[OpenQuestion], wording: Wording) -> list[str]:
    """Every row once, with the results in question: `Bleeding tendency (INR, Platelets)`."""
    subjects: dict[str, dict[str, None]] = {}
    for question in questions:
        subjects.setdefault(question.what, {})
        if question.subject:
            subjects[question.what][question.subject] = None
    return [
        wording.say("card.not_checked.lab", row=row, labs=", ".join(names)) if names else row
        for row, names in subjects.items()
    ]


def _unknown(order: OrderFinding) -> Iterator[tuple[Contraindication, CriterionFinding]]:
    """Every criterion without an answer, of the rows that are not settled as absent."""
    for row in order.contraindications:
        if row.certainty is not Certainty.ABSENT:
            for finding in row.criteria:
                if finding.certainty is Certainty.UNKNOWN and not _was_not_sent(finding):
                    yield row.contraindication, finding


def _was_not_sent(finding: CriterionFinding) -> bool:
    """Whether it rests on data that many clients never send: the decision says so, and no card on every order."""
    return finding.reason is not None and finding.reason.key in NEVER_SENT and not finding.evidence


def _question(row: Contraindication, finding: CriterionFinding, knowledge: Knowledge) -> OpenQuestion:
    criterion, reason = finding.criterion, finding.reason
    return OpenQuestion(
        what=row.label,
        subject=criterion.question.subject(knowledge),
        reason=reason,
        evidence=finding.evidence,
        indicator=finding.indicator or Indicator.INFO,
        advice=criterion.advice if reason is not None and reason.key == "severity-not-recorded" else (),
    )


def _indications(order: OrderFinding, wording: Wording) -> Iterator[OpenQuestion]:
    unknown = order.open_indications
    for finding in unknown:
        what = wording.say("card.not_checked.indication", indication=finding.indication.label)
        if len(unknown) > _MOST_INDICATIONS:
            what = wording.say("card.not_checked.any-indication")
        yield OpenQuestion(what, None, finding.reason, finding.evidence, finding.indicator or Indicator.INFO)
