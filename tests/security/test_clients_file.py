"""The clients file: what is read from it, and every mistake with its line and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds_service.errors import ClientsError
from cds_service.hooks.catalog import SERVICES
from cds_service.security.client import Client
from cds_service.security.clients_file import read_clients
from cds_service.security.keys import RemoteKeySet
from tests.security.conftest import NORTH
from tests.support.ehr import private_jwk, private_key

GOOD = '[[client]]\nissuer = "https://ehr.example.org"\njwks = "keys.json"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the public keys of one EHR, a private key, and a text file."""
    (tmp_path / "keys.json").write_text(json.dumps(NORTH.jwks()), "utf-8")
    (tmp_path / "secret.json").write_text(json.dumps({"keys": [private_jwk(private_key("P-384"), "k")]}), "utf-8")
    (tmp_path / "text.txt").write_text("not a certificate", "utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    """A file of clients with this text."""
    path = folder / "clients.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_smallest_entry_is_enough(folder: Path) -> None:
    """Issuer and keys are enough. Defaults: ES384 and RS384, tokens up to an hour, all services, no FHIR server."""
    (registration,) = read_clients(written(folder, GOOD), SERVICES).values()
    issuer = "https://ehr.example.org"
    assert registration.client == Client(issuer, name=issuer)
    assert (registration.algorithms, registration.max_lifetime) == (("ES384", "RS384"), 3600)
    assert registration.keys.find("key-1") is not None


def test_everything_that_can_be_registered_is_read(folder: Path) -> None:
    """Every field of the file is read into the client or its registration."""
    text = """
[[client]]
issuer = "https://sandbox.example.org"
name = "sandbox"
jwks_url = "https://sandbox.example.org/.well-known/jwks.json"
fhir_servers = ["https://sandbox.example.org/fhir", "http://localhost:8090/fhir"]
tenants = ["t1"]
services = ["ir-order-sign", "ir-patient-view"]
algorithms = ["RS256"]
max_lifetime = 86400
shadow = true
"""
    registration = read_clients(written(folder, text), SERVICES)["https://sandbox.example.org"]
    assert registration.client == Client(
        "https://sandbox.example.org",
        ("https://sandbox.example.org/fhir", "http://localhost:8090/fhir"),
        name="sandbox",
        services=("ir-order-sign", "ir-patient-view"),
        tenants=("t1",),
        shadow=True,
    )
    assert (registration.algorithms, registration.max_lifetime) == (("RS256",), 86400)
    assert isinstance(registration.keys, RemoteKeySet)


MISTAKES = {
    "a word misspelled": (GOOD + 'fhir_server = "x"', "line 4: client 1, fhir_server is not a known field; fields are"),
    "no issuer": ('[[client]]\njwks = "keys.json"', "line 1: client 1, issuer is missing; write the iss claim"),
    "issuer with a blank": ('[[client]]\nissuer = "a b"\njwks = "keys.json"', "line 2: client 1, issuer is"),
    "no keys": ('[[client]]\nissuer = "x"', "line 1: client 1, jwks is missing; name the file"),
    "two kinds of keys": (
        GOOD + 'jwks_url = "https://x.example/k"',
        "line 4: client 1, jwks_url is given together with jwks",
    ),
    "keys that are not there": (GOOD.replace("keys.json", "none.json"), "line 3: client 1, jwks"),
    "secret keys": (GOOD.replace("keys.json", "secret.json"), "key number 1 holds a secret"),
    "keys for no algorithm": (GOOD + 'algorithms = ["RS384"]', "has no key for RS384; add the algorithm"),
    "keys over http": ('[[client]]\nissuer = "x"\njwks_url = "http://x.example/k"', "line 3: client 1, jwks_url is"),
    "keys with a user": ('[[client]]\nissuer = "x"\njwks_url = "https://u:p@x.example/k"', "write the https URL"),
    "a symmetric algorithm": (
        GOOD + 'algorithms = ["HS256"]',
        'line 4: client 1, algorithms is "HS256"; write an asym',
    ),
    "no algorithm": (GOOD + 'algorithms = ["none"]', 'algorithms is "none"'),
    "an empty list": (GOOD + "tenants = []", "line 4: client 1, tenants is []; write a list"),
    "a life of text": (GOOD + 'max_lifetime = "1h"', 'max_lifetime is "1h"; write seconds'),
    "a life of a week": (GOOD + "max_lifetime = 604800", "max_lifetime is 604800; write seconds"),
    "an unknown service": (
        GOOD + 'services = ["ir-x"]',
        'services has "ir-x", which is not a service; services are ir-',
    ),
    "a FHIR server over http": (
        GOOD + 'fhir_servers = ["http://x.example/fhir"]',
        'fhir_servers has "http://x.example',
    ),
    "a FHIR server with a query": (GOOD + 'fhir_servers = ["https://x.example/?a"]', "without user, query"),
    "an authority that is none": (GOOD + 'ca_file = "text.txt"', "line 4: client 1, ca_file"),
    "an issuer twice": (GOOD + GOOD, "line 5: client 2, issuer is registered twice; keep one"),
    "a name twice": (
        GOOD + 'name = "a"\n' + GOOD.replace("ehr.", "ehr2.") + 'name = "a"',
        "line 8: client 2, name is used twice",
    ),
    "a name of anything": (GOOD + 'name = "a b\\n"', "line 4: client 1, name is"),
    "no client": ("", "client is missing; write one [[client]] table per EHR"),
    "client as a table": (GOOD.replace("[[client]]", "[client]"), "write one [[client]] table per EHR"),
    "something else": (GOOD + "[[clients]]\n", "clients is not a known field"),
    "no TOML": ("[[client]]\nissuer = x", "is not TOML (Invalid value (at line 2, column 10))"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_line_and_remedy(folder: Path, text: str, message: str) -> None:
    """Every mistake in the file is reported with file, line, client, field and what to write instead."""
    path = written(folder, text)
    with pytest.raises(ClientsError) as error:
        read_clients(path, SERVICES)
    (problem,) = error.value.problems
    assert problem.startswith(str(path))
    assert message in problem


def test_all_mistakes_are_named_at_once(folder: Path) -> None:
    """All mistakes are reported at once, not one after the other."""
    text = GOOD + 'services = ["ir-x"]\n[[client]]\nissuer = "y"\n[[client]]\nissuer = "z"\njwks = "none.json"'
    with pytest.raises(ClientsError) as error:
        read_clients(written(folder, text), SERVICES)
    assert len(error.value.problems) == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is reported with the setting that names it."""
    with pytest.raises(ClientsError, match=r"none\.toml: can't be read .* correct CDS_CLIENTS"):
        read_clients(tmp_path / "none.toml", SERVICES)
