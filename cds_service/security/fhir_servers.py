"""Which FHIR server may be asked on behalf of a client: decided by its URL, before anything is connected to.

Whoever may name any URL can make the service call machines that only it can reach, and hand them a token. So a URL has
to be written plainly, and must lie under a base that is registered. What the name of its host leads to is looked at
again when the connection is made.
Source: CDS Hooks 2.0.1, FHIR Resource Access; OWASP, Server-Side Request Forgery Prevention.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cds_service.security.client import Client

# Parsers drop blanks and control characters, and take a backslash for a slash, each in its own way.
_PLAIN = re.compile(r"[^\x00-\x20\x7f-\U0010ffff?#\\]+")
_PORTS = {"https": 443, "http": 80}
# Host names and literal addresses as browsers and resolvers agree on them: no user, no percent sign, no other script.
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")


@dataclass(frozen=True, slots=True)
class _Base:
    scheme: str
    host: str
    port: int
    segments: tuple[str, ...]


def may_be_asked(client: Client | None, url: str) -> bool:
    """Whether a call may make the service read this FHIR server.

    Args:
        client: who calls; None where nobody is asked who they are. Then https goes anywhere, and plain http only to
            this machine, so that a first try works.
        url: `fhirServer` as the call names it.

    Returns:
        False for everything that is not written plainly: with a user, a query, a fragment, a percent sign, `..`, an
        empty segment, a blank, or a host in other than ASCII letters. Otherwise whether scheme, host and port are those
        of a registered base, and the base's path is the beginning of the path, segment by segment.
    """
    asked = _base(url)
    if asked is None:
        return False
    if client is None:
        return asked.scheme == "https" or is_loopback(asked.host)
    return any(_covers(base, asked) for base in map(_base, client.fhir_servers) if base)


def is_plain(url: str) -> bool:
    """Whether a base URL is written so that `may_be_asked` could ever allow it: https, or http on this machine."""
    base = _base(url)
    return base is not None and (base.scheme == "https" or is_loopback(base.host))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its spelling alone; nothing is looked up."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _covers(base: _Base, asked: _Base) -> bool:
    same = (base.scheme, base.host, base.port) == (asked.scheme, asked.host, asked.port)
    return same and asked.segments[: len(base.segments)] == base.segments


def _base(url: str) -> _Base | None:
    """A URL taken apart; None where it is not written plainly."""
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
    return _Base(scheme, host, _PORTS[scheme] if port is None else port, segments)


def _host(netloc: str) -> str | None:
    """The host in lower case without its port; None for anything but a plain name or address."""
    host = re.sub(r":[0-9]*\Z", "", netloc).lower()
    if not _HOST.fullmatch(host):
        return None
    # Resolvers also read 2130706433, 0x7f.1 and 127.1 as addresses: a last label of digits must be a whole address.
    if host.startswith("[") or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]):
        try:
            return str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            return None
    return host
