"""Made-up patients whose dates are as bad as real ones, and by hand what was known of them at a moment.

What was known is worked out here from the resources alone, by the rules of docs/population.md and by no code of the
service, so that it can be held against a run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from tests.population.exports import Resource, of

ZONE = ZoneInfo("Europe/Berlin")
LAG = timedelta(hours=4)
EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
ORDERS = ["Uterine fibroid embolization", "IVC filter placement", "TIPS", "Transarterial chemoembolization of liver"]
CONDITIONS = ["D25.9", "I82.411", "I85.01", "C22.0", "I50.9", "N18.4", "D69.6", "K72.00", "Z33.1", "A41.9"]
LABS = [("777-3", 320, "10*3/uL"), ("6301-6", 4, "{INR}"), ("98979-8", 110, "mL/min/{1.73_m2}"), ("1975-2", 8, "mg/dL")]
DRUGS = [
    "Warfarin 5 mg tablet",
    "Apixaban 5 mg",
    "Aspirin 100 mg",
    "Metformin 1000 mg",
    "Amlodipine 5 mg",
    "Omeprazole 20 mg",
]
DONE = ["Craniotomy", "Hysterectomy", "Lumbar puncture", "Hemodialysis", "Cesarean section"]
CLOCKS = [datetime(2023, 10, 29, 2, 30, tzinfo=ZONE, fold=1), datetime(2024, 3, 31, 3, 0, tzinfo=ZONE)]
UNREADABLE = {"Condition": ("code", []), "Observation": ("code", "x"), "AllergyIntolerance": ("reaction", "x")}
_BAD = "_unreadable"
Span = tuple[datetime, datetime]


def status(code: str) -> dict[str, Any]:
    """A CodeableConcept of one code without a system."""
    return {"coding": [{"code": code}]}


def person(patient: str, chance: random.Random) -> list[dict[str, Any]]:
    """One patient with an order and a record around its time."""
    number = count()
    ordered = chance.choice([datetime(2024, 1, 1, tzinfo=ZONE) + timedelta(days=chance.uniform(0, 300)), *CLOCKS])

    def add(kind: str, **members: Any) -> None:
        given = {name: value for name, value in members.items() if value is not None}
        record.append(of(patient, kind, f"{patient}-{next(number)}", **given))

    def near() -> datetime:
        minutes = [0, 1, -1, 60, -60, 239, 240, -240, -241, 1440, chance.randint(-20000, 9000)]
        return (ordered.astimezone(UTC) + timedelta(minutes=chance.choice(minutes))).astimezone(ZONE)

    def text(when: datetime | None = None) -> str | None:
        return _written(when or near(), chance)

    record = [of(patient, "Patient", patient, gender=chance.choice(["female", "male"]), birthDate="1980-01-01")]
    add(
        "ServiceRequest",
        status="completed",
        intent="order",
        code={"text": chance.choice(ORDERS)},
        authoredOn=_written(ordered, chance) or ordered.isoformat(),
    )
    add("Encounter", status="finished", period={"start": near().isoformat(), "end": text() or "2024"})
    encounter = record[-1]["id"]
    for _ in range(5):
        over = chance.choice([None, None, "resolved", "remission"])
        at_encounter = chance.random() < 0.4
        add(
            "Condition",
            code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": chance.choice(CONDITIONS)}]},
            recordedDate=text(),
            onsetDateTime=text(),
            category=[status("encounter-diagnosis")] if at_encounter else None,
            encounter={"reference": f"Encounter/{encounter}"} if at_encounter else None,
            clinicalStatus=status(over or "active"),
            abatementDateTime=text() if over else None,
        )
    for _ in range(6):
        loinc, most, unit = chance.choice(LABS)
        add(
            "Observation",
            status="final",
            code={"coding": [{"system": "http://loinc.org", "code": loinc}]},
            effectiveDateTime=text(),
            issued=near().isoformat() if chance.random() < 0.6 else None,
            valueQuantity={"value": round(chance.uniform(0, most), 1), "unit": unit, "code": unit},
        )
    for _ in range(2):
        drug = {"text": chance.choice(DRUGS)}
        state = chance.choice(["active", "completed", "stopped", "on-hold"])
        period = {"validityPeriod": {"end": text() or "2024"}} if chance.random() < 0.5 else None
        add(
            "MedicationRequest",
            status=state,
            intent="order",
            medicationCodeableConcept=drug,
            authoredOn=text(),
            dispenseRequest=period,
        )
    add("MedicationDispense", status="completed", medicationCodeableConcept=drug, whenHandedOver=text())
    record[-1]["daysSupply"] = {"value": chance.choice([7, 90])}
    period = {"start": text(), "end": text()}
    add(
        "MedicationStatement",
        status=chance.choice(["active", "completed", "stopped"]),
        medicationCodeableConcept={"text": chance.choice(DRUGS)},
        dateAsserted=text(),
        effectivePeriod={name: value for name, value in period.items() if value} or None,
    )
    add(
        "AllergyIntolerance",
        code={"text": chance.choice(["iodinated contrast", "gadolinium contrast", "penicillin"])},
        recordedDate=text(),
        clinicalStatus=status(chance.choice(["active", "active", "resolved"])),
    )
    going_on = chance.random() < 0.4
    add(
        "Procedure",
        status="in-progress" if going_on else "completed",
        code={"text": chance.choice(DONE)},
        performedDateTime=text(),
    )
    if chance.random() < 0.4:
        broken = chance.choice([one for one in record if one["resourceType"] in UNREADABLE])
        broken.update([UNREADABLE[broken["resourceType"]], (_BAD, True)])
    if chance.random() < 0.5:
        record.append(_corrected(chance.choice([one for one in record if one["resourceType"] == "Observation"]), near))
    return record


def _written(when: datetime, chance: random.Random) -> str | None:
    """As servers write times: with their zone or without, as a day, or not at all."""
    forms = [
        when.isoformat(),
        when.isoformat(),
        when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        when.astimezone(timezone(timedelta(hours=-8))).isoformat(),
        when.replace(tzinfo=None).isoformat(),
        when.date().isoformat(),
        None,
    ]
    return chance.choice(forms)


def _corrected(result: dict[str, Any], near: Any) -> dict[str, Any]:
    """A second version of a result, entered in error."""
    first = near()
    result["meta"] = {"lastUpdated": first.isoformat()}
    later = {"lastUpdated": (first + timedelta(minutes=30)).isoformat()}
    return {**result, "status": "entered-in-error", "meta": later}


def span(text: str | None) -> Span | None:
    """The times that a FHIR date may mean."""
    if text is None:
        return None
    if text == "2024":
        first, after = datetime(2024, 1, 1, tzinfo=ZONE), datetime(2025, 1, 1, tzinfo=ZONE)
    elif len(text) == len("2024-05-03"):
        day = date.fromisoformat(text)
        first, after = (datetime.combine(one, time(), ZONE) for one in (day, day + timedelta(days=1)))
    else:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC), at.astimezone(UTC)
        ends = sorted(at.replace(tzinfo=ZONE, fold=fold).astimezone(UTC) for fold in (0, 1))
        return ends[0], ends[1]
    return first.astimezone(UTC), after.astimezone(UTC) - timedelta(microseconds=1)


def readings(record: list[dict[str, Any]], moment: datetime) -> Iterator[list[Resource]]:
    """What was known at a moment: with all that is in doubt, and where anything is, without it."""
    told = [(one, *_certainties(one, moment, record)) for one in _versions(record, moment)]
    with_it = [_before_its_end(one) if ended in ("no", "maybe") else one for one, known, ended in told if known != "no"]
    yield _clean(with_it)
    if any(known == "maybe" or (known == "yes" and ended == "maybe") for _, known, ended in told):
        yield _clean([_before_its_end(one) if ended == "no" else one for one, known, ended in told if known == "yes"])


def _clean(record: list[dict[str, Any]]) -> list[Resource]:
    return [without_marks(one) for one in record]


def without_marks(one: dict[str, Any]) -> dict[str, Any]:
    """A resource as it is exported."""
    return {name: value for name, value in one.items() if name != _BAD}


def _versions(record: list[dict[str, Any]], moment: datetime) -> Iterator[dict[str, Any]]:
    for one in record:
        same = [other for other in record if other["id"] == one["id"]]
        written = [datetime.fromisoformat(other["meta"]["lastUpdated"]) for other in same if len(same) > 1]
        newest = max((at for at in written if at <= moment), default=min(written, default=None))
        if newest is None or one["meta"]["lastUpdated"] == newest.isoformat():
            yield one


def _tell(when: Span | None, moment: datetime) -> str:
    first, last = when or EVER
    return "yes" if last <= moment else ("no" if first > moment else "maybe")


def _certainties(one: dict[str, Any], moment: datetime, record: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Whether a resource was known, and whether what it says had ended; None where it has not."""
    kind = one["resourceType"]
    dates = {name: span(value) for name, value in one.items() if isinstance(value, str) and name.endswith(("On", "ed"))}
    recorded, onset = span(one.get("recordedDate")), span(one.get("onsetDateTime"))
    if kind in ("Patient", "Encounter", "ServiceRequest"):
        return "yes", None
    if _BAD in one:
        return _tell(dates.get("issued") or recorded, moment), None
    if kind == "Observation":
        taken = span(one.get("effectiveDateTime"))
        return _tell(dates.get("issued") or (taken and (taken[0] + LAG, taken[1] + LAG)), moment), None
    if kind == "Condition":
        known = recorded or (onset and (onset[0], EVER[1]))
        if "encounter" in one:
            end = next(span(r["period"]["end"]) for r in record if r["resourceType"] == "Encounter")
            known = max((when for when in (end, recorded) if when), key=lambda when: when[1])
        over = one["clinicalStatus"] != status("active")
        return _tell(known, moment), _tell(span(one.get("abatementDateTime")), moment) if over else None
    if kind == "MedicationRequest":
        end = span(one.get("dispenseRequest", {}).get("validityPeriod", {}).get("end"))
        ended = {"active": None, "completed": _tell(end, moment), "on-hold": "maybe"}
        stopped = _tell(end and (EVER[0], end[1]), moment)
        return _tell(dates.get("authoredOn"), moment), ended.get(one["status"], stopped)
    if kind == "MedicationStatement":
        started, end = (span(one.get("effectivePeriod", {}).get(name)) for name in ("start", "end"))
        over = one["status"] != "active"
        return _tell(span(one.get("dateAsserted")) or started, moment), _tell(end, moment) if over else None
    if kind == "AllergyIntolerance":
        return _tell(recorded, moment), None if one["clinicalStatus"] == status("active") else "maybe"
    last = {
        "Procedure": "performedDateTime",
        "MedicationDispense": "whenHandedOver",
    }
    return _tell(span(one.get(last[kind])), moment), None


def _before_its_end(one: dict[str, Any]) -> dict[str, Any]:
    """A resource as it was before it ended."""
    if one["resourceType"].startswith("Medication"):
        return {**one, "status": "active"}
    return {k: v for k, v in one.items() if k != "abatementDateTime"} | {"clinicalStatus": status("active")}
