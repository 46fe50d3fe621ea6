"""The stage itself: bearer token and the URL called -> the registered client, or why the token doesn't count.

In: the `Authorization` header. Out: `Client`. Nothing of the call's body has been read yet.
Source: CDS Hooks 2.0.1, Trusting CDS Clients; RFC 7519; RFC 8725 (JSON Web Token Best Current Practices).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from cds_service.errors import NotAllowed
from cds_service.security.client import Client
from cds_service.security.keys import Keys

# Longer than any token that fits the protocol; the signature of longer ones is not computed.
_LONGEST_TOKEN = 8192
_LONGEST_ID = 512
_SKEW_SECONDS = 60
_END_OF_TIME = 1e12
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_REQUIRED = ["iss", "aud", "exp", "iat", "jti"]


@dataclass(frozen=True, slots=True)
class Registration:
    """One client with what its tokens are checked by; `max_lifetime` is in seconds."""

    client: Client
    keys: Keys
    algorithms: tuple[str, ...]
    max_lifetime: int


class TokenRefused(Exception):
    """The token doesn't count. `reason` and the ids are for the log; whoever called is not told.

    `issuer`, `key_id` and `token_id` are what the token says, and may be anybody's invention.
    """

    def __init__(self, reason: str, claimed: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        claimed = claimed or {}
        self.reason = reason
        self.issuer, self.key_id, self.token_id = (_short(claimed.get(name)) for name in ("iss", "kid", "jti"))


class TokenVerifier:
    """Lets registered clients in.

    Args:
        registrations: the clients, by issuer.
        first_use: says whether a token of this issuer and id, good until this time, is seen for the first time.
    """

    def __init__(self, registrations: Mapping[str, Registration], first_use: Callable[[str, str, float], bool]) -> None:
        self._registrations = registrations
        self._first_use = first_use

    def identify(self, authorization: str | None, url: str) -> Client:
        """The client that a call comes from.

        Args:
            authorization: the header of this name; None without one.
            url: the exact URL called, built from `CDS_PUBLIC_URL` and never from what the call says of itself.

        Raises:
            TokenRefused: nothing proves who is calling.
            NotAllowed: a registered client calls for a tenant that is not registered with it.
        """
        token = _token(authorization)
        claimed = _claimed(token)
        registration = self._registrations.get(claimed["iss"]) if isinstance(claimed.get("iss"), str) else None
        if registration is None:
            raise TokenRefused("the issuer is not registered", claimed)
        claims = _verified(token, claimed, registration, url)
        if not self._first_use(claims["iss"], claims["jti"], claims["exp"] + _SKEW_SECONDS):
            raise TokenRefused("the token was used before", claimed)
        client, tenant = registration.client, claims.get("tenant")
        if client.tenants and tenant not in client.tenants:
            raise NotAllowed("The tenant of the token is not registered for this client (clients file, tenants).")
        return client


def _token(authorization: str | None) -> str:
    """Exactly one bearer token: a header sent twice arrives as one with a comma in it, and is none."""
    if not authorization:
        raise TokenRefused("no token")
    if len(authorization) > _LONGEST_TOKEN:
        raise TokenRefused("the token is too long")
    found = _BEARER.fullmatch(authorization.strip())
    if not found:
        raise TokenRefused("no bearer token in the form of a JWT")
    return found[1]


def _claimed(token: str) -> dict[str, Any]:
    """What header and payload say, unproven: the claims, and of the header what is looked at."""
    try:
        unproven = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefused("the token can't be read") from None
    header, claims = unproven["header"], dict(unproven["payload"])
    return claims | {name: header.get(name) for name in ("kid", "alg", "typ", "crit")}


def _verified(token: str, claimed: Mapping[str, Any], registration: Registration, url: str) -> dict[str, Any]:
    """The claims, proven by a key of the client and in force for this URL now."""
    _check_shape(claimed)
    if claimed["alg"] not in registration.algorithms:
        raise TokenRefused("the algorithm is not registered for this client", claimed)
    if claimed["exp"] - claimed["iat"] > registration.max_lifetime:
        raise TokenRefused("the token lives longer than is registered for this client", claimed)
    key = registration.keys.find(claimed["kid"])
    if key is None:
        raise TokenRefused("the client has no key of this kid", claimed)
    if claimed["alg"] not in key.algorithms:
        raise TokenRefused("the key is for another algorithm", claimed)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=[claimed["alg"]],
            audience=url,
            issuer=registration.client.issuer,
            leeway=_SKEW_SECONDS,
            options={"require": _REQUIRED, "verify_sub": False},
        )
    except jwt.PyJWTError as error:
        raise TokenRefused(_reason(error), claimed) from None
    return claims


def _check_shape(claimed: Mapping[str, Any]) -> None:
    """Types before anything is computed with them. Source: CDS Hooks 2.0.1, Trusting CDS Clients, JWT fields."""
    if claimed["typ"] not in (None, "JWT") or claimed["crit"] is not None:
        raise TokenRefused("the token is of another type than JWT, or asks for an extension (crit)", claimed)
    for name in ("kid", "jti"):
        value = claimed.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID or not value.isprintable():
            raise TokenRefused(f"{name} is missing or no short text", claimed)
    for name in ("exp", "iat", *(["nbf"] if "nbf" in claimed else [])):
        value = claimed.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _END_OF_TIME:
            raise TokenRefused(f"{name} is missing or no number", claimed)


def _reason(error: jwt.PyJWTError) -> str:
    """Why, in fixed words by the kind of error: its own message may quote the token."""
    reasons: dict[type[jwt.PyJWTError], str] = {
        jwt.ExpiredSignatureError: "the token has expired",
        jwt.ImmatureSignatureError: "the token is not in force yet (iat, nbf)",
        jwt.InvalidAudienceError: "the token is for another URL (aud); is CDS_PUBLIC_URL what the EHR calls?",
        jwt.InvalidSignatureError: "the signature is not by the key of this kid",
    }
    return reasons.get(type(error), f"the token is not valid ({type(error).__name__})")


def _short(value: Any) -> str | None:
    """A claim as the log may hold it."""
    return json.dumps(value)[:100].strip('"') if value is not None else None
