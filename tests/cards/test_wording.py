"""The sentences of `wording.en.toml`: complete, well formed, and every one of them reads as a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import cds_service
from cds_service.cards.wording import PLACES, REASON_PLACES, Wording, template_problems
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason

SOURCE = Path(cds_service.__file__).parent
SAMPLES = {"status": 503, "system": "RxNorm", "names": "“knee”",
    "count": "4", "data": "the recorded conditions", "date": "2026-11-20", "days": "30", "evidence": "“Hives”, 2021",
    "fact": "Platelets 42 × 10⁹/L", "first": "Hemoptysis", "formula": "CKD-EPI 2021", "grade": "secondary source",
    "guideline": "SIR 2019", "hours": "48", "indication": "Uterine fibroids", "items": "a, b", "labs": "INR",
    "limit": "below 50 × 10⁹/L", "name": "Iohexol", "note": "preliminary result", "number": "50", "order": "TIPS (x)",
    "orders": "TIPS (x)", "procedure": "TIPS", "procedures": "TIPS, TACE", "ratio": "1.5", "reason": "no result",
    "reasons": "“Fibroid”", "reference": "ServiceRequest/d1", "references": "Condition/c1", "rise": "0.3 mg/dL",
    "row": "Bleeding tendency", "rows": "Bleeding tendency", "second": "Bronchiectasis", "text": "tips",
    "unit": "mg/dL", "uses": "iodinated contrast", "value": "42", "what": "Platelets 42", "criterion": "INR high",
    "alert": "dissection",
}  # fmt: skip
BRITISH = re.compile(r"anaesth|haem|oedem|tumour|colour|[a-z]is(e|ed|ing|ation)\b(?<!prom)|centre", re.IGNORECASE)
NOT_BRITISH = {"raised", "otherwise", "rise", "likewise", "precise", "exercise"}
KEYS = sorted([*PLACES, *(f"reason.{key}" for key in REASON_PLACES)])


def _rendered(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    wording = Wording(knowledge.wording)
    yield from ((key, wording.say(key, **SAMPLES)) for key in knowledge.wording)


def test_the_shipped_sentences_are_sound(knowledge: Knowledge):
    """No sentence is missing, empty or broken, and none has a place that nothing fills."""
    assert template_problems(knowledge.wording) == []


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_sentence_is_found_before_the_first_call(key: str, knowledge: Knowledge):
    """A file without a sentence that the service says is refused, by the name of the sentence."""
    without = {name: text for name, text in knowledge.wording.items() if name != key}
    assert template_problems(without) == [f"wording.en.toml: {key} is missing; add the sentence"]


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("card.indication.summary", "No reason for {procedur}", "has the place {procedur}; known are: {procedure}"),
        ("advice.co2", "Use {gas}.", "has the place {gas}; known are: none"),
        ("reason.older-than", "{days:>10}", "has the place {days}; known are: {days}"),
        ("reason.older-than", "{days!r}", "has the place {days}; known are: {days}"),
        ("reason.older-than", "{days.real}", "has the place {days.real}; known are: {days}"),
        ("reason.older-than", "{}", "has the place {}; known are: {days}"),
        ("reason.older-than", "older than {days", "has a brace too many or too few"),
        ("reason.older-than", " ", "is empty; write the sentence"),
        ("card.indication.sumary", "No reason", "is said by nothing"),
    ],
)
def test_a_mistake_in_a_sentence_is_named(key: str, text: str, problem: str, knowledge: Knowledge):
    """A wrong place, a brace too many, an empty sentence, or a key that nothing says is named with its key."""
    problems = template_problems({**knowledge.wording, key: text})
    assert len(problems) == 1
    assert problems[0].startswith(f"wording.en.toml: {key} {problem}")


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
    assert wording.reason(Reason("computed", {"formula": "ckd-epi-2021"})) == "computed: CKD-EPI 2021, from creatinine"


def test_every_reason_that_a_stage_gives_has_words(knowledge: Knowledge):
    """Whatever makes an answer unknown is told in words of its own."""
    given = {reason.key for kind in CLINICAL for reason in (kind.unavailable, kind.incomplete)}
    given |= {key for path in SOURCE.rglob("*.py") for key in _reasons_given(ast.parse(path.read_text("utf-8")))}
    assert {"no-unit", "not-sent", "data-absent"} <= given  # the search below finds all three ways of giving one
    assert sorted(key for key in given if f"reason.{key}" not in knowledge.wording) == []


def _reasons_given(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        problems = node.keywords if isinstance(node, ast.Call) else []
        given = [text for k in problems if k.arg == "problem" for text in ast.walk(k.value)]
        yield from (text.value for text in given if isinstance(text, ast.Constant) and isinstance(text.value, str))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Reason", "missing"):
            texts = [arg for arg in node.args for arg in ast.walk(arg) if isinstance(arg, ast.Constant)]
            last = texts[-1:] if node.func.id == "missing" else texts  # type: ignore[attr-defined]
            yield from (t.value for t in last if isinstance(t.value, str) and "-" in t.value and t.value[0] != "-")
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            problems = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "problem"]
            yield from (c.value for p in problems for c in ast.walk(p) if isinstance(c, ast.Constant) and c.value)
        if isinstance(node, ast.keyword) and node.arg == "problem" and isinstance(node.value, ast.Constant):
            yield node.value.value


def test_every_sentence_is_said_somewhere():
    """No sentence is kept that no card says."""
    texts = {
        node.value
        for path in (SOURCE / "cards").glob("*.py")
        if path.name != "wording.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    own = {"list.more", "list.more-lines"}
    assert [key for key in PLACES if key not in texts | own and not key.startswith("value.")] == []


def test_every_sentence_reads_well(knowledge: Knowledge):
    """With plausible values each sentence has sound spacing, pairs of quotes and brackets, and no leftovers."""
    for key, text in _rendered(knowledge):
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
        if "summary" in key:
            assert not text.endswith("."), key


def test_sentences_are_american_and_deny_nothing(knowledge: Knowledge):
    """One spelling throughout; no sentence forbids a treatment: the clinician decides."""
    for key, text in _rendered(knowledge):
        british = [word for word in re.findall(r"\w+", text) if BRITISH.search(word) and word not in NOT_BRITISH]
        assert british == [], key
        assert not re.search(r"do not give|must not|forbidden|contraindicated|denied", text, re.IGNORECASE), key


def test_places_are_the_ones_that_templates_use(knowledge: Knowledge):
    """Every shipped sentence uses every value that it is given, but for the few that may stand without."""
    for key, places in PLACES.items():
        used = {name for _, name, _, _ in Formatter().parse(knowledge.wording[key]) if name}
        assert used == places, key
