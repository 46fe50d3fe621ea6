"""Tables, value sets and a site folder -> `Knowledge`, or every problem at once.

`load_knowledge` gives what judges patients, `load_shipped` what is published. What is checked in one file is in its
schema; what is checked between files is in `cross_checks.py`.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import fhir_profiles
from cds_service.errors import TableError
from cds_service.knowledge import rows
from cds_service.knowledge.allergy_table import allergy_table, allergy_texts
from cds_service.knowledge.cross_checks import Terms, cross_check, terms_of
from cds_service.knowledge.diagnosis_table import diagnosis_texts
from cds_service.knowledge.expansions import expansion_rules
from cds_service.knowledge.lab_index import LabIndex
from cds_service.knowledge.lab_orders import LabOrders
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.lab_units import with_inputs
from cds_service.knowledge.medication_table import medication_table
from cds_service.knowledge.order_table import order_texts
from cds_service.knowledge.override_reasons import OverrideReason
from cds_service.knowledge.performed_table import PerformedTable
from cds_service.knowledge.read import once
from cds_service.knowledge.remembered import with_memory
from cds_service.knowledge.shared_parts import shared
from cds_service.knowledge.site import SiteChanges, read_site
from cds_service.knowledge.site_checks import check_site
from cds_service.knowledge.site_dates import in_force, next_day, wrong_dates
from cds_service.knowledge.site_overlay import (
    add_rows,
    changes_of,
    overlay_criteria,
    overlay_holds,
    overlay_order_words,
    overlay_procedures,
    overlay_thresholds,
)
from cds_service.knowledge.site_texts import links_of, overlay_override_reasons, overlay_wordings
from cds_service.knowledge.table_files import read_rows, state_of
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Contraindication, Knowledge, Procedure
from cds_service.knowledge.units import Units
from cds_service.knowledge.urgency_table import urgency_table
from cds_service.knowledge.value_sets import (
    LOINC,
    PROCEDURE_CODES,
    SNOMED_CT,
    SUFFICIENT,
    CodeIndex,
    CodeRule,
    Exclusion,
    mappings_of,
    procedure_of,
    procedure_value_set,
    rules_of,
)
from cds_service.knowledge.wording_checks import ENGLISH, check_wording, missing_sentences
from cds_service.knowledge.words import Words

TABLES = Path(__file__).parent
PROFILES = Path(fhir_profiles.__file__).parent


def load_knowledge(
    site: Path | None = None, *, tables: Path = TABLES, profiles: Path = PROFILES, today: date | None = None
) -> Knowledge:
    """The effective tables.

    Args:
        site: a hospital's site folder, laid over the shipped tables; None for the shipped ones alone.
        tables: folder of the shipped tables.
        profiles: folder of the FHIR content.
        today: on which changes of the site are to count; those approved later are refused. None for the day of this
            machine.

    Returns:
        The tables, which nothing can change: without a site, and as long as they are in use, the same object for the
        same files.

    Raises:
        TableError: with one line for every problem in any file.
    """
    if site is None:
        return _shipped_alone(tables, profiles)
    return _with_site(site, tables, profiles, today or date.today())[1]


def load_shipped(
    *, tables: Path = TABLES, profiles: Path = PROFILES, site: Path | None = None
) -> tuple[TableRows, Knowledge]:
    """The rows as they are written, of any status, and the tables that they are, a site's laid over them.

    What is published is made from both; the files are read once.

    Raises:
        TableError: with one line for every problem in any file.
    """
    if site is None:
        return _shipped(tables, profiles, state_of(tables, profiles))
    return _with_site(site, tables, profiles, date.today())


def _with_site(site: Path, tables: Path, profiles: Path, today: date) -> tuple[TableRows, Knowledge]:
    problems: list[str] = []
    with _without_collecting():
        files = read_rows(tables, profiles, problems)
        try:
            return files, _effective(files, read_site(site, problems), problems, today)
        except TableError as error:
            raise TableError([_as_given(problem, site) for problem in error.problems]) from None


def _as_given(problem: str, site: Path) -> str:
    """A problem with the path of the site folder as the user gave it, in place of `site`."""
    return f"{site}{problem.removeprefix('site')}" if problem.startswith("site/") else problem


_IN_USE: WeakValueDictionary[bytes, Knowledge] = WeakValueDictionary()
"""The tables without a site that something in this process holds, by the contents of their files."""


def _shipped_alone(tables: Path, profiles: Path) -> Knowledge:
    """The tables without a site: what is in use already if its files are the same, for nothing can change it."""
    state = state_of(tables, profiles)
    return _IN_USE.get(state) or _shipped(tables, profiles, state)[1]


def _shipped(tables: Path, profiles: Path, state: bytes) -> tuple[TableRows, Knowledge]:
    problems: list[str] = []
    with _without_collecting():
        files = read_rows(tables, profiles, problems)
        knowledge = _effective(files, SiteChanges(), problems, date.today())
    return files, _IN_USE.setdefault(state, knowledge)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Loading makes a hundred thousand objects that stay: looking for garbage among them takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _effective(files: TableRows, changes: SiteChanges, problems: list[str], today: date) -> Knowledge:
    if problems:
        raise TableError(problems)
    problems += wrong_dates(changes, today)
    files.changes = tuple(changes_of(changes, files, today))
    files.next_day = next_day(changes, today)
    speaking = _speaking(files)
    _lay_over(files, in_force(changes, today), problems)
    problems += check_site(changes, files)
    files.switched_off = tuple(sorted(speaking - _speaking(files)))
    terms = terms_of(files)
    cross_check(files, terms, problems)
    check_wording(files, problems)
    if problems:
        raise TableError(problems)
    return with_memory(_assemble(files, terms))


def _lay_over(files: TableRows, changes: SiteChanges, problems: list[str]) -> None:
    files.places = {**files.places, **changes.places}
    files.not_connected = frozenset(row["id"] for row in changes.not_connected)
    holds, sources = overlay_holds(files.holds, changes.holds, problems)
    files.holds = dict(holds)
    files.hold_table = {**files.hold_table, "guidelines": [*sources, *files.hold_table.get("guidelines", ())]}
    files.thresholds = dict(overlay_thresholds(files.thresholds, changes.thresholds, problems))
    files.conditions = add_rows(files.conditions, changes.conditions, "site/conditions.toml", "condition", problems)
    files.value_sets = add_rows(files.value_sets, changes.value_sets, "site/value_sets", "ValueSet", problems)
    files.contraindications = dict(overlay_criteria(files.contraindications, changes.contraindications, problems))
    files.procedures = dict(overlay_procedures(files.procedures, changes, problems))
    files.order_words = overlay_order_words(files.order_words, changes.order_words)
    files.wordings = overlay_wordings(files.wordings, changes.wordings, problems)
    files.override_reasons = overlay_override_reasons(files.override_reasons, changes.override_reasons, problems)
    criteria = {c["id"]: c for row in files.contraindications.values() for c in row["criterion"]}
    files.links = links_of(changes.links, {**files.procedures, **files.contraindications, **criteria}, problems)
    files.concept_maps += changes.concept_maps
    files.expansions += once(changes.expansions, "site/expansions", "ValueSet", problems).values()
    for expansion in files.expansions:
        if expansion["id"] not in files.value_sets:
            problems.append(f'site/expansions: "{expansion["id"]}" is no shipped ValueSet; remove the file')
    files.paths += changes.files


def _speaking(files: TableRows) -> set[str]:
    """Ids of the rows, questions and limits that are active."""
    rows_ = [*files.procedures.values(), *files.contraindications.values(), *files.thresholds.values()]
    rows_ += [criterion for row in files.contraindications.values() for criterion in row["criterion"]]
    return {row["id"] for row in rows_ if rows.is_active(row)}


def _assemble(files: TableRows, terms: Terms) -> Knowledge:
    thresholds = {key: rows.threshold(row) for key, row in files.thresholds.items()}
    procedures = {key: rows.procedure(row) for key, row in files.procedures.items() if rows.is_active(row)}
    contraindications = tuple(
        rows.contraindication(row, thresholds) for row in files.contraindications.values() if rows.is_active(row)
    )
    units = Units(files.units)
    labs = {key: rows.lab(row, units) for key, row in files.labs.items()}
    rules, exclusions = _rules(files)
    words = terms.words
    used = _labs_used(contraindications, labs)
    sufficient = frozenset(rule.value_set for rule in rules if rule.relation in SUFFICIENT)
    codes = _index(files, rules, exclusions, words)
    return Knowledge(
        version=f"{files.release}+{_digest(files)}",
        conditions={key: rows.condition(row, sufficient) for key, row in files.conditions.items()},
        procedures=procedures,
        contraindications=contraindications,
        labs=labs,
        thresholds=thresholds,
        wording=files.wordings[ENGLISH],
        codes=codes,
        order_texts=order_texts(files, procedures, words),
        allergies=allergy_table(files.allergies, files.allergy_words),
        allergy_texts=shared(allergy_texts, files.allergies, terms.allergies, words),
        medications=medication_table(files.medications, files.hold_table, files.holds.values(), words),
        performed=PerformedTable(files.performed, words),
        words=words,
        diagnosis_texts=shared(
            diagnosis_texts,
            files.diagnosis_words,
            files.plain_words,
            files.title_words,
            terms.diagnoses,
            codes,
            _conditions_asked(files),
            tuple(group["value_set"] for group in files.allergies["group"] if "role" not in group),
            words,
        ),
        units=units,
        lab_index=LabIndex(labs.values(), files.lab_names, codes, rules, words),
        lab_orders=LabOrders(files.lab_orders, words),
        urgency=urgency_table(files.urgency),
        children=_children(procedures),
        order_codes=_order_codes(procedures, rules, codes),
        wordings={
            name.split(".")[1]: sentences
            for name, sentences in files.wordings.items()
            if not missing_sentences(files, name)
        },
        advice={key: rows.advice(row) for key, row in files.advice.items()},
        override_reasons=_override_reasons(files.override_reasons),
        search_codes={"observations": _search_codes(rules, codes, used)},
        not_connected=files.not_connected,
        changes=files.changes,
        value_set_titles={key: value_set["title"] for key, value_set in files.value_sets.items()},
        family_titles=files.family_titles,
        silent_rows=tuple(rows.silent_rows(files)),
        switched_off=files.switched_off,
        links=files.links,
        reason_kinds=_reason_kinds(files.override_reasons),
        next_day=files.next_day,
    )


def _override_reasons(system: Mapping[str, Any]) -> dict[str, tuple[OverrideReason, ...]]:
    """The reasons of each problem, in the order of the code system; `emergency` is its last."""
    found: dict[str, dict[str, OverrideReason]] = {}
    for concept in system["concept"]:
        offered = [p["valueCode"] for p in concept.get("property", ()) if p["code"] == "offered-for"]
        for topic, _, subject in (entry.partition("/") for entry in offered):
            reasons, code = found.setdefault(topic, {}), concept["code"]
            only_with = reasons[code].only_with if code in reasons else frozenset()
            own = concept.get("system", system["url"])
            reasons[code] = OverrideReason(own, code, concept["display"], only_with | ({subject} if subject else set()))
    return {topic: tuple(reasons.values()) for topic, reasons in found.items()}


def _reason_kinds(system: Mapping[str, Any]) -> dict[str, str]:
    """How a report counts each reason, by `system|code`: the property `counts-as`."""
    return {
        f"{concept.get('system', system['url'])}|{concept['code']}": entry["valueCode"]
        for concept in system["concept"]
        for entry in concept.get("property", ())
        if entry["code"] == "counts-as"
    }


def _search_codes(rules: Iterable[CodeRule], codes: CodeIndex, used: Collection[str]) -> tuple[str, ...]:
    """LOINC codes of the labs used, then a hospital's own codes that a ConceptMap makes one of them."""
    loinc = sorted({f"{r.system}|{r.code}" for r in rules if r.system == LOINC and r.value_set in used})
    mapped = [key for key in codes.mapped() if any(hit.value_set in used for hit in codes.lookup(*key))]
    own = sorted(f"{system}|{code}" for system, code in mapped if system != LOINC and "," not in system + code)
    return (*loinc, *own)


