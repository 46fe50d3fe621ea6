"""A hospital's site folder: what it may change, and that the change is heard, listed and part of the version."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases import Case, answer_case
from cds_service.errors import TableError
from cds_service.hooks.catalog import SERVICES, prefetch_templates
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.review import contraindication_lines, procedure_lines
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, said_of, said_of_criterion
from tests.support.tables import CHANGE, put, with_site

LOCAL = "https://hospital.example.org/codes"
SCT, ICD, LOINC = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm", "http://loinc.org"
PROCEDURES = "https://example.org/ir-cds/fhir/CodeSystem/procedures"

DACRYOCYSTOGRAPHY = f"""
[[procedure]]
id = "dacryocystography"
label = "Dacryocystography"
region = "any"
status = "active"
uses = ["iodised-oil"]
access = "percutaneous"
bleeding_risk = "low"
bleeding_risk_basis = "local judgement"
emergency = false
co2 = false
offered = false
synonyms = ["dacryocystogram", "dacryocystography"]
source = "department"
{CHANGE}
"""


def a_map(source: str, target: str, *, to: str, equivalence: str = "equivalent", code: str = "X-1") -> dict[str, str]:
    """A site folder with one ConceptMap that maps one local code."""
    element = {"code": code, "target": [{"code": to, "equivalence": equivalence}]}
    group = {"source": source, "target": target, "element": [element]}
    return {"concept_maps/local.json": json.dumps({"resourceType": "ConceptMap", "status": "active", "group": [group]})}


def test_another_limit_changes_the_judgement(knowledge: Knowledge, now: datetime, tmp_path: Path) -> None:
    """A hospital that asks for 75 platelets hears of 60, the shipped limit of 50 does not."""
    row = {"order": "tips", "labs": [{"code": "loinc|777-3", "value": 60, "unit": "10*9/L"}]}
    site = with_site(tmp_path, {"thresholds.toml": f'[[threshold]]\nid = "platelets-high-risk"\nvalue = 75\n{CHANGE}'})
    assert said_of_criterion(judge(row, knowledge, now), "platelets-high-risk") == "absent"
    assert said_of_criterion(judge(row, site, now), "platelets-high-risk") == "present warning"


def test_another_age_changes_the_judgement(knowledge: Knowledge, now: datetime, tmp_path: Path) -> None:
    """A hospital may let results count for a shorter time."""
    row = {"order": "tips", "labs": [{"code": "loinc|777-3", "value": 200, "unit": "10*9/L", "days": 20}]}
    change = f'[[threshold]]\nid = "platelets-high-risk"\nwithin_days = 14\n{CHANGE}'
    site = with_site(tmp_path, {"thresholds.toml": change})
    assert said_of_criterion(judge(row, knowledge, now), "platelets-high-risk") == "absent"
    assert said_of_criterion(judge(row, site, now), "platelets-high-risk") == "unknown info"


def test_a_row_switched_off_falls_silent(now: datetime, tmp_path: Path) -> None:
    """A row that a hospital retires is not part of any answer."""
    row = {"order": "tips", "allergies": ["sct|426722004"]}
    site = with_site(
        tmp_path,
        {"contraindications.toml": f'[[contraindication]]\nid = "iodine-allergy"\nstatus = "retired"\n{CHANGE}'},
    )
    assert said_of(judge(row, site, now), "iodine-allergy") == "-"


@pytest.mark.parametrize(
    ("change", "expected"), [('status = "retired"', "-"), ('indicator = "warning"', "present warning")]
)
def test_a_question_can_be_switched_off_or_told_louder(
    change: str, expected: str, now: datetime, tmp_path: Path
) -> None:
    """A hospital may silence one question of a row, or let it speak louder."""
    criterion = f'[[contraindication.criterion]]\nid = "seafood-allergy"\n{change}\n{CHANGE}'
    site = with_site(tmp_path, {"contraindications.toml": f'[[contraindication]]\nid = "iodine-allergy"\n{criterion}'})
    order = judge({"order": "tips", "allergies": ["sct|300913006"]}, site, now)
    assert said_of_criterion(order, "seafood-allergy") == expected


def test_a_draft_limit_can_be_made_to_speak(knowledge: Knowledge, now: datetime, tmp_path: Path) -> None:
    """A limit that ships silent speaks once a hospital has approved it."""
    row = {"order": "tips", "labs": [{"code": "loinc|2708-6", "value": 85, "unit": "%", "hours": 1}]}
    site = with_site(tmp_path, {"thresholds.toml": f'[[threshold]]\nid = "spo2-low"\nstatus = "active"\n{CHANGE}'})
    assert said_of_criterion(judge(row, knowledge, now), "spo2-low") == "-"
    assert said_of_criterion(judge(row, site, now), "spo2-low") == "present warning"


def test_a_new_procedure_is_recognized_and_judged(now: datetime, tmp_path: Path) -> None:
    """What a hospital's own procedure uses decides which contraindications apply to it."""
    site = with_site(tmp_path, {"procedures/own.toml": DACRYOCYSTOGRAPHY})
    order = judge({"order": {"text": "IR DACRYOCYSTOGRAM"}, "allergies": ["sct|426722004"]}, site, now)
    assert order.procedure is not None
    assert order.procedure.id == "dacryocystography"
    assert (said_of(order, "iodine-allergy"), said_of(order, "immune-weakness")) == ("present warning", "-")


