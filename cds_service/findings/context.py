"""One call's record prepared for judging, and one order's context for the gates of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import ConditionFact, PatientFacts
from cds_service.findings.allergy_list import AllergyList, allergies_of
from cds_service.findings.chart import Chart, Dates, chart_of, is_current
from cds_service.findings.computed import Record
from cds_service.findings.derived_labs import add_derived
from cds_service.findings.earlier_results import add_earlier
from cds_service.findings.finding import ContraindicationFinding, CriterionFinding, OrderedTest
from cds_service.findings.lab_results import LabBook, book_of
from cds_service.findings.medication_list import MedicationList, medications_of
from cds_service.findings.ordered_tests import ordered_tests
from cds_service.findings.patient_groups import is_of_age, is_of_sex
from cds_service.findings.patient_statements import of_the_patient
from cds_service.findings.performed import PerformedList, performed_of, proved
from cds_service.findings.reaction_diagnoses import of_reactions
from cds_service.findings.urgency import Timing
from cds_service.knowledge.expressions import ANYBODY
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.tables import Contraindication, Criterion, Gate, Knowledge, Procedure


class AskedRow(msgspec.Struct, frozen=True):
    """A row that applies to an order, whoever the patient is, with its criteria that do.

    `of_anybody` holds for each of these whether its gate asks nothing of the patient, `replaced` whether any of them is
    replaced by another, `row_of_anybody` whether the gate of the row asks nothing either. `absent` is the whole answer
    where that of every question is usual; None where a question is asked of some patients only, or has no usual answer.
    """

    row: Contraindication
    criteria: tuple[Criterion, ...]
    of_anybody: tuple[bool, ...]
    replaced: bool
    row_of_anybody: bool
    usual: UsualAnswers
    absent: ContraindicationFinding | None


class UsualAnswers(msgspec.Struct, frozen=True):
    """The answers of the questions of a row about conditions that most patients do not have, by their ids.

    They hold where none of `value_sets` is recorded and every condition is read in each of `systems`. None is the
    answer of an optional question. `labs` are those of its optional questions about results: without a result of
    any of them these have no answer either.
    """

    answers: Mapping[str, CriterionFinding | None]
    value_sets: frozenset[str]
    systems: tuple[frozenset[str], ...]
    labs: tuple[str, ...]


class PatientContext(msgspec.Struct, frozen=True):
    """Everything of one call that criteria look at; prepared once, shared by all orders."""

    facts: PatientFacts
    knowledge: Knowledge
    chart: Chart
    allergies: AllergyList
    labs: LabBook
    medications: MedicationList
    performed: PerformedList
    ordered: tuple[OrderedTest, ...] = ()
    planning: bool = True
    """False while an order is being written, and only what stops it or completes it is told."""
    judged: dict[OrderContext, tuple[ContraindicationFinding, ...]] = msgspec.field(default_factory=dict)
    """Answers given so far in this call: several orders of one procedure, as urgent, are judged once."""

    @property
    def has_any_result(self) -> bool:
        """Whether the record holds a result or an allergy entry at all; in an emergency it may hold nothing yet."""
        return bool(self.facts.observations or self.facts.allergies)

    @property
    def lost_age(self) -> bool:
        """Whether the age is not known because the Patient could not be read."""
        return self.facts.birth_date is None and any(gap.data == "patient" for gap in self.facts.unavailable)

    def is_current(self, fact: ConditionFact, within_days: int) -> bool:
        """Whether a recorded condition is of this encounter, not older, or without a date that says it is old."""
        return is_current(fact, within_days, self.facts)


def prepare(facts: PatientFacts, knowledge: Knowledge, *, planning: bool = True) -> PatientContext:
    """Look up every code and convert every result once."""
    labs, medications, performed = (
        book_of(facts, knowledge),
        medications_of(facts, knowledge),
        performed_of(facts, knowledge),
    )
    dates = Dates(facts.today, facts.encounter_id)
    chart = chart_of(
        facts,
        knowledge,
        (*proved(performed, knowledge, dates), *of_the_patient(facts, knowledge), *of_reactions(facts, knowledge)),
    )
    add_derived(labs, Record(facts, knowledge, chart, medications))
    add_earlier(labs, knowledge)
    return PatientContext(
        facts,
        knowledge,
        chart,
        allergies_of(facts, knowledge),
        labs,
        medications,
        performed,
        ordered_tests(facts, knowledge),
        planning,
    )


class OrderContext(msgspec.Struct, frozen=True):
    """What the gates ask of an order: the procedures that it may be, and what they use.

    Where several procedures remain, the strictest of each holds: the union of the uses, the higher risk; and a
    contraindication is expected, or no more than information, only where it is so for all.
    """

    ids: frozenset[str]
    uses: frozenset[str]
    accesses: frozenset[str]
    bleeding_risk: str
    bleeding_risk_named: bool
    """Whether the guideline itself names one of them in this class."""
    at_most_info: frozenset[str]
    expected: frozenset[str]
    timing: Timing
    radiation_field: frozenset[str] = frozenset()
    is_minor: bool = False
    """Whether each of them is of low bleeding risk and enters no artery."""
    is_sedated: bool = True

    def passes(self, gate: Gate, patient: PatientContext, *, of_any_age: bool = False) -> bool:
        """Whether a row or criterion applies to the order and the patient; `of_any_age`: were the age the right one."""
        return self.fits(gate) and suits(gate, patient, of_any_age=of_any_age)

    def asked(self, knowledge: Knowledge) -> tuple[AskedRow, ...]:
        """Every row that applies to the order with its criteria that do, whoever the patient is.

        Worked out once for each procedure and urgency: nothing of a call goes into it.
        """
        key = (self.ids, self.uses, self.accesses, self.bleeding_risk, self.bleeding_risk_named, self.radiation_field)
        return knowledge.worked_out.once(
            (key, self.timing.urgency),
            lambda: tuple(self._asked(row, knowledge) for row in knowledge.contraindications if self.fits(row.gate)),
        )

    def _asked(self, row: Contraindication, knowledge: Knowledge) -> AskedRow:
        criteria = tuple(criterion for criterion in row.criteria if self.fits(criterion.gate))
        of_anybody = tuple(criterion.gate.is_for_anybody for criterion in criteria)
        replaced = any(criterion.replaced_by for criterion in criteria)
        usual = _usual_answers([] if replaced else criteria, knowledge)
        is_usual = [criterion.id in usual.answers or _is_optional_lab(criterion) for criterion in criteria]
        absent = _absent(row, usual) if criteria and all(of_anybody) and all(is_usual) and not replaced else None
        return AskedRow(row, criteria, of_anybody, replaced, row.gate.is_for_anybody, usual, absent)

    def fits(self, gate: Gate) -> bool:
        """Whether a gate lets the order pass, whoever the patient is."""
        if gate.uses and not gate.uses & self.uses:
            return False
        if gate.bleeding_risk is not None and gate.bleeding_risk != self.bleeding_risk:
            return False
        if gate.bleeding_risk_named and not self.bleeding_risk_named:
            return False
        if (gate.access and not gate.access & self.accesses) or (gate.procedures and not gate.procedures & self.ids):
            return False
        if gate.except_procedures & self.ids:
            return False
        if gate.urgency and self.timing.urgency.name.lower() not in gate.urgency:
            return False
        return not gate.radiation_field or bool(gate.radiation_field & self.radiation_field)


def _usual_answers(criteria: Sequence[Criterion], knowledge: Knowledge) -> UsualAnswers:
    """Of the criteria that are asked of anybody."""
    codes, answers = knowledge.codes, {}
    value_sets: set[str] = set()
    systems: set[frozenset[str]] = set()
    for criterion in criteria:
        question = criterion.question
        if isinstance(question, ConditionQuestion) and criterion.gate.is_for_anybody and not question.on_allergy_list:
            answers[criterion.id] = CriterionFinding(criterion, Certainty.ABSENT) if criterion.required else None
            value_sets.update(question.value_sets)
            systems.add(codes.systems_of(question.value_sets) if criterion.required else codes.read_systems())
    labs = tuple(dict.fromkeys(lab for c in criteria if _is_optional_lab(c) for lab in c.question.labs))
    return UsualAnswers(answers, frozenset(value_sets), tuple(systems), labs)


def _is_optional_lab(criterion: Criterion) -> bool:
    return isinstance(criterion.question, LabQuestion) and not criterion.required


def _absent(row: Contraindication, usual: UsualAnswers) -> ContraindicationFinding:
    findings = tuple(found for found in usual.answers.values() if found is not None)
    return ContraindicationFinding(row, Certainty.ABSENT, None, findings)


def suits(gate: Gate, patient: PatientContext, *, of_any_age: bool = False) -> bool:
    """Whether a gate lets the patient pass, whatever is ordered; `of_any_age`: were the age the right one."""
    if gate.patients is not ANYBODY:
        if is_of_sex(gate.patients, patient.facts) is Certainty.ABSENT:
            return False
        of_age = is_of_age(gate.patients, patient.facts)
        if of_age is Certainty.ABSENT or (of_age is Certainty.UNKNOWN and not of_any_age):
            return False
    if gate.when is not None and not patient.chart.holds(gate.when):
        return False
    days = gate.unless_within_days
    counts = None if days is None else lambda fact: patient.is_current(fact, days)
    return gate.unless is None or not patient.chart.holds(gate.unless, counts)


def order_context(procedures: tuple[Procedure, ...], timing: Timing) -> OrderContext:
    """The context of an order that may be any of the procedures, needed as soon as `timing` says."""
    risk = "high" if any(procedure.bleeding_risk == "high" for procedure in procedures) else "low"
    return OrderContext(
        ids=frozenset(procedure.id for procedure in procedures),
        uses=frozenset().union(*(procedure.uses for procedure in procedures)),
        accesses=frozenset(procedure.access for procedure in procedures),
        bleeding_risk=risk,
        bleeding_risk_named=any(p.bleeding_risk_named for p in procedures if p.bleeding_risk == risk),
        at_most_info=frozenset.intersection(*(procedure.at_most_info for procedure in procedures)),
        expected=frozenset.intersection(*(procedure.expected for procedure in procedures)),
        timing=timing,
        radiation_field=frozenset().union(*(procedure.radiation_field for procedure in procedures)),
        is_minor=all(procedure.is_minor for procedure in procedures),
        is_sedated=any(procedure.is_sedated for procedure in procedures),
    )
