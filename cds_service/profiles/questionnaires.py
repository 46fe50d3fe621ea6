"""Validates QuestionnaireResponses against their Questionnaire, if it is available or contained.

Source: FHIR R4 QuestionnaireResponse, elements questionnaire, item, item.linkId and item.item; Questionnaire, item type
codes, required, repeats, answerOption and answerValueSet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cds_service.profiles.answer_limits import count_problem, excludes_others, limit_problems
from cds_service.profiles.bindings import codes_of
from cds_service.profiles.enable_when import answers_by_link, is_enabled
from cds_service.profiles.issues import Severity
from cds_service.profiles.references import resolve
from cds_service.profiles.terminology import contains, value_set_contains
from cds_service.profiles.validation_run import Node, ValidationRun
from cds_service.profiles.values import equals_fixed, objects_in, quoted

_COMPLETE = {"completed", "amended"}
_ANSWERS = {
    **{kind: {kind} for kind in ("boolean", "decimal", "integer", "date", "dateTime", "time", "string")},
    "text": {"string"},
    "url": {"uri"},
    "attachment": {"Attachment"},
    "reference": {"Reference"},
    "quantity": {"Quantity"},
    "choice": {"Coding"},
    "open-choice": {"Coding", "string"},
    **{kind: set[str]() for kind in ("group", "display", "question")},
}

Json = dict[str, Any]


def check_questionnaire_response(run: ValidationRun, node: Node) -> None:
    """Check the items and answers of one QuestionnaireResponse."""
    questionnaire = _questionnaire(run, node.value.get("questionnaire"))
    if questionnaire is not None:
        contained = [*objects_in(questionnaire.get("contained")), *objects_in(node.value.get("contained"))]
        run.cache["contained"] = {f"#{one.get('id')}": one for one in contained}
        run.cache["answers"] = answers_by_link(node.value)
        _check_items(run, node, objects_in(questionnaire.get("item")), str(node.value.get("status")) in _COMPLETE)


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
    counts = dict.fromkeys(known, 0)
    answered: set[str] = set()
    for index, item in enumerate(objects_in(node.value.get("item"))):
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
        seen[link] = seen.get(link, 0) + max(len(objects_in(item.get("answer"))), 1)
        counts[link] += max(len(objects_in(item.get("answer"))), known[link].get("type") == "group")
        if item.get("answer") or known[link].get("type") == "display" or _is_answered(item):
            answered.add(link)
        if complete and _is_answered(item) and is_enabled(known[link], node, run.cache["answers"]) is False:
            run.error(where, "answer-disabled", "business-rule", f"item {quoted(link)} is answered, but not enabled")
        _check_item(run, where, known[link], complete)
    for link, question in known.items():
        if seen.get(link, 0) > 1 and not question.get("repeats"):
            run.error(node, "answer-repeats", "structure", f"item {quoted(link)} may be answered only once")
        is_due = complete and (question.get("required") is True or link in seen)
        if problem := count_problem(question, counts[link], 0 if is_due else 1):
            run.error(node, "answer-repeats", "structure", f"item {quoted(link)} {problem}")
        is_missing = complete and question.get("required") is True and link not in answered
        if is_missing and is_enabled(question, node, run.cache["answers"]):
            run.error(node, "answer-required", "required", f"item {quoted(link)} must be answered")


def _is_answered(item: Json) -> bool:
    """Whether an item, or one inside of it, has an answer."""
    return bool(objects_in(item.get("answer"))) or any(map(_is_answered, objects_in(item.get("item"))))


def _check_item(run: ValidationRun, node: Node, question: Json, complete: bool) -> None:
    inner = objects_in(question.get("item"))
    if question.get("type") == "group":
        _check_items(run, node, inner, complete)
    elif "item" in node.value:
        run.error(node, "answer-link", "structure", "has items beside its answers: they belong in answer.item")
    answers = objects_in(node.value.get("answer"))
    for index, answer in enumerate(answers):
        where = Node(answer, "BackboneElement", "answer", node, index)
        _check_answer(run, where, question)
        if len(answers) > 1 and any(excludes_others(question, value) for _, value in _values(answer)):
            run.error(where, "answer-option", "business-rule", "is an option that excludes every other answer")
        if inner or "item" in answer:
            _check_items(run, where, inner, complete)


def _check_answer(run: ValidationRun, node: Node, question: Json) -> None:
    """Check the type of one answer, that it is an option if the question has them, and its limits."""
    options = objects_in(question.get("answerOption"))
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
        severity: Severity = "warning" if question["type"] == "open-choice" else "error"
        message = f"{quoted(value)} is not an option of the question"
        run.add(severity, node, "answer-option", "code-invalid", message)
    for problem in limit_problems(run.definitions, question, value):
        run.error(node, "answer-limit", "value", problem)


def _is_other(run: ValidationRun, question: Json, kind: str, value: Any) -> bool:
    """Whether an answer is certainly none of the options; the free text of an open choice may be anything."""
    if question["type"] == "open-choice" and kind == "String":
        return False
    codes = codes_of(value, "Coding") if kind == "Coding" else []
    options = [given for one in objects_in(question.get("answerOption")) for given in _values(one)]
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


def _values(holder: Json) -> Iterator[tuple[str, Any]]:
    """The value[x] of an answer or option, with its type as in the property name: Boolean, Coding."""
    for name, value in holder.items():
        if name.startswith("value"):
            yield name[len("value") :], value
