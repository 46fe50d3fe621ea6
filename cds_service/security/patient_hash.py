"""How a patient appears in logs and records: a keyed hash, which follows a patient and names nobody."""

from __future__ import annotations

import hmac

_HEX_DIGITS = 32


def hashed_patient(patient_id: str, key: str) -> str:
    """32 hex digits (128 bits) of HMAC-SHA256; the same patient under the same key gives the same text.

    Args:
        patient_id: bare id as the EHR gives it.
        key: the setting CDS_LOG_KEY. Whoever knows it can test a guessed id, so it is kept like a password.

    Source: RFC 2104; FIPS 198-1 allows the leftmost bits of the code.
    """
    return hmac.new(key.encode(), patient_id.encode(), "sha256").hexdigest()[:_HEX_DIGITS]
