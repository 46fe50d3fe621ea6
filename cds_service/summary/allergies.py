"""The allergy list as recorded, and what of contrast the procedure uses: beside the answers, for whoever plans it."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.cards.context import CardContext
from cds_service.cards.escape import harmless
from cds_service.cards.order_names import remaining, short_name
from cds_service.cards.quantities import shown_reason
from cds_service.facts.patient_facts import AllergyFact, PatientFacts
from cds_service.findings.finding import OrderFinding
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.tables import CONTRAST
from cds_service.reasons import Reason

_MOST_NAMED = 12


def contrast_lines(order: OrderFinding, cards: CardContext) -> Iterator[str]:
    """Whether each procedure that the order may be uses iodinated contrast, and whether carbon dioxide may stand in."""
    wording = cards.wording
    for procedure in remaining(order):
        used = "none" if CONTRAST not in procedure.uses else "usually" if CONTRAST in procedure.usually_uses else "used"
        yield wording.say(f"summary.contrast.{used}", procedure=short_name(procedure, wording))
        if CONTRAST in procedure.uses and procedure.co2:
            yield wording.say("summary.contrast.carbon-dioxide")


def allergy_lines(facts: PatientFacts, cards: CardContext) -> Iterator[str]:
    """The list in the record's own words; an empty one is told apart from one that was not read."""
    wording = cards.wording
    if AllergyQuestion.DATA not in facts.obtained:
        return
    entries = [_entry(fact, cards) for fact in facts.allergies]
    if entries:
        yield wording.say("summary.allergy.list", entries=wording.listed(entries, _MOST_NAMED))
    elif AllergyQuestion.DATA in facts.complete:
        yield wording.say("summary.allergy.empty")


def _entry(fact: AllergyFact, cards: CardContext) -> str:
    """`“Iohexol” (hives)`; an entry without words by its code, else by its reference."""
    wording, codes = cards.wording, cards.knowledge.codes
    coding = next((coding for concept in fact.names for coding in concept.codings), None)
    named = fact.label or (codes.display(coding.system, coding.code) or coding.code if coding else fact.reference)
    told = [concept.label for reaction in fact.reactions for concept in reaction.manifestations if concept.label]
    notes = [harmless(text) for text in dict.fromkeys(told)]
    notes += [] if fact.active else [shown_reason(Reason("allergy-inactive"), wording)]
    name = wording.say("evidence.recorded", name=harmless(named))
    return wording.say("evidence.noted", what=name, note=", ".join(notes)) if notes else name
