"""`performed.toml` -> `PerformedTable`: what a Procedure of the record is, and what it proves of the patient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from cds_service.knowledge.lexicon import Lexicon
from cds_service.knowledge.performed_types import Performed
from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.words import Words

LANGUAGES = ("en", "de", "es")
"""Languages of `performed.toml`, as fields of its rows."""
_LOOK_ALIKE = "look-alike"


class PerformedTable:
    """All rows by id, and the reader of their words; prepared once."""

    def __init__(self, table: Row, words: Words) -> None:
        """Prepare.

        Args:
            table: the checked file.
            words: how texts become words.
        """
        self.rows: Mapping[str, Performed] = {row["id"]: _row(row) for row in table["performed"]}
        reading = table["reading"]
        self.complete_systems = frozenset(reading["complete_systems"])
        """Code systems of which a code that is in no row is something else."""
        self.not_surgery: str = reading["not_surgery"]
        """Value set of the codes of Procedure.category that say that nothing was operated on."""
        self.states = re.compile(reading["states"])
        """Codes of ICD that say that something was done, and not what."""
        self._words = words
        self._not_surgery_words = tuple(reading["not_surgery_words"])
        self._not_done_words = tuple(reading["not_done_words"])
        self._nothing = frozenset(words.of(word).strip() for word in reading["nothing_words"])
        self._denied_words = tuple(reading["denied_words"])
        self._surgery = Lexicon({_term(phrase, words): "surgery" for phrase in reading["surgery_words"]})
        terms: dict[str, list[str]] = {}
        for row in self.rows.values():
            for term in row.words:
                terms.setdefault(_term(term, words), []).append(row.id)
            for term in row.look_alikes:
                terms.setdefault(_term(term, words), []).append(_LOOK_ALIKE)
        self._lexicon = Lexicon({term: " ".join(dict.fromkeys(ids)) for term, ids in terms.items()})

    def named_in(self, text: str) -> frozenset[str]:
        """Ids of the rows that a text names."""
        spans = self._lexicon.read(self._words.of(text).split())
        return frozenset(name for span in spans for name in (span.meaning or "").split() if name != _LOOK_ALIKE)

    def says_something(self, texts: Iterable[str]) -> bool:
        """Whether words say what was done, known or not: `see note` and `-` do not."""
        said = {word for text in texts for word in self._words.of(text).split()}
        return any(word not in self._nothing and not word.isdecimal() for word in said)

    def is_not_surgery(self, texts: Iterable[str]) -> bool:
        """Whether words say that nothing was operated on."""
        return any(self._words.hold_any(self._words.of(text), self._not_surgery_words) for text in texts)

    def is_not_done(self, texts: Iterable[str]) -> bool:
        """Whether words say that it was planned or called off."""
        return any(self._words.hold_any(self._words.of(text), self._not_done_words) for text in texts)

    def names_surgery(self, texts: Iterable[str]) -> bool:
        """Whether a problem in words says that something was operated on."""
        return any(span.meaning for text in texts for span in self._surgery.read(self._words.of(text).split()))

    def is_denied(self, texts: Iterable[str]) -> bool:
        """Whether a problem in words may be of another person, or say that there is none."""
        return any(self._words.hold_any(self._words.of(text), self._denied_words) for text in texts)


def _term(phrase: str, words: Words) -> str:
    spelled = words.of(phrase.strip("*")).strip()
    return f"{'*' if phrase.startswith('*') else ''}{spelled}{'*' if phrase.endswith('*') else ''}"


def _row(row: Row) -> Performed:
    return Performed(
        id=row["id"],
        label=row["label"],
        value_set=row.get("value_set"),
        procedures=frozenset(row.get("procedures", ())),
        words=tuple(phrase for language in LANGUAGES for phrase in row.get(language, ())),
        look_alikes=tuple(row.get("look_alikes", ())),
        proves=row.get("proves"),
        proves_within_days=row.get("proves_within_days"),
        ended_by=tuple(row.get("ended_by", ())),
    )


def check_performed(rows: TableRows) -> Iterator[str]:
    """Every name in `performed.toml` that no table holds, one line each."""
    known = {row["id"] for row in rows.performed["performed"]}
    for row in rows.performed["performed"]:
        named = [(field, row[field]) for field in ("value_set", "proves") if field in row]
        yield from (_unknown(row, field, name, "ValueSet") for field, name in named if name not in rows.value_sets)
        yield from (
            _unknown(row, "procedures", name, "procedure")
            for name in row.get("procedures", ())
            if name not in rows.procedures
        )
        yield from (_unknown(row, "ended_by", name, "row") for name in row.get("ended_by", ()) if name not in known)
    not_surgery = rows.performed["reading"]["not_surgery"]
    if not_surgery not in rows.value_sets:
        yield f'performed.toml: reading, not_surgery names "{not_surgery}", which is no ValueSet; correct it or add it'


def _unknown(row: Row, field: str, name: str, kind: str) -> str:
    return f'performed.toml: "{row["id"]}", {field} names "{name}", which is no {kind}; correct it or add it'
