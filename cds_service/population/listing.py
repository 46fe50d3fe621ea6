"""The reduce step of a worklist: which patients of one bucket have an indication, and what speaks against."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from cds_service.call_summary import summarize_order
from cds_service.findings.finding import OrderFinding
from cds_service.population.bucket import SIDES, Judges, done_file, read_batch, rows_file, sort_out
from cds_service.population.files import write_whole
from cds_service.population.records import records_of, why_not_judged
from cds_service.population.tally import Tally


class Listed(msgspec.Struct, frozen=True, order=True):
    """One patient of a worklist, by reference.

    `status` is `nothing against`, `something against` or `unknown`; `against` and `unknown` are ids of rows.
    """

    patient: str
    status: str
    indications: tuple[str, ...]
    against: tuple[str, ...]
    unknown: tuple[str, ...]


def list_bucket(run: Path, number: int, judges: Judges, procedure: str) -> None:
    """List the patients of one bucket, and say that it is done."""
    lines, judge = read_batch(run, number, judges), judges.judges[0]
    held, found, set_aside = sort_out(lines), [], Counter[str]()
    for owner, bodies in records_of(run, lines, held.patients, judges.judges):
        reason = why_not_judged(bodies, held.orders.get(owner, ()))
        if bodies is None or reason is not None:
            set_aside[str(reason)] += 1
            continue
        option = judge.option(owner.decode(), bodies, procedure) if "conditions" in bodies else None
        if option is not None:
            found.append(_listed(owner.decode(), option))
    write_whole(rows_file(run, number, SIDES[0]), b"".join(msgspec.json.encode(one) + b"\n" for one in sorted(found)))
    counted = Tally(patients=len(held.patients), set_aside=dict(set_aside))
    write_whole(done_file(run, number, SIDES[0]), msgspec.json.encode(counted))


def _listed(owner: str, option: OrderFinding) -> Listed:
    summary = summarize_order(option)
    status = "something against" if summary.present else ("unknown" if summary.unknown else "nothing against")
    present = tuple(found.indication.id for found in option.indications if found.certainty == "present")
    return Listed(f"Patient/{owner}", status, present, tuple(summary.present), summary.unknown)
