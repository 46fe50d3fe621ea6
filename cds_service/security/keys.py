"""The public keys of a registered client: from a file, or from the address at which the EHR publishes them.

A key is looked up by its `kid` and serves only the algorithms that fit it. Keys are parsed once, not per call. Where a
token says that its key is to be found (`jku`) is never looked at.
Source: RFC 7517 (JSON Web Key), RFC 7518 section 3; CDS Hooks 2.0.1, Trusting CDS Clients.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import jwt
import requests
from urllib3.exceptions import HTTPError

_log = logging.getLogger(__name__)

_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = (*_CURVES.values(), *_RSA)
"""The algorithms that can be registered: asymmetric ones only (CDS Hooks 2.0.1: SHALL NOT accept `none` or HMAC)."""
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_SMALLEST_RSA_BITS = 2048
_LARGEST_SET = 262_144
_CONNECT_SECONDS, _READ_SECONDS, _WHOLE_SECONDS = 3.0, 3.0, 5.0
_FRESH_SECONDS, _USABLE_SECONDS, _PAUSE_SECONDS = 3600.0, 86_400.0, 60.0


class KeyProblem(ValueError):
    """Why a set of keys can't be used, and what to do: the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key. `public` is what PyJWT verifies with; `algorithms` are those that this key may sign by."""

    kid: str
    algorithms: tuple[str, ...]
    public: Any = field(repr=False)


class Keys(Protocol):
    """Where the keys of one client come from."""

    def find(self, kid: str) -> Key | None:
        """The key of this id; None where the client has none."""


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """Keys that stay as they were read at the start."""

    keys: Mapping[str, Key]

    def find(self, kid: str) -> Key | None:
        """The key of this id."""
        return self.keys.get(kid)


def read_key_file(path: Path) -> FixedKeys:
    """The keys of a JWK Set file.

    Raises:
        KeyProblem: the file can't be read, is no JWK Set, or holds a key that must not be in it or can't be used.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyProblem(
            f"can't be read ({error.strerror}); correct the path, it counts from the clients file"
        ) from None
    keys: dict[str, Key] = {}
    for number, row in enumerate(_rows(content), start=1):
        try:
            key = _key(row)
        except KeyProblem as problem:
            raise KeyProblem(f"key number {number} {problem}") from None
        if key.kid in keys:
            raise KeyProblem(f'holds the kid "{key.kid}" twice; a kid names one key')
        keys[key.kid] = key
    return FixedKeys(keys)


class PublishedKeys:
    """Keys that an EHR publishes under an address, fetched when they are needed and kept for an hour.

    A `kid` that is not among them is a reason to fetch again, at most once a minute, so that a new key works soon and
    forged tokens can't make the service send requests. Where a fetch fails the keys at hand serve on, for a day.
    Threads share one object: one of them fetches, and the others wait only where they have nothing to go on.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._ca_file = ca_file
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, Key] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def find(self, kid: str) -> Key | None:
        """The key of this id, fetched again where it is unknown or old."""
        now = self._clock()
        key = self._keys.get(kid) if now - self._fetched_at < _USABLE_SECONDS else None
        if key is not None and now - self._fetched_at < _FRESH_SECONDS:
            return key
        if not self._lock.acquire(blocking=key is None):
            return key  # another thread is fetching, and this one is good for the time being
        try:
            if self._clock() - self._tried_at >= _PAUSE_SECONDS:
                self._refresh()
            return self._keys.get(kid) if self._clock() - self._fetched_at < _USABLE_SECONDS else None
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = fetch_keys(self.url, self._ca_file)
        except KeyProblem as problem:
            _log.error("keys not fetched: %s %s", self.url, problem)
        else:
            self._fetched_at = self._tried_at


