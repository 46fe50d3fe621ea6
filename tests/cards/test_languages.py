"""Cards in English, German and Spanish: the same findings, the same levels, numbers and dates of the language."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from string import Formatter

import pytest
from msgspec.structs import replace

from cds_service.cards.context import CardSettings, card_settings_of
from cds_service.cards.headline import MOST_CHARACTERS
from cds_service.cards.order_names import short_name
from cds_service.cards.wording import Wording
from cds_service.errors import SettingError
from cds_service.findings.finding import Evidence
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from tests.cards.builders import PLATELETS, Tables

LANGUAGES = ("de", "en", "es")
INR = Evidence("Observation/inr", "INR", None, Decimal("2.4"), "1", "2026-11-20")


def _slots(sentence: str) -> set[str]:
    return {name.removesuffix("_dative") for _, name, _, _ in Formatter().parse(sentence) if name}


def test_the_languages_fill_the_same_places(knowledge: Knowledge):
    """A fact that a sentence names in English it names in German and Spanish."""
    for language in LANGUAGES:
        sentences = knowledge.wordings[language]
        differing = [key for key, text in knowledge.wording.items() if _slots(sentences.get(key, text)) != _slots(text)]
        assert differing == [], language


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_procedure_has_a_short_name_of_its_own(language: str, knowledge: Knowledge):
    """At most 30 characters as in English, and no two procedures share one: a card may have to name both."""
    sentences = knowledge.wordings[language]
    names = {key: sentences.get(f"procedure.{key}", "") for key in knowledge.procedures}
    assert {key: name for key, name in names.items() if not 0 < len(name) <= 30} == {}
    assert [name for name, times in Counter(names.values()).items() if times > 1] == []


@pytest.mark.parametrize(
    ("language", "summary"),
    [
        ("en", "INR 2.4 (20 Nov, 4 days ago): above 1.8 for portal vein embolization"),
        ("de", "INR 2,4 (20. Nov., vor 4 Tagen): über 1,8 bei Pfortaderembolisation"),
        ("es", "INR 2,4 (20 nov, hace 4 días): por encima de 1,8 para embolización portal"),
    ],
)
def test_a_headline_is_of_its_language(language: str, summary: str, tables: Tables):
    """Decimal sign, date, plural and the name of the procedure are of the language."""
    order = tables.order("portal-vein-embolization", tables.present("inr-high-risk", INR))
    assert tables.card(order, card_settings=CardSettings(language=language))["summary"] == summary


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_fits_in_every_language(language: str, tables: Tables):
    """Same level, same buttons, at most 100 characters, for each question at the procedure with the longest name."""
    longest = max(tables.knowledge.procedures.values(), key=lambda procedure: len(procedure.short)).id
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            for finding in (tables.present(criterion.id, PLATELETS), tables.unknown(criterion.id, "no-result")):
                order = tables.order(longest, finding)
                card = tables.card(order, card_settings=CardSettings(language=language))
                english = tables.card(order)
                assert len(card["summary"]) <= MOST_CHARACTERS
                assert len(card["detail"]) <= 900
                assert card["indicator"] == english["indicator"]
                assert card["source"]["topic"]["code"] == english["source"]["topic"]["code"]


@pytest.mark.parametrize("language", ["de", "es"])
def test_a_sentence_for_a_text_of_a_row_stands_for_one(language: str, knowledge: Knowledge):
    """A source, guideline or test that is translated is one of the tables: a text that was changed there is noticed."""
    holds = [row for rows in knowledge.medications.holds.values() for row in rows]
    limits = [limit.cite for limit in knowledge.thresholds.values()]
    texts = {
        "cite": {*limits, *(row.cite for row in knowledge.contraindications)},
        "guideline": {row.guideline for row in holds},
        "hold_test": {row.test for row in holds},
    }
    keys = [key.partition(".") for key in knowledge.wordings[language]]
    assert [(family, text) for family, _, text in keys if family in texts and text not in texts[family]] == []


def test_a_procedure_without_a_name_of_the_language_keeps_its_own(knowledge: Knowledge):
    """The procedure of a hospital that names it in one language stands with that name in every card."""
    own = replace(knowledge.procedures["tips"], id="own-shunt", short="splenorenal shunt")
    assert short_name(own, Wording(knowledge.wordings["de"], "de")) == "splenorenal shunt"


def test_a_language_without_sentences_stops_the_start(knowledge: Knowledge):
    """A language that is chosen and is not there is named with those that are."""
    with pytest.raises(SettingError, match='"fr"; the languages are de, en, es'):
        card_settings_of(Settings(language="fr"), knowledge)
