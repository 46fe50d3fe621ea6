"""The same patient by prefetch, by FHIR server, and by every mixture of the two: the same decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations
from typing import Any

import orjson
import pytest

from cds_service.answer import answer
from cds_service.cases import request_of
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.fhir_peer import TOKEN, Peer, resources_of, running_peer
from tests.support.samples import sample
from tests.support.shipped import shipped_cases
from tests.support.waiting import PATIENCE

# Procedures come with the medications: one key more would double the mixtures.
KEYS = ("patient", "conditions", "allergies", "observations", "medications")
SPLITS = [frozenset(part) for size in range(len(KEYS)) for part in combinations(KEYS, size)]
# A case about what was not sent has no twin: a server that is asked for it would give it. Nor has one about another
# patient's resource, which a server does not return, or about a result that is not under LOINC, which it does not find.
# A dose given is read where a client sends it, and not searched for.
CASES = [
    case
    for case in shipped_cases()
    if not {"not_sent", "refused"} & set(case.row)
    and "Patient/other" not in str(case.row)
    and "MedicationAdministration" not in str(case.row)
    and all(str(lab.get("code", "")).startswith("loinc|") or "components" in lab for lab in case.row.get("labs", ()))
]
MIXED_EACH = 2
"""Of the cases of a mixture every second one is tried with it, and all of them with the server alone."""
AUTHORIZATION = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "cds"}


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """A FHIR server that wants a token and gives two resources a page."""
    with running_peer(token=TOKEN, page_size=2) as running:
        yield running


@pytest.fixture(scope="module")
def fhir() -> FhirServers:
    """The way to FHIR servers, shared by all calls as in a server process."""
    return FhirServers(FetchLimits(deadline=PATIENCE))


def judged(
    request: dict[str, Any], knowledge: Knowledge, now: datetime, fhir: FhirServers | None = None
) -> tuple[Any, Any]:
    """The answer to a request: cards and decision."""
    parsed = read_request("ir-" + request["hook"], orjson.dumps(request))
    found = answer(parsed, knowledge, now=now, new_id=lambda: "id", fhir=fhir)
    return found.cards, found.decision


@pytest.mark.sampled
@pytest.mark.parametrize("number", range(len(SPLITS)), ids=["-".join(sorted(sent)) or "none" for sent in SPLITS])
def test_where_data_come_from_does_not_matter(
    number: int, peer: Peer, fhir: FhirServers, knowledge: Knowledge, now: datetime
) -> None:
    """Cards and decision are equal whichever keys come by prefetch and whichever the FHIR server has to give.

    Each mixture has its own cases; the whole is every case with every mixture.
    """
    own = sample(CASES, len(SPLITS), number)
    mixed = {case.row["id"] for case in sample(own, MIXED_EACH)}
    differing = []
    for case in own:
        request = request_of(case.row, now)
        by_prefetch = judged(request, knowledge, now)
        peer.resources = resources_of(request)
        peer.requests.clear()  # the server counts them, and there would be tens of thousands
        asked = {**request, "fhirServer": peer.base, "fhirAuthorization": AUTHORIZATION}
        for sent in {frozenset(), SPLITS[number]} if case.row["id"] in mixed else {frozenset()}:
            keys = sent | {"procedures"} if "medications" in sent else sent
            prefetch = {key: value for key, value in request["prefetch"].items() if key in keys}
            if judged({**asked, "prefetch": prefetch}, knowledge, now, fhir) != by_prefetch:
                differing.append((case.place, sorted(sent)))
    assert differing == []


def test_most_cases_have_a_twin() -> None:
    """The comparison above is about the clinical specification, not a handful of cases."""
    assert len(CASES) > 200