def test_a_shipped_procedure_can_be_adjusted(now: datetime, tmp_path: Path) -> None:
    """A hospital may give a procedure another bleeding-risk class and further names."""
    text = f"""
    [[procedure]]
    id = "uterine-fibroid-embolization"
    bleeding_risk = "low"
    bleeding_risk_basis = "5 French sheath in this department"
    synonyms = ["ufe daycase"]
    {CHANGE}
    """
    order = judge({"order": {"text": "UFE DAYCASE"}}, with_site(tmp_path, {"procedures/own.toml": text}), now)
    assert order.procedure is not None
    assert order.procedure.bleeding_risk == "low"
    assert said_of_criterion(order, "platelets-high-risk") == "-"
    assert "ufe" in order.procedure.synonyms


@pytest.mark.parametrize(
    ("target", "to", "equivalence", "expected"),
    [
        (PROCEDURES, "uterine-fibroid-embolization", "equivalent", "uterine-fibroid-embolization"),
        (SCT, "233445008", "equal", "tips"),
        ("urn:oid:2.16.840.1.113883.6.96", "233445008", "equal", "tips"),
        (PROCEDURES, "tips", "wider", "tips"),
        (PROCEDURES, "tips", "unmatched", None),
        (PROCEDURES, "tips", "disjoint", None),
    ],
)
def test_a_local_order_code_is_recognized(
    target: str, to: str, equivalence: str, expected: str | None, now: datetime, tmp_path: Path
) -> None:
    """A local order code mapped to a procedure, or to a standard code of one, is that procedure."""
    site = with_site(tmp_path, a_map(LOCAL, target, to=to, equivalence=equivalence))
    procedure = judge({"order": {"code": f"{LOCAL}|X-1"}}, site, now).procedure
    assert (procedure.id if procedure else None) == expected


@pytest.mark.parametrize(("equivalence", "expected"), [("equivalent", "present"), ("narrower", "unknown")])
def test_a_local_condition_code_is_read(equivalence: str, expected: str, now: datetime, tmp_path: Path) -> None:
    """A local code equal to a standard one is that condition; one that is only wider leaves it possible."""
    site = with_site(tmp_path, a_map(LOCAL, ICD, to="D25.9", equivalence=equivalence))
    row = {"order": "uterine-fibroid-embolization", "conditions": [f"{LOCAL}|X-1"]}
    assert said_of(judge(row, site, now), "uterine-fibroids") == expected


@pytest.mark.parametrize(("code", "expected"), [("X-1", "absent"), ("X-2", "unknown info")])
def test_a_local_code_that_is_not_mapped_stays_unread(code: str, expected: str, now: datetime, tmp_path: Path) -> None:
    """Mapping one local code says nothing about the others: they may mean anything, so the rows stay unknown."""
    site = with_site(tmp_path, a_map(LOCAL, ICD, to="I10"))
    row = {"order": "tips", "conditions": [f"{LOCAL}|{code}"]}
    assert said_of(judge(row, site, now), "severe-mental-illness") == expected


