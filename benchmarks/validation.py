"""The cost of validating one resource, as a multiple of parsing it with `json.loads`, and the time to start.

Run by `make bench`. The resources are those of `synthetic.py`: what an EHR sends with a call.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from floor import medians
from synthetic import build_request

from cds_service.profiles.validate import validate_json

MOST_MS = 3.0
MOST_SECONDS_TO_START = 1.0


def resources() -> list[bytes]:
    """Every resource of a call with about 200 resources."""
    body = json.loads(build_request(205, datetime.now(UTC).date()))
    bundles = [value for value in body["prefetch"].values() if value.get("resourceType") == "Bundle"]
    found = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    found += [value for value in body["prefetch"].values() if value.get("resourceType") != "Bundle"]
    return [json.dumps(resource).encode() for resource in found]


def main() -> None:
    """Print the time to start, and for each type the cost and its ratio."""
    listed = resources()
    start = perf_counter()
    validate_json(listed[0])
    print(f"start, first resource included: {perf_counter() - start:.2f} s (at most {MOST_SECONDS_TO_START} s)\n")
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for content in listed:
        by_type[json.loads(content)["resourceType"]].append(content)
    print(f"{'type':>20} {'count':>6} {'read':>9} {'validate':>9} {'times':>6}   (at most {MOST_MS} ms each)")
    for name, contents in by_type.items():
        read, checked = medians(
            [lambda c=contents: _each(json_only, c), lambda c=contents: _each(validate_json, c)], 2.0
        )
        per_read, per_check = read / len(contents) * 1000, checked / len(contents) * 1000
        print(f"{name:>20} {len(contents):>6} {per_read:>6.3f} ms {per_check:>6.2f} ms {per_check / per_read:>6.0f}")


def json_only(content: bytes) -> Any:
    """The floor: only parse the resource."""
    return json.loads(content, parse_float=Decimal)


def _each(work: Any, contents: list[bytes]) -> None:
    for content in contents:
        work(content)


if __name__ == "__main__":
    main()
