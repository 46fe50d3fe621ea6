"""A real FHIR server, read at a limited rate, with a message for everything that can go wrong."""

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
_MAX_BYTES = 50_000_000
_FETCH_SECONDS = 600
_FETCH_PAGES = 100
_PER_SECOND = 2.0
_RELEASES = {"0": "DSTU1", "1": "DSTU2", "3": "STU3", "5": "R5", "6": "R6"}
_SUPPORTED_RELEASES = ("4.0", "4.1", "4.3")


class RateLimiter:
    """At most `per_second` requests a second, over all threads; None for no limit."""

    def __init__(self, per_second: float | None) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._next_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next request may be sent; the first may be sent at once."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_at)
            self._next_at = start + self._interval
        time.sleep(start - now)


class FhirSource:
    """One FHIR server and the token to read it with."""

    def __init__(self, base: str, token: str | None = None, *, ca: Path | None = None, rate: float | None = None):
        """Send no request yet.

        Args:
            base: base URL of the server.
            token: bearer token, if the server needs one.
            ca: PEM file of CA certificates to trust instead of the public CAs.
            rate: most requests per second; None for 2, or no limit for a server on this machine.

        Raises:
            SetupError: the URL or the token is malformed.
        """
        self.base = base.rstrip("/")
        self.token = token
        if token is not None and not _TOKEN.fullmatch(token):
            raise SetupError(
                "the token has a blank, a line end or another character that no token has; give the whole token"
            )
        parts = _parse_base_url(base)
        self.is_local = is_loopback(parts.hostname or "")
        self._rate_limiter = RateLimiter(rate or (None if self.is_local else _PER_SECOND))
        self.verify: bool | str = str(ca) if ca else True
        self._session = open_session(1, self.verify)

    def get(self, path: str) -> bytes | Refusal:
        """The body at a path below the base URL, or why it could not be retrieved."""
        self._rate_limiter.wait()
        return get(self._session, f"{self.base}/{path}", self.token, time.monotonic() + _SECONDS, _MAX_BYTES)

    def resource(self, path: str) -> Mapping[str, Any]:
        """One resource.

        Raises:
            SetupError: it can't be retrieved; the message says why and what to do.
        """
        body = self.get(path)
        if isinstance(body, Refusal):
            raise SetupError(f"{self.base}/{path}: {self._advice(body, path)}")
        try:
            resource = orjson.loads(body)
        except orjson.JSONDecodeError:
            resource = None
        if not isinstance(resource, dict) or "resourceType" not in resource:
            raise SetupError(
                f"{self.base}/{path}: the answer is not FHIR JSON; give the base URL of a FHIR server, "
                "which often ends in /fhir, /r4 or /baseR4"
            )
        kind = path.partition("/")[0]
        if "/" in path and resource["resourceType"] != kind:
            raise SetupError(f"{self.base}/{path}: answered with a {resource['resourceType']} instead of a {kind}")
        return resource

    def metadata(self) -> Mapping[str, Any]:
        """The CapabilityStatement of an R4 server.

        Raises:
            SetupError: it is not a FHIR server, or supports another release.
        """
        statement = self.resource("metadata")
        kind = statement["resourceType"]
        if kind not in ("CapabilityStatement", "Conformance"):
            raise SetupError(f"{self.base}/metadata: answered with a {kind}; this is not the base URL of a FHIR server")
        release = str(statement.get("fhirVersion", ""))
        if kind == "Conformance" or not release.startswith(_SUPPORTED_RELEASES):
            name = "DSTU2" if kind == "Conformance" else _RELEASES.get(release[:1], "another release")
            raise SetupError(
                f"{self.base}: supports FHIR {release or '?'} ({name}), but R4 (4.0.1) is needed; "
                "many servers have another base URL for R4"
            )
        return statement

    def fetch(
        self, patient_id: str, wanted: Sequence[DataQuery], observe: Observe | None = None
    ) -> Mapping[str, RetrievedData]:
        """Clinical data, read to the last page within the rate limit and checked as by the service itself.

        `observe` is called for each kind of data when it is done.
        """
        limits = FetchLimits(deadline=_FETCH_SECONDS, pages=_FETCH_PAGES, most_bytes=_MAX_BYTES)
        servers = FhirServers(limits, calls=1, verify=self.verify, observe=observe, pace=self._rate_limiter.wait)
        return servers.fetch(self.base, self.token, patient_id, wanted)

    def as_service(self, deadline: float) -> FhirServers:
        """A FHIR client for a service in this process, with the service's `deadline` (seconds) for a server on this
        machine; with a longer one if the rate is limited.
        """
        limits = FetchLimits(deadline=deadline if self.is_local else _FETCH_SECONDS)
        return FhirServers(limits, calls=1, verify=self.verify, pace=self._rate_limiter.wait)

    def _advice(self, refusal: Refusal, path: str) -> str:
        """What is wrong, and what to do about it."""
        match refusal.status, refusal.reason.key:
            case 401, _ if self.token:
                return "401, the token is not accepted; it may have expired or be for another server"
            case 401, _:
                return "401, the server needs authorization; give --token, or --smart-client"
            case 403, _:
                return "403, the token does not allow this; ask for a scope such as system/*.read"
            case (404 | 410) as status, _ if path == "metadata":
                return f"{status}, there is no FHIR server here; its base URL often ends in /fhir, /r4 or /baseR4"
            case (404 | 410) as status, _:
                return f"{status}, there is no such resource; see {self.base}/{path.partition('/')[0]}?_count=5"
            case _, "fhir-tls":
                return "its certificate is not trusted; give the certificate of its CA with --ca FILE"
            case status, "fhir-redirect":
                return f"{status}, it redirects to another URL; give that one"
            case _, "fhir-unreachable":
                return "no server answers there; check the URL"
            case _, "fhir-address":
                return "the name resolves to an address of this machine or its cloud; write the address itself"
            case _, "fhir-timeout":
                return f"no answer in {_SECONDS} seconds; try again"
            case status, key:
                return f"{status or key}; try again, or see the server's log"


def _parse_base_url(base: str) -> Any:
    try:
        parts = urlsplit(base)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and not parts.query
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise SetupError(
            f"{base}: is not the base URL of a FHIR server; write one such as https://hapi.fhir.org/baseR4"
        )
    return parts
