"""The reduce step: the patients of one bucket, judged; rows and counts are left as files of the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import msgspec

from cds_service.errors import SetupError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.population.bucket_lines import BucketLines
from cds_service.population.coverage import Coverage, read_coverage
from cds_service.population.files import whole_file, write_whole
from cds_service.population.judge import Judge, Judged
from cds_service.population.plan import WORK, Plan
from cds_service.population.records import records_of
from cds_service.population.rows import Row
from cds_service.population.spill import ORDERS, TAB
from cds_service.population.tally import Tally, add, tally_rows
from cds_service.population.wanted import Wanted, read_wanted
from cds_service.security.pseudonym import pseudonym

SIDES = ("rows", "compared")
"""The site's own rows, and those of the site that it is compared with."""
_PATIENT, _ORDERS = b"\tpatient\t", f"\t{ORDERS}\t".encode()


@dataclass(frozen=True, slots=True)
class Judges:
    """What judges every bucket of a run: one judge, or two where sites are compared."""

    judges: tuple[Judge, ...]
    coverage: Coverage
    buckets: int
    wanted: Wanted


@lru_cache(maxsize=2)
def load_tables(site: str | None) -> Knowledge:
    """The effective tables of a site folder, read once."""
    return load_knowledge(Path(site) if site else None)


def load_judges(run: Path, plan: Plan) -> Judges:
    """Read the tables and what the buckets must know of each other.

    Raises:
        SetupError: the tables here are not those that the run was planned with.
    """
    choices, coverage = plan.choices, read_coverage(run)
    disguise = partial(pseudonym, (run / WORK / "key").read_bytes(), "")
    judges = tuple(Judge(knowledge, choices, coverage, disguise) for knowledge in planned_tables(plan))
    return Judges(judges, coverage, plan.buckets, read_wanted(run))


def planned_tables(plan: Plan) -> list[Knowledge]:
    """The tables of the site, and of the one compared with.

    Raises:
        SetupError: the tables here are not those that the run was planned with.
    """
    choices = plan.choices
    sites = [choices.site, *([choices.compare] if choices.compare is not None else [])]
    return [_tables_as_planned(site, version) for site, version in zip(sites, plan.versions, strict=True)]


def _tables_as_planned(site: str | None, version: str) -> Knowledge:
    """The tables of the version that was planned: a worker may outlive a change, or be of another release."""
    if load_tables(site).version != version:
        load_tables.cache_clear()
    if (found := load_tables(site).version) != version:
        raise SetupError(f"the tables here are {found}, the run was planned with {version}; use the same everywhere")
    return load_tables(site)


def judge_bucket(run: Path, number: int, judges: Judges) -> None:
    """Judge one batch of buckets, and say that it is done."""
    lines = read_batch(run, number, judges)
    held = sort_out(lines)
    orders = held.orders
    judged = [Judged() for _ in judges.judges]
    placed = [
        {owner: known for owner, bodies in orders.items() if (known := judge.place(owner.decode(), bodies, outcome))}
        for judge, outcome in zip(judges.judges, judged, strict=True)
    ]
    for owner, record in records_of(run, lines, {owner for known in placed for owner in known}, judges.judges):
        if not judges.wanted.holds(owner):
            raise LookupError("the record of a patient with an order was not kept")
        for judge, orders_known, outcome in zip(judges.judges, placed, judged, strict=True):
            if owner in orders_known:
                judge.judge(owner.decode(), orders_known[owner], record, outcome)
    counted = Tally(
        patients=len(held.patients),
        patients_without_record=len(orders.keys() - held.patients),
        orders=sum(map(len, orders.values())),
    )
    for side, outcome in zip(SIDES, judged, strict=False):
        _write_rows(rows_file(run, number, side), sorted(outcome.rows, key=lambda row: row.order))
        found = add([counted, tally_rows(outcome.rows), _counts_of(outcome)])
        write_whole(done_file(run, number, side), msgspec.json.encode(found))


def _counts_of(judged: Judged) -> Tally:
    set_aside = {reason: count for reason, count in judged.set_aside.items() if count}
    return Tally(set_aside=set_aside, unread={"|".join(what): count for what, count in judged.unread.items()})


def rows_file(run: Path, number: int, side: str) -> Path:
    """The rows of a bucket, as NDJSON."""
    return run / WORK / f"bucket-{number:06}.{side}.ndjson"


def done_file(run: Path, number: int, side: str) -> Path:
    """The file that says that a bucket is done, with its counts."""
    return run / WORK / f"bucket-{number:06}.{side}.json"


def count_bucket(run: Path, number: int, plan: Plan, coverage: Coverage) -> Tally:
    """The counts of a batch of buckets that can't be judged."""
    held = sort_out(BucketLines(run, coverage.buckets_of(number, plan.buckets), coverage.parts))
    orders = sum(map(len, held.orders.values()))
    return Tally(patients=len(held.patients), orders=orders, set_aside={"bucket set aside": orders} if orders else {})


def _write_rows(path: Path, rows: Iterable[Row]) -> None:
    with whole_file(path) as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")


def read_batch(run: Path, number: int, judges: Judges) -> BucketLines:
    """The lines of one batch."""
    return BucketLines(run, judges.coverage.buckets_of(number, judges.buckets), judges.coverage.parts)


@dataclass(frozen=True, slots=True)
class Held:
    """What a batch holds beside records: ServiceRequests by patient, and who has a Patient resource."""

    orders: dict[bytes, list[bytes]]
    patients: set[bytes]


def sort_out(lines: Iterable[bytes]) -> Held:
    """The orders and patients among the lines of a batch."""
    held = Held({}, set())
    for line in lines:
        end = line.index(TAB)
        if line.startswith(_ORDERS, end):
            held.orders.setdefault(line[:end], []).append(line[end + len(_ORDERS) : -1])
        elif line.startswith(_PATIENT, end):
            held.patients.add(line[:end])
    return held
