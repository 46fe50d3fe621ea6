"""Decision support for ordering interventional-radiology procedures, over CDS Hooks 2.0.1 and FHIR R4.

`from cds_service import Service` judges requests in a program of your own: docs/python-api.md. It is loaded when it is
first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cds_service.service import Decision, OrderSummary, Service

__all__ = ["Decision", "OrderSummary", "Service"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cds_service import service

    return getattr(service, name)
