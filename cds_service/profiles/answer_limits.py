"""How an answer exceeds the limits that its question sets: maxLength, and extensions.

Source: FHIR R4 Questionnaire.item.maxLength and the extensions minValue, maxValue, maxDecimalPlaces, minLength, regex,
mimeType, maxSize (in MB), questionnaire-unitOption, -unitValueSet, -referenceResource, -minOccurs, -maxOccurs and
-optionExclusive; SDC minQuantity and maxQuantity.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from cds_service.profiles.bindings import codes_of
from cds_service.profiles.definitions import BASE, Definitions
from cds_service.profiles.references import REST_URL
from cds_service.profiles.terminology import value_set_contains
from cds_service.profiles.values import bound_problem, equals_fixed, matches_regex, objects_in, quoted

Json = dict[str, Any]
_QUANTITY_BOUND = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-{}Quantity"
_MEGABYTE = 1_000_000


def limit_problems(definitions: Definitions, question: Json, value: Any) -> Iterator[str]:
    """How one answer exceeds the limits of its question, each as the end of a sentence."""
    limits = _limits(question)
    for which in ("min", "max"):
        for bound in (*limits.get(f"{BASE}{which}Value", ()), *limits.get(_QUANTITY_BOUND.format(which), ())):
            if problem := bound_problem(which, value, bound):
                yield problem
    for places in limits.get(f"{BASE}maxDecimalPlaces", ()):
        if isinstance(places, int) and isinstance(value, Decimal) and -int(value.as_tuple().exponent) > places:
            yield f"has more than {places} decimal places"
    if isinstance(value, str):
        yield from _text_problems(question, limits, value)
    elif isinstance(value, dict):
        yield from {
            "attachment": _attachment_problems,
            "quantity": _quantity_problems,
            "reference": _reference_problems,
        }.get(str(question.get("type")), _no_problems)(definitions, limits, value)


def count_problem(question: Json, count: int, least: int) -> str | None:
    """Why a question has too few or too many answers, or a group too few or too many repetitions.

    Args:
        question: the item of the Questionnaire.
        count: its answers or repetitions.
        least: the fewest that are judged: 0 in a completed response, 1 in one that is still being filled in.
    """
    limits = _limits(question)
    fewest = limits.get(f"{BASE}questionnaire-minOccurs", [0])[0]
    most = limits.get(f"{BASE}questionnaire-maxOccurs", [count])[0]
    if isinstance(fewest, int) and least <= count < fewest:
        return f"is answered {count} times, at least {fewest} times needed"
    return (
        f"is answered {count} times, at most {most} times allowed" if isinstance(most, int) and count > most else None
    )


def excludes_others(question: Json, value: Any) -> bool:
    """Whether an answer is an option beside which no other may be chosen."""
    for option in objects_in(question.get("answerOption")):
        exclusive = _limits(option).get(f"{BASE}questionnaire-optionExclusive", [False])[0]
        if exclusive is True and any(_is_same(value, given) for given in _values(option)):
            return True
    return False


def _is_same(value: Any, option: Any) -> bool:
    codes = codes_of(value, "Coding") if isinstance(value, dict) else []
    return codes == codes_of(option, "Coding") if codes else equals_fixed(value, option)


def _text_problems(question: Json, limits: dict[str, list[Any]], value: str) -> Iterator[str]:
    longest = question.get("maxLength")
    if isinstance(longest, int) and len(value) > longest:
        yield f"is longer than {longest} characters"
    for shortest in limits.get(f"{BASE}minLength", ()):
        if isinstance(shortest, int) and len(value) < shortest:
            yield f"is shorter than {shortest} characters"
    for pattern in limits.get(f"{BASE}regex", ()):
        if isinstance(pattern, str) and not matches_regex(pattern, value):
            yield f"does not match {pattern}"


def _attachment_problems(_: Definitions, limits: dict[str, list[Any]], value: Json) -> Iterator[str]:
    kinds = limits.get(f"{BASE}mimeType", [])
    if kinds and value.get("contentType", kinds[0]) not in kinds:
        yield f"has the content type {quoted(value['contentType'])}, allowed are {', '.join(map(str, kinds))}"
    size = value.get("size")
    for most in limits.get(f"{BASE}maxSize", ()):
        if isinstance(size, int) and isinstance(most, int | Decimal) and size > most * _MEGABYTE:
            yield f"has {size} bytes, more than {most} MB"


def _quantity_problems(definitions: Definitions, limits: dict[str, list[Any]], value: Json) -> Iterator[str]:
    system, code = str(value.get("system", "")), value.get("code")
    options = [one for unit in limits.get(f"{BASE}questionnaire-unitOption", ()) for one in codes_of(unit, "Coding")]
    if options and isinstance(code, str) and (system, code) not in options:
        yield f"has the unit {quoted(code)}, allowed are {', '.join(one for _, one in options)}"
    for url in limits.get(f"{BASE}questionnaire-unitValueSet", ()):
        if isinstance(code, str) and value_set_contains(definitions, str(url), system, code) is False:
            yield f"has the unit {quoted(code)}, which is not in the value set {url}"


def _reference_problems(definitions: Definitions, limits: dict[str, list[Any]], value: Json) -> Iterator[str]:
    kinds = limits.get(f"{BASE}questionnaire-referenceResource", [])
    written = REST_URL.fullmatch(str(value.get("reference")))
    if kinds and written and definitions.is_resource(written["type"]) and written["type"] not in kinds:
        yield f"refers to {written['type']}, allowed are {', '.join(map(str, kinds))}"


def _no_problems(_: Definitions, limits: dict[str, list[Any]], value: Json) -> Iterator[str]:
    yield from ()


def _limits(holder: Json) -> dict[str, list[Any]]:
    """The values of the extensions of a question or option, by URL."""
    found: dict[str, list[Any]] = {}
    for one in objects_in(holder.get("extension")):
        found.setdefault(str(one.get("url")), []).extend(_values(one))
    return {url: values for url, values in found.items() if values}


def _values(holder: Json) -> Iterator[Any]:
    return (value for name, value in holder.items() if name.startswith("value"))
