"""Cards stage: one item of the record in words: for the block Found in full, and for a headline as a fact.

A result is named as the tables name it; a diagnosis or allergy is given in the record's own words, made harmless. A
bare code is no name: the tables' own words stand in for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from cds_service.cards.context import CardContext
from cds_service.cards.dates import Moment, moment_of
from cds_service.cards.escape import CUT, harmless, in_brief, sentence_case
from cds_service.cards.hold_detail import basis_lines, notes_of
from cds_service.cards.hold_words import agent_name, taken, taken_with_state
from cds_service.cards.members import Member
from cds_service.cards.quantities import (
    decimals_in,
    limit_in,
    rounded,
    shown_quantity,
    shown_reason,
    shown_value,
    with_unit,
)
from cds_service.cards.wording import ENGLISH
from cds_service.findings.finding import Evidence
from cds_service.knowledge.lab_types import Lab, Threshold
from cds_service.knowledge.medication_types import AskFirst
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.medication import MedicationQuestion
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason

_NAME, _SHORTER_NAMES = 60, (48, 36)
_REACTION = 30
_A_CODE = re.compile(r"[A-Z]\d[0-9A-Z](\.\S+)?|[A-Z]\d\d[A-Z]{2}\d\d|\d+(-\d)?")
_TAG = re.compile(r" \((substance|product|medicinal product|disorder|finding|situation|event|procedure)\)$")
"""What SNOMED CT adds to a name to say of which kind it is."""
# How much an item says for its criterion: the reaction that made it severe first, a softened item last.
_FIRST = frozenset({"allergy-severe"})
_PLAIN = frozenset({
    *("preliminary", "computed", "range-only", "lower-bound", "matched-by-text", "not-normalized", "allergy-reaction"),
})  # fmt: skip
_NOT_TOLD = frozenset({"matched-by-text"})
"""Notes that are for the decision alone."""
_PATIENT = "Patient"
_ALLERGY_NOTES = ("allergy-inactive", "allergy-severe", "allergy-physiologic")


class Fact(msgspec.Struct, frozen=True):
    """The most telling item of one question for a headline; `when` is when it was."""

    what: str
    when: Moment
    shorter: tuple[str, ...] = ()
    """The same in fewer words, each shorter than the one before: where the record's are long, those of the tables
    (`brief`), else their beginning."""
    short_when: Moment | None = None
    """When the short one was, if that is not `when`."""


def fact_of(member: Member, context: CardContext) -> Fact:
    """What a headline says of one question."""
    if member.finding.holds:
        because = member.finding.holds[0].because
        long, when = taken(member.finding.holds, _name(because[0], None, context, _NAME) if because else "", context)
        if because:
            return Fact(long, when, (taken_with_state(member.finding.holds, context),))
        alone = context.wording.say("fact.on-drug", name=agent_name(member.finding.holds[0], context))
        return Fact(long, when, (alone,), Moment())
    items = by_weight(member.finding.evidence)
    criterion = member.finding.criterion
    if not items:
        return Fact(criterion_label(criterion, context), Moment())
    of_a_drug = isinstance(criterion.question, MedicationQuestion)  # when it was prescribed says nothing here
    when = Moment() if of_a_drug else moment_of(items[0].date, context.today, context.wording)
    long, *shorter = (_what_in_brief(items, criterion, context, most) for most in (_NAME, *_SHORTER_NAMES))
    own = context.wording.templates.get(f"brief.{criterion.id}", "")
    return Fact(long, when, (*shorter, own) if own and len(own) < len(shorter[-1]) else tuple(shorter))


def found_lines(member: Member, context: CardContext) -> list[str]:
    """Every item of one question, the most telling first, each line once, and what softened the answer."""
    criterion, reason = member.finding.criterion, member.finding.reason
    elsewhere = notes_of(member.finding.holds)
    items = [_without(elsewhere, item) for item in by_weight(member.finding.evidence)]
    lines = [found_line(item, criterion, context) for item in items]
    lines += basis_lines(member.finding.holds, context)
    if reason is not None and reason.key not in _NOT_TOLD:
        lines.append(sentence_case(shown_reason(reason, context.wording)))
    return list(dict.fromkeys(lines))


def _without(notes: list[Reason], item: Evidence) -> Evidence:
    return replace(item, notes=tuple(note for note in item.notes if note not in notes)) if notes else item


def found_line(item: Evidence, criterion: Criterion | None, context: CardContext) -> str:
    """One item in full: `Platelets 42 × 10⁹/L, 20 Nov, 4 days ago (preliminary result)`."""
    wording = context.wording
    when = moment_of(item.date, context.today, wording).full
    what = sentence_case(_what(item, criterion, context))
    if when:
        line = wording.say("evidence.dated", what=what, date=when)
    else:  # what the Patient says has no date
        line = what if item.reference.startswith(_PATIENT) else wording.say("evidence.undated", what=what)
    noted = [_note(note, item, context) for note in item.notes if note.key not in _NOT_TOLD]
    notes = "; ".join([*noted, *_earlier(item, criterion, context)])
    return wording.say("evidence.noted", what=line, note=notes) if notes else line


def _earlier(item: Evidence, criterion: Criterion | None, context: CardContext) -> Iterator[str]:
    """What it was some months before: `61 on 3 Aug`."""
    limit, before = criterion.question.limit if criterion else None, item.earlier
    if limit is not None and before is not None and before.value is not None:
        when = moment_of(before.date, context.today, context.wording).brief
        value = _value(replace(before, computed=None), limit, context, brief=True)
        yield context.wording.say("evidence.earlier", value=value, date=when)


def _note(note: Reason, item: Evidence, context: CardContext) -> str:
    """A note in words; what was computed is told with what it was computed from."""
    told = shown_reason(note, context.wording)
    if note.key != "computed" or item.computed is None:
        return told
    inputs = ", ".join(_input(name, source, context) for name, source in item.computed.inputs)
    return f"{told} {context.wording.say('evidence.from', inputs=inputs)}"


def _input(name: str, source: Evidence, context: CardContext) -> str:
    wording, lab = context.wording, context.knowledge.labs.get(name)
    if source.value is None or lab is None:
        return wording.part(name)
    value = source.value
    if isinstance(value, Decimal):
        number = wording.number(rounded(value, lab, None, decimals=decimals_in(lab, source.unit, context.knowledge)))
    else:
        number = shown_value(value, wording)
    return wording.say("evidence.measured", name=wording.part(name), value=with_unit(number, source.unit, wording))


def found_fact(item: Evidence, context: CardContext) -> str:
    """A result as recorded, for a headline: `Creatinine 0.40 mg/dL`."""
    return _what(item, None, context)


def entry_in_brief(item: Evidence, context: CardContext) -> str:
    """An entry in the beginning of the record's words, for a headline: `“Pregnancy related conditions…”`."""
    return context.wording.say("evidence.recorded", name=_name(item, None, context, _SHORTER_NAMES[-1], brief=True))