def _rules(files: TableRows) -> tuple[list[CodeRule], list[Exclusion]]:
    rules: list[CodeRule] = []
    exclusions: list[Exclusion] = []
    for value_set in files.value_sets.values():
        own_rules, own_exclusions = rules_of(value_set)
        rules += own_rules
        exclusions += own_exclusions
    shipped = {(rule.value_set, rule.system, rule.code) for rule in rules}
    expanded = [rule for expansion in files.expansions for rule in expansion_rules(expansion)]
    rules += [rule for rule in expanded if (rule.value_set, rule.system, rule.code) not in shipped]
    rules += [
        CodeRule(procedure_value_set(key), PROCEDURE_CODES, key, "exact", prefix=False) for key in files.procedures
    ]
    return rules, exclusions


def _index(files: TableRows, rules: Sequence[CodeRule], exclusions: Sequence[Exclusion], words: Words) -> CodeIndex:
    titles = {key: row["title"] for key, row in files.value_sets.items() if "title" in row}
    return shared(_code_index, files.systems, files.concept_maps, rules, exclusions, words, titles)


def _code_index(
    systems: Sequence[Mapping[str, Any]],
    concept_maps: Sequence[Mapping[str, Any]],
    rules: Sequence[CodeRule],
    exclusions: Sequence[Exclusion],
    words: Words,
    titles: Mapping[str, str],
) -> CodeIndex:
    aliases = {alias: s["url"] for s in systems for alias in s["aliases"]}
    mappings: dict[tuple[str, str], list[Any]] = {}
    for concept_map in concept_maps:
        for key, targets in mappings_of(concept_map).items():
            mappings.setdefault(key, []).extend(targets)
    return CodeIndex(map(rows.code_system, systems), aliases, rules, exclusions, mappings, words, titles)


