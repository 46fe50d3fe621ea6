"""The cost of storing the record of a call: a call over WSGI with a store, as a multiple of the same call without.

Run by `make bench`. The store is a SQLite file, synced to disk for each call.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace

from flask.testing import FlaskClient
from floor import NOW, SIZES, medians
from synthetic import build_request

from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings
from cds_service.web.app import create_app


def call(client: FlaskClient, body: bytes) -> None:
    """One hook call."""
    answer = client.post("/cds-services/ir-order-sign", data=body, content_type="application/json")
    assert answer.status_code == 200


def main() -> None:
    """Print the ratio for three sizes of record."""
    knowledge, settings = load_knowledge(), Settings()
    with tempfile.TemporaryDirectory() as folder:
        with_store = replace(settings, database_url=f"sqlite:///{folder}/records.db")
        without, stored = (create_app(s, knowledge).test_client() for s in (settings, with_store))
        print("\ncost of a call whose record is stored, as a multiple of one without a store:")
        for label, (resources, *_) in SIZES.items():
            body = build_request(resources, NOW.date())
            plain, recorded = medians([lambda b=body: call(without, b), lambda b=body: call(stored, b)])
            more = (recorded - plain) * 1e6
            print(f"{label:>8} {plain * 1e6:>8.0f} us without, {recorded / plain:.2f}x with ({more:.0f} us more)")


if __name__ == "__main__":
    main()
