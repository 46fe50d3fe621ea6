"""The sentences of `wording.en.toml` as people read them: each reads as a sentence, and no call fails on one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from cds_service.cards.wording import Wording
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason
from tests.support.shipped import shipped_rows

SAMPLES = {"status": 503, "system": "RxNorm", "code": "1191", "names": "“knee”", "type": "history",
    "count": "4", "data": "the recorded conditions", "date": "2026-11-20", "days": "30", "evidence": "“Hives”, 2021",
    "fact": "Platelets 42 × 10⁹/L", "first": "Hemoptysis", "formula": "CKD-EPI 2021", "grade": "secondary source",
    "guideline": "SIR 2019", "hours": "48", "indication": "Uterine fibroids", "items": "a, b", "labs": "INR",
    "limit": "below 50 × 10⁹/L", "name": "Iohexol", "note": "preliminary result", "number": "50", "order": "TIPS (x)",
    "orders": "TIPS (x)", "procedure": "TIPS", "procedures": "TIPS, TACE", "ratio": "1.5", "reason": "no result",
    "reasons": "“Fibroid”", "reference": "ServiceRequest/d1", "references": "Condition/c1", "rise": "0.3 mg/dL",
    "row": "Bleeding tendency", "rows": "Bleeding tendency", "second": "Bronchiectasis", "text": "tips",
    "unit": "mg/dL", "uses": "iodinated contrast", "value": "42", "what": "Platelets 42", "criterion": "INR high",
    "alert": "dissection", "amount": "6", "test": "INR", "others": "PAUSE 2 d",
    "means": "below 50 for TIPS", "line": "Platelets 42", "cite": "SIR 2019",
    "summary": "Platelets 42: below 50", "interval": "3 weeks ago", "earlier": "0.90", "facts": "platelets 42",
    "parts": "ascites", "class": "class B", "inputs": "INR 1.8",
    "read": "3 allergy entries", "unread": "results",
    "member": "category", "time": "09:00", "version": "2026.11", "entries": "“Latex”",
    "state": "heart valve", "rule": "hold for 5 days", "guidelines": "PAUSE",
    "reaction": "hives", "tests": "INR", "when": "for 2 Dec", "day": "2 Dec", "drug": "apixaban",
}  # fmt: skip
PATTERNS = {"date.day", "date.day-of-year", "date.month", "date.weekday", "date.weekday-of-year"}
BRITISH = re.compile(r"anaesth|haem|oedem|tumour|colour|[a-z]is(e|ed|ing|ation)\b(?<!prom)|centre", re.IGNORECASE)
_BRIEF = 32
NOT_BRITISH = {"raised", "otherwise", "rise", "likewise", "precise", "exercise"}


def _rendered(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    wording = Wording(knowledge.wording)
    yield from ((key, wording.say(key, **SAMPLES)) for key in knowledge.wording)


def test_a_value_that_is_not_given_never_fails_a_call(wording: Wording):
    """A sentence whose value is missing is said without it: a call never fails on a sentence."""
    assert wording.say("reason.older-than") == "no result within  days"
    assert wording.reason(Reason("not-sent")).startswith("the EHR did not send")


def test_a_reason_without_words_still_says_that_nothing_was_judged(wording: Wording):
    """A reason that the file does not know is told as "could not be judged", never as nothing."""
    assert wording.reason(Reason("struck-by-lightning")) == "it could not be judged"
    assert wording.reason(None) == "it could not be judged"


def test_reasons_name_data_and_formulas_in_words(wording: Wording):
    """Prefetch keys and formula names are ids; people read labels."""
    assert wording.reason(Reason("refused"), data="allergies") == (
        "the EHR reported an error instead of the recorded allergies"
    )
    told = wording.reason(Reason("computed", {"formula": "egfr"}))
    assert told == "computed: CKD-EPI 2021, with age and sex"


def test_every_sentence_reads_well(knowledge: Knowledge):
    """With plausible values each sentence has sound spacing, pairs of quotes and brackets, and no leftovers."""
    for key, text in _rendered(knowledge):
        if key in PATTERNS:
            continue
        assert text == " ".join(text.split()), key
        assert not re.search(r"[{}<>*_`\[\]|~]|\.\.| [,.;:)]|\( |,,", text), (key, text)
        assert text.count("“") == text.count("”"), key
        assert text.count("(") == text.count(")"), key


def test_every_sentence_has_its_form(knowledge: Knowledge):
    """Advice and remarks are full sentences; reasons and labels are clauses that fit into one."""
    for key, text in _rendered(knowledge):
        family = key.partition(".")[0]
        if family in ("advice", "alert_advice", "note"):
            assert text[0].isupper(), key
            assert text.endswith("."), key
        if family in ("reason", "data", "uses", "formula", "grade"):
            assert not text.endswith((".", ":", ";")), key
        if family == "reason":
            assert text[0].islower() or text.startswith("“"), key
        if "summary" in key and family != "summary":
            assert not text.endswith("."), key


def test_sentences_are_american_and_deny_nothing(knowledge: Knowledge):
    """One spelling throughout; no sentence forbids a treatment: the clinician decides."""
    for key, text in _rendered(knowledge):
        british = [word for word in re.findall(r"\w+", text) if BRITISH.search(word) and word not in NOT_BRITISH]
        assert british == [], key
        assert not re.search(r"do not give|must not|forbidden|contraindicated|denied", text, re.IGNORECASE), key


def test_places_are_the_ones_that_templates_use(knowledge: Knowledge):
    """Every shipped sentence uses every value that it is given."""
    for key, places in shipped_rows().wording_keys.items():
        used = {name for _, name, _, _ in Formatter().parse(knowledge.wording[key]) if name}
        assert used == set(places.split()), key


def test_spanish_joins_by_sound(knowledge: Knowledge):
    """`y` and `o` change before their own sound, which the lists of CLDR don't."""
    spanish = Wording(knowledge.wordings["es"], "es")
    assert spanish.joined(["bilirrubina", "INR"]) == "bilirrubina e INR"
    assert spanish.joined(["INR", "bilirrubina"]) == "INR y bilirrubina"
    assert spanish.joined(["agua", "hielo"]) == "agua y hielo"
    assert spanish.joined(["INR", "otro"], either=True) == "INR u otro"


def test_what_is_said_in_brief_is_brief(knowledge: Knowledge):
    """In every language, for the same questions: it stands in for words that are too long."""
    brief = {
        language: {key for key in said if key.startswith("brief.")} for language, said in knowledge.wordings.items()
    }
    assert brief["de"] == brief["es"] == brief["en"]
    long = [said[key] for said in knowledge.wordings.values() for key in brief["en"] if len(said[key]) > _BRIEF]
    assert long == []
