"""What a diagnosis in words names, how surely, and whether all of it was understood.

A text is cut into phrases (`phrases.py`), and each phrase read by the longest terms of `diagnosis_words.toml`,
`plain_words.toml` and the displays of the value sets (`lexicon.py`). The words around a term then say whether it is
denied, in doubt or in the past. What these mean together: docs/terminology.md, "Diagnoses in words".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from cds_service.knowledge.diagnosis_types import DiagnosisReading, Mention, Standing
from cds_service.knowledge.known_words import KnownWords
from cds_service.knowledge.lexicon import Lexicon, Span
from cds_service.knowledge.phrases import DETAIL, LIST, Chunk, Phrases
from cds_service.knowledge.title_words import EVERYDAY, HEAD, TITLE, TitleWords
from cds_service.knowledge.value_sets import SNOMED_TAG, Hit
from cds_service.knowledge.words import Words

PLAIN, PART, COMPLAINT, NEUTRAL = "plain", "part", "complaint", "neutral"
BESIDE, ASKED = "beside", "asked"
NO, FAMILY, ABOUT, DOUBT, PAST, BREAK, OR = "no", "family", "about", "doubt", "past", "break", "or"
CLASSES = (BESIDE, NEUTRAL, COMPLAINT, PART, PLAIN, NO, FAMILY, ABOUT, DOUBT, PAST, BREAK, OR)
"""Meanings of terms that name no diagnosis, as `plain_words.toml` and `[statements]` group them; of two the later."""

_OTHERS = frozenset({NO, FAMILY, ABOUT})  # what follows is not the patient's
_CHANGING = _OTHERS | {DOUBT, PAST}
_PASSING = frozenset({NEUTRAL, PART, OR})
_BETWEEN = _PASSING | {PAST}
_UNSURE = frozenset({None, BESIDE})  # beside such a word a diagnosis may be another one

_NO_PLURAL = ("ss", "us", "is", "aves")
"""Ends of words whose `s` is their own: Graves' disease is named like the Spanish word for severe, but for it."""
_SIZE = re.compile(r"\b\d+(?:[.,]\d+)?(?:\s*[x×]\s*\d+(?:[.,]\d+)?)*\s*(?:mm|cm)\b", re.IGNORECASE)
"""How large something is says nothing of what it is."""
_CODE = re.compile(r"\b[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?\b", re.IGNORECASE)
"""A code of ICD-10 beside the words."""


class Named(msgspec.Struct, frozen=True):
    """A diagnosis that terms stand for: its value sets; none where no question asks for it.

    `lasts`: a history of it is the thing itself, a transplant for instance.
    """

    hits: tuple[Hit, ...]
    lasts: bool = False


class _Term(msgspec.Struct, frozen=True):
    """A span of a phrase: a class of `CLASSES`, a diagnosis, or None for a word that no list holds."""

    kind: str | None
    named: Named | None = None

    @property
    def tells(self) -> bool:
        return self.named is not None and bool(self.named.hits)


class _Stretch(msgspec.Struct, frozen=True):
    """The words between two joints; `corrected` are those that were written with a slip."""

    words: list[str]
    joined: str
    corrected: frozenset[str]


class _Phrase(msgspec.Struct):
    """A stretch between two joints, or up to a word like `with`; `standings` has one an asked-for diagnosis."""

    terms: list[_Term]
    joined: str
    standings: list[Standing | None] = msgspec.field(default_factory=list)
    """In order; None where it is denied, or somebody else's."""

    @property
    def telling(self) -> list[int]:
        return [place for place, term in enumerate(self.terms) if term.tells]

    @property
    def kinds(self) -> list[str | None]:
        return [term.kind for term in self.terms]

    @property
    def how(self) -> frozenset[str]:
        return frozenset(kind for kind in self.kinds if kind in _CHANGING)

    @property
    def only_says_how(self) -> bool:
        """`(resolved)`, `rule out:`: no diagnosis of its own, only how one is meant."""
        return bool(self.how) and set(self.kinds) <= _CHANGING | _PASSING


class Noise(msgspec.Struct, frozen=True):
    """Words, as `words_of` gives them, that change nothing; a side does where it stands before a part of the heart."""

    words: frozenset[str]
    sides: frozenset[str]
    sided: frozenset[str]

    def drop(self, words: Sequence[str]) -> list[str]:
        """The words without noise."""
        kept: list[str] = []
        for word in reversed(words):
            if word not in self.words or (word in self.sides and kept and kept[-1] in self.sided | self.sides):
                kept.append(word)
        return kept[::-1]


