"""The public keys of a registered client: a JWK Set from a file, or from the URL where the EHR publishes it.

A key is looked up by its `kid` and used only with algorithms that fit it. Keys are parsed once, not per call. The key
URL in a token (`jku`) is never used.
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
"""Algorithms that can be registered: asymmetric only (CDS Hooks 2.0.1: SHALL NOT accept `none` or HMAC)."""
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_MIN_RSA_BITS = 2048
_MAX_JWKS_BYTES = 262_144
_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 3.0, 3.0, 5.0
_MAX_AGE_SECONDS, _STALE_IF_ERROR_SECONDS, _RETRY_SECONDS = 3600.0, 86_400.0, 60.0


class KeySetError(ValueError):
    """Why a JWK Set can't be used, and what to do. The message completes a sentence that starts with its location."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, as PyJWT's key object, and the algorithms that it may be used with."""

    kid: str
    algorithms: tuple[str, ...]
    public_key: Any = field(repr=False)


class KeySet(Protocol):
    """The public keys of one client."""

    def find(self, kid: str) -> Key | None:
        """The key with this id; None if the client has no such key."""


@dataclass(frozen=True, slots=True)
class LocalKeySet:
    """Keys read from a file at start."""

    keys: Mapping[str, Key]

    def find(self, kid: str) -> Key | None:
        """The key with this id; None if there is none."""
        return self.keys.get(kid)


def read_jwks_file(path: Path) -> LocalKeySet:
    """The keys of a JWK Set file.

    Raises:
        KeySetError: the file can't be read, is not a JWK Set, or holds a private, duplicate or unusable key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeySetError(
            f"can't be read ({error.strerror}); correct the path, which is relative to the clients file"
        ) from None
    keys: dict[str, Key] = {}
    for number, row in enumerate(_jwks_entries(content), start=1):
        try:
            key = _parse_jwk(row)
        except KeySetError as problem:
            raise KeySetError(f"key number {number} {problem}") from None
        if key.kid in keys:
            raise KeySetError(f'holds the kid "{key.kid}" twice; a kid names one key')
        keys[key.kid] = key
    return LocalKeySet(keys)


