"""The cost of reading a FHIR server, as ratios within one run.

1. All kinds of data at once, as a multiple of one search at the same server (target 1.3).
2. The p95 of calls with complete prefetch, while 4 calls hang at a FHIR server that never answers, as a multiple of
   the p95 without them (target 2); two server processes, as `cds-service serve` starts them.

Run by `make bench`; the FHIR server is that of the tests, over real sockets.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import requests
from synthetic import build_request

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from cds_service.clinical_data.data_request import FetchLimits  # noqa: E402
from cds_service.clinical_data.fhir_access import FhirServers  # noqa: E402  after the path to the tests' server
from cds_service.clinical_data.gather import gather  # noqa: E402
from cds_service.hooks.envelope import read_request  # noqa: E402
from cds_service.knowledge.load import load_knowledge  # noqa: E402
from tests.support.fhir_peer import Exchange, Peer, resources_of, running_peer  # noqa: E402
from tests.support.server import running_server  # noqa: E402

SERVER_SECONDS = 0.05
"""Delay of the server for each request."""
HUNG = 4
WORKERS = 2
HEADERS = {"Content-Type": "application/json"}


def everything_at_once(peer: Peer) -> None:
    """Print the first ratio."""
    body = build_request(200, datetime.now(UTC).date())
    request = json.loads(body)
    peer.resources = resources_of(request)
    peer.faults["*"] = lambda exchange: (time.sleep(SERVER_SECONDS), peer.answer(exchange))[1]
    missing = [key for key in request["prefetch"] if key != "orders"]
    fhir, codes = FhirServers(FetchLimits(deadline=30)), load_knowledge().search_codes

    def fetch(*kinds: str) -> Callable[[], object]:
        prefetch = {key: value for key, value in request["prefetch"].items() if key not in kinds}
        call = read_request(
            "ir-order-sign", json.dumps({**request, "prefetch": prefetch, "fhirServer": peer.base}).encode()
        )
        return lambda: gather(call, fhir, codes)

    one, all_kinds = fetch("conditions"), fetch(*missing)
    one(), all_kinds()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(30):
        for work, taken in zip((one, all_kinds), times, strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    ratio = median(times[1]) / median(times[0])
    print(f"all {len(missing)} kinds of data at once: {ratio:.2f} times one search (target 1.3)")


def beside_hung_calls(peer: Peer, folder: Path) -> None:
    """Print the second ratio."""
    peer.faults["*"] = _never
    body = build_request(200, datetime.now(UTC).date())
    request = json.loads(body)
    hanging = json.dumps({**request, "prefetch": {}, "fhirServer": peer.base}).encode()
    state = {"CDS_DATABASE_URL": f"sqlite:///{folder}/records.db", "CDS_RATE_LIMIT": "off"}
    with running_server(folder, CDS_WORKERS=str(WORKERS), **state) as server:
        url = f"{server.url}/cds-services/ir-order-sign"
        _p95(url, body, 30)
        alone = _p95(url, body, 300)
        stop = threading.Event()
        hung = [threading.Thread(target=_hang, args=(url, hanging, stop)) for _ in range(HUNG)]
        for thread in hung:
            thread.start()
        time.sleep(0.5)
        beside = _p95(url, body, 300)
        stop.set()
        for thread in hung:
            thread.join()
    print(
        f"p95 of healthy calls beside {HUNG} hung ones, {WORKERS} workers: {beside / alone:.2f} times alone (target 2)"
    )


def _never(exchange: Exchange) -> None:
    time.sleep(30)


def _hang(url: str, body: bytes, stop: threading.Event) -> None:
    while not stop.is_set():
        requests.post(url, data=body, headers=HEADERS, timeout=60)


def _p95(url: str, body: bytes, calls: int) -> float:
    taken = []
    with requests.Session() as session:
        for _ in range(calls):
            start = time.perf_counter()
            answer = session.post(url, data=body, headers=HEADERS, timeout=60)
            taken.append(time.perf_counter() - start)
            assert answer.status_code == 200
    return quantiles(taken, n=20)[-1]


if __name__ == "__main__":
    with running_peer() as server_of_tests:
        everything_at_once(server_of_tests)
    with running_peer() as server_of_tests, tempfile.TemporaryDirectory() as state:
        beside_hung_calls(server_of_tests, Path(state))