def name_of(item: Evidence, context: CardContext) -> str:
    """What the record calls an item, or else the tables."""
    return _name(item, None, context, _NAME)


def by_weight(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Severe reactions first, then plain items, then those that a note softens; otherwise in the given order."""
    return sorted(evidence, key=_weight)


def criterion_label(criterion: Criterion, context: CardContext) -> str:
    """What the tables call a question, in the language of the card."""
    return context.wording.label("criterion", criterion.id, criterion.label)


def lab_name(lab: Lab, context: CardContext) -> str:
    """The name of a result as it stands inside a sentence."""
    return context.wording.templates.get(f"lab.{lab.id}", lab.label)


def test_name(lab: Lab, context: CardContext) -> str:
    """What is ordered to have a result."""
    return context.wording.templates.get(f"test.{lab.id}", lab_name(lab, context))


def shown_result(item: Evidence, limit: Threshold, context: CardContext) -> str:
    """The value of a result with its unit, as reported; `limit` is one of its lab."""
    return _value(item, limit, context, brief=False)


def _weight(evidence: Evidence) -> int:
    keys = {note.key for note in evidence.notes}
    if keys & _FIRST:
        return 0
    return 1 if keys <= _PLAIN else 2


def _what_in_brief(items: list[Evidence], criterion: Criterion, context: CardContext, most: int) -> str:
    item, wording, limit = items[0], context.wording, criterion.question.limit
    if limit is not None and (item.value is not None or limit.comparison == "in"):
        name = lab_name(context.knowledge.labs[limit.lab], context)
        value = _value(item, limit, context, brief=True)
        if limit.comparison == "rise" and len(items) > 1 and isinstance(items[1].value, Decimal):
            earlier = _number(items[1].value, limit, items[1].unit, context)
            return wording.say("fact.rise", name=name, earlier=earlier, value=value)
        return wording.say("fact.measured", name=name, value=value)
    name = _name(item, criterion, context, most, brief=True)
    if isinstance(criterion.question, AllergyQuestion):
        return _allergy_in_brief(item, name, context, most)
    if isinstance(criterion.question, MedicationQuestion):
        for agent in criterion.question.agents[:1]:  # of a whole kind it is called as in the record
            known = context.knowledge.medications.agents[agent]
            name = wording.label("agent", known.id, known.label)
        return wording.say("fact.on-drug", name=name)
    if item.value is not None:
        return wording.say("fact.measured", name=name, value=shown_quantity(item.value, item.unit, wording))
    if name.endswith(CUT) and (own := wording.templates.get(f"brief.{criterion.id}")):
        return own  # the end of a long title may be what it says: "Acute gastric ulcer with hemorrhage"
    return wording.say("fact.recorded", name=name)


def _allergy_in_brief(item: Evidence, name: str, context: CardContext, most: int) -> str:
    """What happened after which agent, where the record says so in few words: `Anaphylaxis after “Iohexol”, severe`."""
    notes = {note.key: note.values for note in item.notes}
    key = next((key for key in _ALLERGY_NOTES if key in notes), "allergy")
    reaction = harmless(str(notes.get("allergy-reaction", {}).get("reaction", "")))
    told = f"fact.{key}-after"
    if reaction and len(reaction) <= _REACTION and most == _NAME and told in context.wording.templates:
        return context.wording.say(told, name=name, reaction=sentence_case(reaction))
    if not item.reference.startswith("AllergyIntolerance/"):
        return context.wording.say("fact.recorded", name=name)  # a diagnosis or a reason is on no allergy list
    return context.wording.say(f"fact.{key}", name=name)


def _what(item: Evidence, criterion: Criterion | None, context: CardContext) -> str:
    limit = criterion.question.limit if criterion is not None else None
    if limit is not None and (item.value is not None or limit.comparison == "in"):
        name = lab_name(context.knowledge.labs[limit.lab], context)
        return context.wording.say("evidence.measured", name=name, value=_value(item, limit, context, brief=False))
    name = _name(item, criterion if item.value is None else None, context, _NAME)  # a value is no drug's
    if item.value is None:
        in_its_words = criterion is None or not _is_of_the_tables(item, name, criterion, context)
        return context.wording.say("evidence.recorded", name=name) if in_its_words else name
    value = shown_quantity(item.value, item.unit, context.wording)
    return context.wording.say("evidence.measured", name=name, value=value)


def _is_of_the_tables(item: Evidence, name: str, criterion: Criterion, context: CardContext) -> bool:
    """Whether a name is no word of the record: that of the question, or of the family of a code without words."""
    codes, coding = context.knowledge.codes, item.coding
    if coding is None or coding.display:
        return name == criterion_label(criterion, context)
    titles = (codes.title(hit.value_set) for hit in codes.lookup(coding.system, coding.code))
    return name in (criterion_label(criterion, context), *titles)


def _value(item: Evidence, limit: Threshold, context: CardContext, *, brief: bool) -> str:
    lab = context.knowledge.labs[limit.lab]
    bare = brief and not lab.unit_in_summary and lab.factor_of(item.unit, context.knowledge.units) == 1
    unit = None if bare else item.unit
    if isinstance(item.value, Decimal):
        value = with_unit(_number(item.value, limit, item.unit, context), unit, context.wording)
    elif limit.comparison == "in":
        value = _answer(item.value or "", limit, context)
    else:
        value = shown_quantity(item.value or "", unit, context.wording)
    return _graded(value, item, limit.lab, context)


def _answer(text: str, limit: Threshold, context: CardContext) -> str:
    """A coded answer in the language of the card; one that the tables don't name as recorded."""
    said = text.strip().casefold()
    if limit.answers and (not said or said in limit.answer_words):
        return context.wording.label("answer", limit.answers[0], harmless(text))
    if limit.other_answers and said in limit.other_words:
        return context.wording.label("answer", limit.other_answers[0], harmless(text))
    return harmless(text)


def _graded(value: str, item: Evidence, lab: str, context: CardContext) -> str:
    """The value of a score with its class."""
    if item.computed is None or item.computed.grade is None:
        return value
    key = f"class-or-worse.{lab}" if item.computed.or_worse else f"class.{lab}"
    named = context.wording.say(key, grade=item.computed.grade)
    return context.wording.say("evidence.graded", value=value, **{"class": named})


def _number(value: Decimal, limit: Threshold, unit: str | None, context: CardContext) -> str:
    """The value as reported, rounded as its lab's row says."""
    lab, knowledge = context.knowledge.labs[limit.lab], context.knowledge
    shown = rounded(value, lab, limit_in(limit, unit, knowledge), decimals=decimals_in(lab, unit, knowledge))
    return context.wording.number(shown)


def _name(item: Evidence, criterion: Criterion | None, context: CardContext, most: int, *, brief: bool = False) -> str:
    """The record's own words, else the code's display, else the words of the tables; never a bare code or id.

    What was computed has the code of a result that went into it, and no words of the record.
    `brief`: for a headline, where a long title goes without what it can spare.
    """
    for formula in (str(note.values["formula"]) for note in item.notes if note.key == "computed"):
        if formula in context.knowledge.labs:
            return lab_name(context.knowledge.labs[formula], context)
    coding = item.coding
    if item.value is not None and (lab := next(_labs_of(item, context), None)):
        return lab_name(lab, context)
    display = context.knowledge.codes.display(coding.system, coding.code) if coding else None
    candidates = (item.text, coding.display if coding else None, display)
    english = _english_of_the_tables(item, criterion, context)
    told = (_TAG.sub("", text.strip()) for text in candidates if text and text not in english)
    names = (harmless(in_brief(text, most) if brief else text, most) for text in told if not _A_CODE.fullmatch(text))
    return next((name for name in names if name), None) or _own_words(item, criterion, context)


def _labs_of(item: Evidence, context: CardContext) -> Iterator[Lab]:
    """The results of the tables that an item is one of, by its code or its name."""
    codes, coding = context.knowledge.codes, item.coding
    value_sets = {hit.value_set for hit in codes.lookup(coding.system, coding.code)} if coding else set()
    return (lab for lab in context.knowledge.labs.values() if lab.value_set in value_sets or lab.label == item.text)


def _english_of_the_tables(item: Evidence, criterion: Criterion | None, context: CardContext) -> set[str]:
    """What the tables call an item that the record gives without words: no name in a card of another language.

    The name of an agent stays: it tells more than the words of the tables.
    """
    coding, knowledge, codes = item.coding, context.knowledge, context.knowledge.codes
    if context.wording.language == ENGLISH:
        return set()
    labs = {lab.label for lab in knowledge.labs.values()}
    of_tables = item.text in labs or any(_is_called(item.text, state, context) for state in _states(context))
    english = {item.text or ""} if of_tables or item.reference.startswith(_PATIENT) else set()
    if coding is None or coding.display:
        return english
    value_sets = {hit.value_set for hit in codes.lookup(coding.system, coding.code)}
    agents = {*knowledge.medications.by_value_set, *(group.value_set for group in knowledge.allergies.groups)}
    if value_sets & agents and not (criterion and isinstance(criterion.question, ConditionQuestion)):
        return english
    titles = (codes.display(coding.system, coding.code), *map(codes.title, value_sets))
    return english | {text for text in titles if text}


def _states(context: CardContext) -> Iterable[AskFirst]:
    return context.knowledge.medications.ask_first.values()


def _is_called(text: str | None, state: AskFirst, context: CardContext) -> bool:
    """Whether a text is what the tables call a state, and not the record."""
    return text is not None and text in (state.label, context.knowledge.codes.title(state.value_set))


def _own_words(item: Evidence, criterion: Criterion | None, context: CardContext) -> str:
    """What the tables call it: the criterion, else what the code means: a state, a result, a condition."""
    if criterion is not None:
        return criterion_label(criterion, context)
    knowledge, wording, codes = context.knowledge, context.wording, context.knowledge.codes
    hits = codes.lookup(item.coding.system, item.coding.code) if item.coding else ()
    value_sets = {hit.value_set for hit in hits}
    states = (
        wording.label("ask_first", state.id, state.label)
        for state in _states(context)
        if state.value_set in value_sets or _is_called(item.text, state, context)
    )
    labs = (lab_name(lab, context) for lab in _labs_of(item, context))
    conditions = (
        wording.label("condition", condition.id, condition.label)
        for condition in knowledge.conditions.values()
        if condition.value_set in value_sets
    )
    coding = item.coding
    told = code_in_words(coding.system, coding.code, context) if coding else harmless(item.reference, _NAME)
    return next((name for names in (states, labs, conditions) for name in names), told)


def code_in_words(system: str, code: str, context: CardContext) -> str:
    """A code that nobody here knows: `code 12345-678-90 (ndc)`."""
    label = harmless(context.knowledge.codes.system_label(system), _SHORTER_NAMES[-1])
    return context.wording.say("evidence.code", code=harmless(code, _SHORTER_NAMES[-1]), system=label)
