"""Which FHIR server the service may read for a client: decided by its URL, before any connection is opened.

A caller that could name any URL could make the service call internal machines and send them a token (SSRF). So a URL
must be in plain form and lie under a registered base URL. The addresses that the host resolves to are checked again
when the connection is opened.
Source: CDS Hooks 2.0.1, FHIR Resource Access; OWASP, Server-Side Request Forgery Prevention.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import msgspec

from cds_service.security.client import Client

# URL parsers disagree about blanks, control characters and backslashes, so none of them is allowed.
_PLAIN = re.compile(r"[^\x00-\x20\x7f-\U0010ffff?#\\]+")
_PORTS = {"https": 443, "http": 80}
# Host names and IP literals that all parsers read alike: no user info, no percent sign, ASCII only.
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")


class _BaseUrl(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    port: int
    segments: tuple[str, ...]


def is_allowed_server(client: Client | None, url: str) -> bool:
    """Whether a call may make the service read this FHIR server.

    Args:
        client: the caller; None where no clients are registered. Then any https URL is allowed, and plain http only
            on this machine, so that a first try works.
        url: `fhirServer` as sent with the call.

    Returns:
        False for every URL not in plain form: with user info, a query, a fragment, a percent sign, `..`, an empty
        segment, a blank, or a non-ASCII host. Otherwise whether scheme, host and port equal those of a registered base
        URL and its path is a prefix of this one, segment by segment.
    """
    requested = _parse(url)
    if requested is None:
        return False
    if client is None:
        return requested.scheme == "https" or is_loopback(requested.host)
    return any(_covers(base, requested) for base in map(_parse, client.fhir_servers) if base)


def is_valid_base_url(url: str) -> bool:
    """Whether `is_allowed_server` could ever allow a URL under this base: plain form; https, or http on loopback."""
    base = _parse(url)
    return base is not None and (base.scheme == "https" or is_loopback(base.host))


def is_loopback(host: str) -> bool:
    """Whether a host is `localhost` or a loopback address; names are not resolved."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _covers(base: _BaseUrl, requested: _BaseUrl) -> bool:
    same_origin = (base.scheme, base.host, base.port) == (requested.scheme, requested.host, requested.port)
    return same_origin and requested.segments[: len(base.segments)] == base.segments


def _parse(url: str) -> _BaseUrl | None:
    """The parts of a URL; None if it is not in plain form."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not _PLAIN.fullmatch(url) or parts.scheme.lower() not in _PORTS:
        return None
    host, path = _host(parts.netloc), parts.path
    segments = tuple(part for part in path.split("/") if part)
    if host is None or not _PATH.fullmatch(path) or {".", ".."} & set(segments):
        return None
    scheme = parts.scheme.lower()
    return _BaseUrl(scheme, host, _PORTS[scheme] if port is None else port, segments)


def _host(netloc: str) -> str | None:
    """The host in lower case without its port; None unless it is a plain name or address."""
    host = re.sub(r":[0-9]*\Z", "", netloc).lower()
    if not _HOST.fullmatch(host):
        return None
    # Resolvers also accept 2130706433, 0x7f.1 and 127.1 as addresses: a numeric last label must be a full address.
    if host.startswith("[") or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]):
        try:
            return str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            return None
    return host
