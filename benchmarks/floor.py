"""The cost of a whole decision, as a multiple of the floor: parsing the request body once with `orjson.loads`.

Run by `make bench`. Ratios depend less on the machine than milliseconds do. Floor and decision are timed alternately,
in one process, with the garbage collector configured as in the server.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from uuid import uuid4

import orjson
from grown_tables import four_times
from synthetic import build_request

from cds_service.answer import answer
from cds_service.hooks.envelope import read_request
from cds_service.hooks.response import encode_response
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge

NOW = datetime.now(UTC)
SIZES = {"20 kB": (20, 8.0, 5.0), "200 kB": (205, 2.5, 1.7), "2 MB": (2080, 1.5, 1.0)}
"""Label -> number of resources, target ratio and stretch target for a call without client authentication."""
SECONDS_PER_ROW = 6.0


def decide(body: bytes, knowledge: Knowledge) -> bytes:
    """The response to one body, through all stages, without HTTP."""
    result = answer(read_request("ir-order-sign", body), knowledge, now=NOW, new_id=lambda: str(uuid4()))
    return encode_response(result.cards, result.decision)


def medians(works: Sequence[Callable[[], object]], seconds: float = SECONDS_PER_ROW) -> list[float]:
    """Median seconds of each function, timed alternately so that a busy machine slows all of them alike."""
    times: list[list[float]] = [[] for _ in works]
    end = perf_counter() + seconds
    while perf_counter() < end or len(times[0]) < 5:
        for work, taken in zip(works, times, strict=True):
            start = perf_counter()
            work()
            taken.append(perf_counter() - start)
    return [median(taken) for taken in times]


def whole_decision(knowledge: Knowledge) -> None:
    """Print the ratio for three sizes of record."""
    print(f"{'record':>8} {'resources':>9} {'floor':>10} {'envelope':>9} {'decision':>9} {'target':>7} {'stretch':>8}")
    for label, (resources, target, stretch) in SIZES.items():
        body = build_request(resources, NOW.date())
        floor, envelope, whole = medians(
            [
                lambda b=body: orjson.loads(b),
                lambda b=body: read_request("ir-order-sign", b),
                lambda b=body: decide(b, knowledge),
            ]
        )
        row = f"{label:>8} {resources:>9} {floor * 1e6:>7.0f} us {envelope / floor:>8.2f}x {whole / floor:>8.2f}x"
        print(f"{row} {target:>6.1f}x {stretch:>7.1f}x  {len(body) / 1000:.0f} kB")


def more_rules(knowledge: Knowledge) -> None:
    """Print the cost with four times the rules, the new ones for other procedures and codes: target 1.10 times."""
    body, grown = build_request(SIZES["200 kB"][0], NOW.date()), four_times()
    once, more = medians([lambda: decide(body, knowledge), lambda: decide(body, grown)])
    print(f"\nfour times the rules, 200 kB: {more / once:.2f}x the cost (target 1.10x)")


def more_resources(knowledge: Knowledge) -> None:
    """Print the cost per resource for growing records: target within 1.4 times."""
    counts = [100, 200, 400, 800, 1600, 3200]
    bodies = [build_request(count, NOW.date()) for count in counts]
    taken = medians([lambda b=body: decide(b, knowledge) for body in bodies], 2 * SECONDS_PER_ROW)
    each = [seconds / count * 1e6 for seconds, count in zip(taken, counts, strict=True)]
    print("\nmicroseconds per resource: " + ", ".join(f"{c}: {e:.1f}" for c, e in zip(counts, each, strict=True)))
    print(f"most / least: {max(each) / min(each):.2f}x (target 1.4x)")


def main() -> None:
    """Print all three tables."""
    knowledge = load_knowledge()
    decide(build_request(SIZES["200 kB"][0], NOW.date()), knowledge)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    whole_decision(knowledge)
    more_rules(knowledge)
    more_resources(knowledge)


if __name__ == "__main__":
    main()
