"""What the record may say against the reason of an order, as frozen types. Judged in `findings/alerts.py`."""

from __future__ import annotations

import msgspec

from cds_service.indicator import Indicator
from cds_service.knowledge.expressions import Expression


class Alert(msgspec.Struct, frozen=True):
    """What the record says against the reason of an order: a diagnosis that the procedure does not treat.

    `unless_indication`: `present` or `possible`, it is not told where an indication of the order is so; empty: always.
    `even_in_emergency` is how loudly it is told there; None: as information.
    """

    when: Expression
    wording: str
    indicator: Indicator
    unless_indication: str = ""
    even_in_emergency: Indicator | None = None


SEX_ALERT, AGE_ALERT = "alert.sex-does-not-fit", "alert.age-does-not-fit"
"""Sentences of the alerts of `Procedure.patients`."""


def advice_key(alert: str) -> str:
    """The sentence that says what to do about an alert: `alert.dissection` -> `alert_advice.dissection`."""
    return alert.replace("alert.", "alert_advice.", 1)
