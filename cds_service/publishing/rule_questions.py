"""Questions of the tables -> `RuleQuestion`: whatever a type of question says of itself, so that a new type shows up.

Dispatch is that of the types themselves (`knowledge/questions/`): nothing here names one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from cds_service.cards.quantities import shown_limit
from cds_service.cards.wording import Wording
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.lab_types import Threshold
from cds_service.knowledge.review import expression_text, gate_texts
from cds_service.knowledge.tables import Contraindication, Criterion, Indication, Knowledge
from cds_service.knowledge.value_sets import PROCEDURE_CODES, CodeRule, procedure_of
from cds_service.publishing.rule import CodeList, ListedCode, RuleLimit, RuleQuestion


def rule_question(criterion: Criterion, row: Contraindication, knowledge: Knowledge, wording: Wording) -> RuleQuestion:
    """A criterion, by the type of its question; `wording` words its limit and advice."""
    question = criterion.question
    limit = question.limit
    answers = limit.answers if limit else ()
    return RuleQuestion(
        id=criterion.id,
        label=criterion.label,
        kind=question.WORD,
        asks=_asks(criterion, knowledge),
        told_as=question.told_as(criterion.indicator),
        without_data="unknown" if criterion.required else "not missed",
        source=limit.source if limit else criterion.source or row.source,
        grade=limit.grade if limit else criterion.grade,
        limit=rule_limit(limit, knowledge, wording) if limit else None,
        reads=question.reads(knowledge),
        applies=tuple(dict.fromkeys((*gate_texts(row.gate, knowledge), *gate_texts(criterion.gate, knowledge)))),
        advice=tuple(wording.say(f"advice.{key}") for key in criterion.advice),
        words=question.words(knowledge),
        table=question.table(knowledge),
        code_lists=code_lists((*question.code_sets(knowledge), *answers), knowledge),
    )


def _asks(criterion: Criterion, knowledge: Knowledge) -> str:
    """The question in words, with the titles of value sets in place of their ids."""
    text = criterion.question.asks(knowledge)
    for need in criterion.question.needs(knowledge):
        text = text.replace(need.value_set, knowledge.value_set_titles.get(need.value_set, need.value_set))
    return text


def indication_question(indication: Indication, knowledge: Knowledge, wording: Wording) -> RuleQuestion:
    """An indication: what makes it present, and what leaves it possible only."""
    expressions = [e for e in (indication.present_if, indication.possible_if) if e is not None]
    reason = indication.possible_because
    return RuleQuestion(
        id=indication.id,
        label=indication.label,
        kind="indication",
        asks=expression_text(indication.present_if, knowledge),
        told_as="",
        without_data="unknown",
        source=indication.source,
        grade=indication.grade,
        origin=indication.origin,
        applies=(indication.patients.text,) if indication.patients.text else (),
        possible=_possible(indication.possible_if, reason, knowledge, wording),
        code_lists=code_lists(_value_sets(expressions, knowledge), knowledge),
    )


def _possible(possible: Expression | None, reason: str | None, knowledge: Knowledge, wording: Wording) -> str:
    if possible is None:
        return ""
    because = wording.templates.get(f"reason.{reason}", "")
    return f"{expression_text(possible, knowledge)}{f' ({because})' if because else ''}"


def _value_sets(expressions: Iterable[Expression], knowledge: Knowledge) -> Iterator[str]:
    names = dict.fromkeys(name for expression in expressions for name in expression.conditions())
    yield from (knowledge.conditions[name].value_set for name in names)


def limit_in_words(limit: Threshold, knowledge: Knowledge, wording: Wording) -> str:
    """From where on a limit speaks, as on a card; of coded answers the titles of their value sets."""
    answers = (knowledge.value_set_titles.get(name, name) for name in limit.answers)
    return shown_limit(limit, wording) or f"answered “{'” or “'.join(answers)}”"


def rule_limit(limit: Threshold, knowledge: Knowledge, wording: Wording) -> RuleLimit:
    """A limit, worded as on a card where it is a number."""
    return RuleLimit(
        id=limit.id,
        shown=limit_in_words(limit, knowledge, wording),
        comparison=limit.comparison,
        value=_plain(limit.value),
        unit=limit.unit,
        within_days=limit.within_days,
        guideline=limit.guideline,
        source=limit.source,
        grade=limit.grade,
        status=limit.status,
    )


def _plain(value: Decimal | None) -> str:
    return "" if value is None else str(value)


def code_lists(value_sets: Iterable[str], knowledge: Knowledge) -> tuple[CodeList, ...]:
    """The value sets that hold codes, each once, with their codes."""
    lists = (_code_list(name, knowledge) for name in dict.fromkeys(value_sets))
    return tuple(listed for listed in lists if listed.codes)


def _code_list(value_set: str, knowledge: Knowledge) -> CodeList:
    codes = tuple(
        ListedCode(knowledge.codes.label(r.system), r.code, _display(r, knowledge), r.relation, r.prefix, r.system)
        for r in knowledge.codes.rules_of(value_set)
    )
    own = knowledge.procedures.get(procedure_of(value_set) or "")
    return CodeList(value_set, knowledge.value_set_titles.get(value_set, own.label if own else value_set), codes)


def _display(rule: CodeRule, knowledge: Knowledge) -> str:
    """What a code is called: by its value set, of a family by a release, of this service's own by the procedure."""
    own = knowledge.procedures.get(rule.code) if rule.system == PROCEDURE_CODES else None
    return rule.display or (own.label if own else knowledge.family_titles.get((rule.system, rule.code), ""))
