"""What a free text says of allergies, phrase by phrase: which substances, denied or not, how grave, or nobody knows.

A text is cut into phrases (`phrases.py`), and each phrase read by the longest terms of `allergy_words/` (`lexicon.py`).
Each phrase is then judged by itself, so that no phrase silences another. Every meaning has a sign, and a phrase becomes
a word of signs: `no iodine allergy` is `NSA`. The grammar below is written in signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from cds_service.knowledge.allergy_types import Statement
from cds_service.knowledge.lexicon import Lexicon, Span
from cds_service.knowledge.phrases import DETAIL, LIST, Chunk, Phrases
from cds_service.knowledge.words import Words

SIGNS: Mapping[str, str] = {
    "something-else": "S",  # a substance that is none of the groups
    "other-contrast": "S",  # a contrast agent without iodine or gadolinium
    "isotope": "S",  # radioactive iodine
    "x-ray": "V",  # what contrast is given for
    "mr": "V",
    "ultrasound": "V",
    "no-agent": "G",  # a substance without a name: drug, medication, other
    "allergy": "A",
    "severe": "R",
    "moderate": "R",
    "mild": "R",
    "physiologic": "R",
    "passing": "P",  # words that change nothing
    "known": "K",
    "or": "O",
    "no": "N",
    "denied": "D",
    "tolerated": "t",  # given without a reaction
    "none-known": "Z",
    "not-known": "Q",  # the answer is elsewhere, or nobody asked
    "unknown": "q",
    "unless": "U",  # takes a denial back
    "premedicated": "M",  # takes it back in the whole sentence
    "premedicant": "m",  # a drug given for that; alone it is a substance
    "treated": "T",
    "family": "F",  # speaks of somebody else
    "and": ",",
    "except": "!",
}
"""Meaning of a term -> its sign; the groups of `allergies.toml` are `S`. A number is `0`, an unknown word `X`."""

WEIGHTS = ("severe", "moderate", "mild", "physiologic")
"""The weights of reactions, the heaviest first."""

_SOMETHING_ELSE = frozenset({"something-else", "other-contrast", "isotope", "premedicant"})

_LONGEST = 60  # terms of a phrase, or phrases of a list, that a denial covers: a longer one denies nothing
_JOINTS = {",": "and", "!": "except"}
_PASSING = "PGK0O"
_DENIES_FIRST = re.compile(r"[PKGO0]*(?:[Dt]|N[KPSGVO]*A|NK)")
_DENIES_LAST = re.compile(r"[PKGSVAO0T]*[SA][PKGVO0T]*D[PKGVO0Dt]*|[PKGSVO0T]*S[PKGVO0T]*t[PKGVO0Dt]*")
_BEYOND = re.compile(r"A[GVK0]*S")  # `no allergies IV contrast`: what follows without `to` is not denied
_ANSWERS_NO = re.compile(r"[P0]*[DtNZ][P0t]*")
_LISTED = re.compile(r"[OPKSVG]+A?")
_NONE_KNOWN = re.compile(r"[PKGOA0]*Z(?:[PKGOA0][PKGOA0X]*)?|[PKGO0]*(?:D|N)[KPGOA0]*")
_NEGATED = re.compile(r"N[PKO0]*[RMmT]+(?:[OP0]*[RMmT]+)*")


class Combination(msgspec.Struct, frozen=True):
    """Terms that mean something else together: `contrast` and `CT` in one item are an iodinated agent."""

    words: frozenset[str]
    means: str
    adjacent: bool = False
    """Only with nothing but passing words between them."""


class _Phrase(msgspec.Struct):
    """Some spans of a chunk between two joints; `signs` has one sign a span."""

    spans: list[Span]
    signs: str
    joined: str
    denied: bool = False


class AllergyTexts:
    """Reads texts by the tables."""

    def __init__(
        self,
        lexicon: Lexicon,
        phrases: Phrases,
        words: Words,
        groups: Iterable[str],
        combinations: Iterable[Combination],
        class_group: str,
    ) -> None:
        """Prepare.

        Args:
            lexicon: terms of `allergy_words/`.
            phrases: cuts texts.
            words: how texts become words.
            groups: ids of the allergy groups.
            combinations: of `allergies.toml`.
            class_group: the group of a contrast medium whose agent is not stated.
        """
        self._lexicon = lexicon
        self._phrases = phrases
        self._words = words
        self._groups = frozenset(groups)
        self._combinations = tuple(combinations)
        self._class_group = class_group

    def read(self, text: str) -> tuple[Statement, ...]:
        """One statement an item, in order; none for a text without a word."""
        return tuple(
            self._statement(item, sentence)
            for sentence, chunks in self._phrases.sentences(text)
            for item in _items(self._judged(list(self._phrases_of(chunks))))
        )

    def _phrases_of(self, chunks: Iterable[Chunk]) -> Iterator[_Phrase]:
        """The chunks of a sentence, divided further at the words for and and except."""
        joint = None  # an `and` at the end of a chunk joins the next one
        for chunk in chunks:
            phrase = _Phrase([], "", joint or chunk.joined)
            for span in self._lexicon.read(self._words.of(chunk.text).split()):
                sign = self._sign(span)
                if sign not in _JOINTS:
                    phrase.spans.append(span)
                    phrase.signs += sign
                    continue
                if phrase.spans:
                    yield phrase
                phrase = _Phrase([], "", _JOINTS[sign])
            if phrase.spans:
                yield phrase
            joint = phrase.joined if not phrase.spans and phrase.joined in _JOINTS.values() else None

    def _sign(self, span: Span) -> str:
        if span.meaning is None:
            shortest = 3 if span.words.isascii() else 2  # a shorter word names no substance
            return "0" if span.words.isdigit() else "P" if len(span.words) < shortest else "X"
        return "S" if span.meaning in self._groups else SIGNS[span.meaning]

    def _judged(self, phrases: list[_Phrase]) -> list[_Phrase]:
        """The phrases of a sentence, with what is denied and what is lent between them."""
        for phrase in phrases:
            phrase.signs = _NEGATED.sub(lambda found: "n" * len(found[0]), phrase.signs)
        if not any(set("Mm") & set(phrase.signs) for phrase in phrases):
            _deny(phrases)
        for one, other in pairwise(phrases):
            self._lend(one, other)
        for one, other in reversed(list(pairwise(phrases))):
            self._lend(other, one)
        return phrases

    def _lend(self, full: _Phrase, bare: _Phrase) -> None:
        """In `CT and MRI contrast` the second phrase lends the first its word for contrast media."""
        word = next((span for span in full.spans if span.meaning == self._class_group), None)
        wants = "V" in bare.signs and "S" not in bare.signs and DETAIL not in (full.joined, bare.joined)
        if word and wants and not full.denied:
            bare.spans.append(word)
            bare.signs += "S"

    def _statement(self, item: Sequence[_Phrase], sentence: str) -> Statement:
        live = [phrase for phrase in item if not phrase.denied and "F" not in phrase.signs]
        meanings = self._meanings(live)
        signs = [phrase.signs for phrase in live]
        return Statement(
            text=sentence,
            groups=frozenset(meanings & self._groups),
            something_else=bool(meanings & _SOMETHING_ELSE),
            begins_so=bool(signs) and "T" not in signs[0] and signs[0].lstrip("PKGA0O").startswith("S"),
            denied=any(phrase.denied or "F" in phrase.signs for phrase in item),
            none_known=any(map(_NONE_KNOWN.fullmatch, (phrase.signs for phrase in item if "F" not in phrase.signs))),
            not_known=any("Q" in s for s in signs),
            unknown=any("q" in s and "S" not in s for s in signs),
            unread=bool(signs) and _is_unread(signs),
            is_allergy=not set("AR").isdisjoint("".join(phrase.signs for phrase in item)),
            weights=tuple(weight for phrase in live for weight in _weights(phrase)),
        )

    def _meanings(self, live: Sequence[_Phrase]) -> frozenset[str]:
        """What the phrases of an item mean, combined."""
        order = [pair for phrase in live for pair in zip(phrase.spans, phrase.signs, strict=True)]
        found = {span.meaning for span, _ in order if span.meaning}
        beside = {frozenset(pair) for pair in pairwise(span.meaning for span, sign in order if sign not in _PASSING)}
        together = [c for c in self._combinations if (c.words in beside if c.adjacent else c.words <= found)]
        return frozenset(found - {w for c in together for w in c.words} | {c.means for c in together})


def _deny(phrases: Sequence[_Phrase]) -> None:
    for place, phrase in enumerate(phrases):
        rest = phrases[place + 1 : place + _LONGEST + 2]
        shown = bool(rest) and rest[0].joined == DETAIL and "R" in rest[0].signs
        phrase.denied = phrase.denied or (_denies(phrase.signs) and not shown)
        if _is_one_list(phrase, rest) and _denies("".join(p.signs for p in (phrase, *rest))):
            for other in (phrase, *rest):
                other.denied = True
        if place and _answers_no(phrase, phrases[place - 1].signs):
            phrases[place - 1].denied = True


def _answers_no(phrase: _Phrase, asked: str) -> bool:
    """Whether a phrase that only denies speaks of the one before.

    `Contrast allergy: none` and `contrast given and tolerated` do; `iodine - none` is an allergy without a reaction.
    """
    if "R" in asked or not _ANSWERS_NO.fullmatch(phrase.signs):
        return False
    given = "t" in phrase.signs and "A" not in asked
    if phrase.joined == DETAIL:
        return given or "D" in phrase.signs or "A" in asked
    return phrase.joined == "and" and given


def _denies(signs: str) -> bool:
    """Whether a phrase denies what it names: at its beginning or end, and nothing in it takes that back."""
    if len(signs) > _LONGEST or "U" in signs or ("R" in signs and "S" in signs) or _BEYOND.search(signs):
        return False
    return bool(_DENIES_FIRST.match(signs) or _DENIES_LAST.fullmatch(signs))


def _is_one_list(phrase: _Phrase, rest: Sequence[_Phrase]) -> bool:
    """Whether `no allergy to iodine` goes on to the end of the sentence: bare names, the last after `or` or `and`.

    After `and` a word for allergy begins something new: `no food allergy and contrast allergy`.
    """
    if not 0 < len(rest) <= _LONGEST or not all(p.joined in (LIST, "and") and _LISTED.fullmatch(p.signs) for p in rest):
        return False
    if not phrase.signs.rstrip("PVKG").endswith("S"):
        return False
    return "O" in rest[-1].signs or (rest[-1].joined == "and" and not any("A" in p.signs for p in rest))


def _items(phrases: Iterable[_Phrase]) -> list[list[_Phrase]]:
    """Each phrase with the details that follow it."""
    items: list[list[_Phrase]] = []
    for phrase in phrases:
        if phrase.joined == DETAIL and items:
            items[-1].append(phrase)
        else:
            items.append([phrase])
    return items


def _is_unread(signs: Sequence[str]) -> bool:
    """Whether an unknown word may be a substance; in a detail of a known one, or after `NKDA per`, it is not."""
    for place, phrase in enumerate(signs):
        if "S" in phrase or "m" in phrase:
            return False
        if "X" in phrase and not _NONE_KNOWN.fullmatch(phrase):
            return True
        if place and "Z" in signs[0]:
            return False
    return False


def _weights(phrase: _Phrase) -> Iterable[str | None]:
    live = zip(phrase.spans, phrase.signs, strict=True)
    found = {span.meaning for span, sign in live if sign == "R"}
    if found:
        yield next(weight for weight in WEIGHTS if weight in found)
    elif "X" in phrase.signs:
        yield None
