"""Where we and HL7's validator differ on purpose, or cannot agree; docs/validation.md lists the same.

By our rules that HL7's validator does not have as errors, and by its messages that are no errors of ours.
"""

from __future__ import annotations

OURS_ALONE: dict[str, str] = {}
THEIRS_ALONE: dict[str, str] = {}
