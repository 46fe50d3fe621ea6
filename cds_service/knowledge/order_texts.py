"""Which procedure the texts of an order name: by the parts that they name, or by a synonym in them.

Parts may be in any order, and the procedure that explains most of them is meant: `IVC filter retrieval` is not its
placement. Synonyms are whole words in a row, longest first; one of three words or more may be in another order, and one
of two makes a parent more special. What is done to a thing that is there (removal, exchange, a check) is never passed
over. Exclude terms veto their procedure, and some words every procedure: skin biopsy and CT angiography are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from cds_service.knowledge.order_language import OrderLanguage, OrderName
from cds_service.knowledge.order_patterns import Parts, Patterns, is_telling, weight_of

_MANY_WORDS = 3


class TextMatch(msgspec.Struct, frozen=True):
    """What the texts of an order name.

    `procedures` are named equally well, by `by` (`parts` or `synonym`), with the words `matched`. `vetoed` if a word
    ruled one out. `looks_interventional`: the name is one of the department's, whether known or not. `unexplained` are
    telling parts of the name that the procedures do not explain.
    """

    procedures: tuple[str, ...] = ()
    by: str | None = None
    matched: str | None = None
    vetoed: bool = False
    looks_interventional: bool = False
    unexplained: tuple[str, ...] = ()


class _Named(msgspec.Struct, frozen=True):
    """Procedures with the parts of a name that they explain, and how much of it that is."""

    procedures: tuple[str, ...] = ()
    matched: str = ""
    explained: Collection[str] = ()
    weight: int = 0
    vetoed: bool = False


class _Synonym(msgspec.Struct, frozen=True):
    text: str
    words: frozenset[str]
    parts: Parts
    actions: frozenset[str]
    procedures: tuple[str, ...]
    place: int
    """Its place in the table: of two that are equally long the first counts."""


class OrderTexts:
    """All patterns, synonyms and exclude terms of the active procedures, prepared once."""

    def __init__(
        self,
        synonyms: Mapping[str, Iterable[str]],
        exclude_terms: Mapping[str, Iterable[str]],
        ancestors: Mapping[str, Iterable[str]],
        language: OrderLanguage,
        patterns: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            synonyms: procedure id -> synonyms.
            exclude_terms: procedure id -> terms that veto it.
            ancestors: procedure id -> ids of its parents, all the way up.
            language: how texts are read.
            patterns: procedure id -> the parts that name it, see `order_parts.toml`.
        """
        self._language = language
        self._ancestors = {procedure: frozenset(line) for procedure, line in ancestors.items()}
        self._parents = frozenset().union(*self._ancestors.values())
        self._places = {procedure: place for place, procedure in enumerate(patterns or ())}
        self._patterns = Patterns(patterns or {})
        prepared = list(self._prepared(synonyms))
        frequent = Counter(word for synonym in prepared for word in synonym.words)
        self._synonyms: dict[str, list[_Synonym]] = {}
        """By the word that fewest synonyms have, so that few are looked at."""
        for synonym in prepared:
            self._synonyms.setdefault(min(synonym.words, key=lambda w: (frequent[w], w)), []).append(synonym)
        self._vetoes = {p: tuple(language.spelled(term) for term in terms) for p, terms in exclude_terms.items()}

    def _prepared(self, synonyms: Mapping[str, Iterable[str]]) -> Iterator[_Synonym]:
        by_words: dict[str, list[str]] = {}
        known: dict[str, OrderName] = {}
        for procedure, texts in synonyms.items():
            for text in texts:
                name = self._language.read([text])
                by_words.setdefault(name.words, []).append(procedure)
                if self._language.plain_words(text) == name.words:
                    known[name.words] = name  # read again, it says the same
        for place, (words, ids) in enumerate(by_words.items()):
            if words.strip():
                name = known.get(words) or self._language.read([words])
                yield _Synonym(
                    text=words,
                    words=frozenset(words.split()),
                    parts=name.parts,
                    actions=name.actions,
                    procedures=tuple(dict.fromkeys(ids)),
                    place=place,
                )

    def recognize(self, texts: Iterable[str]) -> TextMatch:
        """The procedures that explain most of what the texts of an order say, all of them together."""
        name = self._language.read(texts)
        if name.not_interventional is not None:
            return TextMatch(vetoed=True, looks_interventional=name.looks_interventional)
        by_parts, by_synonym = self._by_parts(name), self._by_synonym(name)
        is_synonym = bool(by_synonym.procedures) and by_synonym.weight >= by_parts.weight
        named = by_synonym if is_synonym else by_parts
        vetoed = by_parts.vetoed or by_synonym.vetoed
        if not named.procedures:
            return TextMatch(vetoed=vetoed, looks_interventional=name.looks_interventional)
        return TextMatch(
            procedures=named.procedures,
            by="synonym" if is_synonym else "parts",
            matched=named.matched,
            vetoed=vetoed,
            looks_interventional=True,
            unexplained=tuple(p for p in name.parts if p not in named.explained and is_telling(p, name.parts)),
        )

    def looks_interventional(self, text: str) -> bool:
        """Whether a text says that something is interventional radiology, such as the category of an order."""
        return self._language.read([text]).looks_interventional

    def side(self, texts: Iterable[str]) -> str | None:
        """`left`, `right` or `bilateral`, where the texts of an order name a side."""
        return self._language.side(texts)

    def _by_parts(self, name: OrderName) -> _Named:
        best: dict[str, tuple[str, ...]] = {}
        weights: dict[str, int] = {}
        vetoed = False
        for procedure, explained, weight in self._patterns.found(name.parts):
            if self._is_vetoed(procedure, name):
                vetoed = True
            elif weights.get(procedure, -1) < weight:
                best[procedure], weights[procedure] = explained, weight
        if not best:
            return _Named(vetoed=vetoed)
        most = max(weights.values())
        named = self._most_special(sorted((p for p in best if weights[p] == most), key=self._places.__getitem__))
        return _Named(named, " ".join(best[named[0]]), best[named[0]], most, vetoed)

    def _most_special(self, procedures: Sequence[str]) -> tuple[str, ...]:
        """Without those of which a descendant is there as well."""
        return tuple(p for p in procedures if not any(p in self._ancestors.get(other, ()) for other in procedures))

    def _is_vetoed(self, procedure: str, name: OrderName) -> bool:
        return any([term in name.text for term in self._vetoes.get(procedure, ())])  # noqa: C419 - faster as a list

    def _by_synonym(self, name: OrderName) -> _Named:
        near = [
            s for word in set(name.words.split()) for s in self._synonyms.get(word, ()) if name.actions <= s.actions
        ]
        if not near:
            return _Named()
        near.sort(key=lambda synonym: (-len(synonym.text), synonym.place))
        found = self._longest([s for s in near if s.text in name.words], name)
        if found.procedures and self._parents.isdisjoint(found.procedures):
            return found
        bags = [frozenset(text.split()) for text in name.words.split("|")]
        many = 2 if found.procedures else _MANY_WORDS
        shuffled = self._longest([s for s in near if _is_in_a_bag(s, bags, many)], name, in_a_row=False)
        if not found.procedures:
            return replace(shuffled, vetoed=True) if found.vetoed else shuffled
        special = shuffled.procedures and all(
            any(p in self._ancestors.get(s, ()) for p in found.procedures) for s in shuffled.procedures
        )
        return shuffled if special else found

    def _longest(self, there: Iterable[_Synonym], name: OrderName, *, in_a_row: bool = True) -> _Named:
        """The first of the synonyms that are there, longest first, of which a procedure is not vetoed.

        One that is not in a row explains a little less, so that parts win where both explain as much.
        """
        vetoed = False
        for synonym in there:
            allowed = tuple(p for p in synonym.procedures if not self._is_vetoed(p, name))
            if allowed:
                weight = max(weight_of([p for p in synonym.parts if p in name.parts], name.parts), 1)
                return _Named(allowed, synonym.text.strip(), synonym.parts, weight if in_a_row else weight - 1, vetoed)
            vetoed = True
        return _Named(vetoed=vetoed)


def _is_in_a_bag(synonym: _Synonym, bags: Iterable[frozenset[str]], many: int) -> bool:
    """Whether all words of a synonym of enough words are in one text, in any order."""
    return len(synonym.words) >= many and any(synonym.words <= bag for bag in bags)
