"""Names of medications in free text: whole words, the longest name first; a look-alike takes away what it covers.

A slip of the pen in a longer name is forgiven, and no source confirms what is read so. A salt or a form that is written
in one word with the name is read as a word of its own (`Metforminhydrochlorid`), and so is a number (`ASS100`,
`1xEliquis`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cds_service.knowledge.known_words import KnownWords
from cds_service.knowledge.lexicon import Lexicon
from cds_service.knowledge.phrases import unglued
from cds_service.knowledge.words import Words

_LOOK_ALIKE = "look-alike"
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
        self._known = KnownWords({word: word for term in (*meanings, *look_alike) for word in term.split()} | meanings)

    def agents_in(self, text: str) -> dict[str, bool]:
        """Ids of the agents that a text names -> whether a source confirms the name."""
        written = self._of(text).split()
        slips = {word: right for word in written if word not in self._known and (right := self._known.slip_of(word))}
        unsure = self._unverified | set(slips.values())
        found: dict[str, bool] = {}
        for span in self._lexicon.read([slips.get(word, word) for word in written]):
            if span.meaning is None or span.meaning == _LOOK_ALIKE:
                continue
            for agent in span.meaning.split():
                found[agent] = found.get(agent, False) or span.words not in unsure
        return found

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

    def _of(self, text: str) -> str:
        """Its words, numbers apart."""
        return self._words.of(unglued(_TIMES.sub(" x ", text)) if _TOUCHING.search(text) else text)
