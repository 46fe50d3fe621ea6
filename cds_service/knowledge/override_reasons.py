"""How a report counts the reasons that clinicians give for going ahead: `counts-as` of their code system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_NOT_COUNTED = "other"


def reasons_by_kind(reasons: Mapping[str, int], kinds: Mapping[str, str]) -> dict[str, int]:
    """Answers by kind: `useful`, `wrong`, `data-gap`, `limit`, `urgency`, and `other` for codes without one.

    Args:
        reasons: `system|code` -> how often it was given.
        kinds: of the tables in use, `Knowledge.reason_kinds`.
    """
    found: Counter[str] = Counter()
    for reason, count in reasons.items():
        found[kinds.get(reason, _NOT_COUNTED)] += count
    return dict(found.most_common())
