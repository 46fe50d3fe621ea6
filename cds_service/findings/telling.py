"""How loudly an answer is told, and where: on a card, as a line on a card that is shown anyway, or nowhere.

The one place that decides it; cards only show what stands here. What is never told is still in the decision.
Source: docs/decisions/0064-when-to-speak-and-how-loud.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.findings.context import OrderContext, PatientContext
from cds_service.findings.finding import NOT_TOLD, CriterionFinding, Shown, Told
from cds_service.findings.ordered_tests import is_ordered
from cds_service.findings.thresholds import hold_against
from cds_service.indicator import Indicator
from cds_service.kinds import KINDS
from cds_service.knowledge.medication_types import HoldAction
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.questions.medication import MedicationQuestion
from cds_service.knowledge.tables import Contraindication, Criterion

_SOFTENED = ("stale", "remission", "history-in-words", "unconfirmed")
"""Notes of a recorded condition that may no longer hold, or never did."""
_NOT_SENT = frozenset(f"{kind.key}-not-sent" for kind in KINDS.values() if kind.often_missing)
_NOT_CONNECTED = frozenset(f"{kind.key}-not-connected" for kind in KINDS.values() if kind.often_missing)
_NEVER_SENT = _NOT_SENT | _NOT_CONNECTED
_SAYS_LITTLE = ("only-its-treatment", "medication-held", "medication-may-be-taken")
"""Reasons of an answer that a drug alone leaves open."""
_MAY_MEAN_MORE = ("onset-not-recorded", "possible-by-text")
"""Reasons of an answer that an entry leaves open which has no date, or only words."""
_NOT_ON_RECORD = ("no-result", "older-than", "data-absent", "range-only")
"""Reasons of an answer that is missing, as opposed to one that could not be read."""


def tell(
    found: CriterionFinding, row: Contraindication, context: OrderContext, patient: PatientContext
) -> CriterionFinding:
    """The answer with how loud it is and where it is shown.

    Args:
        found: as judged, with the level of the table.
        row: the row that the criterion is of.
        context: the order.
        patient: the record.
    """
    if found.certainty is Certainty.ABSENT:
        return found
    if found.certainty is Certainty.PRESENT:
        level = _level(found, row, context)
        told = _present(found, row, context, patient)
        if level is Indicator.INFO and told.shown is Shown.CARD and not patient.planning:
            told = Told(Shown.NONE, "at-signing")
    else:
        level, told = _unknown(found, row, context, patient)
    return replace(found, indicator=level, told=told)


def said_once(criteria: Sequence[CriterionFinding]) -> tuple[CriterionFinding, ...]:
    """The answers of a row, where entries that only may mean more get no card if another answer shows them already."""
    if not any(_may_mean_more(found) for found in criteria):
        return tuple(criteria)
    shown = {
        item.reference
        for found in criteria
        if found.certainty is Certainty.PRESENT and found.told.shown is Shown.CARD
        for item in found.evidence
    }
    return tuple(
        replace(found, told=Told(Shown.LINE, "same-entry"))
        if _may_mean_more(found) and found.evidence and shown.issuperset(item.reference for item in found.evidence)
        else found
        for found in criteria
    )


def _may_mean_more(found: CriterionFinding) -> bool:
    return found.reason is not None and found.reason.key in _MAY_MEAN_MORE


def most_told(criteria: Sequence[CriterionFinding]) -> Told:
    """What is told of a row: as of the criterion that is shown most, the loudest first."""
    if all(found.told is NOT_TOLD for found in criteria):
        return NOT_TOLD
    order = list(Shown)
    ranked = sorted(criteria, key=lambda found: (order.index(found.told.shown), -(found.indicator or Indicator.INFO)))
    return ranked[0].told if ranked else NOT_TOLD


def _level(found: CriterionFinding, row: Contraindication, context: OrderContext) -> Indicator:
    """As loud as the table says, but no louder than information where that would hold up what can't wait.

    What is exempt from that is as loud as its exemption says, and softer by as much as its entry softens it.
    Nor where the row is the procedure's own reason or hardly touches a minor one, or where its class of bleeding risk
    is a choice that no guideline made.
    """
    level = found.indicator or Indicator.INFO
    criterion, gate = found.criterion, found.criterion.gate
    if context.timing.must_not_wait:
        softened = max(criterion.question.loudest(criterion.indicator) - level, 0)
        return Indicator(max((criterion.even_in_emergency or Indicator.INFO) - softened, Indicator.INFO))
    a_choice = gate.bleeding_risk is not None and not context.bleeding_risk_named
    hardly_touched = criterion.minor is not None and context.is_minor
    if row.id in context.at_most_info | context.expected or a_choice or hardly_touched:
        return Indicator.INFO
    return level


def _present(found: CriterionFinding, row: Contraindication, context: OrderContext, patient: PatientContext) -> Told:
    """Where a present answer is shown."""
    criterion, recorded = found.criterion, isinstance(found.criterion.question, ConditionQuestion)
    if found.quiet:
        named = any(advice.action is HoldAction.HOLD or advice.long_over for advice in found.holds)
        return Told(Shown.LINE, "says-little-alone") if named else Told(Shown.NONE, "nothing-to-change")
    if recorded and _is_measured(found, patient):
        return Told(Shown.NONE, "measured")
    if criterion.tell != "card":
        return Told(Shown(criterion.tell), "says-little-alone")
    if row.id in context.expected or (context.timing.source_control and row.id in patient.knowledge.urgency.expected):
        return Told(Shown.LINE, "expected")
    if _is_hardly_touched(criterion, context) or (recorded and row.id in context.at_most_info):
        return Told(Shown.LINE, "changes-little")
    if recorded and all(any(note.key in _SOFTENED for note in item.notes) for item in found.evidence):
        return Told(Shown.LINE, "may-not-hold")
    return Told(Shown.CARD, "present")


def _is_hardly_touched(criterion: Criterion, context: OrderContext) -> bool:
    """Whether what is looked for hardly matters before a minor procedure."""
    awake = criterion.minor == "line-if-awake" and not context.is_sedated
    return context.is_minor and (criterion.minor == "line" or awake)


def _is_measured(found: CriterionFinding, patient: PatientContext) -> bool:
    """Whether results say the same thing better than the recorded condition, or the opposite."""
    limits = [patient.knowledge.thresholds[name] for name in found.criterion.measured_by]
    verdicts = [hold_against(limit, patient.labs, patient.knowledge.codes, patient.facts.today) for limit in limits]
    return any(verdict.certainty in (Certainty.PRESENT, Certainty.ABSENT) for verdict in verdicts)


def _unknown(
    found: CriterionFinding, row: Contraindication, context: OrderContext, patient: PatientContext
) -> tuple[Indicator, Told]:
    """How loud and where a question without an answer is told.

    What could not be read is always told; what is not on record only where a guideline asks for it in this patient.
    """
    criterion, reason = found.criterion, found.reason.key if found.reason else ""
    if reason == "severity-not-recorded":
        return Indicator.INFO, Told(Shown.NONE, "severity-not-shown")
    if reason in _SAYS_LITTLE:
        return Indicator.INFO, Told(Shown.LINE, "says-little-alone")
    if reason == "broader-code" and criterion.unspecific != "card":
        return Indicator.INFO, Told(Shown(criterion.unspecific), "not-specific")
    would_be_a_line = row.id in context.expected or _is_hardly_touched(criterion, context)
    if reason == "possible-by-text" and would_be_a_line:
        return Indicator.INFO, Told(Shown.LINE, "changes-little")
    if reason == "medication-not-listed":
        asked = _is_required(found, context, patient)
        return Indicator.INFO, Told(Shown.CARD, "required") if asked else Told(Shown.NONE, "not-required")
    if reason == "age-not-recorded":
        return Indicator.INFO, Told(Shown.NONE, reason)
    if reason == "adults-only" and not criterion.required:
        return Indicator.INFO, Told(Shown.NONE, "not-required")
    if reason in _NOT_CONNECTED and not found.evidence:
        return Indicator.INFO, Told(Shown.NONE, "not-connected")
    if reason in _NEVER_SENT:
        return _of_never_sent(found, context, patient)
    of_results = isinstance(criterion.question, LabQuestion | MedicationQuestion)
    if not (of_results and reason in _NOT_ON_RECORD):
        return _of_unread(found, context), Told(Shown.CARD, "not-read")
    on_the_drug = isinstance(criterion.question, MedicationQuestion) and bool(found.evidence)
    if not on_the_drug and not _is_required(found, context, patient):
        return Indicator.INFO, Told(Shown.NONE, "not-required")
    labs = found.criterion.question.labs
    if any(is_ordered(lab, patient.ordered, patient.knowledge, context.timing.planned) for lab in labs):
        return Indicator.INFO, Told(Shown.NONE, "already-ordered")
    if context.timing.must_not_wait and patient.has_any_result:
        return Indicator.INFO, Told(Shown.LINE, "cannot-wait")
    near = context.timing.days_left <= patient.knowledge.urgency.near_within_days
    at_risk = patient.chart.holds(criterion.at_risk_when)
    urgent = near and at_risk and not context.timing.must_not_wait
    return (Indicator.WARNING if urgent else Indicator.INFO), Told(Shown.CARD, "required")


def _of_never_sent(found: CriterionFinding, context: OrderContext, patient: PatientContext) -> tuple[Indicator, Told]:
    """Nobody sent the list: told where the order needs it, and louder where a diagnosis says that there is one.

    Before a procedure of low bleeding risk what is taken goes on (SIR 2019); where nothing may wait it is information.
    """
    risky = bool(found.evidence) and context.bleeding_risk != "low"
    if not risky and not _is_required(found, context, patient):
        return Indicator.INFO, Told(Shown.NONE, "not-required")
    level = found.indicator if risky and not context.timing.must_not_wait else None
    return level or Indicator.INFO, Told(Shown.CARD, "not-read")


def _is_required(found: CriterionFinding, context: OrderContext, patient: PatientContext) -> bool:
    gates = found.criterion.required_when
    return found.criterion.required and (not gates or any(context.passes(gate, patient) for gate in gates))


def _of_unread(found: CriterionFinding, context: OrderContext) -> Indicator:
    """Allergies or conditions of which nothing could be read are a warning, unless the procedure can't wait."""
    kind = KINDS[found.criterion.question.DATA]
    whole = found.reason is not None and found.reason.key == kind.unavailable.key
    return kind.when_unavailable if whole and not context.timing.must_not_wait else Indicator.INFO