class DiagnosisTexts:
    """Reads texts by the tables; prepared once."""

    def __init__(
        self,
        terms: Mapping[str, str],
        diagnoses: Mapping[str, Named],
        apart: Mapping[str, str],
        noise: Noise,
        phrases: Phrases,
        words: Words,
        titles: TitleWords,
        rare: frozenset[str] = frozenset(),
        of_code: Callable[[str], tuple[Hit, ...]] = lambda code: (),
        of_title: Callable[[Sequence[str]], tuple[Hit, ...] | None] = lambda words: None,
    ) -> None:
        """Prepare.

        Args:
            terms: term as `terms_of` makes it -> a class of `CLASSES` or a key of `diagnoses`.
            diagnoses: by key.
            apart: words, as a term, that may mean a diagnosis wherever they stand in a sentence -> its key.
            noise: words that change nothing: side, article.
            phrases: cuts texts.
            words: how texts become words.
            titles: words that only titles of other diagnoses have.
            rare: single terms in which no slip of the pen is forgiven: the index of slips is ten times a list of words.
            of_code: what a code that is written in a text may mean.
            of_title: what the codes mean whose whole title some words are; None where they are none.
        """
        self._words, self._phrases, self._diagnoses = words, phrases, dict(diagnoses)
        self._of_code, self._of_title, self._titles = of_code, of_title, titles
        self._noise = noise
        self._terms = dict(terms)
        self._lexicon = Lexicon(terms)
        self._apart: dict[str, list[tuple[frozenset[str], str]]] = {}
        for wanted, key in apart.items():
            self._apart.setdefault(wanted.split()[0], []).append((frozenset(wanted.split()), key))
        known = {word: word for term in terms if term not in rare for word in term.split() if "*" not in word}
        known |= {
            term: kind
            for term, kind in terms.items()
            if kind in CLASSES and " " not in term and "*" not in term and term not in rare
        }
        known |= {word: word for wanted in apart for word in wanted.split()}
        self._known = KnownWords(known)

    def read(self, text: str) -> DiagnosisReading:
        """What a text says of diagnoses; nothing known for one without a word."""
        phrases = list(self._coded(text))
        for _, chunks in self._phrases.sentences(_bare(text).replace("?", " ? ")):
            stretches = self._uninverted([stretch for chunk in chunks if (stretch := self._stretch(chunk)).words])
            sentence = [one for each in stretches for one in self._phrases_of(each)]
            phrases += _judged([*sentence, *self._scattered(stretches, sentence)])
        mentions = [mention for phrase in phrases for mention in _mentions(phrase)]
        kinds = {kind for phrase in phrases for kind in phrase.kinds}
        says = not kinds.isdisjoint((PLAIN, HEAD)) or {PART, COMPLAINT} <= kinds
        known = says and None not in kinds
        if known and mentions:
            return DiagnosisReading(tuple(mentions), known=True)
        words = [word for phrase in self.words_in(text) for word in phrase]
        hits = self._of_title(words) if "?" not in text else None  # no title is a question
        if hits is None:
            return DiagnosisReading(tuple(mentions), known)
        return DiagnosisReading(_of_a_title(hits, mentions), known=True)

    def words_in(self, text: str) -> list[list[str]]:
        """The words of each phrase of a text, as written but for noise: what `title_words.toml` is made of."""
        sentences = self._phrases.sentences(text)
        return [self._noise.drop(words_of(chunk.text, self._words)) for _, chunks in sentences for chunk in chunks]

    def kind_of(self, term: str) -> str | None:
        """What the hand-written tables say of a term: a class of `CLASSES`, `asked` for, or None."""
        meaning = self._terms.get(term)
        named = self._diagnoses.get(meaning) if meaning else None
        return meaning if named is None else ASKED if named.hits else PLAIN

    def asked_terms(self) -> Iterator[str]:
        """Every term that names what is asked for, and the words that may name it where they stand apart."""
        yield from (term for term in self._terms if self.kind_of(term) == ASKED)
        yield from (" ".join(wanted) for listed in self._apart.values() for wanted, _ in listed)

    def _coded(self, text: str) -> Iterator[_Phrase]:
        """What the codes in a text may mean: nobody says of which edition they are, or how they are meant."""
        for code in dict.fromkeys(_CODE.findall(text)):
            if hits := self._of_code(code.upper()):
                yield _judged([_Phrase([_Term(NEUTRAL, Named(hits))], BREAK)])[0]

    def _stretch(self, chunk: Chunk) -> _Stretch:
        """The words of a chunk without noise, slips of the pen corrected."""
        written = self._noise.drop(words_of(chunk.text, self._words))
        slips = {word: self._known.one_slip_from(word) for word in written if not self._is_known(word)}
        words = [slips.get(word) or word for word in written]
        return _Stretch(words, chunk.joined, frozenset(right for right in slips.values() if right))

    def _is_known(self, word: str) -> bool:
        return word in self._known or word in self._terms or word in self._titles

    def _uninverted(self, stretches: list[_Stretch]) -> list[_Stretch]:
        """`Cancer, breast` as `breast cancer`, where that is a term, with what neutral words follow left out."""
        if len(stretches) < 2 or stretches[1].joined != LIST or any(each.corrected for each in stretches[:2]):
            return stretches
        first, second = (each.words for each in stretches[:2])
        end = next((at for at, word in enumerate(second) if self._terms.get(word) in (BREAK, NO)), len(second))
        named, rest = second[:end], second[end:]
        for words in (named, [word for word in named if not self._is_neutral(word)]):
            for term in ((*words, *first), (*first, *words)):
                if words and " ".join(term) in self._terms:
                    whole = _Stretch([*term, *rest], stretches[0].joined, frozenset())
                    return [whole, *stretches[2:]]
        return stretches

    def _is_neutral(self, word: str) -> bool:
        return (self._terms.get(word) or _without_meaning(word)) == NEUTRAL

    def _scattered(self, stretches: Sequence[_Stretch], phrases: Sequence[_Phrase]) -> Iterator[_Phrase]:
        """What the words of a sentence may mean together though they stand apart: `dementia, vascular, severe`.

        Never surely: what is past or in doubt in the sentence, that may be, too.
        """
        words = {word for each in stretches for word in each.words}
        named = [_value_sets(term.named) for phrase in phrases for term in phrase.terms if term.named]
        how = {kind for phrase in phrases for kind in phrase.how}
        meant = [_Term(PAST if how == {PAST} else DOUBT)] if how else []
        for first in words & self._apart.keys():
            for wanted, key in self._apart[first]:
                if wanted <= words and not any(_value_sets(self._diagnoses[key]) <= sets for sets in named):
                    hits = tuple(replace(hit, relation="broader") for hit in self._diagnoses[key].hits)
                    yield _Phrase([*meant, _Term(BESIDE), _Term(PLAIN, Named(hits))], BREAK)

    def _phrases_of(self, stretch: _Stretch) -> Iterator[_Phrase]:
        """A stretch, divided further at words like `with` and `but`, which end what is denied before them."""
        phrase = _Phrase([], stretch.joined)
        for span, meaning in self._meanings(stretch.words):
            term = self._term(meaning)
            if term.kind == BREAK:
                if phrase.terms:
                    yield _told(phrase)
                phrase = _Phrase([], BREAK)
                continue
            phrase.terms.append(term)
            if term.tells and not stretch.corrected.isdisjoint(span.words.split()):
                phrase.terms.append(_Term(None))  # a word that may be another one is too little to be sure of
        if phrase.terms:
            yield _told(phrase)

    def _meanings(self, words: Sequence[str]) -> Iterator[tuple[Span, str | None]]:
        """The spans of some words, those that no list holds by what titles of other diagnoses have there."""
        spans = self._lexicon.read(words)
        before = [""] + [span.words.rpartition(" ")[2] for span in spans]
        after = [span.words.partition(" ")[0] for span in spans[1:]] + [""]
        for span, last, following in zip(spans, before, after, strict=False):
            meaning = span.meaning or _without_meaning(span.words)
            yield span, meaning or self._titles.kind_of(span.words, last, following)

    def _term(self, meaning: str | None) -> _Term:
        named = self._diagnoses.get(meaning) if meaning else None
        return _Term(PLAIN if named else meaning, named)


