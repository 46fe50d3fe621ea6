"""The reasons that clinicians give for going ahead, and how a report counts them: `counts-as` of their code system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

_NOT_COUNTED = "other"


class OverrideReason(NamedTuple):
    """One reason of a topic of cards; `only_with`: ids of questions and alerts, one of which the card must speak of."""

    system: str
    code: str
    display: str
    only_with: frozenset[str] = frozenset()

    def fits(self, subjects: Collection[str]) -> bool:
        """Whether a card that speaks of these questions or alerts offers it."""
        return not self.only_with or not self.only_with.isdisjoint(subjects)


def reason_in_words(key: str, topics: Mapping[str, Iterable[OverrideReason]]) -> str:
    """A reason as clinicians read it; one that the tables do not know as its code.

    Args:
        key: `system|code`.
        topics: of the tables in use, `Knowledge.override_reasons`.
    """
    named = {f"{reason.system}|{reason.code}": reason.display for reasons in topics.values() for reason in reasons}
    return named.get(key, key.rpartition("|")[2])


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
