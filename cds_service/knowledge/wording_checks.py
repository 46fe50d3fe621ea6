"""What the sentences of every `wording.<lang>.toml` must be: complete, whole, and each of them used.

Sentences are named from two sides. The program says those of `wording_keys.toml`, which fixes the places of each; rows
of the tables name the others, which have no places. A name without its sentence stops the start, so that no card can
fail on one. Only a unit may go without: "mg/dL" is shown as it is written, and so is a unit that no lab accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from string import Formatter
from typing import Any

import msgspec

from cds_service.kinds import KINDS
from cds_service.knowledge.alerts import AGE_ALERT, SEX_ALERT, advice_key
from cds_service.knowledge.site_overlay import LOCAL
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.units import Units

Places = Mapping[str, frozenset[str]]

_ONLY_UCUM = re.compile(r"[*{}\[\]]|^1$")
"""Units that UCUM writes as no person does (`10*9/L`, `{score}`, `mm[Hg]`)."""
_HOURS = re.compile(r"[\d-]+ h")
"""A number of hours, the same in every language."""
_MAY_BE_EMPTY = "unit."
_NAMES = (
    "agent",
    "answer",
    "ask_first",
    "contraindication",
    "criterion",
    "brief",
    "condition",
    "cite",
    "guideline",
    "hold_test",
    "override",
)
_NEVER_MISSED = ("unit", "lab", "test", "procedure", "procedure_dative", "procedures_dative", *_NAMES)
"""Families of names: one that a language lacks is shown as the tables have it."""
_BY_TEXT = ("cite.", "guideline.", "hold_test.")
"""Families by a text of a row. A hospital may replace it, and the sentence of the old one stands for nothing then."""
_PROCEDURE = "procedure"
DATIVE = "procedure_dative"
"""Where a sentence may name a procedure, it may name it in the dative: German has it after `vor`, `bei` and `nach`."""
ENGLISH = "wording.en.toml"
KIND_WORDING = "kind_wording.toml"
OF_KINDS: Mapping[str, str] = {key: names for kind in KINDS.values() for key, names in kind.sentences.items()}
"""The sentences of the data kinds, which `KIND_WORDING` holds for every language: key -> places."""
_OF_ROWS: Places = {"means": frozenset({"procedure", "limit"})}
"""Families of sentences that rows name and that have places all the same."""


class _Name(msgspec.Struct, frozen=True):
    """A sentence named by a field of a row."""

    key: str
    file: str
    row: str
    field: str


def check_wording(rows: TableRows, problems: list[str]) -> None:
    """Append every sentence that is missing in English, unused or broken to `problems`, one line each."""
    places = {key: frozenset(names.split()) for key, names in rows.wording_keys.items()}
    named: dict[str, list[_Name]] = {}
    for name in (
        *_of_procedures(rows),
        *_of_criteria(rows),
        *_of_limits(rows),
        *_of_labs(rows),
        *_of_tests(rows),
        *_of_ask_first(rows),
        *_of_holds(rows),
        *_of_drug_classes(rows),
    ):
        named.setdefault(name.key, []).append(name)
    problems += _missing(named, {ENGLISH: rows.wordings[ENGLISH]})
    problems += _never_filled(named, places)
    known = {*places, *named, *_of_units(rows), *_optional(rows)}
    for file, sentences in rows.wordings.items():
        own = [key for key in places if key not in named] if file == ENGLISH else []
        problems += [f"{_home(file, key)}: {key} is missing; add the sentence" for key in own if key not in sentences]
        for key, sentence in sentences.items():
            if key in known or key.startswith(_BY_TEXT):
                problems += _broken(
                    file, key, sentence, _with_cases(places.get(key.replace("_dative.", ".", 1), _of_family(key)))
                )
            else:
                problems.append(f"{file}: {key} is used by nothing; correct the key or remove the sentence")


def _home(file: str, key: str) -> str:
    return f"{KIND_WORDING}, [{file.split('.')[1]}]" if key in OF_KINDS else file


def missing_sentences(rows: TableRows, file: str) -> list[str]:
    """Keys of the English sentences that another language lacks; it is not offered until it has them all."""
    own = rows.wordings[file]
    needed = (key for key in rows.wordings[ENGLISH] if key.partition(".")[0] not in _NEVER_MISSED)
    return [key for key in needed if key not in own]


def _of_procedures(rows: TableRows) -> Iterator[_Name]:
    for key, row in rows.procedures.items():
        file = rows.places.get(key, "site/procedures")
        yield from (_Name(note, file, key, "notes") for note in row.get("notes", {}).values())
        yield from (_Name(f"uses.{use}", file, key, "uses") for use in (*row["uses"], *row.get("usually_uses", ())))
        for field, alert_key in (("sex", SEX_ALERT), ("from_age", AGE_ALERT), ("to_age", AGE_ALERT)):
            if field in row:
                yield _Name(alert_key, file, key, field)
                yield _Name(advice_key(alert_key), file, key, field)
        for alert in row.get("alert", ()):
            yield _Name(alert["wording"], file, key, "alert")
            yield _Name(advice_key(alert["wording"]), file, key, "alert")
        for indication in row.get("indication", ()):
            if because := indication.get("possible_because"):
                yield _Name(f"reason.{because}", file, f"{key} / {indication['id']}", "possible_because")


def _of_criteria(rows: TableRows) -> Iterator[_Name]:
    file = "contraindications.toml"
    for row in rows.contraindications.values():
        for gated in (row, *row["criterion"]):
            yield from (_Name(f"uses.{use}", file, gated["id"], "uses") for use in gated.get("uses", ()))
    for criterion in (c for row in rows.contraindications.values() for c in row["criterion"]):
        for advice in criterion["advice"]:
            yield _Name(f"advice.{advice}", file, criterion["id"], "advice")
        if says := criterion.get("says"):
            yield _Name(f"means.{says}", file, criterion["id"], "says")
    yield from (_Name(f"advice.{key}", "advice.toml", key, "id") for key in rows.advice)


def _of_limits(rows: TableRows) -> Iterator[_Name]:
    yield _Name(f"grade.{LOCAL}", "site/thresholds.toml", "a hospital's own limit", "change")
    for key, row in rows.thresholds.items():
        yield _Name(f"grade.{row['grade']}", "thresholds.toml", key, "grade")


def _of_labs(rows: TableRows) -> Iterator[_Name]:
    for key, row in rows.labs.items():
        others = row.get("also", ())
        units = dict.fromkeys((row["unit"], *(other["unit"] for other in others)))
        yield from (_Name(f"unit.{code}", "labs.toml", key, "unit") for code in units if _ONLY_UCUM.search(code))
        notes = dict.fromkeys(other["note"] for other in others if "note" in other)
        yield from (_Name(f"reason.{note}", "labs.toml", key, "note") for note in notes)
        if "derivation" in row:
            yield _Name(f"formula.{key}", "labs.toml", key, "derivation")
            yield from (_Name(f"part.{name}", "labs.toml", key, "derivation") for name in _parts(row["derivation"]))


def _parts(row: Mapping[str, Any]) -> Iterator[str]:
    """Parts of a score that no lab gives."""
    yield from (part["name"] for part in row.get("recorded", ()))
    yield from (value["otherwise"]["name"] for value in row.get("values", ()) if "otherwise" in value)


def _of_tests(rows: TableRows) -> Iterator[_Name]:
    for row in rows.lab_orders["test"]:
        yield _Name(f"lab_order.{row['id']}", "lab_orders.toml", row["id"], "id")


def _of_ask_first(rows: TableRows) -> Iterator[_Name]:
    for row in rows.hold_table["ask_first"]:
        yield _Name(f"reason.ask-{row['who']}", "holds.toml", row["id"], "who")


def _of_holds(rows: TableRows) -> Iterator[_Name]:
    for row in rows.holds.values():
        if (restart := row.get("restart")) and not _HOURS.fullmatch(restart):
            yield _Name(f"restart.{restart}", "holds.toml", row["id"], "restart")
        if limit := row.get("test_limit"):
            yield _Name(f"hold_limit.{limit}", "holds.toml", row["id"], "test_limit")


def _of_drug_classes(rows: TableRows) -> Iterator[_Name]:
    for row in rows.hold_table["drug_class"]:
        for field in ("before_stopping", "reversal"):
            if field in row:
                yield _Name(f"advice.{row[field]}", "holds.toml", row["id"], field)


def _of_units(rows: TableRows) -> set[str]:
    """Spellings of units that a person writes another way (`umol/L`): what `units.toml` can read, words of a lab."""
    units, words = Units(rows.units), {w.casefold() for r in rows.labs.values() for w in r.get("unit_words", ())}
    keys = {key for sentences in rows.wordings.values() for key in sentences if key.startswith(_MAY_BE_EMPTY)}
    spelled = {key: key.removeprefix(_MAY_BE_EMPTY) for key in keys}
    return {key for key, text in spelled.items() if units.read(text) or text.casefold() in words}


def _optional(rows: TableRows) -> Iterator[str]:
    """Names that a language may have of its own; without one that of the table is shown."""
    yield from (f"{family}.{key}" for key in rows.labs for family in ("lab", "test"))
    yield from (f"{family}.{key}" for key in rows.procedures for family in ("procedure", "procedure_dative"))
    yield from (key.replace("procedures.", "procedures_dative.", 1) for key in rows.wording_keys)
    yield from (f"agent.{row['id']}" for row in rows.medications["agent"])
    yield from (f"answer.{name}" for name in rows.value_sets)
    yield from (f"ask_first.{row['id']}" for row in rows.hold_table["ask_first"])
    yield from (f"contraindication.{key}" for key in rows.contraindications)
    criteria = [criterion["id"] for row in rows.contraindications.values() for criterion in row["criterion"]]
    yield from (f"{family}.{key}" for key in criteria for family in ("criterion", "brief"))
    yield from (f"condition.{key}" for key in rows.conditions)
    yield from (f"override.{concept['code']}" for concept in rows.override_reasons.get("concept", ()))


def _with_cases(places: frozenset[str]) -> frozenset[str]:
    return places | {DATIVE} if _PROCEDURE in places else places


def _of_family(key: str) -> frozenset[str]:
    return _OF_ROWS.get(key.partition(".")[0], frozenset())


def _missing(named: Mapping[str, list[_Name]], wordings: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for key, names in named.items():
        files = ", ".join(file for file, sentences in wordings.items() if key not in sentences)
        if files:
            yield f'{_told(names)} names "{key}", which is no sentence of {files}; correct it or add it'


def _never_filled(named: Mapping[str, list[_Name]], places: Places) -> Iterator[str]:
    for key, names in named.items():
        if places.get(key) and not _of_family(key):
            yield f'{_told(names)} names "{key}", whose {_listed(places[key])} no row can fill; name another sentence'


def _told(names: list[_Name]) -> str:
    """The first row that names a sentence, and how many others do."""
    first, others = names[0], len({(name.file, name.row) for name in names}) - 1
    also = f" and {others} more" if others else ""
    return f'{first.file}: "{first.row}"{also}, {first.field}'


def _broken(file: str, key: str, sentence: str, places: frozenset[str]) -> list[str]:
    if not sentence.strip() and not key.startswith(_MAY_BE_EMPTY):
        return [f"{file}: {key} is empty; write the sentence"]
    try:
        parts = [part for part in Formatter().parse(sentence) if part[1] is not None]
    except ValueError as error:
        return [f"{file}: {key} has a brace too many or too few ({error}); correct it"]
    return [
        f"{file}: {key} has the place {{{name}}}; known are: {_listed(places) or 'none'}"
        for _, name, style, conversion in parts
        if name not in places or style or conversion
    ]


def _listed(places: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(places))
