"""A real FHIR server, read the way a guest reads it: slowly, and with a message for everything that goes wrong."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from cds_service.clinical_data.data_request import DataQuery, FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers, Observe
from cds_service.clinical_data.fhir_server import Refusal, get, open_session
from cds_service.clinical_data.retrieved import RetrievedData
from cds_service.errors import SetupError
from cds_service.security.fhir_servers import is_loopback

_TOKEN = re.compile(r"[!-~]+")
_SECONDS = 30
_MOST_BYTES = 50_000_000
_FETCH_SECONDS = 600
_FETCH_PAGES = 100
_PER_SECOND = 2.0
_RELEASES = {"0": "DSTU1", "1": "DSTU2", "3": "STU3", "5": "R5", "6": "R6"}
_UNDERSTOOD = ("4.0", "4.1", "4.3")


class Pace:
    """At most so many requests a second, over all threads; None for as many as come."""

    def __init__(self, per_second: float | None) -> None:
        """The first request goes at once."""
        self._gap = 1 / per_second if per_second else 0.0
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may go."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + self._gap
        time.sleep(start - now)


class FhirSource:
    """One FHIR server and the token to read it with."""

    def __init__(self, base: str, token: str | None = None, *, ca: Path | None = None, rate: float | None = None):
        """Asks nothing yet.

        Args:
            base: its base URL.
            token: bearer token, if it wants one.
            ca: PEM file of certificates to trust instead of the usual ones.
            rate: most requests a second; None for 2, and for no limit at a server on this machine.

        Raises:
            SetupError: the URL is none, or the token can't be one.
        """
        self.base = base.rstrip("/")
        self.token = token
        if token is not None and not _TOKEN.fullmatch(token):
            raise SetupError(
                "the token holds a blank, a line's end or another character that no token has; give it whole"
            )
        parts = _parts(self.base)
        self.is_local = is_loopback(parts.hostname or "")
        self._pace = Pace(rate or (None if self.is_local else _PER_SECOND))
        self.verify: bool | str = str(ca) if ca else True
        self._session = open_session(1, self.verify)

    def get(self, path: str) -> bytes | Refusal:
        """What the server gives for a path below its base URL, or why it gives nothing."""
        self._pace.wait()
        return get(self._session, f"{self.base}/{path}", self.token, time.monotonic() + _SECONDS, _MOST_BYTES)

    def resource(self, path: str) -> Mapping[str, Any]:
        """One resource.

        Raises:
            SetupError: it can't be had; the message says why and what to do.
        """
        found = self.get(path)
        if isinstance(found, Refusal):
            raise SetupError(f"{self.base}/{path}: {self._advice(found, path)}")
        try:
            resource = orjson.loads(found)
        except orjson.JSONDecodeError:
            resource = None
        if not isinstance(resource, dict) or "resourceType" not in resource:
            raise SetupError(
                f"{self.base}/{path}: the answer is no FHIR JSON; is this the base URL of a FHIR server? "
                "It often ends in /fhir, /r4 or /baseR4"
            )
        kind = path.partition("/")[0]
        if "/" in path and resource["resourceType"] != kind:
            raise SetupError(f"{self.base}/{path}: answered with a {resource['resourceType']} and no {kind}")
        return resource

    def metadata(self) -> Mapping[str, Any]:
        """The CapabilityStatement of a server that speaks R4.

        Raises:
            SetupError: there is no FHIR server, or it speaks another release.
        """
        statement = self.resource("metadata")
        kind = statement["resourceType"]
        if kind not in ("CapabilityStatement", "Conformance"):
            raise SetupError(f"{self.base}/metadata: answered with a {kind}; this is no base URL of a FHIR server")
        release = str(statement.get("fhirVersion", ""))
        if kind == "Conformance" or not release.startswith(_UNDERSTOOD):
            name = "DSTU2" if kind == "Conformance" else _RELEASES.get(release[:1], "another release")
            raise SetupError(
                f"{self.base}: speaks FHIR {release or '?'} ({name}), and R4 (4.0.1) is needed; "
                "many servers have an R4 base URL beside this one"
            )
        return statement

    def fetch(
        self, patient_id: str, wanted: Sequence[DataQuery], tell: Observe | None = None
    ) -> Mapping[str, RetrievedData]:
        """Clinical data, read to their last page at this server's pace and checked as the service itself would.

        `tell` hears of each kind of data as it is done.
        """
        limits = FetchLimits(deadline=_FETCH_SECONDS, pages=_FETCH_PAGES, most_bytes=_MOST_BYTES)
        servers = FhirServers(limits, calls=1, verify=self.verify, observe=tell, pace=self._pace.wait)
        return servers.fetch(self.base, self.token, patient_id, wanted)

    def as_service(self, deadline: float) -> FhirServers:
        """The way by which a service in this process reads the server: within its deadline (seconds), where it may be
        asked at any speed, and else as long as asking slowly takes.
        """
        limits = FetchLimits(deadline=deadline if self.is_local else _FETCH_SECONDS)
        return FhirServers(limits, calls=1, verify=self.verify, pace=self._pace.wait)

    def _advice(self, refusal: Refusal, path: str) -> str:
        """What is wrong, and what to do about it."""
        match refusal.status, refusal.reason.key:
            case 401, _ if self.token:
                return "401, the token is not accepted; it may have expired or be for another server"
            case 401, _:
                return "401, the server wants to know who asks; give --token, or --smart-client"
            case 403, _:
                return "403, the token does not open this; ask for a scope such as system/*.read"
            case (404 | 410) as status, _ if path == "metadata":
                return f"{status}, no FHIR server is here; its base URL often ends in /fhir, /r4 or /baseR4"
            case (404 | 410) as status, _:
                return f"{status}, there is no such resource; look at {self.base}/{path.partition('/')[0]}?_count=5"
            case _, "fhir-tls":
                return "its certificate is not trusted; give the certificate of its authority with --ca FILE"
            case status, "fhir-redirect":
                return f"{status}, it points to another address; give that one"
            case _, "fhir-unreachable":
                return "nothing answers there; check the address"
            case _, "fhir-address":
                return "the name leads to an address of this machine or its cloud; write the address itself"
            case _, "fhir-timeout":
                return f"no answer in {_SECONDS} seconds; try again"
            case status, key:
                return f"{status or key}; try again, or look into the server's log"


def _parts(base: str) -> Any:
    try:
        parts = urlsplit(base)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and not parts.query
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise SetupError(f"{base}: is no base URL of a FHIR server; write one such as https://hapi.fhir.org/baseR4")
    return parts
