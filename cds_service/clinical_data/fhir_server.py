"""GET requests to FHIR servers, each bounded in time and size; the one module that asks them.

In: a URL, a token and a deadline. Out: the bytes of a JSON answer, or the reason why there are none; nothing is
raised. Redirects are not followed, proxies and credentials of the environment are not used, and the token goes only
where the caller says. Source: CDS Hooks 2.0.1, FHIR Resource Access; FHIR R4 RESTful API.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy

import msgspec
import requests
import urllib3.exceptions

from cds_service.clinical_data.connections import AddressRefused, CheckedAdapter
from cds_service.reasons import Reason

_ACCEPT = "application/fhir+json, application/json;q=0.9"
_CHUNK = 65_536
_RETRIED = frozenset({502, 503, 504})
_PAUSE = 0.1
"""Seconds before a failed request is made again."""
_CONNECT_SECONDS = 2.0
_TRIES = 2


class Refusal(msgspec.Struct, frozen=True):
    """An answer that is no data: why, the HTTP status if there was one, and how long the server asks to wait (s)."""

    reason: Reason
    status: int | None = None
    again_in: float | None = None


def open_session(connections: int, verify: bool | str = True) -> requests.Session:
    """A session for any number of threads.

    Args:
        connections: how many requests to one server may be under way at once.
        verify: path of a file with the certificates to trust, instead of the usual ones.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = verify
    # What a server remembers of one call has no place in another.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, CheckedAdapter(pool_connections=32, pool_maxsize=connections))
    return session


def get(session: requests.Session, url: str, token: str | None, until: float, most_bytes: int) -> bytes | Refusal:
    """One resource or page; asked a second time where that may help and time allows.

    Args:
        session: from `open_session`.
        url: absolute.
        token: the bearer token of the call; sent only with this request.
        until: the deadline, on the clock of `time.monotonic`.
        most_bytes: largest answer, after decompression.
    """
    found = _once(session, url, token, until, most_bytes)
    for _ in range(_TRIES - 1):
        wait = _wait_before_again(found)
        if wait is None or time.monotonic() + wait >= until:
            break
        time.sleep(wait)
        found = _once(session, url, token, until, most_bytes)
    return found


def _wait_before_again(found: bytes | Refusal) -> float | None:
    """Seconds to wait before the request is made again; None where it would be in vain."""
    if isinstance(found, bytes):
        return None
    if found.reason.key == "fhir-unreachable":
        return _PAUSE
    if found.status in _RETRIED:
        return found.again_in or _PAUSE
    return found.again_in if found.status == requests.codes.too_many_requests else None


def _once(session: requests.Session, url: str, token: str | None, until: float, most_bytes: int) -> bytes | Refusal:
    left = until - time.monotonic()
    if left <= 0:
        return Refusal(Reason("fhir-timeout"))
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    timeout = (min(left, _CONNECT_SECONDS), left)
    try:
        with session.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
            return _body(response, until, most_bytes)
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        return Refusal(Reason("fhir-timeout"))
    except requests.exceptions.SSLError:
        return Refusal(Reason("fhir-tls"))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if time.monotonic() >= until:
            return Refusal(Reason("fhir-timeout"))
        return Refusal(Reason("fhir-address" if _is_address_refused(error) else "fhir-unreachable"))


def _body(response: requests.Response, until: float, most_bytes: int) -> bytes | Refusal:
    status = response.status_code
    if status != requests.codes.ok:
        return _refused(response)
    parts: list[bytes] = []
    size = 0
    for part in _parts(response):
        size += len(part)
        if size > most_bytes:
            return Refusal(Reason("fhir-too-large"), status)
        if time.monotonic() >= until:
            return Refusal(Reason("fhir-timeout"), status)
        parts.append(part)
    return b"".join(parts)


def _parts(response: requests.Response) -> Iterator[bytes]:
    """The decompressed body, in pieces that a compressed bomb can't make large."""
    while part := response.raw.read(_CHUNK, decode_content=True):
        yield part


def _refused(response: requests.Response) -> Refusal:
    status = response.status_code
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        return Refusal(Reason("fhir-refused", {"status": status}), status)
    if response.is_redirect:
        return Refusal(Reason("fhir-redirect", {"status": status}), status)
    return Refusal(Reason("fhir-status", {"status": status}), status, _again_in(response))


def _again_in(response: requests.Response) -> float | None:
    """Seconds that Retry-After asks to wait: a number of them, or a date. Source: RFC 9110, 10.2.3."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        moment = email.utils.parsedate_to_datetime(asked)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _is_address_refused(error: BaseException | None) -> bool:
    """`requests` wraps what its transport raised, more than once."""
    while error is not None:
        inner = [a for a in error.args if isinstance(a, BaseException)] + [getattr(error, "reason", None)]
        if isinstance(error, AddressRefused) or any(isinstance(one, AddressRefused) for one in inner):
            return True
        error = next((one for one in inner if isinstance(one, BaseException)), None) or error.__cause__
    return False
