"""One call's record prepared for judging, and one order's setting for the gates of the tables."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.allergies import AllergyList, allergies_of
from cds_service.findings.chart import Chart, chart_of
from cds_service.findings.derived_labs import add_derived
from cds_service.findings.lab_results import LabBook, book_of
from cds_service.knowledge.tables import Gate, Knowledge, Procedure


@dataclass(frozen=True, slots=True)
class Case:
    """Everything of one call that criteria look at; prepared once, shared by all orders."""

    facts: PatientFacts
    knowledge: Knowledge
    chart: Chart
    allergies: AllergyList
    labs: LabBook


def prepare(facts: PatientFacts, knowledge: Knowledge) -> Case:
    """Look up every code and convert every result once."""
    labs = book_of(facts, knowledge)
    add_derived(labs, facts, knowledge)
    return Case(facts, knowledge, chart_of(facts, knowledge.codes), allergies_of(facts, knowledge), labs)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the gates ask of an order: the procedures that it may be, and what they use.

    Where several procedures remain, the strictest of each holds: the union of the uses, the higher risk.
    """

    procedures: tuple[Procedure, ...]

    @property
    def uses(self) -> frozenset[str]:
        """Everything that any of them uses."""
        return frozenset().union(*(procedure.uses for procedure in self.procedures))

    @property
    def emergency(self) -> bool:
        """Only where every one of them is an emergency."""
        return all(procedure.emergency for procedure in self.procedures)

    def passes(self, gate: Gate, case: Case) -> bool:
        """Whether a row or criterion applies to the order and the patient."""
        ids = {procedure.id for procedure in self.procedures}
        risks = {procedure.bleeding_risk for procedure in self.procedures}
        risk = "high" if "high" in risks else "low"
        accesses = {procedure.access for procedure in self.procedures}
        return (
            (not gate.uses or bool(gate.uses & self.uses))
            and (gate.bleeding_risk in (None, risk))
            and (not gate.access or bool(gate.access & accesses))
            and (not gate.procedures or bool(gate.procedures & ids))
            and (gate.when is None or case.chart.holds(gate.when, case.knowledge))
            and not case.chart.holds(gate.unless, case.knowledge)
        )
