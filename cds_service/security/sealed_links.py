"""Links that lead to something kept for a short time: signed, with their time, and each the only key to its content.

What is kept is encrypted with a random key that stands in the link alone, so who reads the database, or a backup of it,
reads nothing. The signature tells a link of ours from any other without a look into the database, and an expired one
from one that never was. Source: docs/decisions/0076-summary-links.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

_SALT = "cds-service.summary"


class InvalidLink(Exception):
    """The link was not made here, or was changed."""


class ExpiredLink(InvalidLink):
    """The link was made here, and its time is over."""


class Sealed(msgspec.Struct, frozen=True):
    """What a link is made of: `token` goes into the URL and is kept nowhere, the rest until it expires."""

    token: str
    id: str
    body: bytes
    expires_at: datetime


class SealedLinks:
    """Seals and opens content.

    Args:
        secret: what signatures are made with, the same in all processes and machines.
        lifetime: how long a link opens.
        clock: the time, aware.
    """

    def __init__(self, secret: bytes, lifetime: timedelta, clock: Callable[[], datetime]) -> None:
        from cryptography import fernet  # only a site that has links needs it

        self._fernet = fernet
        self._signer = _Signer(secret, clock)
        self._clock = clock
        self.lifetime = lifetime

    def seal(self, content: bytes) -> Sealed:
        """Encrypt content with a new key, and make the link that holds it."""
        key = self._fernet.Fernet.generate_key()
        token = self._signer.sign(key.rstrip(b"=")).decode("ascii")
        return Sealed(token, _id(key), self._fernet.Fernet(key).encrypt(content), self._clock() + self.lifetime)

    def id_of(self, token: str) -> str:
        """Under which id its content is kept.

        Raises:
            InvalidLink: the token was not made here, or was changed.
            ExpiredLink: its time is over.
        """
        return _id(self._key(token))

    def unseal(self, token: str, body: bytes) -> bytes:
        """The content that was kept.

        Raises:
            InvalidLink: the token does not open it.
        """
        try:
            return self._fernet.Fernet(self._key(token)).decrypt(body)
        except self._fernet.InvalidToken:
            raise InvalidLink from None

    def _key(self, token: str) -> bytes:
        try:
            signed = self._signer.unsign(token, max_age=int(self.lifetime.total_seconds()))
        except SignatureExpired:
            raise ExpiredLink from None
        except BadSignature:
            raise InvalidLink from None
        return signed + b"=" * (-len(signed) % 4)


class _Signer(TimestampSigner):
    """Signs with SHA-256 and the time of a clock that is given."""

    def __init__(self, secret: bytes, clock: Callable[[], datetime]) -> None:
        super().__init__(secret, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Whether the signature is the one that `sign` writes; another spelling of its last bits is none."""
        return hmac.compare_digest(self.get_signature(value), sig.encode() if isinstance(sig, str) else sig)

    def get_timestamp(self) -> int:
        """Seconds since 1970."""
        return int(self._clock().timestamp())


def _id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
