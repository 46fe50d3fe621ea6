"""The fields that are read of MedicationRequest, MedicationStatement, MedicationAdministration and MedicationDispense.

The four say the same of a medication under other names, so one struct reads them all. What only describes the dose is
decoded by itself: a dose that can't be read leaves the medication readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from cds_service.facts.repeated_members import repeats_a_member
from cds_service.facts.resources import (
    NOT_GIVEN,
    RawConcept,
    RawPeriod,
    RawQuantity,
    RawReference,
    is_given,
)


class _Struct(msgspec.Struct, rename="camel", gc=False):
    """Snake-case fields, camelCase in JSON."""


class RawDispenseRequest(_Struct):
    """FHIR MedicationRequest.dispenseRequest."""

    validity_period: RawPeriod | None = None
    expected_supply_duration: RawQuantity | None = None


class RawMedicationUse(_Struct):
    """What the four resources say of a medication."""

    resource_type: str
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    modifier_extension: list[msgspec.Raw] | None = None
    medication_codeable_concept: RawConcept | None = None
    medication_reference: RawReference | None = None
    contained: list[msgspec.Raw] | None = None
    authored_on: str | None = None
    date_asserted: str | None = None
    effective_date_time: str | None = None
    effective_period: RawPeriod | None = None
    when_handed_over: str | None = None
    days_supply: RawQuantity | None = None
    dispense_request: RawDispenseRequest | None = None
    dosage_instruction: msgspec.Raw = NOT_GIVEN
    dosage: msgspec.Raw = NOT_GIVEN


class RawIngredient(_Struct):
    """FHIR Medication.ingredient."""

    item_codeable_concept: RawConcept | None = None
    item_reference: RawReference | None = None


class RawMedication(_Struct):
    """FHIR Medication, as a resource of its own or contained."""

    id: str | None = None
    modifier_extension: list[msgspec.Raw] | None = None
    code: RawConcept | None = None
    ingredient: list[RawIngredient] | None = None


class _Repeat(_Struct):
    frequency: int | None = None
    period: float | None = None
    period_unit: str | None = None
    when: list[str] | None = None
    time_of_day: list[str] | None = None
    bounds_period: RawPeriod | None = None
    bounds_duration: RawQuantity | None = None


class _Timing(_Struct):
    repeat: _Repeat | None = None
    code: RawConcept | None = None


class _DoseRange(_Struct):
    high: RawQuantity | None = None


class _DoseAndRate(_Struct):
    dose_quantity: RawQuantity | None = None
    dose_range: _DoseRange | None = None


class RawDosage(_Struct):
    """FHIR Dosage, and MedicationAdministration.dosage."""

    text: str | None = None
    patient_instruction: str | None = None
    route: RawConcept | None = None
    timing: _Timing | None = None
    dose_and_rate: list[_DoseAndRate] | None = None
    dose: RawQuantity | None = None

    @property
    def amounts(self) -> Iterator[str]:
        """How much is taken at once, as `40 mg`; of a range the most."""
        each = self.dose_and_rate or ()
        ranges = (one.dose_range.high for one in each if one.dose_range)
        for amount in (self.dose, *(one.dose_quantity for one in each), *ranges):
            if amount is not None and amount.value is not None and (unit := amount.unit or amount.code):
                yield f"{amount.value:.10g} {unit}"

    @property
    def doses_a_day(self) -> Decimal | None:
        """How often it is taken, where that is structured in days or hours, or by the times of a day."""
        repeat = self.timing.repeat if self.timing else None
        if repeat is None:
            return None
        if not repeat.frequency or not repeat.period or repeat.period_unit not in _IN_DAYS:
            return Decimal(len(self.times_of_day)) or None
        return Decimal(repeat.frequency) / (Decimal(str(repeat.period)) * _IN_DAYS[repeat.period_unit])

    @property
    def times_of_day(self) -> list[str]:
        """When on a day it is taken: at 08:00, in the morning."""
        repeat = self.timing.repeat if self.timing else None
        return (repeat.time_of_day or repeat.when or []) if repeat else []

    @property
    def ends(self) -> str | None:
        """The end of the course, as written."""
        repeat = self.timing.repeat if self.timing else None
        return repeat.bounds_period.end if repeat and repeat.bounds_period else None

    @property
    def lasts_days(self) -> float | None:
        """The length of the course."""
        repeat = self.timing.repeat if self.timing else None
        return days_of(repeat.bounds_duration) if repeat else None


_IN_DAYS = {"h": Decimal(1) / 24, "d": Decimal(1), "wk": Decimal(7), "mo": Decimal(30), "a": Decimal(365)}
_use = msgspec.json.Decoder(RawMedicationUse)
_medication = msgspec.json.Decoder(RawMedication)
_dosages = msgspec.json.Decoder(list[RawDosage] | RawDosage)


def days_of(duration: RawQuantity | None) -> float | None:
    """A Duration in days; None without a value, and of a unit that is none of time. Without a unit it is of days."""
    if duration is None or duration.value is None:
        return None
    factor = _IN_DAYS.get(duration.code or duration.unit or "d")
    return None if factor is None else duration.value * float(factor)


def decode_use(body: bytes) -> RawMedicationUse | None:
    """One of the four resources; None where it can't be read, or carries a modifier that is not understood."""
    try:
        raw = _use.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if raw.modifier_extension or repeats_a_member(body) else raw


def decode_medication(body: bytes) -> RawMedication | None:
    """A Medication; None where it can't be read."""
    try:
        raw = _medication.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if raw.modifier_extension else raw


def dosages(raw: RawMedicationUse) -> Iterator[RawDosage]:
    """The doses, none where they can't be read."""
    for field in (raw.dosage_instruction, raw.dosage):
        try:
            found = _dosages.decode(field) if is_given(field) else []
        except (msgspec.DecodeError, RecursionError):
            continue
        yield from found if isinstance(found, list) else [found]
