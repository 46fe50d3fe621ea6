"""Verify a bearer token: `Authorization` header and called URL -> the registered client.

Runs before any of the request body is read.
Source: CDS Hooks 2.0.1, Trusting CDS Clients; RFC 7519; RFC 8725 (JSON Web Token Best Current Practices).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import msgspec

from cds_service.errors import NotAllowed
from cds_service.security.client import Client
from cds_service.security.keys import KeySet

# Longer than any valid token; longer ones are rejected before their signature is computed.
_MAX_TOKEN_LENGTH = 8192
_MAX_ID_LENGTH = 512
_SKEW_SECONDS = 60
_MAX_TIMESTAMP = 1e12
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_REQUIRED = ["iss", "aud", "exp", "iat", "jti"]


class Registration(msgspec.Struct, frozen=True):
    """One client and what its tokens are verified with; `max_lifetime` is in seconds."""

    client: Client
    keys: KeySet
    algorithms: tuple[str, ...]
    max_lifetime: int


class InvalidToken(Exception):
    """The token is missing or not valid. `reason` and the ids are for the log only; the caller does not see them.

    `issuer`, `key_id` and `token_id` are taken from the token unverified.
    """

    def __init__(self, reason: str, unverified: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        unverified = unverified or {}
        self.reason = reason
        self.issuer, self.key_id, self.token_id = (_for_log(unverified.get(name)) for name in ("iss", "kid", "jti"))


class TokenVerifier:
    """Verifies the tokens of registered clients.

    Args:
        registrations: the clients, by issuer.
        first_use: called with issuer, token id and expiry; remembers the token and returns whether it is new.
    """

    def __init__(self, registrations: Mapping[str, Registration], first_use: Callable[[str, str, float], bool]) -> None:
        self._registrations = registrations
        self._first_use = first_use

    @property
    def clients(self) -> tuple[Client, ...]:
        """The registered clients."""
        return tuple(registration.client for registration in self._registrations.values())

    def verify(self, authorization: str | None, url: str) -> Client:
        """The client that sent the call.

        Args:
            authorization: the `Authorization` header; None if absent.
            url: the exact URL called, built from `CDS_PUBLIC_URL` and never from request headers.

        Raises:
            InvalidToken: the token is missing or not valid.
            NotAllowed: the tenant in the token is not registered for the client.
        """
        token = _bearer_token(authorization)
        unverified = _unverified_claims(token)
        registration = self._registrations.get(unverified["iss"]) if isinstance(unverified.get("iss"), str) else None
        if registration is None:
            raise InvalidToken("the issuer is not registered", unverified)
        claims = _verified_claims(token, unverified, registration, url)
        if not self._first_use(claims["iss"], claims["jti"], claims["exp"] + _SKEW_SECONDS):
            raise InvalidToken("the token was used before", unverified)
        client, tenant = registration.client, claims.get("tenant")
        if client.tenants and tenant not in client.tenants:
            raise NotAllowed("The tenant of the token is not registered for this client (clients file, tenants).")
        return client


def _bearer_token(authorization: str | None) -> str:
    """The one bearer token in the header. A header sent twice arrives joined by a comma and is rejected."""
    if not authorization:
        raise InvalidToken("no token")
    if len(authorization) > _MAX_TOKEN_LENGTH:
        raise InvalidToken("the token is too long")
    found = _BEARER.fullmatch(authorization.strip())
    if not found:
        raise InvalidToken("the header is not one bearer token in the form of a JWT")
    return found[1]


def _unverified_claims(token: str) -> dict[str, Any]:
    """The unverified claims, together with the header members that are checked."""
    try:
        decoded = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidToken("the token can't be read") from None
    header, claims = decoded["header"], dict(decoded["payload"])
    return claims | {name: header.get(name) for name in ("kid", "alg", "typ", "crit")}


def _verified_claims(token: str, unverified: Mapping[str, Any], registration: Registration, url: str) -> dict[str, Any]:
    """The claims, signed by a key of the client and valid now for this URL."""
    _check_types(unverified)
    if unverified["alg"] not in registration.algorithms:
        raise InvalidToken("the algorithm is not registered for this client", unverified)
    if unverified["exp"] - unverified["iat"] > registration.max_lifetime:
        raise InvalidToken("the token has a longer lifetime than registered for this client", unverified)
    key = registration.keys.find(unverified["kid"])
    if key is None:
        raise InvalidToken("the client has no key with this kid", unverified)
    if unverified["alg"] not in key.algorithms:
        raise InvalidToken("the key is for another algorithm", unverified)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.public_key,
            algorithms=[unverified["alg"]],
            audience=url,
            issuer=registration.client.issuer,
            leeway=_SKEW_SECONDS,
            options={"require": _REQUIRED, "verify_sub": False},
        )
    except jwt.PyJWTError as error:
        raise InvalidToken(_rejection_reason(error), unverified) from None
    return claims


def _check_types(unverified: Mapping[str, Any]) -> None:
    """Check the types of all claims before using them. Source: CDS Hooks 2.0.1, Trusting CDS Clients, JWT fields."""
    if unverified["typ"] not in (None, "JWT") or unverified["crit"] is not None:
        raise InvalidToken("the type of the token is not JWT, or it requires an extension (crit)", unverified)
    for name in ("kid", "jti"):
        value = unverified.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID_LENGTH or not value.isprintable():
            raise InvalidToken(f"{name} is missing or not a short string", unverified)
    for name in ("exp", "iat", *(["nbf"] if "nbf" in unverified else [])):
        value = unverified.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MAX_TIMESTAMP:
            raise InvalidToken(f"{name} is missing or not a number", unverified)


def _rejection_reason(error: jwt.PyJWTError) -> str:
    """A fixed text for each kind of error: PyJWT's own message may quote the token."""
    reasons: dict[type[jwt.PyJWTError], str] = {
        jwt.ExpiredSignatureError: "the token has expired",
        jwt.ImmatureSignatureError: "the token is not valid yet (iat, nbf)",
        jwt.InvalidAudienceError: "the token is for another URL (aud); check that the EHR calls CDS_PUBLIC_URL",
        jwt.InvalidSignatureError: "the signature does not match the key with this kid",
    }
    return reasons.get(type(error), f"the token is not valid ({type(error).__name__})")


def _for_log(value: Any) -> str | None:
    """A claim as JSON, shortened for the log."""
    return json.dumps(value)[:100].strip('"') if value is not None else None
