"""Which addresses are reached, and that a name can't hide one."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest

from cds_service.clinical_data.connections import may_connect
from cds_service.clinical_data.fhir_server import Refusal, get, open_session
from cds_service.clinical_data.paging import next_url
from tests.support.fhir_peer import running_peer
from tests.support.ports import closed_port
from tests.support.waiting import PATIENCE

BASE = "https://ehr.example.org/fhir"
ASKED = f"{BASE}/Condition?patient=1"


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("fhir.example.org", "203.0.113.7", True),
        ("fhir.hospital.example", "10.1.2.3", True),
        ("fhir.hospital.example", "192.168.7.7", True),
        ("fhir.hospital.example", "fd00::17", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("[::1]", "::1", True),
        ("fhir.example.org", "127.0.0.1", False),
        ("fhir.example.org", "::1", False),
        ("2130706433", "127.0.0.1", False),
        ("0x7f.1", "127.0.0.1", False),
        ("127.1", "127.0.0.1", False),
        ("fhir.example.org", "::ffff:127.0.0.1", False),
        ("fhir.example.org", "64:ff9b::7f00:1", False),
        ("fhir.example.org", "169.254.169.254", False),
        ("169.254.169.254", "169.254.169.254", False),
        ("fhir.example.org", "fe80::1%eth0", False),
        ("fhir.example.org", "64:ff9b::a9fe:a9fe", False),
        ("fhir.example.org", "0.0.0.0", False),  # noqa: S104  an address that is refused
        ("fhir.example.org", "224.0.0.1", False),
        ("fhir.example.org", "240.0.0.1", False),
    ],
)
def test_addresses(host: str, address: str, allowed: bool) -> None:
    """A hospital's private addresses are fine; metadata services are not, nor loopback by another name."""
    assert may_connect(host, address) is allowed


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001"])
def test_a_disguised_loopback_gets_no_request(host: str) -> None:
    """The address is looked at once the connection stands, before anything is sent: the server is not asked."""
    with running_peer() as peer:
        url = peer.base.replace("127.0.0.1", host) + "/Patient/1"
        found = get(open_session(2), url, "secret", time.monotonic() + PATIENCE, 1000)
        assert peer.requests == []
    assert isinstance(found, Refusal)
    assert found.reason.key == "fhir-address"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        (f"{BASE}/Condition?page=2", f"{BASE}/Condition?page=2"),
        ("https://EHR.example.org:443/fhir?_getpages=x", "https://EHR.example.org:443/fhir?_getpages=x"),
        ("Condition?page=2", f"{BASE}/Condition?page=2"),
        ("?page=2", f"{BASE}/Condition?page=2"),
        ("/fhir/Condition?page=2", f"{BASE}/Condition?page=2"),
        ("/Condition?page=2", f"{BASE}/Condition?page=2"),
        ("/fhirx/Condition?page=2", f"{BASE}/fhirx/Condition?page=2"),
        ("Condition?page=2#top", f"{BASE}/Condition?page=2"),
        ("http://ehr.example.org/fhir/Condition", None),
        ("https://ehr.example.org:8443/fhir/Condition", None),
        ("https://ehr.example.org.evil.example/fhir", None),
        ("https://evil.example/https://ehr.example.org/fhir", None),
        ("//evil.example/fhir", None),
        ("https://ehr.example.org@evil.example/fhir", None),
        ("https://user:pw@ehr.example.org/fhir", None),
        ("https://ehr.example.org\\@evil.example/", None),
        ("https://ehr.example.org/\nHost: evil.example", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://[::1/fhir", None),
        ("https://ehr.example.org:port/fhir", None),
        ("", None),
    ],
)
def test_next_links(link: str, url: str | None) -> None:
    """A next link leads to the same scheme, host and port, or nowhere."""
    assert next_url(link, ASKED, BASE) == url


def test_nothing_listens() -> None:
    """A server that is not there is a reason, not an error."""
    with closed_port() as port:
        found = get(open_session(2), f"http://127.0.0.1:{port}/fhir", None, time.monotonic() + PATIENCE, 1000)
    assert isinstance(found, Refusal)
    assert found.reason.key == "fhir-unreachable"


def test_a_server_that_speaks_no_tls() -> None:
    """A certificate that can't be trusted, or no TLS at all, is a reason of its own and sends no token."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):  # at the end of the test
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        received.append(connection.recv(4096))
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/fhir"
        found = get(open_session(2), url, "secret-token", time.monotonic() + PATIENCE, 1000)
    assert isinstance(found, Refusal)
    assert found.reason.key == "fhir-tls"
    assert b"secret-token" not in b"".join(received)
