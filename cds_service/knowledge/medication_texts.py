"""Names of medications in free text: whole words, the longest name first; a look-alike takes away what it covers.

A slip of the pen in a longer name is forgiven, and no source confirms what is read so; a word with two is no name, and
nothing else either. A salt or a form that is written
in one word with the name is read as a word of its own (`Metforminhydrochlorid`), and so is a number (`ASS100`,
`1xEliquis`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from cds_service.knowledge.known_words import KnownWords, is_two_slips
from cds_service.knowledge.lexicon import Lexicon, Span
from cds_service.knowledge.phrases import unglued
from cds_service.knowledge.words import Words

_LOOK_ALIKE = "look-alike"
_SHORTEST_MISSPELLED, _SHORTEST_MEANT = 7, 8
"""Letters of a word with two slips, and of the name that it may be."""
_TOUCHING = re.compile(r"\d[^\W\d_]|[^\W\d_]\d")
_TIMES = re.compile(r"(?<=\d)\s*[x×](?=[^\W\d_])", re.IGNORECASE)


class MedicationTexts:
    """Reads names by the tables."""

    def __init__(
        self,
        names: Mapping[str, Iterable[str]],
        unverified: Iterable[str],
        look_alikes: Iterable[str],
        topical_words: Iterable[str],
        compound_endings: Iterable[str],
        nothing_words: Iterable[str],
        words: Words,
        *,
        beside_another: Mapping[str, str],
        never_missed: Collection[str],
    ) -> None:
        """Prepare.

        Args:
            names: name -> ids of the agents that it is of; a product of two agents names both.
            unverified: names that no source confirms.
            look_alikes: texts that hold a name and mean something else.
            topical_words: words that say that it is a gel or drops.
            compound_endings: salts and forms that may be written in one word with a name.
            nothing_words: words that name no medication.
            words: how texts become words.
            beside_another: look-alike -> the agent that it names where the text names another one, too.
            never_missed: ids of the agents of which a misspelled name is asked about.
        """
        self.names: Mapping[str, tuple[str, ...]] = {name: tuple(agents) for name, agents in names.items()}
        """As given; of products and substances, confirmed or not."""
        self._words = words
        self._unverified = {self._of(name).strip() for name in unverified}
        self._topical = tuple(topical_words)
        self._nothing = frozenset(self._of(word).strip() for word in nothing_words)
        terms: dict[str, list[str]] = {}
        for name, agents in names.items():
            terms.setdefault(self._of(name).strip(), []).extend(agents)
        meanings = {term: " ".join(dict.fromkeys(agents)) for term, agents in terms.items()}
        look_alike = {self._of(text).strip(): _LOOK_ALIKE for text in look_alikes}
        self._lexicon = Lexicon({**meanings, **look_alike}, tuple(self._of(end).strip() for end in compound_endings))
        self._beside_another = {self._of(word).strip(): agent for word, agent in beside_another.items()}
        self._never_missed: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for term, meaning in meanings.items():
            if term.isalpha() and len(term) >= _SHORTEST_MEANT and not set(meaning.split()).isdisjoint(never_missed):
                self._never_missed.setdefault(term[0], []).append((term, frozenset(term)))
        self._known = KnownWords({word: word for term in (*meanings, *look_alike) for word in term.split()} | meanings)

    def agents_in(self, text: str) -> dict[str, bool]:
        """Ids of the agents that a text names -> whether a source confirms the name."""
        spans, righted = self._read(text)
        unsure = self._unverified | righted
        found: dict[str, bool] = {}
        beside: set[str] = set()
        for span in spans:
            if span.meaning == _LOOK_ALIKE and span.words in self._beside_another:
                beside.add(self._beside_another[span.words])
            if span.meaning is None or span.meaning == _LOOK_ALIKE:
                continue
            for agent in span.meaning.split():
                found[agent] = found.get(agent, False) or span.words not in unsure
        if found:
            found = dict.fromkeys(beside, False) | found
        return found

    def may_be_misspelled(self, text: str) -> bool:
        """Whether a word that is not known may be a name that must not be missed, with two slips of the pen."""
        spans, _ = self._read(text)
        unread = [word for span in spans if span.meaning is None for word in span.words.split()]
        return any(
            len(letters ^ set(word)) <= 4 and is_two_slips(word, name)
            for word in unread
            if len(word) >= _SHORTEST_MISSPELLED and word.isalpha() and word not in self._known
            for name, letters in self._never_missed.get(word[0], ())
        )

    def holds_any(self, texts: Iterable[str], phrases: tuple[str, ...]) -> bool:
        """Whether any of the texts holds any of the phrases, as whole words."""
        return any(self._words.hold_any(self._of(text), phrases) for text in texts)

    def is_topical(self, texts: Iterable[str]) -> bool:
        """Whether the texts speak of a gel, a cream or drops."""
        return self.holds_any(texts, self._topical)

    def says_something(self, text: str) -> bool:
        """Whether there is a word of three letters or more that may be a name, or it is said that none is taken."""
        words = self._words.of(text).split()
        if any(span.meaning == _LOOK_ALIKE for span in self._lexicon.read(words)):
            return True
        return any(len(word) > 2 and not word.isdigit() and word not in self._nothing for word in words)

    def _read(self, text: str) -> tuple[list[Span], set[str]]:
        """Its parts, each word with a slip righted, and the words that were."""
        written = self._of(text).split()
        slips = {word: right for word in written if word not in self._known and (right := self._known.slip_of(word))}
        return list(self._lexicon.read([slips.get(word, word) for word in written])), set(slips.values())

    def _of(self, text: str) -> str:
        """Its words, numbers apart."""
        return self._words.of(unglued(_TIMES.sub(" x ", text)) if _TOUCHING.search(text) else text)
