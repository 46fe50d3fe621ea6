"""Which rows and questions a procedure may meet, whatever is recorded of the patient."""

from __future__ import annotations

from cds_service.knowledge.tables import Contraindication, Criterion, Gate, Procedure


def can_apply(gate: Gate, procedure: Procedure) -> bool:
    """Whether some patient with this procedure passes the gate."""
    return (
        (not gate.uses or bool(gate.uses & procedure.uses))
        and gate.bleeding_risk in (None, procedure.bleeding_risk)
        and (not gate.access or procedure.access in gate.access)
        and (not gate.procedures or procedure.id in gate.procedures)
        and procedure.id not in gate.except_procedures
        and (not gate.radiation_field or bool(gate.radiation_field & procedure.radiation_field))
    )


def asked(row: Contraindication, procedure: Procedure) -> list[Criterion]:
    """The questions of a row that some patient with this procedure is asked."""
    if not can_apply(row.gate, procedure):
        return []
    return [c for c in row.criteria if can_apply(c.gate, procedure)]
