"""One patient's summary, heading by heading: dates, ages, limits, lists, and what was not looked at."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge
from cds_service.summary.build import summary_of
from cds_service.summary.document import Section, Summary, as_json

BIOPSY = {"code": "procedure|liver-biopsy", "in_days": 10}
PLATELETS = "loinc|777-3"
APIXABAN = {"code": "rxnorm|1364430", "text": "apixaban 5 mg tablet"}
MAN = {"birthDate": "1960-05-01", "gender": "male"}


@pytest.fixture
def summarize(knowledge: Knowledge, now: datetime) -> Any:
    """Makes the summary of a compact case, a row as in tests/cases."""

    def make(tables: Knowledge = knowledge, language: str = "en", **row: Any) -> Summary:
        case = Case("here", {"order": BIOPSY, "patient": MAN, "expect": {}} | row)
        result = answer_case(case, tables, now)
        return summary_of(result.findings, result.facts, tables, patient_id="p1", language=language)

    return make


def section(summary: Summary, name: str) -> Section:
    """One section of the first order."""
    return next(one for one in summary.orders[0].sections if one.id == name)


def texts(found: Section) -> list[str]:
    """What its lines say."""
    return [line.text for line in found.lines]


def test_a_result_has_its_age_and_every_limit(summarize: Any) -> None:
    """A result stands with value, date, age in words and days, its limits with their sources, and what they say."""
    low = {"code": PLATELETS, "value": 41, "unit": "10*9/L", "days": 4}
    old = {"code": "loinc|6301-6", "value": 1.1, "unit": "1", "days": 60}
    results = {one.lab: one for one in section(summarize(labs=[low, old]), "results").results}
    assert (results["platelets"].value, results["platelets"].age_days) == ("41 × 10⁹/L", 4)
    assert results["platelets"].when == "20 Nov, 4 days ago"
    assert "below 50 × 10⁹/L (SIR 2019)" in results["platelets"].limits
    assert (results["platelets"].certainty, results["platelets"].says) == ("present", "beyond the limit")
    assert (results["inr"].certainty, results["inr"].age_days) == ("unknown", 60)
    assert results["inr"].when == "25 Sep, 8 weeks ago"
    assert results["inr"].says == "no result within 30 days"
    fine = {"code": PLATELETS, "value": 250, "unit": "10*9/L", "days": 4}
    (platelets,) = [one for one in section(summarize(labs=[fine]), "results").results if one.lab == "platelets"]
    assert (platelets.certainty, platelets.level, platelets.says) == ("absent", "", "within the limit")


def test_an_antithrombotic_has_its_last_dose_and_restart(summarize: Any) -> None:
    """What is held stands with what to do, the day of the last dose and the restart; without a day that is said."""
    eyes = {"code": "loinc|98979-8", "value": 85, "unit": "mL/min/{1.73_m2}"}
    tips = {"code": "procedure|tips", "in_days": 10}
    found = section(summarize(order=tips, labs=[eyes], medications=[APIXABAN]), "antithrombotics")
    (drug,) = found.drugs
    assert (drug.agent, drug.action, drug.last_dose, drug.when) == ("apixaban", "hold", "2026-12-01", "1 Dec")
    assert drug.do.startswith("Omit 4 doses, 2 days (SIR 2019)")
    assert drug.restart
    undated = section(summarize(order="tips", labs=[eyes], medications=[APIXABAN]), "antithrombotics")
    assert (undated.drugs[0].last_dose, undated.drugs[0].when) == ("", "the order names no day")
    german = section(summarize(language="de", order=tips, labs=[eyes], medications=[APIXABAN]), "antithrombotics")
    assert german.drugs[0].when == "1. Dez."


def test_what_goes_on_is_listed_too(summarize: Any) -> None:
    """A drug that is not held before a procedure of low risk is on no card, and on the list all the same."""
    found = section(summarize(order="ivc-filter-removal", medications=[APIXABAN]), "antithrombotics")
    assert [(drug.agent, drug.level) for drug in found.drugs] == [("apixaban", "info")]


def test_a_diagnosis_that_tells_of_a_drug_stands_where_no_list_was_sent(summarize: Any) -> None:
    """Long-term anticoagulants among the diagnoses are told even though the medication list was not sent."""
    found = section(summarize(conditions=["icd-10-cm|Z79.01"], not_sent=["medications"]), "antithrombotics")
    assert found.state in ("open", "found")
    assert [line.references for line in found.lines if line.question == "antithrombotic"] == [("Condition/c1",)]
    assert "not sent" in found.statement + " ".join(texts(found))


def test_the_allergy_list_is_as_recorded(summarize: Any) -> None:
    """Every entry is listed; an empty list is told apart from one that was not sent, and from one that says none."""
    latex = {"text": "Latex", "reactions": ["hives"]}
    listed = texts(section(summarize(allergies=[latex]), "contrast"))
    assert any(line.startswith("Allergy list: “Latex”") for line in listed)
    assert "The allergy list is empty. Ask whether there are none." in texts(section(summarize(), "contrast"))
    unread = section(summarize(not_sent=["allergies"]), "contrast")
    assert not any("llergy list" in line for line in texts(unread))
    assert "allergies could not be retrieved" in unread.statement
    assert unread.state == "not-read"


def test_contrast_is_planned(summarize: Any) -> None:
    """Whether the procedure uses contrast, and what to do about a reaction, stand beside the allergy."""
    iohexol = {"code": "sct|395751002", "text": "Iohexol", "severity": "severe"}
    found = section(summarize(order="uterine-fibroid-embolization", allergies=[iohexol], patient={}), "contrast")
    assert "Fibroid embolization: uses iodinated contrast" in [text[:1].upper() + text[1:] for text in texts(found)]
    assert (found.state, found.lines[0].level) == ("found", "critical")
    assert found.steps


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Bleeding tendency"), ("de", "Blutungsneigung"), ("es", "Tendencia hemorrágica")]
)
def test_a_row_in_shadow_is_named_and_not_told(summarize: Any, knowledge: Knowledge, language: str, name: str) -> None:
    """A row that a site only tries is neither told nor passed over: its section says that it is judged, not shown."""
    import dataclasses

    from msgspec.structs import replace

    rows = tuple(replace(row, shadow=row.id == "bleeding-tendency") for row in knowledge.contraindications)
    tables = dataclasses.replace(knowledge, contraindications=rows)
    low = {"code": PLATELETS, "value": 20, "unit": "10*9/L", "days": 1}
    summary = summarize(tables, language, labs=[low])
    assert name in section(summary, "antithrombotics").statement
    assert name in summary.not_read.statement
    assert b"20 \xc3\x97" not in as_json(summary)


def test_an_order_that_is_not_known_says_that_nothing_was_looked_at(summarize: Any) -> None:
    """An order of no known procedure has one section, which says that nothing was looked at."""
    (order,) = summarize(order={"text": "appendectomy"}).orders
    assert (order.procedure, [one.state for one in order.sections]) == ("", ["not-asked"])
    assert "nothing was looked at" in order.sections[0].statement


def test_nothing_at_all_was_read(summarize: Any) -> None:
    """With nothing sent, every section that asks says that it could not look, and the last one why."""
    summary = summarize(not_sent=["conditions", "allergies", "observations", "medications", "patient"])
    assert {one.state for one in summary.orders[0].sections} <= {"not-read", "not-asked", "open"}
    assert len(summary.not_read.lines) >= 4


def test_the_text_of_a_record_stays_text(summarize: Any) -> None:
    """Markup in the words of a record is made harmless in every text of the summary."""
    evil = "<script>alert(1)</script> **bold** [link](https://evil.example)"
    summary = summarize(allergies=[{"text": evil}], conditions=[{"text": evil}], medications=[{"text": evil}])
    said = as_json(summary).decode()
    assert "<script" not in said
    assert "https://" not in said


def test_the_json_is_for_programs(summarize: Any) -> None:
    """In JSON names are in camel case, what is empty is left out, and lines name row, question and references."""
    low = {"code": PLATELETS, "value": 41, "unit": "10*9/L", "days": 4}
    body = json.loads(as_json(summarize(labs=[low])))
    assert body["knowledgeVersion"]
    sections = {one["id"]: one for one in body["orders"][0]["sections"]}
    (line,) = [one for one in sections["antithrombotics"]["lines"] if one.get("certainty") == "present"]
    assert (line["row"], line["question"]) == ("bleeding-tendency", "platelets-high-risk")
    assert line["references"]
    assert "drugs" not in sections["consent"]


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_row_has_a_name_in_the_language(knowledge: Knowledge, language: str) -> None:
    """No row of the table stands with its English name in a German or Spanish summary."""
    named = knowledge.wordings[language]
    assert [r.id for r in knowledge.contraindications if f"contraindication.{r.id}" not in named] == []