def test_a_local_code_without_equivalent_is_read(now: datetime, tmp_path: Path) -> None:
    """A local code that the hospital has looked at and mapped to nothing is known to be none of the rows."""
    site = with_site(tmp_path, a_map(LOCAL, ICD, to="I10", equivalence="unmatched"))
    assert said_of(judge({"order": "tips", "conditions": [f"{LOCAL}|X-1"]}, site, now), "heart-failure") == "absent"


def test_a_local_lab_code_is_read(now: datetime, tmp_path: Path) -> None:
    """A local laboratory code mapped to LOINC is that analyte."""
    site = with_site(tmp_path, a_map(LOCAL, LOINC, to="777-3"))
    row = {"order": "tips", "labs": [{"code": f"{LOCAL}|X-1", "value": 30, "unit": "10*9/L"}]}
    assert said_of_criterion(judge(row, site, now), "platelets-high-risk") == "present warning"


@pytest.mark.parametrize("equivalence", ["narrower", "inexact"])
def test_a_local_lab_code_that_fits_roughly_settles_nothing(now: datetime, tmp_path: Path, equivalence: str) -> None:
    """A result under a code that may mean another test is no result of the analyte, and not passed over either."""
    site = with_site(tmp_path, a_map(LOCAL, LOINC, to="777-3", equivalence=equivalence))
    roughly = {"code": f"{LOCAL}|X-1", "value": 300, "unit": "10*9/L"}
    judged = judge({"order": "tips", "labs": [roughly]}, site, now)
    assert said_of_criterion(judged, "platelets-high-risk") == "unknown info"
    own = {"code": "loinc|777-3", "value": 300, "unit": "10*9/L", "days": 5}
    judged = judge({"order": "tips", "labs": [roughly, own]}, site, now)
    assert said_of_criterion(judged, "platelets-high-risk") == "unknown info"


def test_a_local_lab_code_is_asked_for(knowledge: Knowledge, tmp_path: Path) -> None:
    """EHR and FHIR server are asked for a mapped laboratory code as well; for a mapped diagnosis they are not."""
    asked = with_site(tmp_path / "labs", a_map(LOCAL, LOINC, to="777-3")).search_codes
    assert asked["observations"] == (*knowledge.search_codes["observations"], f"{LOCAL}|X-1")
    templates = prefetch_templates(SERVICES["ir-order-sign"], asked)
    assert templates["observations"].count(f",{LOCAL}|X-1&") == 1
    assert with_site(tmp_path / "diagnoses", a_map(LOCAL, ICD, to="I10")).search_codes == knowledge.search_codes


def test_a_local_allergy_code_is_read(now: datetime, tmp_path: Path) -> None:
    """A local allergy code mapped to SNOMED CT is that allergy."""
    site = with_site(tmp_path, a_map(LOCAL, SCT, to="426722004"))
    assert said_of(judge({"order": "tips", "allergies": [f"{LOCAL}|X-1"]}, site, now), "iodine-allergy") == (
        "present warning"
    )


def test_the_version_follows_the_tables_only(knowledge: Knowledge, tmp_path: Path) -> None:
    """Every change of a number is another version; loading again, or a note in the folder, is not."""
    files = {"thresholds.toml": f'[[threshold]]\nid = "platelets-high-risk"\nvalue = 75\n{CHANGE}'}
    first = with_site(tmp_path, files).version
    put(tmp_path / "README.md", "why we did this")
    put(tmp_path / ".hidden", "left by an editor")
    assert load_knowledge(tmp_path).version == first != knowledge.version
    assert with_site(tmp_path, {"thresholds.toml": files["thresholds.toml"].replace("75", "76")}).version != first
    assert first.partition("+")[0] == knowledge.version.partition("+")[0]


def test_an_empty_site_folder_changes_nothing(knowledge: Knowledge, tmp_path: Path) -> None:
    """A site folder without a file is the shipped tables."""
    assert load_knowledge(tmp_path).version == knowledge.version
    assert not load_knowledge(tmp_path).changes


