"""The patient's conditions, looked up once: which conditions of the tables the record holds, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec
from msgspec.structs import replace

from cds_service.certainty import Certainty, all_of, any_of, negated, none_of
from cds_service.facts.patient_facts import Coding, Concept, ConditionFact, PatientFacts
from cds_service.findings import allergies_in_words
from cds_service.findings.finding import Evidence
from cds_service.findings.thresholds import age_in_days
from cds_service.knowledge.diagnosis_types import Mention, Standing
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import Hit
from cds_service.reasons import Reason

Counts = Callable[[ConditionFact], bool]
"""Whether a recorded condition counts, by its date for instance."""


_SAY_NOTHING = ("answer-", "allergy-")
"""Uses of value sets whose displays, as a whole text, name no diagnosis."""
_COMBINED: Mapping[str, Callable[[Iterable[Certainty]], Certainty]] = {
    "all_of": all_of,
    "any_of": any_of,
    "none_of": none_of,
}


class Match(msgspec.Struct, frozen=True):
    """One recorded condition (or reason of an order) in one value set, by one of its codings or by its words."""

    fact: ConditionFact
    coding: Coding | None
    hit: Hit
    label: str
    """What to call it: the record's own words, else what the value set calls the code, or itself."""
    past: bool = False
    """Its words speak of it as history, or as resolved."""

    @property
    def certainty(self) -> Certainty:
        """A wider code, an unconfirmed diagnosis or one in remission leaves it unknown: the condition is possible."""
        return self.settles()

    def settles(self, *, wider_too: bool = False) -> Certainty:
        """How surely it is the condition; with `wider_too` a wider code is no reason for doubt."""
        if self.fact.activity == "inactive":
            return Certainty.ABSENT
        sure = (
            (self.hit.sufficient or wider_too)
            and self.fact.certain
            and self.fact.activity == "active"
            and not self.past
        )
        return Certainty.PRESENT if sure else Certainty.UNKNOWN

    @property
    def doubt(self) -> Reason | None:
        """Why a possible condition is only possible."""
        if not self.hit.sufficient:
            return Reason("broader-code" if self.coding else "possible-by-text")
        if self.past:
            return Reason("history-in-words")
        if not self.fact.certain:
            return Reason("indication-unconfirmed")
        return Reason("indication-in-remission") if self.fact.activity == "remission" else None

    def evidence(self, note: Reason | None = None) -> Evidence:
        """The recorded condition as evidence."""
        date = self.fact.onset.text if self.fact.onset else None
        by_text = Reason("matched-by-text") if self.coding is None else None
        notes = tuple(reason for reason in (note, by_text) if reason)
        return Evidence(self.fact.reference, self.label, self.coding, date=date, notes=notes)


class Dates(msgspec.Struct, frozen=True):
    """The day of the call and its encounter: against these the dates of expressions are judged."""

    today: date | None = None
    encounter: str | None = None

    def fit(self, expression: Expression, fact: ConditionFact, *, recorded_too: bool = False) -> Certainty:
        """Whether a recorded condition began in the time that an `is` of an expression names.

        The date of the record proves neither: a chronic disease is recorded late, and an acute one may come back. With
        `recorded_too` it stands for the onset all the same.
        """
        if not expression.has_dates:
            return Certainty.PRESENT
        if fact.onset is None or not (fact.onset_recorded or recorded_too) or self.today is None:
            current = fact.encounter is not None and fact.encounter == self.encounter
            counts = expression.undated_counts or (current and expression.within_days is not None)
            return Certainty.PRESENT if counts else Certainty.UNKNOWN
        youngest, oldest = ((self.today - end.date()).days for end in (fact.onset.latest, fact.onset.earliest))
        bounds = [_within(youngest, oldest, expression.within_days)]
        if expression.older_than_days is not None:
            bounds.append(negated(_within(youngest, oldest, expression.older_than_days)))
        return all_of(bounds)


ANY_TIME = Dates()


def _names_something(hits: Iterable[Hit]) -> bool:
    """Whether a text that is a display is one of something: `Other` and `Unknown` are of answers or allergies alone."""
    return any(not hit.value_set.startswith(_SAY_NOTHING) for hit in hits)


def _within(youngest: int, oldest: int, days: int | None) -> Certainty:
    if days is None or oldest <= days:
        return Certainty.PRESENT
    return Certainty.ABSENT if youngest > days else Certainty.UNKNOWN


def _dated(matches: list[Match]) -> list[Match]:
    """The sure matches with a date of onset where there are any: such a date decides over an entry without one."""
    known = [m for m in matches if m.certainty is Certainty.PRESENT and m.fact.onset and m.fact.onset_recorded]
    return known or matches


