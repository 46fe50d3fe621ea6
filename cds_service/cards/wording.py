"""Cards stage: the sentences that people read, from `knowledge/wording.en.toml`.

A sentence is a template with `{name}` places. Which places a key may have is fixed here; `template_problems` holds
the file to it when the service starts, so that no call can fail on a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from cds_service.reasons import Reason

_FILE = "wording.en.toml"

PLACES: Mapping[str, frozenset[str]] = {
    key: frozenset(places.split())
    for key, places in {
        "card.alert.looked-at": "",
        "card.by-condition": "",
        "card.by-text": "text",
        "card.candidates": "procedures",
        "card.contraindication.criterion": "criterion",
        "card.contraindication.summary": "row fact procedures",
        "card.emergency": "procedure",
        "card.indication.advice-add": "",
        "card.indication.advice-cancel": "",
        "card.indication.advice-keep": "",
        "card.indication.looked-for": "",
        "card.indication.none-found": "",
        "card.indication.not-classified": "",
        "card.indication.summary": "procedure",
        "card.not_checked.about": "orders",
        "card.not_checked.advice": "",
        "card.not_checked.data": "",
        "card.not_checked.data-line": "reason",
        "card.not_checked.data-line-references": "reason references",
        "card.not_checked.indication": "indication",
        "card.not_checked.any-indication": "",
        "card.not_checked.lab": "row labs",
        "card.not_checked.row": "rows reason",
        "card.not_checked.row-evidence": "rows reason evidence",
        "card.not_checked.summary": "procedures rows",
        "card.not_checked.summary-data": "data",
        "card.not_checked.summary-unread": "names",
        "card.option": "procedure",
        "card.options.about": "",
        "card.options.against": "row fact",
        "card.options.alert": "alert",
        "card.options.more": "count procedures",
        "card.options.not-checked": "rows",
        "card.options.not-checked-advice": "",
        "card.options.not-checked-summary": "data",
        "card.options.nothing-against": "",
        "card.options.option": "procedure reasons",
        "card.options.summary": "procedures",
        "card.order": "order",
        "card.order-named": "procedure reference",
        "card.usually-uses": "procedure uses",
        "card.what-can-be-done": "",
        "card.what-can-be-done-meanwhile": "",
        "evidence.brief": "what date",
        "evidence.dated": "what date",
        "evidence.measured": "name value",
        "evidence.noted": "what note",
        "evidence.recorded": "name",
        "evidence.undated": "what",
        "limit.line": "limit guideline grade",
        "limit.no-number": "guideline grade",
        "limit.rise": "rise hours ratio days",
        "list.more": "items count",
        "list.more-lines": "count",
        "source.indications": "",
        "source.service": "",
        "suggestion.add-reason": "reason",
        "suggestion.add-reason-action": "reason",
        "suggestion.and": "first second",
        "suggestion.cancel": "",
        "suggestion.cancel-action": "procedure",
        "topic.alert": "",
        "topic.indication": "",
        "topic.not-checked": "",
        "topic.options": "",
        "value.above": "number",
        "value.at-least": "number",
        "value.at-most": "number",
        "value.below": "number",
        "value.with-unit": "number unit",
    }.items()
}
"""Every sentence that the code says by name, and its places; all of them must be in the file."""

REASON_PLACES: Mapping[str, frozenset[str]] = {
    key: frozenset(places.split())
    for key, places in {
        "ambiguous-number": "value",
        "calculated-from": "data",
        "computed": "formula",
        **dict.fromkeys(
            (
                *(
                    "fhir-address",
                    "fhir-busy",
                    "fhir-foreign-page",
                    "fhir-no-patient",
                    "fhir-no-token",
                    "fhir-not-believed",
                ),
                *("fhir-not-fhir", "fhir-other-patients", "fhir-outcome", "fhir-redirect", "fhir-timeout", "fhir-tls"),
                *("fhir-too-large", "fhir-too-many-pages", "fhir-unreachable"),
            ),
            "data",
        ),
        "fhir-refused": "data status",
        "fhir-status": "data status",
        "implausible": "value unit",
        "incomplete-error-entry": "data",
        "more-like-these": "count data",
        "more-pages": "data",
        "not-a-date": "date",
        "not-sent": "data",
        "older-than": "days",
        "other": "",
        "other-patient": "data",
        "refused": "data",
        "stale": "days",
        "straddles": "value limit",
        "unclear-patient": "data",
        "unit-not-read": "unit value",
        "unknown-unit": "unit",
        "unread-vocabulary": "system",
        "unreadable-bundle": "data",
        "unreadable-resource": "data",
        "wrong-type": "data",
    }.items()
}
"""Reasons that have places; all others have none. A reason that says something of a gap in the data may name {data}."""

_FAMILIES = ("advice", "alert", "alert_advice", "data", "formula", "grade", "note", "reason", "unit", "uses")
_MAY_BE_EMPTY = "unit."


class _Values(dict[str, object]):
    """Values of places; one that was not given is left out of the sentence rather than failing a call."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Wording:
    """The flat sentences of `Knowledge.wording`: `card.order` -> template."""

    templates: Mapping[str, str]

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key with its places filled.

        Raises:
            KeyError: the key is none of the file's; keys said by the code are checked by `template_problems`.
        """
        return self.templates[key].format_map(_Values(values))

    def label(self, family: str, name: str) -> str:
        """The label of a name, such as a prefetch key or UCUM unit; the name itself where there is none."""
        return self.templates.get(f"{family}.{name}", name)

    def listed(self, items: Sequence[str], most: int = 3) -> str:
        """Names in a row, each once, at most `most` of them, and how many more there are."""
        names = list(dict.fromkeys(items))
        if len(names) <= most:
            return ", ".join(names)
        return self.say("list.more", items=", ".join(names[:most]), count=len(names) - most)

    def reason(self, reason: Reason | None, *, data: str | None = None) -> str:
        """A reason in words, as a clause; a reason without words of its own still says that nothing was judged.

        Args:
            reason: the key below `reason.` and its values, which stay as they are (not made harmless).
            data: prefetch key or context field that the reason speaks of, where its values don't say.
        """
        if reason is None or f"reason.{reason.key}" not in self.templates:
            return self.say("reason.other")
        values: dict[str, object] = {"data": data or "", **reason.values}
        values["data"] = self.label("data", str(values["data"]))
        if "formula" in values:
            values["formula"] = self.label("formula", str(values["formula"]))
        return self.say(f"reason.{reason.key}", **values)


def template_problems(templates: Mapping[str, str]) -> list[str]:
    """Every sentence that is missing, empty, broken, or has a place that its key does not know; one line each."""
    needed = [*PLACES, *(f"reason.{key}" for key in REASON_PLACES)]
    problems = [f"{_FILE}: {key} is missing; add the sentence" for key in needed if key not in templates]
    for key, template in templates.items():
        known = _known_places(key)
        if known is None:
            problems.append(f"{_FILE}: {key} is said by nothing; correct the key or remove the sentence")
        else:
            problems += _broken(key, template, known)
    return problems


def _known_places(key: str) -> frozenset[str] | None:
    """The places of a key; None for a key that nothing says."""
    family, _, name = key.partition(".")
    if family == "reason":
        return REASON_PLACES.get(name, frozenset())
    return frozenset() if family in _FAMILIES else PLACES.get(key)


def _broken(key: str, template: str, known: frozenset[str]) -> list[str]:
    if not template.strip() and not key.startswith(_MAY_BE_EMPTY):
        return [f"{_FILE}: {key} is empty; write the sentence"]
    try:
        parts = [part for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        return [f"{_FILE}: {key} has a brace too many or too few ({error}); correct it"]
    listed = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
    return [
        f"{_FILE}: {key} has the place {{{name}}}; known are: {listed}"
        for _, name, style, conversion in parts
        if name not in known or style or conversion
    ]