def test_every_change_is_listed(tmp_path: Path) -> None:
    """Who approved a change, when and why can be looked up for every row that a site changes."""
    criterion = f'[[contraindication.criterion]]\nid = "seafood-allergy"\nstatus = "retired"\n{CHANGE}\n'
    site = with_site(
        tmp_path,
        {
            "thresholds.toml": f'[[threshold]]\nid = "inr-low-risk"\nvalue = 2.5\n{CHANGE}',
            "contraindications.toml": f'[[contraindication]]\nid = "iodine-allergy"\n{criterion}',
            "procedures/own.toml": DACRYOCYSTOGRAPHY,
        },
    )
    assert [(c["table"], c["id"]) for c in site.changes] == [
        ("thresholds", "inr-low-risk"),
        ("contraindications", "seafood-allergy"),
        ("procedures", "dacryocystography"),
    ]
    said: list[Any] = [(c["reason"], c["approver"], c["date"]) for c in site.changes]
    assert set(said) == {("local protocol", "Head of department", "2026-11-02")}


def test_a_site_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """A wrong path must not mean that the hospital's limits are silently left out."""
    with pytest.raises(TableError, match="is no folder"):
        load_knowledge(tmp_path / "nowhere")


@pytest.mark.parametrize("row", [DACRYOCYSTOGRAPHY, f'[[procedure]]\nid = "tips"\n{CHANGE}\n'], ids=["new", "shipped"])
@pytest.mark.parametrize("shadow", [True, False])
def test_a_procedure_may_be_tried_in_shadow(row: str, shadow: bool, tmp_path: Path) -> None:
    """A shipped procedure, or a new one from the start, is put in shadow or taken out of it, and the review says so."""
    site = with_site(tmp_path, {"procedures/trial.toml": f"{row}shadow = {str(shadow).lower()}\n"})
    tried = site.procedures["dacryocystography" if "dacryocystography" in row else "tips"]
    assert tried.shadow is shadow
    lines = {line["procedure"]: line["in shadow"] for line in procedure_lines(site)}
    assert lines[tried.id] == ("yes" if shadow else "")


def test_a_contraindication_may_be_tried_in_shadow(tmp_path: Path) -> None:
    """A contraindication is put in shadow, and the review says so of each of its questions."""
    text = f'[[contraindication]]\nid = "iodine-allergy"\nshadow = true\n{CHANGE}'
    site = with_site(tmp_path, {"contraindications.toml": text})
    lines = {line["row"]: line["status"] for line in contraindication_lines(site)}
    assert (lines["iodine-allergy"], lines["kidney-failure"]) == ("active, in shadow", "active")


OWN_WORDS = f"""
[[spelling]]
about = "our wards' abbreviations"
words = {{ nephrostomy = ["nierendrain"], "biopsy liver" = ["lbx"] }}
in_context = {{ kt = {{ is = "catheter", near = ["tunneled"] }} }}
{CHANGE}

[[terms]]
about = "our names"
words = {{ uterine-fibroid-embolization = ["Projekt Rose"] }}
{CHANGE}

[[not_interventional]]
about = "the research ward"
words = ["zettel"]
{CHANGE}

[[idle]]
about = "the wing"
words = ["westbau"]
{CHANGE}
"""


@pytest.mark.parametrize(
    ("text", "shipped", "here"),
    [
        ("Nierendrain links", (), ("nephrostomy-placement",)),
        ("LBX", (), ("liver-biopsy",)),
        ("Projekt Rose", (), ("uterine-fibroid-embolization",)),
        ("Tunneled KT removal", ("tunneled-catheter-removal",), ("tunneled-catheter-removal",)),
        ("Paracentesis Zettel", ("paracentesis",), ()),
        ("PTA Westbau", (), ("generic-arterial-angioplasty",)),
    ],
)
def test_a_hospital_has_words_of_its_own(
    text: str, shipped: tuple[str, ...], here: tuple[str, ...], knowledge: Knowledge, tmp_path: Path
) -> None:
    """A site's abbreviations, names, idle words and words of other orders are read beside the shipped ones."""
    site = with_site(tmp_path, {"order_words.toml": OWN_WORDS})
    assert knowledge.order_texts.recognize([text]).procedures == shipped
    assert site.order_texts.recognize([text]).procedures == here


