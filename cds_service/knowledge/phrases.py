"""A free text -> its sentences and the phrases in them, each with how it is joined to the one before.

The rules, in order:
- Unicode becomes one form (NFKC); soft hyphens and zero-width characters go (`words.one_form`).
- Dotted abbreviations become words (`I.V.` -> `IV`), and written-out ones too (`w/o` -> `without`: `[reading]` of
  `allergies.toml`).
- A new line, `;`, `|`, `!`, `•` and a full stop before a blank end a sentence (not that of `Dr.`).
- `,`, `/`, `&`, `+`, `、` begin a new phrase of a list (a comma inside a number does not).
- `:`, brackets, an arrow and a dash with a blank beside it begin a detail of the phrase before.
- Digits glued to letters are split off (`isovue370` -> `isovue 370`), as are scripts that touch (`CT造影剂`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cds_service.knowledge.words import one_form

START, LIST, DETAIL = "start", "list", "detail"

_SENTENCE_END = r"[\n\r;|•·。；!！\u2028\u2029]+|{stop}\.(?=\s|$)"
_JOINT = re.compile(
    r"(?P<list>,(?!\d)|(?<!\d)/|/(?!\d)|[、，&+])"
    r"|(?P<detail>[-=–—]*>|[:：()\[\]（）{}<=→]|(?<=\s)[-‐–—]+(?=\s|\w)|(?<=\w)[-‐]+(?=\s|$)|[–—]|--+)"
)
_DOTTED = re.compile(r"(?<!\w)(?:[^\W\d_]\.){2,}(?:[^\W\d_](?!\w))?")
_OTHER_SCRIPT = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_GLUED = re.compile(
    r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"
    rf"|(?<=[{_OTHER_SCRIPT}])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?=[{_OTHER_SCRIPT}])"
)
_MAY_BE_GLUED = re.compile(rf"[\d{_OTHER_SCRIPT}]")  # most texts are not, and looking at each place takes long


class Chunk(msgspec.Struct, frozen=True):
    """A stretch between two joints; `joined` is `start` of a sentence, `list` or `detail`."""

    joined: str
    text: str


class Phrases:
    """Cuts texts; the abbreviations come from the tables."""

    def __init__(
        self, abbreviations: Mapping[str, str], with_full_stop: Iterable[str] = (), articles: Iterable[str] = ()
    ) -> None:
        """Prepare.

        Args:
            abbreviations: as written in lower case -> the word that it stands for.
            with_full_stop: words whose full stop ends no sentence (`Dr.`).
            articles: words left out where they are in small letters in a text that has capitals (`des`, not `DES`).
        """
        stop = "".join(rf"(?<!\b{re.escape(word)})" for word in with_full_stop)
        self._sentence_end = re.compile(_SENTENCE_END.format(stop=stop), re.IGNORECASE)
        written = sorted(abbreviations, key=len, reverse=True)
        listed = "|".join(re.escape(short) for short in written)
        self._abbreviation = re.compile(rf"(?<!\w)(?:{listed})(?!(?<=\w)\w)" if written else r"(?!)", re.IGNORECASE)
        self._words = dict(abbreviations)
        small = "|".join(map(re.escape, articles))
        self._article = re.compile(rf"\b(?:{small})\b" if small else r"(?!)")

    def sentences(self, text: str) -> Iterator[tuple[str, list[Chunk]]]:
        """Each sentence as written, with its chunks in order; empty ones are left out."""
        clean = _DOTTED.sub(lambda found: found[0].replace(".", "") + " ", one_form(text))
        if not clean.islower():
            clean = self._article.sub(" ", clean)
        for sentence in self._sentence_end.split(clean):
            spelled = self._abbreviation.sub(lambda found: f" {self._words[found[0].lower()]} ", sentence)
            chunks = list(_chunks(spelled))
            if chunks:
                yield sentence.strip(), chunks


def unglued(text: str) -> str:
    """The text with a blank between letters and digits, and between scripts, that touch."""
    return _GLUED.sub(" ", text) if _MAY_BE_GLUED.search(text) else text


def _chunks(sentence: str) -> Iterator[Chunk]:
    joints, place = {START}, 0
    for joint in (*_JOINT.finditer(sentence), None):
        piece = sentence[place : joint.start() if joint else len(sentence)]
        if any(map(str.isalnum, piece)):
            # Of several joints in a row the one that divides most counts: `Dotarem, (iohexol)` is a list.
            yield Chunk(next(kind for kind in (START, LIST, DETAIL) if kind in joints), unglued(piece))
            joints = set()
        if joint:
            joints.add(DETAIL if joint["detail"] else LIST)
            place = joint.end()