def _conditions_asked(files: TableRows) -> tuple[str, ...]:
    """The value sets of conditions, whichever table asks for them."""
    return tuple(name for name in files.value_sets if name.startswith(("condition-", "criterion-")))


def _labs_used(contraindications: Iterable[Contraindication], labs: Mapping[str, Lab]) -> set[str]:
    """Value sets of every lab that a speaking criterion reads, and of what those are computed from."""
    waiting = [lab for row in contraindications for c in row.criteria for lab in c.question.labs]
    return {labs[key].value_set for key in with_inputs(waiting, labs)}


def _children(procedures: Mapping[str, Procedure]) -> dict[str, tuple[str, ...]]:
    children: dict[str, list[str]] = {}
    for procedure in procedures.values():
        if procedure.parent:
            children.setdefault(procedure.parent, []).append(procedure.id)
    return {key: tuple(ids) for key, ids in children.items()}


def _order_codes(
    procedures: Mapping[str, Procedure], rules: Iterable[CodeRule], codes: CodeIndex
) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """By what a procedure may be ordered: a code of the hospital, an exact SNOMED CT code, and its own code here."""
    found: dict[str, list[tuple[str, str, str]]] = {key: [] for key in procedures}
    for system, code in codes.mapped():
        (hit, *others) = codes.lookup(system, code) or (None,)
        procedure = procedure_of(hit.value_set) if hit is not None and hit.relation == "exact" and not others else None
        if procedure in found:
            found[procedure].append((system, code, procedures[procedure].label))
    for rule in rules:
        exact = rule.system == SNOMED_CT and rule.relation == "exact" and not rule.prefix
        procedure = procedure_of(rule.value_set)
        if exact and rule.display and procedure in found:
            found[procedure].append((rule.system, rule.code, rule.display))
    own = {key: (PROCEDURE_CODES, key, procedure.label) for key, procedure in procedures.items()}
    return {key: (*found[key][:1], code) for key, code in own.items()}


def _digest(files: TableRows) -> str:
    """Eight hex digits over every effective file in a fixed order, and over the changes that do not count today."""
    digest = hashlib.sha256()
    for path in sorted(files.paths, key=lambda p: p.as_posix().rpartition("/")[2]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for change in files.changes:
        if "state" in change:
            digest.update(f"{change['table']} {change['id']} {change['state']}\0".encode())
    return digest.hexdigest()[:8]
