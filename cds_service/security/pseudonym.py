"""Patient ids as logs and records may hold them: the same patient of the same EHR gets the same pseudonym, and no one
without the key can tell whose it is, not even by trying every id.
"""

from __future__ import annotations

import hashlib
import hmac

_HEX_DIGITS = 32


def pseudonym(key: bytes, issuer: str, patient_id: str) -> str:
    """A patient id as 32 hexadecimal digits.

    Args:
        key: the setting CDS_LOG_KEY.
        issuer: the client that the id comes from, since two EHRs may number two people alike; empty without clients.
        patient_id: bare id, as `context.patientId`.
    """
    message = f"{len(issuer)}:{issuer}{patient_id}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:_HEX_DIGITS]
