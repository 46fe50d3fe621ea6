"""The patient's conditions, looked up once: which conditions of the tables the record holds, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cds_service.certainty import Certainty, all_of, any_of, none_of
from cds_service.facts.patient_facts import Coding, Concept, ConditionFact, PatientFacts
from cds_service.findings.finding import Evidence
from cds_service.knowledge.tables import Expression, Knowledge
from cds_service.knowledge.value_sets import CodeIndex, Hit
from cds_service.reasons import Reason

_COMBINED: Mapping[str, Callable[[Iterable[Certainty]], Certainty]] = {
    "all_of": all_of,
    "any_of": any_of,
    "none_of": none_of,
}


@dataclass(frozen=True, slots=True)
class Match:
    """One recorded condition (or reason of an order) in one value set, by one of its codings."""

    fact: ConditionFact
    coding: Coding
    hit: Hit
    label: str
    """What to call it: the record's own words, else the value set's, else the code."""

    @property
    def certainty(self) -> Certainty:
        """A wider code, an unconfirmed diagnosis or one in remission leaves it unknown: the condition is possible."""
        if self.fact.activity == "inactive":
            return Certainty.ABSENT
        sure = self.hit.sufficient and self.fact.certain and self.fact.activity == "active"
        return Certainty.PRESENT if sure else Certainty.UNKNOWN

    @property
    def doubt(self) -> Reason | None:
        """Why a possible condition is only possible."""
        if not self.hit.sufficient:
            return Reason("broader-code")
        if not self.fact.certain:
            return Reason("indication-unconfirmed")
        return Reason("indication-in-remission") if self.fact.activity == "remission" else None

    def evidence(self, note: Reason | None = None) -> Evidence:
        """The recorded condition as evidence."""
        date = self.fact.onset.text if self.fact.onset else None
        notes = (note,) if note else ()
        return Evidence(self.fact.reference, self.label, self.coding, date=date, notes=notes)


class Chart:
    """Conditions by value set; `unread` are active ones without a code that the tables can read."""

    def __init__(self, matches: dict[str, list[Match]], unread: tuple[ConditionFact, ...], classified: bool) -> None:
        """Use `chart_of` or `with_reasons`."""
        self._matches = matches
        self.unread = unread
        self.classified = classified
        """True where every active condition carries an ICD code, or there is none."""

    def in_value_set(self, value_set: str) -> list[Match]:
        """Every recorded condition in a value set, inactive ones left out."""
        return [match for match in self._matches.get(value_set, ()) if match.fact.activity != "inactive"]

    def best(self, value_set: str) -> Match | None:
        """The surest one, or None."""
        matches = self.in_value_set(value_set)
        return next((match for match in matches if match.certainty is Certainty.PRESENT), next(iter(matches), None))

    def certainty(self, expression: Expression, knowledge: Knowledge) -> Certainty:
        """How surely the recorded conditions make an expression true; nothing recorded is absent."""
        if expression.operator == "is":
            best = self.best(knowledge.conditions[expression.condition].value_set)
            return best.certainty if best else Certainty.ABSENT
        return _COMBINED[expression.operator](self.certainty(part, knowledge) for part in expression.parts)

    def holds(self, expression: Expression | None, knowledge: Knowledge) -> bool:
        """Whether the record holds it for certain; False for no expression."""
        return expression is not None and self.certainty(expression, knowledge) is Certainty.PRESENT

    def with_reasons(self, reference: str, reasons: Iterable[Concept], codes: CodeIndex) -> Chart:
        """This chart plus an order's own reasonCode entries, which count as active, confirmed conditions."""
        facts = [ConditionFact(reference, reason, "active", True, None, None) for reason in reasons]
        if not facts:
            return self
        matches = {key: list(found) for key, found in self._matches.items()}
        for fact in facts:
            _add(matches, fact, codes)
        return Chart(matches, self.unread, self.classified)


def chart_of(facts: PatientFacts, codes: CodeIndex) -> Chart:
    """Look every condition up once."""
    matches: dict[str, list[Match]] = {}
    for fact in facts.conditions:
        _add(matches, fact, codes)
    active = [fact for fact in facts.conditions if fact.activity != "inactive"]
    unread = tuple(fact for fact in active if not any(codes.reads(c.system, c.code) for c in fact.concept.codings))
    classified = all(any(codes.classifies(c.system) for c in fact.concept.codings) for fact in active)
    return Chart(matches, unread, classified)


def _add(matches: dict[str, list[Match]], fact: ConditionFact, codes: CodeIndex) -> None:
    """One match a value set: the best relation among the codings."""
    best: dict[str, Match] = {}
    for coding in fact.concept.codings:
        for hit in codes.lookup(coding.system, coding.code):
            known = best.get(hit.value_set)
            if known is None or (hit.sufficient and not known.hit.sufficient):
                named = fact.concept.label or codes.display(coding.system, coding.code) or coding.code
                best[hit.value_set] = Match(fact, coding, hit, named)
    for value_set, match in best.items():
        matches.setdefault(value_set, []).append(match)
