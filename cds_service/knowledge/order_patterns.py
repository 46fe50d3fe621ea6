"""Which procedures the parts of a name make: the patterns of `order_parts.toml`, found by the parts that are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from cds_service.knowledge.order_language import ACTION

Parts = Mapping[str, str]
"""Each part that a name holds, with its kind, in the order of the name."""

ANY_OF = "any-"
"""Before a kind of parts: any part of that kind."""
STUDY = "study"
TECHNIQUE = "technique"
_WEIGHTS = {"placement": 0, "department": 0, STUDY: 1, "approach": 1, "general": 1}
_WEIGHT = 2


def weight_of(explained: Iterable[str], parts: Parts) -> int:
    """How much of a name is explained; what says little by itself (percutaneous, artery, tube) is half as much."""
    return sum(_WEIGHTS.get(parts[part], _WEIGHT) for part in explained)


def is_telling(part: str, parts: Parts) -> bool:
    """Whether a part of a name says much by itself."""
    return parts[part] not in _WEIGHTS


class Pattern(msgspec.Struct, frozen=True):
    """One way to name a procedure.

    Of each of `needed` a part must be there, and none of `never`. Parts of `known`, and any part of the kinds
    `may_kinds`, are explained.
    """

    procedure: str
    needed: tuple[frozenset[str], ...]
    known: frozenset[str]
    may_kinds: frozenset[str]
    never: frozenset[str]

    def explained(self, parts: Parts) -> tuple[str, ...]:
        """The parts of a name that this pattern explains, none where the name is not this procedure's.

        What is done to a thing that is there already must be explained: a removal is no placement. Where several things
        are done, each of their procedures may be meant.
        """
        for choice in self.needed:
            if choice.isdisjoint(parts):
                return ()
        if not self.never.isdisjoint(parts):
            return ()
        explained = tuple(part for part, kind in parts.items() if part in self.known or kind in self.may_kinds)
        is_done = ACTION in parts.values() and all(parts[part] != ACTION for part in explained)
        return () if is_done else explained


def read_pattern(procedure: str, text: str) -> Pattern:
    """A pattern as it is written: `biopsy liver|kidney ?tumor ?any-target -port`."""
    words = text.split()
    needed = tuple(frozenset(word.split("|")) for word in words if word[0] not in "?-")
    may = frozenset(word[1:] for word in words if word[0] == "?")
    kinds = frozenset(part for part in may if part.startswith(ANY_OF))
    return Pattern(
        procedure=procedure,
        needed=needed,
        known=(may - kinds).union(*needed),
        may_kinds=frozenset(kind.removeprefix(ANY_OF) for kind in kinds),
        never=frozenset(word[1:] for word in words if word[0] == "-"),
    )


class Patterns:
    """All patterns, each by the needed part that fewest others have: only those that may fit are looked at."""

    def __init__(self, patterns: Mapping[str, Iterable[str]]) -> None:
        """`patterns`: procedure id -> its patterns."""
        read = [read_pattern(procedure, text) for procedure, texts in patterns.items() for text in texts]
        frequent = Counter(part for pattern in read for choice in pattern.needed for part in choice)
        self._by_part: dict[str, list[Pattern]] = {}
        for pattern in read:
            for part in min(pattern.needed, key=lambda choice: sum(frequent[part] for part in choice)):
                self._by_part.setdefault(part, []).append(pattern)

    def found(self, parts: Parts) -> list[tuple[str, tuple[str, ...], int]]:
        """Each procedure that the parts name, with the parts that a pattern explains and how much of the name that is.

        A picture of vessels is passed over where an intervention is named as well: most of them begin with one.
        """
        weights = {part: _WEIGHTS.get(kind, _WEIGHT) for part, kind in parts.items()}
        near = (pattern for part in parts for pattern in self._by_part.get(part, ()))
        found = [
            (pattern.procedure, explained, sum(map(weights.__getitem__, explained)))
            for pattern in near
            if (explained := pattern.explained(parts))
        ]
        if STUDY not in parts.values():
            return found
        return [match for match in found if not _only_looks(match[1], parts)] or found


def _only_looks(explained: Iterable[str], parts: Parts) -> bool:
    kinds = {parts[part] for part in explained}
    return STUDY in kinds and TECHNIQUE not in kinds