def test_a_hospitals_word_wins_over_the_shipped_one(knowledge: Knowledge, tmp_path: Path) -> None:
    """An abbreviation that means another thing here is read as it is meant here."""
    own = f'[[spelling]]\nabout = "here"\nwords = {{ "liver biopsy" = ["bx"] }}\n{CHANGE}'
    site = with_site(tmp_path, {"order_words.toml": own})
    assert knowledge.order_texts.recognize(["BX"]).procedures == ("percutaneous-biopsy",)
    assert site.order_texts.recognize(["BX"]).procedures == ("liver-biopsy",)


def test_words_of_a_hospital_are_listed_changes(knowledge: Knowledge, tmp_path: Path) -> None:
    """Each block of words is a change with its reason and approver, and makes another knowledge version."""
    site = with_site(tmp_path, {"order_words.toml": OWN_WORDS})
    assert [change["id"] for change in site.changes] == [
        "our wards' abbreviations",
        "our names",
        "the research ward",
        "the wing",
    ]
    assert site.version != knowledge.version


def test_a_limit_of_the_hospital_shows_its_own_source(now: datetime, tmp_path: Path) -> None:
    """A limit that a hospital changes is shown with the hospital's source and grade, never under the shipped one."""
    limit = f'[[threshold]]\nid = "platelets-high-risk"\nvalue = 75\n{CHANGE}'
    site = with_site(tmp_path, {"thresholds.toml": limit})
    threshold = site.thresholds["platelets-high-risk"]
    assert (threshold.guideline, threshold.source, threshold.grade) == ("Protocol IR-07", "Protocol IR-07", "local")
    case = Case("local", {"order": "tips", "labs": [{"code": "loinc|777-3", "value": 60, "unit": "10*9/L"}]})
    cards = json.dumps(answer_case(case, site, now).cards, ensure_ascii=False)
    assert "Protocol IR-07" in cards
    assert "Below 75 × 10⁹/L (Protocol IR-07)" in cards
    assert "SIR 2019" not in cards


def test_every_change_says_what_was_and_what_is(tmp_path: Path) -> None:
    """The list of changes holds the old and the new value of each field."""
    criterion = f'[[contraindication.criterion]]\nid = "seafood-allergy"\nstatus = "retired"\n{CHANGE}\n'
    site = with_site(
        tmp_path,
        {
            "thresholds.toml": f'[[threshold]]\nid = "platelets-high-risk"\nvalue = 75\nwithin_days = 14\n{CHANGE}',
            "contraindications.toml": f'[[contraindication]]\nid = "iodine-allergy"\n{criterion}',
            "procedures/own.toml": DACRYOCYSTOGRAPHY,
        },
    )
    assert [change["what"] for change in site.changes] == [
        "value 50 → 75; within days 30 → 14",
        "status active → retired",
        "new",
    ]


OWN_VALUE_SET = {
    "resourceType": "ValueSet",
    "id": "condition-dacryostenosis",
    "url": "https://hospital.example.org/fhir/ValueSet/condition-dacryostenosis",
    "version": "1",
    "name": "Dacryostenosis",
    "title": "Stenosis of the tear duct",
    "status": "active",
    "description": "The hospital's own.",
    "compose": {
        "include": [
            {
                "system": ICD,
                "filter": [{"property": "concept", "op": "is-a", "value": "H04.5"}],
            }
        ]
    },
}
OWN_INDICATION = f"""
[[procedure.indication]]
id = "dacryostenosis"
label = "Stenosis of the tear duct"
status = "active"
present_if = "dacryostenosis"
source = "department"
grade = "B"
{CHANGE}
"""