def _of_a_title(hits: tuple[Hit, ...], mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """What a whole title says: as its code does, and what its words surely say beside that."""
    by_code = {hit.value_set for hit in hits}
    beside = [
        Mention(sure, mention.standing, sure=True)
        for mention in mentions
        if mention.sure and (sure := tuple(h for h in mention.hits if h.sufficient and h.value_set not in by_code))
    ]
    return (*([Mention(hits, Standing.STATED, sure=True)] if hits else []), *beside)


def _told(phrase: _Phrase) -> _Phrase:
    """The phrase, with the words of other titles that are not understood in it.

    Beside what is asked for, such a word may make it something narrower that is, too. Everyday words are understood
    where something is named that is not asked for, and nowhere else.
    """
    unclear = {HEAD, TITLE, EVERYDAY} if phrase.telling else {EVERYDAY}
    if phrase.telling or not {PLAIN, HEAD} & {term.kind for term in phrase.terms}:
        phrase.terms = [_Term(None) if term.kind in unclear else term for term in phrase.terms]
    return phrase


def _bare(text: str) -> str:
    """The text without the tag of SNOMED CT, sizes, and the codes that have a dot; a shorter one may be a word."""
    sizeless = _SIZE.sub(" ", SNOMED_TAG.sub("", text))
    return _CODE.sub(lambda found: " " if "." in found[0] else found[0], sizeless)


def _value_sets(named: Named) -> frozenset[str]:
    return frozenset(hit.value_set for hit in named.hits)


def words_of(text: str, words: Words) -> list[str]:
    """The words of a text in the singular: an `s` at the end of a longer word is dropped, and one that stands alone."""
    return [_singular(word) for word in words.of(text).split() if word != "s"]


def _singular(word: str) -> str:
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(_NO_PLURAL)
    return word[:-1] if plural else word


def _without_meaning(word: str) -> str | None:
    """A number names nothing; a single letter may be what is left of a word."""
    return NEUTRAL if word.isdecimal() else None


def _judged(phrases: list[_Phrase]) -> list[_Phrase]:
    """The phrases of a sentence, each asked-for diagnosis with its standing."""
    carried: frozenset[str] = frozenset()
    for place, phrase in enumerate(phrases):
        before = phrases[place - 1] if place else None
        spoken_of = next((one for one in reversed(phrases[:place]) if not set(one.kinds) <= _PASSING), None)
        is_heading = place + 1 < len(phrases) and phrases[place + 1].joined == DETAIL
        if phrase.only_says_how and spoken_of is not None and spoken_of.standings and not is_heading:
            spoken_of.standings = [_changed(one, phrase.how) for one in spoken_of.standings]
            continue
        headed = phrase.joined == DETAIL and before is not None and before.only_says_how
        reached = carried if phrase.joined in (LIST, DETAIL) else frozenset()
        phrase.standings = [_changed(_standing(phrase, at), reached, headed=headed) for at in phrase.telling]
        carried = phrase.how | reached if phrase.only_says_how else (phrase.how | reached) - {PAST}
    return phrases


def _changed(one: Standing | None, by: frozenset[str], *, headed: bool = False) -> Standing | None:
    """A standing, by the words of another phrase: those of a heading hold in full, others leave it in doubt."""
    if one is None or not by:
        return one
    if headed and by & _OTHERS:
        return None
    return Standing.PAST if by == {PAST} else Standing.DOUBTFUL


def _standing(phrase: _Phrase, at: int) -> Standing | None:
    """How the phrase speaks of the diagnosis at a place; None where it denies it or speaks of somebody else."""
    before, after = phrase.kinds[:at], phrase.kinds[at + 1 :]
    if _is_denied(phrase.terms, at):
        return None
    if DOUBT in (*before, *after) or _OTHERS & set(before) or {FAMILY, ABOUT} & set(after) or _ends_with(NO, after):
        return Standing.DOUBTFUL
    named = phrase.terms[at].named
    is_past = PAST in before or _ends_with(PAST, after)
    return Standing.PAST if is_past and named is not None and not named.lasts else Standing.STATED


def _ends_with(kind: str, kinds: Sequence[str | None]) -> bool:
    """Whether nothing stands behind a word that it could speak of, so that it speaks of what is before."""
    return kind in kinds and set(kinds[kinds.index(kind) :]) <= {kind} | _PASSING


def _is_denied(terms: Sequence[_Term], at: int) -> bool:
    """Whether a denial stands before it, with nothing between but words that change nothing and `A or`."""
    joined_by_or = False
    for term in reversed(terms[:at]):
        if term.kind in _OTHERS:
            return True
        if term.kind not in _BETWEEN and not joined_by_or:
            return False
        joined_by_or = term.kind == OR
    return False


def _mentions(phrase: _Phrase) -> Iterator[Mention]:
    sure = _UNSURE.isdisjoint(phrase.kinds)
    for at, standing in zip(phrase.telling, phrase.standings, strict=True):
        named = phrase.terms[at].named
        if named is not None and standing is not None:
            hits = named.hits if sure else tuple(replace(hit, relation="broader") for hit in named.hits)
            yield Mention(hits, standing, sure)
