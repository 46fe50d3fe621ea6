"""What is told of the findings: everything but the rows that a site only tries out (shadow mode).

In: all findings. Out: the same without the answers of rows in shadow. An order of a procedure in shadow stays, with
its procedure and nothing said about it.
"""

from __future__ import annotations

from msgspec.structs import replace

from cds_service.findings.finding import NOT_TOLD, Findings, OrderFinding


def rows_in_shadow(findings: Findings) -> tuple[str, ...]:
    """Ids of the procedures and contraindications in shadow that apply to this call, whatever their answer."""
    procedures = [o.procedure.id for o in findings.orders if o.procedure is not None and o.procedure.shadow]
    rows = [found.contraindication for order in findings.orders for found in order.contraindications]
    return tuple(dict.fromkeys([*procedures, *(row.id for row in rows if row.shadow)]))


def without_shadow(findings: Findings) -> Findings:
    """The findings that may be shown."""
    return replace(findings, orders=tuple(_told(order) for order in findings.orders))


def _told(order: OrderFinding) -> OrderFinding:
    if order.procedure is not None and order.procedure.shadow:
        return replace(order, indications=(), contraindications=(), alerts=(), reason_told=NOT_TOLD)
    shown = tuple(found for found in order.contraindications if not found.contraindication.shadow)
    return replace(order, contraindications=shown)
