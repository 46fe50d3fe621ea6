"""Every row of the tables as a `Rule` with a stable address, and the search over them.

In: `Knowledge`. Out: rules of four kinds: procedures, indications, contraindications, limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds_service.cards.wording import ENGLISH, Wording
from cds_service.knowledge.lab_types import Threshold
from cds_service.knowledge.review import ORIGINS, use_text
from cds_service.knowledge.tables import IN_VESSELS, Contraindication, Indication, Knowledge, Procedure
from cds_service.knowledge.value_sets import procedure_value_set
from cds_service.publishing.applies import asked
from cds_service.publishing.read_as import read_as
from cds_service.publishing.rule import Link, Rule
from cds_service.publishing.rule_questions import (
    code_lists,
    indication_question,
    limit_in_words,
    rule_limit,
    rule_question,
)

KINDS: Mapping[str, str] = {
    "contraindications": "What speaks against a procedure",
    "procedures": "Procedures",
    "indications": "What procedures are for",
    "limits": "Limits",
}
"""Kind of rule -> heading, in the order in which they are shown."""


class RuleBook:
    """The rules of one state of the tables; built once."""

    def __init__(self, knowledge: Knowledge, language: str = ENGLISH) -> None:
        """Build every rule, and what the search reads of it; limits and advice are worded in the language."""
        self.knowledge = knowledge
        wording = Wording(knowledge.wordings.get(language, knowledge.wording), language)
        self.rules: Mapping[tuple[str, str], Rule] = {rule.key: rule for rule in _rules(knowledge, wording)}
        self._texts = {key: _text(rule) for key, rule in self.rules.items()}

    def rule(self, kind: str, name: str) -> Rule | None:
        """The rule at an address; None where there is none."""
        return self.rules.get((kind, name))

    def search(self, query: str) -> list[Rule]:
        """Rules that a code, an id or all of the words find; those that are named so come first.

        A hospital's local codes find what they are mapped to, and words what a record with them would be read as.
        """
        read, words = read_as(query, self.knowledge), query.casefold().split()
        found = [
            rule
            for key, rule in self.rules.items()
            if _value_sets(rule) & read.value_sets
            or (rule.kind == "procedures" and rule.id in read.procedures)
            or (words and all(word in self._texts[key] for word in words))
        ]
        return sorted(found, key=lambda rule: not all(word in f"{rule.label} {rule.id}".casefold() for word in words))


def _rules(knowledge: Knowledge, wording: Wording) -> Iterator[Rule]:
    yield from (_contraindication(row, knowledge, wording) for row in knowledge.contraindications)
    for procedure in knowledge.procedures.values():
        yield _procedure(procedure, knowledge, wording)
    for procedure in knowledge.procedures.values():
        yield from (_indication(i, procedure, knowledge, wording) for i in procedure.indications)
    yield from (_limit(limit, knowledge, wording) for limit in knowledge.thresholds.values())
    for row in knowledge.silent_rows:
        if row.table != "criteria":
            yield Rule(row.table, row.id, row.label, row.status, "", changes=_changes(row.table, row.id, knowledge))


def _contraindication(row: Contraindication, knowledge: Knowledge, wording: Wording) -> Rule:
    silent = [r for r in knowledge.silent_rows if r.table == "criteria" and r.row == row.id]
    own = {row.id, *(c.id for c in row.criteria), *(r.id for r in silent)}
    concerned = [Link("procedures", p.id, p.label) for p in knowledge.procedures.values() if asked(row, p)]
    return Rule(
        kind="contraindications",
        id=row.id,
        label=row.label,
        status="in shadow" if row.shadow else "active",
        source=row.source,
        facts={"Not asked (draft or switched off)": ", ".join(f"{r.label} ({r.status})" for r in silent)},
        questions=tuple(rule_question(criterion, row, knowledge, wording) for criterion in row.criteria),
        related={
            "Limits": tuple(_limits(row, knowledge)),
            "Applies to" if len(concerned) < len(knowledge.procedures) else "Applies to every procedure": (
                tuple(concerned) if len(concerned) < len(knowledge.procedures) else ()
            ),
        },
        changes=(
            *(c for name in own for c in _changes("contraindications", name, knowledge)),
            *(c for link in _limits(row, knowledge) for c in _changes("thresholds", link.id, knowledge)),
            *(change for change in knowledge.changes if change.get("table") in _tables_of(row)),
        ),
        links=tuple(link for name in (row.id, *(c.id for c in row.criteria)) for link in knowledge.links.get(name, ())),
    )


def _limits(row: Contraindication, knowledge: Knowledge) -> Iterator[Link]:
    limits = dict.fromkeys(limit for criterion in row.criteria for limit in criterion.question.limits(knowledge))
    yield from (Link("limits", limit.id, _limit_label(limit, knowledge)) for limit in limits)


def _limit_label(limit: Threshold, knowledge: Knowledge) -> str:
    """`Platelets: below 50 × 10⁹/L`, in English as every label."""
    return f"{knowledge.labs[limit.lab].label}: {limit_in_words(limit, knowledge, Wording(knowledge.wording))}"


def _procedure(procedure: Procedure, knowledge: Knowledge, wording: Wording) -> Rule:
    family = [knowledge.procedures[name] for name in knowledge.children.get(procedure.id, ())]
    parent = knowledge.procedures.get(procedure.parent or "")
    against = [
        Link("contraindications", row.id, row.label) for row in knowledge.contraindications if asked(row, procedure)
    ]
    return Rule(
        kind="procedures",
        id=procedure.id,
        label=procedure.label,
        status="in shadow" if procedure.shadow else "active",
        source=procedure.source,
        origin=procedure.origin,
        facts=_facts(procedure),
        words=procedure.synonyms,
        code_lists=code_lists([procedure_value_set(procedure.id)], knowledge),
        questions=tuple(indication_question(indication, knowledge, wording) for indication in procedure.indications),
        related={
            "What speaks against it": tuple(against),
            "A kind of": (Link("procedures", parent.id, parent.label),) if parent else (),
            "More specific": tuple(Link("procedures", p.id, p.label) for p in family),
        },
        changes=_changes("procedures", procedure.id, knowledge),
        links=knowledge.links.get(procedure.id, ()),
    )


def _facts(procedure: Procedure) -> dict[str, str]:
    return {
        "Table": ORIGINS[procedure.origin],
        "Region": procedure.region,
        "Patients": procedure.patients.text,
        "Uses": ", ".join(use_text(procedure, use) for use in sorted(procedure.uses - {IN_VESSELS})),
        "Bleeding risk": f"{procedure.bleeding_risk}, {procedure.bleeding_risk_basis}",
        "Access": procedure.access,
        "Urgency": " or ".join(procedure.urgency),
        "Emergency": "yes, so that no card is critical" if procedure.emergency else "",
        "At most information": ", ".join(sorted(procedure.at_most_info)),
        "Not where the text says": ", ".join(procedure.exclude_terms),
    }


def _indication(indication: Indication, procedure: Procedure, knowledge: Knowledge, wording: Wording) -> Rule:
    return Rule(
        kind="indications",
        id=indication.id,
        label=indication.label,
        status="in shadow" if procedure.shadow else "active",
        source=indication.source,
        origin=indication.origin,
        grade=indication.grade,
        questions=(indication_question(indication, knowledge, wording),),
        related={"Of the procedure": (Link("procedures", procedure.id, procedure.label),)},
        changes=_changes("procedures", procedure.id, knowledge),
    )


def _limit(limit: Threshold, knowledge: Knowledge, wording: Wording) -> Rule:
    lab = knowledge.labs[limit.lab]
    asking = [
        (row, criterion)
        for row in knowledge.contraindications
        for criterion in row.criteria
        if limit in criterion.question.limits(knowledge)
    ]
    # Of a question that reads the lab for one of many answers only, its link says enough.
    shown = [(row, criterion) for row, criterion in asking if limit.lab in criterion.question.labs]
    return Rule(
        kind="limits",
        id=limit.id,
        label=_limit_label(limit, knowledge),
        status=limit.status,
        source=limit.source,
        grade=limit.grade,
        facts={"Lab": lab.label, "Unit": lab.unit, "Reported in": ", ".join(lab.reported_in)},
        code_lists=() if shown else code_lists([lab.value_set], knowledge),
        questions=tuple(rule_question(criterion, row, knowledge, wording) for row, criterion in shown),
        limit=rule_limit(limit, knowledge, wording),
        related={"Asked by": tuple(dict.fromkeys(Link("contraindications", r.id, r.label) for r, _ in asking))},
        changes=_changes("thresholds", limit.id, knowledge),
    )


def _tables_of(row: Contraindication) -> set[str]:
    """Files of a site in which rows are changed that the questions of a row rest on."""
    return {criterion.question.CHANGED_IN for criterion in row.criteria if criterion.question.CHANGED_IN is not None}


def _changes(table: str, name: str, knowledge: Knowledge) -> tuple[Mapping[str, str], ...]:
    return tuple(change for change in knowledge.changes if (change.get("table"), change["id"]) == (table, name))


def _value_sets(rule: Rule) -> set[str]:
    lists = [*rule.code_lists, *(listed for question in rule.questions for listed in question.code_lists)]
    return {listed.id for listed in lists}


def _text(rule: Rule) -> str:
    """What words are looked for in, folded; codes are found by the code index as well, their families too."""
    parts = [rule.id, rule.label, rule.origin, *(rule.facts or {}).values(), *rule.words]
    for question in rule.questions:
        parts += [question.id, question.label, question.asks, *question.words]
    for listed in (*rule.code_lists, *(c for question in rule.questions for c in question.code_lists)):
        parts += [listed.title, *(f"{code.code} {code.display}" for code in listed.codes)]
    return "\n".join(parts).casefold()
