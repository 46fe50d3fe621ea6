"""Reads the name of an order: its words spelled out, and the parts of a procedure that they name.

Order names are written short: `*SP RPLC TUN CV PORT`. The table `order_words.toml` says how a word is spelled out, what
it means, and which words make the order another one. Nothing here knows a procedure: see `order_texts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from cds_service.knowledge.known_words import KnownWords
from cds_service.knowledge.order_phrases import Context, Lexicon, Phrase, Phrases, rewritten
from cds_service.knowledge.table_rows import Row
from cds_service.knowledge.words import Words

ACTION = "action"
"""Kind of the parts that say what is done to a thing that is there already."""
DEPARTMENT = "ir"
"""What every prefix of the department is spelled as; patterns may ask for it like for a part."""
_BETWEEN_TEXTS = "|"
_HISTORY = "history"
_WITHOUT = "without"
_MOST_DENIED = 3
_NUMBER_OR_UNIT = re.compile(r"\d+|[^\d]+")
_SHORTEST_COMPOUND = 8
_SHORTEST_STEM = 6
_CODE = re.compile(
    r"\b(?:ICD\W{0,2}(?:\d\d?\W{0,2})?(?:[CG]M\W{0,2})?)?[A-Z]\d[0-9A-Z]\.[0-9A-Z]{1,4}\b|\bICD\W{0,2}\d\d?\W{0,2}(?:[CG]M\b)?",
    re.I,
)
"""A code of ICD-10, and the name of the classification before it: no defibrillator (ICD)."""
_NO_WORDS = Lexicon(frozenset(), frozenset())
_CONTEXT = ("near", "not_near", "place", "alone")

_SIDES = frozenset({"left", "right", "bilateral"})
_BOTH = ("b", "l")
_BEFORE_LETTERS = frozenset({"b", "s", "c", "t", "h"})
"""Letters that make the next one an abbreviation: b/l, s/r, c/l, h/r."""
_AT_THE_END = frozenset({"re", "li"})
"""Sides in German that mean something else in the middle of an English text."""


class OrderName(msgspec.Struct, frozen=True):
    """What the texts of one order say.

    `text` is every word that is meant, spelled out, with one blank around each: what is denied or history is left out,
    and from `words` what says nothing as well. `parts` are the parts of a procedure that they name, each with its kind.
    `not_interventional` is the word that makes it another order: a scan, a laboratory test, a supply, an operation.
    """

    text: str
    words: str
    parts: Mapping[str, str]
    actions: frozenset[str]
    """What is done to a thing that is there already: removal, exchange, a check."""
    not_interventional: str | None
    looks_interventional: bool


class _Other(msgspec.Struct, frozen=True):
    """A word of another order; with `whoever_asks` also under the prefix of the department."""

    word: str
    whoever_asks: bool


class OrderLanguage:
    """The words of order names, prepared once; nothing is remembered of the texts that are read."""

    def __init__(self, table: Row, words: Words, known: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            table: `order_words.toml`, checked, with a hospital's own words laid over it.
            words: how texts become words.
            known: further texts of the tables, whose words are right as they are.
        """
        self._words = words
        spelling = [phrase for block in table.get("spelling", ()) for phrase in self._spellings(block)]
        self._spelling = Phrases(p for p in spelling if p.context is None)
        self._in_context = Phrases(p for p in spelling if p.context is not None)
        self._parts = Phrases(phrase for block in table.get("parts", ()) for phrase in self._names(block))
        self._others = Phrases(phrase for block in table.get("not_interventional", ()) for phrase in self._other(block))
        self._idle = frozenset((_BETWEEN_TEXTS, *(word for block in table.get("idle", ()) for word in block["words"])))
        self._telling = frozenset(table.get("telling", ()))
        self._in_names = frozenset(table.get("side_in_names", ()))
        self._letter_in_names = frozenset(table.get("letter_in_names", ()))
        self._sides = {word: side for side, words in table.get("side", {}).items() for word in words}
        self._endings = tuple(table.get("endings", ()))
        self._inflections = tuple(table.get("inflections", ()))
        self._own = frozenset(word for text in _forms_of(table) for word in self._split(text))
        others = {word for text in (*_meanings_of(table), *known) for word in self._split(text)}
        self._known = KnownWords({word: self._meaning(word) for word in self._own | others})
        self._lexicon = Lexicon(self._idle, self._known, frozenset(table.get("reason", ())))

    def _meaning(self, word: str) -> str:
        """What a word stands for: a part, nothing at all, or itself."""
        said = rewritten([self._singular(word)], self._spelling, _NO_WORDS)
        part = next((meaning for _, _, meaning in self._parts.found(said, _NO_WORDS)), None)
        return part[0] if part else "".join(other for other in said if other not in self._idle)

    def read(self, texts: Iterable[str]) -> OrderName:
        """What the texts of one order say, all of them together."""
        spelled: list[str] = []
        for text in texts:
            spelled += (_BETWEEN_TEXTS, *self.spelled_out(text))
        meant = list(self._meant(spelled))
        said = [word for word in meant if word == _BETWEEN_TEXTS or not (word in self._idle or word.isdecimal())]
        parts = {part: kind for _, _, (part, kind) in self._parts.found(said, self._lexicon)}
        if DEPARTMENT in meant:
            parts[DEPARTMENT] = "department"
        other = next((meaning for *_, meaning in self._others.found(meant, self._lexicon)), None)
        return OrderName(
            text=f" {' '.join(meant)} ",
            words=f" {' '.join(said[1:])} ",
            parts=parts,
            actions=frozenset(part for part, kind in parts.items() if kind == ACTION),
            not_interventional=other.word if other else None,
            looks_interventional=self._looks_interventional(meant, parts, other),
        )

    def side(self, texts: Iterable[str]) -> str | None:
        """`left`, `right` or `bilateral`; both sides are `bilateral`, and a side in the name of a vessel is none."""
        found: set[str] = set()
        for text in texts:
            words = [_BETWEEN_TEXTS, *self.spelled_out(text), _BETWEEN_TEXTS]
            found |= {side for trio in zip(words, words[1:], words[2:], strict=False) if (side := self._side(*trio))}
        return next(iter(found)) if len(found) == 1 else "bilateral" if found else None

    def _side(self, before: str, word: str, after: str) -> str | None:
        """The side that a word between two others is; `b/l` is both."""
        if word in _SIDES:
            return None if after in self._in_names else word
        side = self._sides.get(word)
        if side is None or after in self._in_names:
            return None
        if len(word) == 1 and (after.isdecimal() or after in self._letter_in_names or before in _BEFORE_LETTERS):
            return "bilateral" if (before, word) == _BOTH else None
        return None if word in _AT_THE_END and after != _BETWEEN_TEXTS else side

    def spelled_out(self, text: str) -> list[str]:
        """The words of one text, abbreviations and slips of the pen resolved."""
        words = [known for word in self._split(_CODE.sub(" ", text)) for known in self._recognized(word)]
        # each twice: a word may be spelled out to a part of a phrase, or to the context of another
        for spelling in (self._spelling, self._spelling, self._in_context, self._in_context):
            words = rewritten(words, spelling, self._lexicon)
        return words

    def spelled(self, text: str) -> str:
        """The same as one text with a blank around each word, to be looked up in `OrderName.text`."""
        return f" {' '.join(self.spelled_out(text))} "

    def plain_words(self, text: str) -> str:
        """The words of a text as they are written, with one blank around each."""
        return f" {' '.join(self._split(text))} "

    def _split(self, text: str) -> list[str]:
        words = self._words.of(text).split()
        return [part for word in words for part in (_NUMBER_OR_UNIT.findall(word) if word[0].isdecimal() else (word,))]

    def _recognized(self, word: str) -> tuple[str, ...]:
        """The word itself, its singular or stem, the two halves of a compound, or the word that it was meant to be."""
        word = self._stem(self._singular(word))
        if word in self._own or word.isdecimal():
            return (word,)
        if len(word) >= _SHORTEST_COMPOUND:
            for ending in self._endings:
                if word.endswith(ending):
                    return (word.removesuffix(ending), ending)
        return (word if word in self._known else self._known.meant_by(word) or word,)

    def _singular(self, word: str) -> str:
        return word[:-1] if word not in self._own and word.endswith("s") and word[:-1] in self._own else word

    def _stem(self, word: str) -> str:
        """A word of the table without the ending of an adjective; any other word as it is."""
        if word not in self._own and word.endswith(self._inflections):
            stems = (word.removesuffix(ending) for ending in self._inflections if word.endswith(ending))
            return next((stem for stem in stems if len(stem) >= _SHORTEST_STEM and stem in self._own), word)
        return word

    def _meant(self, spelled: Sequence[str]) -> Iterator[str]:
        """The words that are meant: none that are denied, and nothing that the patient once had."""
        place, history = 0, False
        while place < len(spelled):
            word = spelled[place]
            place += 1
            history = word != _BETWEEN_TEXTS and (history or word == _HISTORY)
            if word == _WITHOUT:
                place = self._after_denied(spelled, place)
            elif not history:
                yield word

    def _after_denied(self, spelled: Sequence[str], place: int) -> int:
        """The place after the part that `without` denies, or after the one word that it denies."""
        if place < len(spelled) and spelled[place] in self._idle:
            return place
        denied = next(self._parts.found(spelled[place:], self._lexicon), None)
        return place + (denied[1] if denied and denied[0] < _MOST_DENIED else 1)

    def _looks_interventional(self, spelled: Sequence[str], parts: Iterable[str], other: _Other | None) -> bool:
        prefixed = self._is_prefixed(spelled)
        if other is not None:
            return prefixed and not other.whoever_asks
        return prefixed or not self._telling.isdisjoint(parts)

    def _is_prefixed(self, spelled: Sequence[str]) -> bool:
        """Whether one of the texts begins with the department."""
        begins = True
        for word in spelled:
            if begins and word == DEPARTMENT:
                return True
            begins = word == _BETWEEN_TEXTS or (begins and word in self._idle)
        return False

    def _spellings(self, block: Row) -> Iterator[Phrase[tuple[str, ...]]]:
        for meaning, forms in block.get("words", {}).items():
            for form in forms:
                yield Phrase(tuple(self._split(form)), tuple(self._split(meaning)), _context(block))
        for form, row in block.get("in_context", {}).items():
            yield Phrase(tuple(self._split(form)), tuple(self._split(row["is"])), _context({**block, **row}))

    def _names(self, block: Row) -> Iterator[Phrase[tuple[str, str]]]:
        for part, forms in block["words"].items():
            for form in forms:
                yield Phrase(tuple(self._split(form)), (part, block["kind"]), _context(block))

    def _other(self, block: Row) -> Iterator[Phrase[_Other]]:
        for form in block["words"]:
            yield Phrase(tuple(self._split(form)), _Other(form, block.get("whoever_asks", False)), _context(block))


def _context(row: Row) -> Context | None:
    if not any(name in row for name in _CONTEXT):
        return None
    return Context(
        near=tuple(row.get("near", ())),
        not_near=tuple(row.get("not_near", ())),
        place=row.get("place", ""),
        alone=row.get("alone", False),
    )


def _forms_of(table: Row) -> Iterator[str]:
    """Every text that the table looks for."""
    yield from (*table.get("endings", ()), DEPARTMENT, _HISTORY, _WITHOUT)
    for name in ("not_interventional", "idle"):
        yield from (form for block in table.get(name, ()) for form in block["words"])
    for name in ("spelling", "parts"):
        yield from (
            form for block in table.get(name, ()) for forms in block.get("words", {}).values() for form in forms
        )
    yield from (form for block in table.get("spelling", ()) for form in block.get("in_context", ()))


def _meanings_of(table: Row) -> Iterator[str]:
    """Every other word of the table: right as it is, but nothing to look for."""
    yield from table.get("known", ())
    for block in table.get("spelling", ()):
        yield from block.get("words", ())
        for row in block.get("in_context", {}).values():
            yield from (row["is"], *row.get("near", ()), *row.get("not_near", ()))