def test_a_hospitals_own_procedure_has_its_own_indication(now: datetime, tmp_path: Path) -> None:
    """A procedure, its indication, the condition and its codes are added in the site folder alone."""
    condition = (
        '[[condition]]\nid = "dacryostenosis"\nlabel = "stenosis of the tear duct"\n'
        f'value_set = "condition-dacryostenosis"\n{CHANGE}'
    )
    site = with_site(
        tmp_path,
        {
            "procedures/own.toml": DACRYOCYSTOGRAPHY + OWN_INDICATION,
            "conditions.toml": condition,
            "value_sets/condition-dacryostenosis.json": json.dumps(OWN_VALUE_SET),
            "cases/own.toml": "# judged by `cds-service check`",
        },
    )
    row = {"order": {"text": "Dacryocystography"}, "conditions": ["icd-10-cm|H04.551"]}
    assert said_of(judge(row, site, now), "dacryostenosis") == "present"
    assert said_of(judge(row | {"conditions": []}, site, now), "dacryostenosis") != "present"


def test_a_site_folder_may_be_kept_in_git(knowledge: Knowledge, tmp_path: Path) -> None:
    """What git and editors keep beside the files is passed over, and changes no version."""
    put(tmp_path / ".git/objects/ab/cdef", "blob")
    put(tmp_path / ".git/config", "[core]")
    put(tmp_path / ".github/workflows/check.yml", "on: push")
    put(tmp_path / ".gitignore", "build")
    for left in ("thresholds.toml~", ".thresholds.toml.swp", "#thresholds.toml#", "Thumbs.db", "procedures/~$own.toml"):
        put(tmp_path / left, "[[")
    (tmp_path / ".#thresholds.toml").symlink_to("somebody@somewhere")
    assert load_knowledge(tmp_path).version == knowledge.version


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_editor_may_write_the_files(encoding: str, end: str, tmp_path: Path) -> None:
    """A byte order mark and the line ends of Windows change nothing."""
    (tmp_path / "not_connected.toml").write_bytes(
        f'[[not_connected]]\nid = "procedures"\n{CHANGE}\n'.replace("\n", end).encode(encoding)
    )
    assert load_knowledge(tmp_path).not_connected == {"procedures"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("# Müller".encode("utf-16"), "is not in UTF-8; save it with the encoding UTF-8"),
        ("# Müller".encode("latin-1"), "is not in UTF-8; save it with the encoding UTF-8"),
        (None, "can't be opened (No such file or directory); mend the link or remove it"),
    ],
)
def test_a_file_that_is_no_text_is_said_to_be_so(content: bytes | None, said: str, tmp_path: Path) -> None:
    """Another encoding and a link that leads nowhere are named with their remedy."""
    if content is None:
        (tmp_path / "links.toml").symlink_to("nowhere.toml")
    else:
        (tmp_path / "links.toml").write_bytes(content)
    with pytest.raises(TableError) as refused:
        load_knowledge(tmp_path)
    assert str(refused.value) == f"{tmp_path}/links.toml: {said}"


def test_a_site_folder_may_be_mounted_by_kubernetes(knowledge: Knowledge, tmp_path: Path) -> None:
    """A ConfigMap is mounted as links into a hidden folder: each file is read once, in its place."""
    real = tmp_path / "..2026_11_25" / "procedures"
    put(real / "own.toml", DACRYOCYSTOGRAPHY)
    (tmp_path / "..data").symlink_to("..2026_11_25")
    (tmp_path / "procedures").symlink_to("..data/procedures")
    site = load_knowledge(tmp_path)
    assert "dacryocystography" in site.procedures
    assert len(site.changes) == 1
    (tmp_path / "procedures" / "again").symlink_to(tmp_path)
    assert load_knowledge(tmp_path).version == site.version


def test_a_change_counts_from_its_approval(tmp_path: Path) -> None:
    """A change approved tomorrow counts where it is tomorrow already, one approved later is refused."""
    put(tmp_path / "thresholds.toml", f'[[threshold]]\nid = "platelets-high-risk"\nwithin_days = 14\n{CHANGE}')
    assert load_knowledge(tmp_path, today=date(2026, 11, 1)).changes
    with pytest.raises(TableError, match="still to come"):
        load_knowledge(tmp_path, today=date(2026, 10, 31))
