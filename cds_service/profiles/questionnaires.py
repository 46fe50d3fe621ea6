"""Validates QuestionnaireResponses against their Questionnaire, if it is available or contained.

Source: FHIR R4 QuestionnaireResponse, elements questionnaire, item, item.linkId and item.item; Questionnaire, item type
codes, enableWhen, maxLength and the extensions minValue, maxValue, maxDecimalPlaces, minLength and regex.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from cds_service.profiles.bindings import codes_of
from cds_service.profiles.definitions import BASE
from cds_service.profiles.enable_when import answers_by_link, is_enabled
from cds_service.profiles.issues import Severity
from cds_service.profiles.references import resolve
from cds_service.profiles.terminology import contains, value_set_contains
from cds_service.profiles.validation_run import Node, ValidationRun
from cds_service.profiles.values import bound_problem, equals_fixed, matches_regex, quoted

_COMPLETE = {"completed", "amended"}
_WITHOUT_ANSWER = {"group", "display"}
_WITH_OPTIONS = {"choice", "open-choice"}
_ANSWERS = {
    **{kind: {kind} for kind in ("boolean", "decimal", "integer", "date", "dateTime", "time", "string")},
    "text": {"string"},
    "url": {"uri"},
    "attachment": {"Attachment"},
    "reference": {"Reference"},
    "quantity": {"Quantity"},
    "choice": {"Coding"},
    "open-choice": {"Coding", "string"},
    "group": set(),
    "display": set(),
}

Json = dict[str, Any]


def check_questionnaire_response(run: ValidationRun, node: Node) -> None:
    """Check the items and answers of one QuestionnaireResponse."""
    questionnaire = _questionnaire(run, node.value.get("questionnaire"))
    if questionnaire is not None:
        contained = [*_listed(questionnaire.get("contained")), *_listed(node.value.get("contained"))]
        run.cache["contained"] = {f"#{one.get('id')}": one for one in contained}
        run.cache["answers"] = answers_by_link(node.value)
        _check_items(run, node, _listed(questionnaire.get("item")), str(node.value.get("status")) in _COMPLETE)


def _questionnaire(run: ValidationRun, url: Any) -> Json | None:
    if not isinstance(url, str):
        return None
    if url.startswith("#"):
        found = resolve(run.scope, url)
        return found if found is not None and found.get("resourceType") == "Questionnaire" else None
    known = run.definitions.questionnaire(url)
    version = url.partition("|")[2]
    return dict(known) if known is not None and version in ("", known.get("version")) else None


def _check_items(run: ValidationRun, node: Node, questions: Sequence[Json], complete: bool) -> None:
    """Check the items of one level against the questions of that level."""
    known = {str(one.get("linkId")): one for one in questions}
    places = {link: place for place, link in enumerate(known)}
    last = 0
    seen: dict[str, int] = {}
    answered: set[str] = set()
    for index, item in enumerate(_listed(node.value.get("item"))):
        where = Node(item, "BackboneElement", "item", node, index)
        link = item.get("linkId")
        if not isinstance(link, str):
            continue
        if link not in known:
            message = f"the Questionnaire has no item {quoted(link)} here"
            run.error(where, "answer-link", "not-found", message)
            continue
        if places[link] < last:
            run.error(where, "answer-order", "structure", f"item {quoted(link)} comes earlier in the Questionnaire")
        last = max(last, places[link])
        seen[link] = seen.get(link, 0) + max(len(_listed(item.get("answer"))), 1)
        if item.get("answer") or str(known[link].get("type")) in _WITHOUT_ANSWER:
            answered.add(link)
        if complete and _is_answered(item) and is_enabled(known[link], node, run.cache["answers"]) is False:
            run.error(where, "answer-disabled", "business-rule", f"item {quoted(link)} is answered, but not enabled")
        _check_item(run, where, known[link], complete)
    for link, question in known.items():
        if seen.get(link, 0) > 1 and not question.get("repeats"):
            run.error(node, "answer-repeats", "structure", f"item {quoted(link)} may be answered only once")
        is_missing = complete and question.get("required") is True and link not in answered
        if is_missing and is_enabled(question, node, run.cache["answers"]):
            run.error(node, "answer-required", "required", f"item {quoted(link)} must be answered")


def _is_answered(item: Json) -> bool:
    """Whether an item, or one inside of it, has an answer."""
    return bool(_listed(item.get("answer"))) or any(map(_is_answered, _listed(item.get("item"))))


def _check_item(run: ValidationRun, node: Node, question: Json, complete: bool) -> None:
    inner = _listed(question.get("item"))
    if question.get("type") == "group":
        _check_items(run, node, inner, complete)
    elif "item" in node.value:
        run.error(node, "answer-link", "structure", "has items beside its answers: they belong in answer.item")
    for index, answer in enumerate(_listed(node.value.get("answer"))):
        where = Node(answer, "BackboneElement", "answer", node, index)
        _check_answer(run, where, question)
        if inner or "item" in answer:
            _check_items(run, where, inner, complete)


def _check_answer(run: ValidationRun, node: Node, question: Json) -> None:
    """Check the type of one answer, that it is an option if the question has them, and its limits."""
    options = _listed(question.get("answerOption"))
    allowed = _ANSWERS.get(str(question.get("type")))
    given = next(_values(node.value), None)
    if allowed is None or given is None:
        return
    kind, value = given
    if options and question["type"] in ("choice", "open-choice"):
        allowed = {named for one in options for named, _ in _values(one)} | (allowed - {"Coding"})
    if kind.lower() not in {one.lower() for one in allowed}:
        wanted = " or ".join(sorted(allowed)) or "no answer"
        run.error(node, "answer-type", "structure", f"is a {kind}, expected {wanted}")
        return
    if _is_other(run, question, kind, value):
        # A warning for an open choice: records have codes of their own there, though R4 allows only text.
        severity: Severity = "error" if question["type"] == "choice" else "warning"
        message = f"{quoted(value)} is not an option of the question"
        run.add(severity, node, "answer-option", "code-invalid", message)
    for problem in _limit_problems(question, value):
        run.error(node, "answer-limit", "value", problem)


def _is_other(run: ValidationRun, question: Json, kind: str, value: Any) -> bool:
    """Whether an answer is certainly none of the options; the free text of an open choice may be anything."""
    if question["type"] not in _WITH_OPTIONS or (question["type"] == "open-choice" and kind == "String"):
        return False
    codes = codes_of(value, "Coding") if kind == "Coding" else []
    options = [given for one in _listed(question.get("answerOption")) for given in _values(one)]
    if options and kind == "Coding":
        listed = [one for named, one in options if named == "Coding"]
        if codes:
            return codes[0] not in [code for one in listed for code in codes_of(one, "Coding")]
        return value.get("display") not in [one.get("display") for one in listed]
    if options:
        return not any(named == kind and equals_fixed(value, one) for named, one in options)
    url = question.get("answerValueSet")
    if not codes or not isinstance(url, str):
        return False
    # A code without a system is compared as it is, as HL7's validator does.
    system, code = codes[0][0] or None, codes[0][1]
    if inside := run.cache["contained"].get(url):
        return contains(run.definitions, inside, system, code) is False
    return value_set_contains(run.definitions, url, system, code) is False


def _limit_problems(question: Json, value: Any) -> Iterator[str]:
    """How an answer exceeds `maxLength` and the extensions of the question that limit it."""
    limits = {str(one.get("url")): given for one in _listed(question.get("extension")) for _, given in _values(one)}
    for which in ("min", "max"):
        bound = limits.get(f"{BASE}{which}Value")
        if bound is not None and (problem := bound_problem(which, value, bound)):
            yield problem
    places = limits.get(f"{BASE}maxDecimalPlaces")
    if isinstance(places, int) and isinstance(value, Decimal) and -int(value.as_tuple().exponent) > places:
        yield f"has more than {places} decimal places"
    if not isinstance(value, str):
        return
    longest, shortest, pattern = question.get("maxLength"), limits.get(f"{BASE}minLength"), limits.get(f"{BASE}regex")
    if isinstance(longest, int) and len(value) > longest:
        yield f"is longer than {longest} characters"
    if isinstance(shortest, int) and len(value) < shortest:
        yield f"is shorter than {shortest} characters"
    if isinstance(pattern, str) and not matches_regex(pattern, value):
        yield f"does not match {pattern}"


def _values(holder: Json) -> Iterator[tuple[str, Any]]:
    """The value[x] of an answer or option, with its type as in the property name: Boolean, Coding."""
    for name, value in holder.items():
        if name.startswith("value"):
            yield name[len("value") :], value


def _listed(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