def fetch_keys(url: str, ca_file: Path | None = None, seconds: float = _WHOLE_SECONDS) -> dict[str, Key]:
    """The usable keys of a published JWK Set by their id; one that can't be used is left out.

    Args:
        url: https; the clients file is checked for it.
        ca_file: certificates to check the server by; None for the public ones.
        seconds: how long the whole answer may take.

    Raises:
        KeyProblem: nothing usable came, in time, within 256 kB and without a redirect.
    """
    rows = list(_rows(_download(url, ca_file, seconds)))
    keys: dict[str, Key] = {}
    problems = []
    for number, row in enumerate(rows, start=1):
        try:
            key = _key(row)
        except KeyProblem as problem:
            problems.append(f"key number {number} {problem}")
        else:
            keys.setdefault(key.kid, key)
    if problems:
        _log.warning("keys left out: %s: %s", url, "; ".join(problems))
    if not keys:
        raise KeyProblem("holds no key that can be used; ask the EHR for the address of its JWK Set")
    return keys


def _download(url: str, ca_file: Path | None, seconds: float) -> bytes:
    began = time.monotonic()
    with requests.Session() as session:
        # Neither proxies nor passwords nor certificates of the environment: what is registered counts.
        session.trust_env = False
        session.verify = str(ca_file) if ca_file else True
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        timeout = (_CONNECT_SECONDS, _READ_SECONDS)
        try:
            with session.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
                if response.status_code != requests.codes.ok:
                    raise KeyProblem(f"answered {response.status_code}; give the address of the JWK Set itself")
                return b"".join(_pieces(response, began, seconds))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise KeyProblem(f"could not be fetched ({type(error).__name__}); is it reachable from here?") from None


def _pieces(response: requests.Response, began: float, seconds: float) -> Iterator[bytes]:
    """The body as it comes; `requests` has no limit of its own to the time or the size of a whole answer."""
    size = 0
    while piece := response.raw.read1(65_536, decode_content=False):
        size += len(piece)
        if size > _LARGEST_SET:
            raise KeyProblem(f"is larger than {_LARGEST_SET} bytes; give the address of the JWK Set itself")
        if time.monotonic() > began + seconds:
            raise KeyProblem(f"took longer than {seconds:g} seconds; is the server well?")
        yield piece


def _rows(content: bytes) -> list[Any]:
    try:
        keys = json.loads(content)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        keys = None
    if not isinstance(keys, list) or not keys:
        raise KeyProblem('is no JWK Set; it must be JSON like {"keys": [{"kty": "EC", "kid": ...}]}')
    return keys


def _key(row: Any) -> Key:
    """One entry of a JWK Set as a key.

    Raises:
        KeyProblem: it is private, symmetric, for another use, nameless, weak or broken.
    """
    if not isinstance(row, dict):
        raise KeyProblem("is no object; copy the set as the EHR gives it")
    if _PRIVATE & row.keys():
        raise KeyProblem(
            "holds a secret (a private or symmetric key); only its owner may have it: ask for the public key"
        )
    kid = row.get("kid")
    if not isinstance(kid, str) or not kid:
        raise KeyProblem("has no kid; a token names its key by it")
    operations = row.get("key_ops", ["verify"])
    if row.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeyProblem("is not for signatures (use, key_ops); ask for the key that tokens are signed by")
    algorithms = _algorithms_of(row)
    try:
        public = jwt.PyJWK(row, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise KeyProblem("can't be read; copy the set as the EHR gives it") from None
    if row["kty"] == "RSA" and public.key_size < _SMALLEST_RSA_BITS:
        raise KeyProblem(f"is too short; an RSA key needs {_SMALLEST_RSA_BITS} bits (RFC 7518, 3.3)")
    return Key(kid, algorithms, public)


def _algorithms_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What a key may sign by: what its kind allows, and of that the one that it names."""
    kind, curve = row.get("kty"), row.get("crv")
    fitting = _RSA if kind == "RSA" else (_CURVES[curve],) if kind == "EC" and curve in _CURVES else ()
    named = row.get("alg")
    chosen = fitting if named is None else tuple(algorithm for algorithm in fitting if algorithm == named)
    if not chosen:
        raise KeyProblem(f"signs by no algorithm known here; known are {', '.join(ALGORITHMS)}")
    return chosen
