"""Which FHIR server may be read for which client, decided by its URL."""

from __future__ import annotations

import pytest

from cds_service.security.client import Client
from cds_service.security.fhir_servers import is_allowed_server, is_valid_base_url
from tests.security.conftest import NORTH, SOUTH, StartService
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.ehr import Ehr

CLIENT = Client(
    "https://ehr.example.org",
    ("https://EHR.example.org/fhir/r4/", "https://ehr.example.org:8443", "http://127.0.0.1:8090/fhir"),
)

ALLOWED = [
    "https://ehr.example.org/fhir/r4",
    "https://ehr.example.org/fhir/r4/",
    "HTTPS://EHR.Example.ORG/fhir/r4",
    "https://ehr.example.org:443/fhir/r4",
    "https://ehr.example.org:/fhir/r4",
    "https://ehr.example.org/fhir/r4/tenant-1",
    "https://ehr.example.org:8443",
    "https://ehr.example.org:8443/anything",
    "http://127.0.0.1:8090/fhir",
]
REFUSED = {
    "another scheme": "http://ehr.example.org/fhir/r4",
    "another scheme at the same port": "http://ehr.example.org:443/fhir/r4",
    "another port": "https://ehr.example.org:444/fhir/r4",
    "another host": "https://evil.example/fhir/r4",
    "the host as a beginning": "https://ehr.example.org.evil.example/fhir/r4",
    "the host as an end": "https://evilehr.example.org/fhir/r4",
    "the host as a user": "https://ehr.example.org@evil.example/fhir/r4",
    "a user": "https://user:secret@ehr.example.org/fhir/r4",
    "an encoded user": "https://ehr.example.org%40evil.example/fhir/r4",
    "a backslash": "https://ehr.example.org\\@evil.example/fhir/r4",
    "a dot at the end": "https://ehr.example.org./fhir/r4",
    "letters that look alike": "https://\u0435hr.example.org/fhir/r4",
    "a full-width dot": "https://ehr.example\uff0eorg/fhir/r4",
    "another path": "https://ehr.example.org/other",
    "the root": "https://ehr.example.org/",
    "half a segment": "https://ehr.example.org/fhir/r4evil",
    "another case of the path": "https://ehr.example.org/FHIR/r4",
    "up and out": "https://ehr.example.org/fhir/r4/../../admin",
    "up and out, encoded": "https://ehr.example.org/fhir/r4/%2e%2e/%2e%2e/admin",
    "encoded twice": "https://ehr.example.org/fhir/r4/%252e%252e/admin",
    "a segment parameter": "https://ehr.example.org/fhir/r4/..;/admin",
    "an empty segment": "https://ehr.example.org//fhir/r4",
    "a query": "https://ehr.example.org/fhir/r4?x=1",
    "a fragment": "https://ehr.example.org/fhir/r4#@evil.example",
    "a line break": "https://ehr.example.org/fhir/r4\r\nHost: evil.example",
    "a tab in the host": "https://ehr.exam\tple.org/fhir/r4",
    "a blank before": " https://ehr.example.org/fhir/r4",
    "a null before": "\x00https://ehr.example.org/fhir/r4",
    "no scheme": "//ehr.example.org/fhir/r4",
    "a file": "file:///etc/passwd",
    "another protocol": "gopher://ehr.example.org/fhir/r4",
    "no host": "https:///fhir/r4",
    "a port that is none": "https://ehr.example.org:99999/fhir/r4",
    "a port that is no number": "https://ehr.example.org:x/fhir/r4",
    "an open bracket": "https://[ehr.example.org/fhir/r4",
    "this machine by another spelling": "http://127.1:8090/fhir",
    "this machine as one number": "http://2130706433:8090/fhir",
    "this machine in another version": "http://[::1]:8090/fhir",
    "the metadata of a cloud": "http://169.254.169.254/latest",
    "nothing": "",
}


@pytest.mark.parametrize("url", ALLOWED)
def test_a_registered_server_is_known_however_it_is_plainly_written(url: str) -> None:
    """Case of scheme and host, the default port and a trailing slash do not make it another server."""
    assert is_allowed_server(CLIENT, url)


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED.keys())
def test_any_other_server_is_refused(url: str) -> None:
    """Another scheme, host, port or path, and every URL form that parsers disagree about, is rejected."""
    assert not is_allowed_server(CLIENT, url)


def test_a_client_without_servers_may_name_none() -> None:
    """A client without registered FHIR servers may not name one; it uses prefetch alone."""
    assert not is_allowed_server(Client("https://ehr.example.org"), "https://ehr.example.org/fhir")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://launch.example.org/v/r4/fhir", True),
        ("http://localhost:8090/fhir", True),
        ("http://127.0.0.1/fhir", True),
        ("http://[::1]:8090/fhir", True),
        ("http://launch.example.org/fhir", False),
        ("http://169.254.169.254/latest", False),
        ("http://10.0.0.1/fhir", False),
        ("http://0x7f.1/fhir", False),
        ("http://127.0.0.1.evil.example/fhir", False),
        ("https://user@launch.example.org/fhir", False),
    ],
)
def test_for_a_first_try_https_or_this_machine_is_enough(url: str, allowed: bool) -> None:
    """Without registered clients, plain http is allowed only for servers on this machine."""
    assert is_allowed_server(None, url) is allowed
    assert is_valid_base_url(url) is allowed


@pytest.mark.parametrize(
    ("ehr", "server", "status"),
    [
        (NORTH, "https://ehr.example.org/fhir", 200),
        (NORTH, None, 200),
        (NORTH, "https://evil.example/fhir", 403),
        (SOUTH, None, 200),
        (SOUTH, "https://ehr.example.org/fhir", 403),
    ],
)
def test_a_call_that_names_another_server_is_refused(
    start_service: StartService, ehr: Ehr, server: str | None, status: int
) -> None:
    """A call that names a FHIR server not registered for this client, even another client's, gets a 403."""
    body = a_call(prefetch=NOTHING_RECORDED) | ({"fhirServer": server} if server else {})
    headers = ehr.bearer(tenant="ward-1")
    response = start_service().post("/cds-services/ir-order-sign", json=body, headers=headers)
    assert response.status_code == status
    assert "evil" not in response.text
