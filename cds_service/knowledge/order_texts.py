"""Which procedure a text names: whole-word synonyms, longest first, with terms that veto.

`IVC filter retrieval` is not placement and `TEVAR` is not `EVAR` because the longest synonym wins and words are
whole; skin biopsy and CT angiography are nothing because exclude terms veto. Words in another order
(`Embolization, uterine artery`) count where they only make a parent more special, or where they are many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.knowledge.words import Words

_MANY_WORDS = 3


@dataclass(frozen=True, slots=True)
class _Synonym:
    text: str
    words: frozenset[str]
    procedures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextMatch:
    """`procedures` share the longest synonym found, `synonym`; `vetoed` where an exclude term struck one out."""

    procedures: tuple[str, ...] = ()
    synonym: str | None = None
    vetoed: bool = False


class OrderTexts:
    """All synonyms and exclude terms of the active procedures, prepared once."""

    def __init__(
        self,
        synonyms: Mapping[str, Iterable[str]],
        exclude_terms: Mapping[str, Iterable[str]],
        ancestors: Mapping[str, Iterable[str]],
        words: Words,
    ) -> None:
        """Prepare.

        Args:
            synonyms: procedure id -> synonyms.
            exclude_terms: procedure id -> terms that veto it.
            ancestors: procedure id -> ids of its parents, all the way up.
            words: how texts become words.
        """
        self._words = words
        self._ancestors = {procedure: frozenset(line) for procedure, line in ancestors.items()}
        self._parents = frozenset().union(*self._ancestors.values())
        by_words: dict[str, list[str]] = {}
        for procedure, names in synonyms.items():
            for name in names:
                by_words.setdefault(words.of(name), []).append(procedure)
        self._synonyms = [
            _Synonym(text, frozenset(text.split()), tuple(dict.fromkeys(ids)))
            for text, ids in sorted(by_words.items(), key=lambda i: -len(i[0]))
        ]
        self._vetoes = {
            procedure: tuple(words.of(term) for term in terms) for procedure, terms in exclude_terms.items()
        }

    def recognize(self, texts: Iterable[str]) -> TextMatch:
        """The procedures that the longest synonym in any of the texts names.

        Exclude terms are looked for in all texts together: a display `Angiography` beside the text
        `CT angiography` is no catheter angiography.
        """
        prepared = [self._words.of(text) for text in texts]
        everything = " ".join(prepared)  # three blanks in a row between two texts, so that no synonym spans them
        found = self._longest([s for s in self._synonyms if s.text in everything], everything)
        if found.procedures and self._parents.isdisjoint(found.procedures):
            return found
        bags = [frozenset(words.split()) for words in prepared]
        many = 2 if found.procedures else _MANY_WORDS
        shuffled = self._longest([s for s in self._synonyms if _is_in_a_bag(s, bags, many)], everything)
        if not found.procedures:
            return TextMatch(shuffled.procedures, shuffled.synonym, found.vetoed or shuffled.vetoed)
        special = shuffled.procedures and all(
            any(p in self._ancestors.get(s, ()) for p in found.procedures) for s in shuffled.procedures
        )
        return shuffled if special else found

    def _longest(self, there: Iterable[_Synonym], everything: str) -> TextMatch:
        """The first of the synonyms that are there, longest first, of which a procedure is not vetoed."""
        vetoed = False
        for synonym in there:
            allowed = tuple(p for p in synonym.procedures if not any(v in everything for v in self._vetoes.get(p, ())))
            if allowed:
                return TextMatch(allowed, synonym.text.strip(), vetoed)
            vetoed = True
        return TextMatch(vetoed=vetoed)


def _is_in_a_bag(synonym: _Synonym, bags: Iterable[frozenset[str]], many: int) -> bool:
    """Whether all words of a synonym of enough words are in one text, in any order."""
    return len(synonym.words) >= many and any(synonym.words <= bag for bag in bags)