class RemoteKeySet:
    """A JWK Set that an EHR publishes at a URL, fetched on demand and cached for an hour.

    An unknown `kid` triggers a new fetch, at most once a minute, so that a new key works soon and forged tokens can't
    make the service flood the EHR. If a fetch fails, the cached keys stay valid for a day.
    Safe to share between threads: one of them fetches; the others wait only if they have no cached key.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._ca_file = ca_file
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, Key] = {}
        self._fetched_at = self._attempted_at = float("-inf")

    def find(self, kid: str) -> Key | None:
        """The key with this id; the set is fetched again if the key is unknown or its cache entry is old."""
        now = self._clock()
        key = self._keys.get(kid) if now - self._fetched_at < _STALE_IF_ERROR_SECONDS else None
        if key is not None and now - self._fetched_at < _MAX_AGE_SECONDS:
            return key
        if not self._lock.acquire(blocking=key is None):
            return key  # another thread is fetching; the cached key is still valid
        try:
            if self._clock() - self._attempted_at >= _RETRY_SECONDS:
                self._refresh()
            return self._keys.get(kid) if self._clock() - self._fetched_at < _STALE_IF_ERROR_SECONDS else None
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        self._attempted_at = self._clock()
        try:
            self._keys = fetch_jwks(self.url, self._ca_file)
        except KeySetError as problem:
            _log.error("keys not fetched: %s %s", self.url, problem)
        else:
            self._fetched_at = self._attempted_at


def fetch_jwks(url: str, ca_file: Path | None = None, seconds: float = _TOTAL_SECONDS) -> dict[str, Key]:
    """The usable keys of a published JWK Set by id; unusable ones are left out and logged.

    Args:
        url: an https URL, as the schema of the clients file requires.
        ca_file: CA certificates to verify the server with; None for the public CAs.
        seconds: how long the whole response may take.

    Raises:
        KeySetError: no usable key was retrieved in time and within 256 kB, without a redirect.
    """
    rows = list(_jwks_entries(_download(url, ca_file, seconds)))
    keys: dict[str, Key] = {}
    problems = []
    for number, row in enumerate(rows, start=1):
        try:
            key = _parse_jwk(row)
        except KeySetError as problem:
            problems.append(f"key number {number} {problem}")
        else:
            keys.setdefault(key.kid, key)
    if problems:
        _log.warning("keys left out: %s: %s", url, "; ".join(problems))
    if not keys:
        raise KeySetError("holds no usable key; ask the EHR for the URL of its JWK Set")
    return keys


def _download(url: str, ca_file: Path | None, seconds: float) -> bytes:
    start = time.monotonic()
    with requests.Session() as session:
        # Ignore proxies, passwords and certificates from the environment: only the registration counts.
        session.trust_env = False
        session.verify = str(ca_file) if ca_file else True
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        timeout = (_CONNECT_SECONDS, _READ_SECONDS)
        try:
            with session.get(url, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
                if response.status_code != requests.codes.ok:
                    raise KeySetError(f"answered {response.status_code}; give the URL of the JWK Set itself")
                return b"".join(_chunks(response, start, seconds))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise KeySetError(f"could not be fetched ({type(error).__name__}); check that it is reachable") from None


def _chunks(response: requests.Response, start: float, seconds: float) -> Iterator[bytes]:
    """The body in chunks; `requests` itself limits neither the total time nor the size of a response."""
    size = 0
    while chunk := response.raw.read1(65_536, decode_content=False):
        size += len(chunk)
        if size > _MAX_JWKS_BYTES:
            raise KeySetError(f"is larger than {_MAX_JWKS_BYTES} bytes; give the URL of the JWK Set itself")
        if time.monotonic() > start + seconds:
            raise KeySetError(f"took longer than {seconds:g} seconds; check the server")
        yield chunk


def _jwks_entries(content: bytes) -> list[Any]:
    try:
        keys = json.loads(content)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        keys = None
    if not isinstance(keys, list) or not keys:
        raise KeySetError('is not a JWK Set; it must be JSON like {"keys": [{"kty": "EC", "kid": ...}]}')
    return keys


def _parse_jwk(row: Any) -> Key:
    """One entry of a JWK Set as a key.

    Raises:
        KeySetError: it is private, symmetric, for another use, without a `kid`, too short or malformed.
    """
    if not isinstance(row, dict):
        raise KeySetError("is not an object; copy the set as the EHR gives it")
    if _PRIVATE_MEMBERS & row.keys():
        raise KeySetError(
            "holds a secret (a private or symmetric key) that only its owner may have; ask for the public key"
        )
    kid = row.get("kid")
    if not isinstance(kid, str) or not kid:
        raise KeySetError("has no kid, by which a token names its key; ask the EHR for it")
    operations = row.get("key_ops", ["verify"])
    if row.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeySetError("is not for signatures (use, key_ops); ask for the key that signs the tokens")
    algorithms = _key_algorithms(row)
    try:
        public_key = jwt.PyJWK(row, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise KeySetError("can't be read; copy the set as the EHR gives it") from None
    if row["kty"] == "RSA" and public_key.key_size < _MIN_RSA_BITS:
        raise KeySetError(f"is too short; an RSA key needs {_MIN_RSA_BITS} bits (RFC 7518, 3.3)")
    return Key(kid, algorithms, public_key)


def _key_algorithms(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The algorithms that fit the type and curve of a key; only its `alg` if it has one."""
    kind, curve = row.get("kty"), row.get("crv")
    fitting = _RSA if kind == "RSA" else (_CURVES[curve],) if kind == "EC" and curve in _CURVES else ()
    named = row.get("alg")
    chosen = fitting if named is None else tuple(algorithm for algorithm in fitting if algorithm == named)
    if not chosen:
        raise KeySetError(f"fits no supported algorithm; supported are {', '.join(ALGORITHMS)}")
    return chosen
