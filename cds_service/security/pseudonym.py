"""Pseudonyms of patient ids for logs and records: the same patient of the same EHR always gets the same pseudonym.
Without the key nobody can reverse it, not even by trying every id.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

_HEX_DIGITS = 32


def pseudonym(key: bytes, issuer: str, patient_id: str) -> str:
    """The HMAC-SHA256 of a patient id, cut to 32 hexadecimal digits.

    Args:
        key: the setting CDS_LOG_KEY.
        issuer: the client that sent the id, because two EHRs may use one id for two people; empty without clients.
        patient_id: bare id, as in `context.patientId`.
    """
    message = f"{len(issuer)}:{issuer}{patient_id}".encode("utf-8", "surrogatepass")
    keyed = _keyed(key).copy()
    keyed.update(message)
    return keyed.hexdigest()[:_HEX_DIGITS]


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> hmac.HMAC:
    """To be copied: working in the key takes as long as a message."""
    return hmac.new(key, digestmod="sha256")
