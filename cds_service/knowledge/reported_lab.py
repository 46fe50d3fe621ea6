"""Which lab a result reports, and how surely: what `lab_index.py` finds. Only a type lives here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cds_service.facts.patient_facts import Coding


class ReportedLab(msgspec.Struct, frozen=True):
    """A lab that a result reports, or may report.

    `coding` is the code that says so, None where only words do. `doubt` is a key of `reason.*` where the result may be
    another test, None where its code means the lab. `must_fit`: it counts only with a unit and a value of the lab.
    `refused`: its value is not looked at, and it stands in the way of an older one like a result that can't be used.
    """

    lab: str
    coding: Coding | None
    doubt: str | None = None
    must_fit: bool = False
    refused: bool = False
