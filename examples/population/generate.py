"""Write a made-up Bulk Data export: the same seed gives the same patients, and nobody of them exists.

    python examples/population/generate.py DIR [--patients 300] [--orders-per-100 80] [--gzip]

Lines are in no order, as servers write them; a manifest stands beside the files. Ten years of problem lists, four years
of results, the mistakes of real exports: orders without a time, entered in error, undated conditions, a broken line.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

SCT, LOINC, ICD10CM = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
ZONE = timezone(timedelta(hours=1))
FIRST_DAY, DAYS = datetime(2023, 1, 1, tzinfo=ZONE), 1000
BEFORE = 400
"""Days that results and allergies begin before the orders do, so that the first orders can be judged."""
ORDERS = [
    ("Uterine fibroid embolization", "D25.9", "Leiomyoma of uterus, unspecified"),
    ("IVC filter placement", "I82.411", "Acute embolism and thrombosis of right femoral vein"),
    ("TIPS", "I85.01", "Esophageal varices with bleeding"),
    ("Transarterial chemoembolization of liver", "C22.0", "Liver cell carcinoma"),
    ("Percutaneous nephrostomy", "N13.30", "Unspecified hydronephrosis"),
    ("Bronchial artery embolization", "R04.2", "Hemoptysis"),
]
OTHER_ORDERS = ["Basic metabolic panel", "Chest radiograph 2 views", "CT angiography of chest", "Ward round consult"]
CONDITIONS = [
    ("I10", "Essential (primary) hypertension"),
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    ("M54.50", "Low back pain, unspecified"),
    ("I50.9", "Heart failure, unspecified"),
    ("N18.4", "Chronic kidney disease, stage 4 (severe)"),
    ("J45.909", "Unspecified asthma, uncomplicated"),
]
LABS = [
    ("777-3", "Platelets [#/volume] in Blood by Automated count", (30, 320), "10*3/uL"),
    ("6301-6", "INR in Platelet poor plasma by Coagulation assay", (0.9, 2.6), "{INR}"),
    ("98979-8", "Glomerular filtration rate (CKD-EPI 2021)", (18, 110), "mL/min/{1.73_m2}"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", (0.3, 4.0), "mg/dL"),
]
OTHER_LABS = [
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", (120, 260), "mg/dL"),
    ("29463-7", "Body weight", (48, 110), "kg"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", (4.6, 9.0), "%"),
    ("2947-0", "Sodium [Moles/volume] in Blood", (128, 146), "mmol/L"),
]
ALLERGIES = [("91936005", "Allergy to penicillin"), ("293637006", "Allergy to iodinated contrast agent")]
Resource = dict[str, Any]


def population(patients: int, orders_per_100: float, others: int, seed: int) -> Iterator[Resource]:
    """Every resource of the export, patient by patient."""
    chance = random.Random(seed)
    for number in range(patients):
        yield from _patient(f"p{number:06}", chance, orders_per_100 / 100, others)


def _patient(name: str, chance: random.Random, orders: float, others: int) -> Iterator[Resource]:
    born = f"{chance.randint(1935, 2000)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    yield {**_base("Patient", name, None), "gender": chance.choice(["female", "male"]), "birthDate": born}
    encounters = [_encounter(f"{name}-e{place}", name, chance) for place in range(4)]
    yield from encounters
    for place in range(chance.randint(2, 6)):
        yield _condition(f"{name}-c{place}", name, chance.choice(CONDITIONS), encounters, chance)
    if chance.random() < 0.4:
        yield _allergy(f"{name}-a", name, chance)
    for place in range(chance.randint(14, 24)):
        yield _observation(f"{name}-o{place}", name, chance)
    for place in range(others):
        yield _order(f"{name}-s{place}", name, chance.choice(OTHER_ORDERS), _moment(chance), chance)
    for place in range(int(orders) + (chance.random() < orders % 1)):
        text, code, display = chance.choice(ORDERS)
        when = _moment(chance)
        if chance.random() < 0.8:
            reason = _condition(f"{name}-r{place}", name, (code, display), [], chance)
            yield reason | {"recordedDate": _text(when - timedelta(days=chance.randint(0, 40)))}
        yield _order(f"{name}-i{place}", name, text, when, chance)


def _base(kind: str, name: str, patient: str | None, key: str = "subject") -> Resource:
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    meta = {"versionId": "1", "lastUpdated": "2025-10-01T06:00:00.000+00:00", "tag": [tag]}
    subject = {key: {"reference": f"Patient/{patient}"}} if patient else {}
    return {"resourceType": kind, "id": name, "meta": meta, **subject}


def _moment(chance: random.Random, first: int = 0) -> datetime:
    return FIRST_DAY + timedelta(days=chance.randint(first, DAYS - 1), minutes=chance.randint(420, 1140))


def _text(when: datetime) -> str:
    return when.isoformat()


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _status(kind: str, element: str, code: str) -> Resource:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{kind}-{element}", "code": code}]}


def _encounter(name: str, patient: str, chance: random.Random) -> Resource:
    start = _moment(chance)
    period = {"start": _text(start), "end": _text(start + timedelta(hours=chance.randint(1, 90)))}
    coding = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "IMP",
        "display": "inpatient encounter",
    }
    return {**_base("Encounter", name, patient), "status": "finished", "class": coding, "period": period}


def _condition(
    name: str, patient: str, code: tuple[str, str], encounters: list[Resource], chance: random.Random
) -> Resource:
    """A problem of the list, or the diagnosis of an encounter; some are over, some without any date."""
    when = FIRST_DAY + timedelta(days=chance.randint(-3000, DAYS - 1), hours=10)
    coded = bool(encounters) and chance.random() < 0.5
    category = "encounter-diagnosis" if coded else "problem-list-item"
    over = chance.random() < 0.25
    found = {
        **_base("Condition", name, patient),
        "clinicalStatus": _status("condition", "clinical", "resolved" if over else "active"),
        "verificationStatus": _status("condition", "ver-status", "confirmed"),
        "category": [_concept("http://terminology.hl7.org/CodeSystem/condition-category", category, category)],
        "code": _concept(ICD10CM, *code),
        "onsetDateTime": _text(when - timedelta(days=3)),
        "recordedDate": _text(when),
    }
    if coded:
        found["encounter"] = {"reference": f"Encounter/{chance.choice(encounters)['id']}"}
    if over and chance.random() < 0.8:
        found["abatementDateTime"] = _text(when + timedelta(days=chance.randint(5, 900)))
    if chance.random() < 0.05:
        del found["recordedDate"], found["onsetDateTime"]
    return found


def _allergy(name: str, patient: str, chance: random.Random) -> Resource:
    return {
        **_base("AllergyIntolerance", name, patient, "patient"),
        "clinicalStatus": _status("allergyintolerance", "clinical", "active"),
        "verificationStatus": _status("allergyintolerance", "verification", "confirmed"),
        "code": _concept(SCT, *chance.choice(ALLERGIES)),
        "recordedDate": _text(_moment(chance, -BEFORE)),
        "reaction": [{"manifestation": [{"text": "Hives"}], "severity": chance.choice(["mild", "severe"])}],
    }


def _observation(name: str, patient: str, chance: random.Random) -> Resource:
    code, display, (low, high), unit = chance.choice(LABS if chance.random() < 0.5 else OTHER_LABS)
    when = _moment(chance, -BEFORE)
    value = round(chance.uniform(low, high), 1)
    category = _concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory")
    issued = {"issued": _text(when + timedelta(minutes=chance.randint(20, 300)))} if chance.random() < 0.9 else {}
    return {
        **_base("Observation", name, patient),
        "status": "final",
        "category": [category],
        "code": _concept(LOINC, code, display),
        "effectiveDateTime": _text(when),
        **issued,
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def _order(name: str, patient: str, text: str, when: datetime, chance: random.Random) -> Resource:
    intent = chance.choices(["order", "plan", "filler-order"], [94, 3, 3])[0]
    status = chance.choices(["completed", "active", "revoked", "entered-in-error"], [80, 10, 7, 3])[0]
    written = (
        {} if chance.random() < 0.02 else {"authoredOn": _text(when) if chance.random() < 0.9 else _text(when)[:10]}
    )
    return {
        **_base("ServiceRequest", name, patient),
        "status": status,
        "intent": intent,
        "code": {"text": text},
        **written,
        "requester": {"reference": f"Practitioner/dr{chance.randint(1, 20)}"},
        "locationReference": [{"reference": f"Location/ward-{chance.randint(1, 6)}"}],
    }


def write(folder: Path, resources: Iterator[Resource], seed: int, *, packed: bool) -> None:
    """The files by type, their lines shuffled, and a manifest."""
    lines: dict[str, list[str]] = {}
    for resource in resources:
        lines.setdefault(resource["resourceType"], []).append(json.dumps(resource))
    lines["Observation"].append('{"resourceType": "Observation", "id": "broken", "status": "fin')
    folder.mkdir(parents=True, exist_ok=True)
    output = []
    for kind, texts in sorted(lines.items()):
        random.Random(seed).shuffle(texts)
        name = f"{kind}.000.ndjson{'.gz' if packed else ''}"
        content = "".join(f"{text}\n" for text in texts).encode()
        (folder / name).write_bytes(gzip.compress(content, 6, mtime=0) if packed else content)
        output.append({"type": kind, "url": f"https://fhir.example.org/export/{name}", "count": len(texts)})
    manifest = {
        "transactionTime": _text(FIRST_DAY + timedelta(days=DAYS)),
        "request": "https://fhir.example.org/$export",
        "requiresAccessToken": True,
        "output": output,
        "error": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def main() -> None:
    """Write the export that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--orders-per-100", type=float, default=80.0)
    parser.add_argument("--other-orders", type=int, default=2, help="orders of each patient that are none of ours")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--gzip", action="store_true")
    args = parser.parse_args()
    write(
        args.folder,
        population(args.patients, args.orders_per_100, args.other_orders, args.seed),
        args.seed,
        packed=args.gzip,
    )


if __name__ == "__main__":
    main()
