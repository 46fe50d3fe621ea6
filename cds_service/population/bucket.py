"""The reduce step: the patients of one bucket, judged; rows and counts are left as files of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from cds_service.knowledge.load import load_knowledge
from cds_service.population.coverage import Coverage, read_coverage
from cds_service.population.files import whole_file, write_whole
from cds_service.population.judge import Judge, Judged
from cds_service.population.plan import WORK, Plan
from cds_service.population.rows import Row
from cds_service.population.spill import ORDERS, TAB, read_bucket
from cds_service.population.tally import Tally, tally_rows
from cds_service.security.pseudonym import pseudonym

SIDES = ("rows", "compared")
"""The site's own rows, and those of the site that it is compared with."""
_PATIENT, _ORDERS = b"patient", ORDERS.encode()


@dataclass(frozen=True, slots=True)
class Judges:
    """What judges every bucket of a run: one judge, or two where sites are compared."""

    judges: tuple[Judge, ...]
    coverage: Coverage


def load_judges(run: Path, plan: Plan) -> Judges:
    """Read the tables and what the buckets must know of each other."""
    choices, coverage = plan.choices, read_coverage(run)
    sites = [choices.site, *([choices.compare] if choices.compare is not None else [])]
    disguise = partial(pseudonym, (run / WORK / "key").read_bytes(), "")
    tables = [load_knowledge(Path(site) if site else None) for site in sites]
    return Judges(tuple(Judge(knowledge, choices, coverage, disguise) for knowledge in tables), coverage)


def judge_bucket(run: Path, number: int, judges: Judges) -> None:
    """Judge one bucket, and say that it is done."""
    patients, judged = set[bytes](), [Judged() for _ in judges.judges]
    given = without_record = 0
    for owner, bodies in _owners(partial(read_bucket, run, number, judges.coverage.parts), patients):
        given += len(bodies[ORDERS])
        without_record += owner.encode() not in patients
        for judge, outcome in zip(judges.judges, judged, strict=True):
            judge.judge(owner, bodies, outcome)
    for side, outcome in zip(SIDES, judged, strict=False):
        tally = tally_rows(outcome.rows)
        tally.patients, tally.patients_without_record = len(patients), without_record
        tally.orders = given
        tally.set_aside = {reason: count for reason, count in outcome.set_aside.items() if count}
        tally.unread = {"|".join(what): count for what, count in outcome.unread.items()}
        _write_rows(rows_file(run, number, side), sorted(outcome.rows, key=lambda row: row.order))
        write_whole(done_file(run, number, side), msgspec.json.encode(tally))


def rows_file(run: Path, number: int, side: str) -> Path:
    """The rows of a bucket, as NDJSON."""
    return run / WORK / f"bucket-{number:06}.{side}.ndjson"


def done_file(run: Path, number: int, side: str) -> Path:
    """The file that says that a bucket is done, with its counts."""
    return run / WORK / f"bucket-{number:06}.{side}.json"


def count_bucket(run: Path, number: int, coverage: Coverage) -> Tally:
    """The counts of a bucket that can't be judged."""
    patients, orders = set[bytes](), 0
    for lines in read_bucket(run, number, coverage.parts):
        for line in lines:
            kind, owner, _ = line.split(TAB, 2)
            orders += kind == _ORDERS
            if kind == _PATIENT:
                patients.add(owner)
    return Tally(patients=len(patients), orders=orders, set_aside={"bucket set aside": orders} if orders else {})


def _write_rows(path: Path, rows: Iterable[Row]) -> None:
    with whole_file(path) as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")


def _owners(
    read: Callable[[], Iterator[list[bytes]]], patients: set[bytes]
) -> Iterator[tuple[str, Mapping[str, list[bytes]]]]:
    """Every patient of the bucket that has orders, with all that the bucket holds of it.

    Read twice, so that of patients without orders nothing is kept.
    """
    wanted: dict[bytes, dict[str, list[bytes]]] = {}
    for lines in read():
        for line in lines:
            if line.startswith(_ORDERS):
                wanted.setdefault(line.split(TAB, 2)[1], {})
            elif line.startswith(_PATIENT):
                patients.add(line.split(TAB, 2)[1])
    for lines in read():
        for line in lines:
            kind, owner, body = line.split(TAB, 2)
            if owner in wanted:
                wanted[owner].setdefault(kind.decode(), []).append(body)
    for owner in sorted(wanted):
        yield owner.decode(), wanted[owner]