class Chart:
    """Conditions by value set, and which of them a question can't read."""

    def __init__(
        self,
        matches: dict[str, list[Match]],
        active: tuple[ConditionFact, ...],
        knowledge: Knowledge,
        *,
        complete: bool,
        dates: Dates = ANY_TIME,
    ) -> None:
        """Use `chart_of` or `with_reasons`.

        Args:
            matches: by value set.
            active: the conditions that are not inactive.
            knowledge: the tables.
            complete: whether everything that the record holds of conditions was retrieved and could be read.
            dates: the day and encounter of the call, against which onsets are held.
        """
        self.dates = dates
        self.complete = complete
        self._matches = matches
        self._current = {
            value_set: current
            for value_set, found in matches.items()
            if (current := tuple(match for match in found if match.fact.activity != "inactive"))
        }
        named = knowledge.worked_out.once(_conditions_by_value_set, lambda: _conditions_by_value_set(knowledge))
        self._recorded = frozenset(name for value_set in self._current for name in named.get(value_set, ()))
        self._active = active
        self._knowledge = knowledge
        self._unread: dict[frozenset[str], tuple[ConditionFact, ...]] = {}
        self._unread_for: dict[tuple[str, ...], tuple[ConditionFact, ...]] = {}

    @property
    def unread(self) -> tuple[ConditionFact, ...]:
        """Every condition that a question asked so far can't read, each once."""
        return tuple(dict.fromkeys(fact for facts in self._unread.values() for fact in facts))

    def unread_for(self, value_sets: Iterable[str]) -> tuple[ConditionFact, ...]:
        """The conditions that may be in the value sets and that a question about them can't read.

        Read is what has a code in a vocabulary that the value sets hold codes of, or words that are all known.
        """
        named = tuple(value_sets)
        known = self._unread_for.get(named)
        if known is None:
            known = self._unread_for[named] = self._unread_in(self._knowledge.codes.systems_of(named))
        return known

    def reads_in(self, systems: Iterable[frozenset[str]]) -> bool:
        """Whether each condition can be read by questions about codes of each of these sets of vocabularies."""
        return not any(map(self._unread_in, systems))

    def unread_at_all(self) -> tuple[ConditionFact, ...]:
        """The conditions that no question can read: without a code of any known vocabulary, and in words not known."""
        return self._unread_in(self._knowledge.codes.read_systems())

    def _unread_in(self, systems: frozenset[str]) -> tuple[ConditionFact, ...]:
        if systems not in self._unread:
            # A record repeats its codes, and facts with the same code share it: each is looked at once.
            concepts = {id(fact.concept): fact.concept for fact in self._active}
            unread = {key for key, concept in concepts.items() if not self._is_read(concept, systems)}
            self._unread[systems] = tuple(fact for fact in self._active if id(fact.concept) in unread) if unread else ()
        return self._unread[systems]

    def why_unread(self, fact: ConditionFact) -> Reason:
        """Why a condition can't be read: it has words alone, or codes of vocabularies that are not read."""
        systems = list(dict.fromkeys(self._knowledge.codes.label(c.system) for c in fact.concept.codings))
        return Reason("unread-vocabulary", {"system": ", ".join(systems)}) if systems else Reason("uncoded-condition")

    def _is_read(self, concept: Concept, systems: frozenset[str]) -> bool:
        codes = self._knowledge.codes
        if any(codes.reads_for(c.system, c.code, systems) for c in concept.codings):
            return True
        texts = self._knowledge.diagnosis_texts
        return any(
            texts.read(text).known
            or _names_something(codes.named(text))
            or allergies_in_words.are_read(text, self._knowledge)
            for text in concept.texts
        )

    def in_value_set(self, value_set: str) -> Sequence[Match]:
        """Every recorded condition in a value set, inactive ones left out."""
        return self._current.get(value_set, ())

    def holds_any_of(self, value_sets: Iterable[str]) -> bool:
        """Whether a condition is recorded in any of the value sets, inactive ones left out."""
        return not self._current.keys().isdisjoint(value_sets)

    def in_any_state(self, value_set: str) -> list[Match]:
        """Every recorded condition in a value set, inactive ones too: a birth is over as soon as it is recorded."""
        return list(self._matches.get(value_set, ()))

    def best(self, value_set: str, counts: Counts | None = None) -> Match | None:
        """The surest one, or None; with `counts` only of those that do."""
        matches = [match for match in self.in_value_set(value_set) if counts is None or counts(match.fact)]
        return next((match for match in matches if match.certainty is Certainty.PRESENT), next(iter(matches), None))

    def certainty(self, expression: Expression, counts: Counts | None = None) -> Certainty:
        """How surely the recorded conditions make an expression true; nothing recorded is absent.

        What must not be there is only known to be absent where every condition that may be it was read.
        """
        if expression.needs is not None and self._recorded.isdisjoint(expression.needs):
            return Certainty.ABSENT  # most of what is asked: it is not looked at part by part
        if expression.operator == "is":
            matches = self.in_value_set(self._knowledge.conditions[expression.condition].value_set)
            if not matches:
                return Certainty.ABSENT
            kept = [match for match in matches if counts is None or counts(match.fact)]
            kept = _dated(kept) if expression.has_dates else kept
            return any_of(
                all_of([match.settles(wider_too=expression.wider_counts), self.dates.fit(expression, match.fact)])
                for match in kept
            )
        parts = [self.certainty(part, counts) for part in expression.parts]
        if expression.operator == "none_of" and not self._is_closed(expression):
            parts.append(Certainty.UNKNOWN)
        return _COMBINED[expression.operator](parts)

    def _is_closed(self, expression: Expression) -> bool:
        """Whether "nothing recorded" is a statement about the conditions that an expression names."""
        value_sets = [self._knowledge.conditions[name].value_set for name in expression.conditions()]
        return self.complete and not self.unread_for(value_sets)

    def holds(self, expression: Expression | None, counts: Counts | None = None) -> bool:
        """Whether the record holds it for certain, by conditions that count; False for no expression."""
        return expression is not None and self.certainty(expression, counts) is Certainty.PRESENT

    def with_reasons(self, reference: str, reasons: Iterable[Concept]) -> Chart:
        """This chart plus an order's own reasonCode entries, which count as active, confirmed conditions."""
        facts = [ConditionFact(reference, reason, "active", True, None, None) for reason in reasons]
        found = [named for fact in facts for named in matches_of(fact, self._knowledge).items()]
        if not found:
            return self
        matches = {key: list(known) for key, known in self._matches.items()}
        for value_set, match in found:
            matches.setdefault(value_set, []).append(match)
        chart = Chart(matches, self._active, self._knowledge, complete=self.complete, dates=self.dates)
        chart._unread, chart._unread_for = (
            self._unread,
            self._unread_for,
        )  # the record is the same: what one can't read, the other can't
        return chart


def _conditions_by_value_set(knowledge: Knowledge) -> dict[str, tuple[str, ...]]:
    named: dict[str, tuple[str, ...]] = {}
    for condition in knowledge.conditions.values():
        named[condition.value_set] = (*named.get(condition.value_set, ()), condition.id)
    return named


def is_current(fact: ConditionFact, within_days: int, facts: PatientFacts) -> bool:
    """Whether a recorded condition is of this encounter, not older, or without a date that says it is old."""
    if fact.onset is None or (fact.encounter is not None and fact.encounter == facts.encounter_id):
        return True
    return age_in_days(fact.onset, facts.today) <= within_days


def empty_chart(knowledge: Knowledge) -> Chart:
    """The chart of a patient of whom nothing is recorded: what an order says by itself."""
    return Chart({}, (), knowledge, complete=True)


def chart_of(facts: PatientFacts, knowledge: Knowledge, proved: Iterable[tuple[str, Match]] = ()) -> Chart:
    """Look every condition up once.

    Args:
        facts: what the record says.
        knowledge: the tables.
        proved: a value set and a match of it, of conditions that something else than a Condition proves.
    """
    matches: dict[str, list[Match]] = {}
    for fact in facts.conditions:
        for value_set, match in matches_of(fact, knowledge).items():
            matches.setdefault(value_set, []).append(match)
    for value_set, match in proved:
        matches.setdefault(value_set, []).append(match)
    active = tuple(fact for fact in facts.conditions if fact.activity != "inactive")
    complete = ConditionQuestion.DATA in facts.complete
    dates = Dates(facts.today, facts.encounter_id)
    return Chart(matches, active, knowledge, complete=complete, dates=dates)


def matches_of(fact: ConditionFact, knowledge: Knowledge) -> dict[str, Match]:
    """One match a value set: the best relation among the codings, else by its words."""
    best: dict[str, Match] = {}
    codes = knowledge.codes
    for coding in fact.concept.codings:
        for hit in codes.lookup(coding.system, coding.code):
            known = best.get(hit.value_set)
            if known is None or (hit.sufficient and not known.hit.sufficient):
                display = codes.display(coding.system, coding.code) or codes.title(hit.value_set)
                named = fact.concept.label or display or coding.code
                best[hit.value_set] = Match(fact, coding, hit, named)
    for match in _in_words(fact, knowledge):
        known = best.get(match.hit.value_set)
        if known is None or (known.coding is None and _rank(match) > _rank(known)):
            best[match.hit.value_set] = match
    return best


def _in_words(fact: ConditionFact, knowledge: Knowledge) -> Iterator[Match]:
    """What the texts of a condition name: as displays of codes, and where no code of it says all, word by word.

    Beside a code that is read only what the words surely name counts.
    """
    codes, codings = knowledge.codes, fact.concept.codings
    for text, hit in allergies_in_words.of_diagnosis(fact.concept, knowledge):
        yield Match(fact, None, hit, text)
    says_all = any(codes.says_all(c.system, c.code) for c in codings)
    is_read = any(codes.reads(c.system, c.code) for c in codings)
    for text in fact.concept.texts:
        displayed = codes.named(text)
        yield from (Match(fact, None, hit, text) for hit in displayed)
        if displayed or says_all:
            continue
        for mention in knowledge.diagnosis_texts.read(text).mentions:
            if mention.sure or not is_read:
                yield from (_mentioned(fact, mention, hit, text) for hit in mention.hits)


def _mentioned(fact: ConditionFact, mention: Mention, hit: Hit, text: str) -> Match:
    said = replace(fact, certain=False) if mention.standing is Standing.DOUBTFUL else fact
    return Match(said, None, hit, text, past=mention.standing is Standing.PAST)


def _rank(match: Match) -> tuple[bool, bool, bool]:
    return match.hit.sufficient, match.fact.certain, not match.past
