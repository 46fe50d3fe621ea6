"""The catalog of procedures as a whole: what must hold of every row, of the source's table and beyond it."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cds_service.knowledge.load import TABLES
from cds_service.knowledge.tables import BEYOND, CONTRAST, IN_VESSELS, SITE, SOURCE_TABLE, Knowledge
from tests.support.tables import CHANGE, with_site

IN_SOURCE_TABLE = 40


def written_rows() -> Iterator[dict[str, Any]]:
    """Every [[procedure]] as it is written, of any status."""
    for path in sorted((TABLES / "procedures").glob("*.toml")):
        yield from tomllib.loads(path.read_text("utf-8"))["procedure"]


ROWS = list(written_rows())


def test_no_id_is_used_twice() -> None:
    """An id is that of one row, whatever its status: it stands in stored answers."""
    assert [key for key, count in Counter(row["id"] for row in ROWS).items() if count > 1] == []


def test_the_source_table_stays_recognizable() -> None:
    """The rows of the source's table are marked, and only they are offered; reasons beyond it say so."""
    assert sum(row["origin"] == SOURCE_TABLE for row in ROWS) == IN_SOURCE_TABLE
    beyond = [row for row in ROWS if row["origin"] == BEYOND]
    assert len(beyond) > 150
    assert [row["id"] for row in beyond if row["offered"]] == []
    assert {i.get("origin") for row in beyond for i in row.get("indication", ())} == {BEYOND}


def test_no_procedure_descends_from_itself(knowledge: Knowledge) -> None:
    """From every procedure the line of parents ends."""
    for key, procedure in knowledge.procedures.items():
        line, parent = {key}, procedure.parent
        while parent is not None:
            assert parent not in line, key
            line.add(parent)
            parent = knowledge.procedures[parent].parent


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_the_bleeding_class_says_what_it_rests_on(row: dict[str, Any]) -> None:
    """A class is called named only where the list of the guideline names it or its kind; each has a source."""
    basis = row["bleeding_risk_basis"]
    of_the_list = ("named in SIR 2019 list", "one of a kind named in SIR 2019 list")
    assert row["bleeding_risk_named"] == basis.startswith(of_the_list)
    assert basis.startswith((*of_the_list, "by analogy with a named item", "not named or conflicting: "))
    assert row["source"]
    if row["origin"] == BEYOND and not basis.startswith("not named"):
        assert basis.endswith(")"), "the item of the list is quoted"
        assert "SIR 2019" in row["source"]


@pytest.mark.parametrize(
    ("procedure", "risk", "named"),
    [
        ("lymph-node-biopsy", "low", True),
        ("bone-marrow-biopsy", "low", True),
        ("liver-biopsy", "high", True),
        ("percutaneous-biopsy", "high", False),
        ("genicular-artery-embolization", "low", True),
        ("gi-bleed-embolization", "high", True),
        ("prostate-artery-embolization", "high", False),
        ("hepatic-artery-embolization", "low", False),
        ("deep-vein-thrombectomy", "low", True),
        ("svc-stent", "high", True),
        ("venous-stent", "low", False),
    ],
)
def test_the_class_is_that_of_the_list(procedure: str, risk: str, named: bool, knowledge: Knowledge) -> None:
    """Superficial biopsies are low, embolization goes by its vessel, and what the list does not settle is high."""
    row = knowledge.procedures[procedure]
    assert (row.bleeding_risk, row.bleeding_risk_named) == (risk, named)


def test_the_names_on_cards_are_short_and_distinct(knowledge: Knowledge) -> None:
    """No two procedures have the same name on a card, and none is longer than 30 characters."""
    names = [procedure.short for procedure in knowledge.procedures.values()]
    assert [name for name, count in Counter(names).items() if count > 1 or len(name) > 30] == []


def test_an_everyday_procedure_is_an_emergency_only_by_nature() -> None:
    """Beyond the source's table a row is an emergency only where it is never anything else."""
    wrong = [r["id"] for r in ROWS if r["origin"] == BEYOND and r["emergency"] != (r["urgency"] == ["emergency"])]
    assert wrong == []


def test_contrast_goes_into_vessels_unless_a_row_denies_it(knowledge: Knowledge) -> None:
    """Where a row does not say where its contrast goes, the questions about the kidneys are asked."""
    denied = {row["id"] for row in ROWS if row.get("contrast_outside_vessels")}
    for key, procedure in knowledge.procedures.items():
        assert (IN_VESSELS in procedure.uses) == (CONTRAST in procedure.uses and key not in denied), key
    assert {"gastrostomy-placement", "drain-check", "myelogram"} <= denied
    assert denied.isdisjoint({"dialysis-fistulagram", "central-line-check", "vascular-malformation-sclerotherapy"})


def test_the_reason_of_a_procedure_is_no_alarm(knowledge: Knowledge) -> None:
    """Rows that are no more than information carry a remark on the card that says why."""
    quiet = {key: p for key, p in knowledge.procedures.items() if p.at_most_info | p.expected}
    assert {"tunneled-dialysis-catheter-placement", "nephrostomy-placement", "bone-marrow-biopsy"} <= set(quiet)
    assert [
        key
        for key, procedure in quiet.items()
        if not procedure.at_most_info | procedure.expected <= set(procedure.notes)
    ] == []


def test_a_class_of_the_hospital_is_not_the_guideline_s(knowledge: Knowledge, tmp_path: Any) -> None:
    """A site that changes a bleeding class changes one that the guideline named into one that it did not."""
    row = f'[[procedure]]\nid = "tips"\nbleeding_risk = "low"\nbleeding_risk_basis = "local protocol"\n{CHANGE}'
    site = with_site(tmp_path, {"procedures/liver.toml": row})
    assert knowledge.procedures["tips"].bleeding_risk_named
    assert not site.procedures["tips"].bleeding_risk_named
    assert site.procedures["tips"].origin == SOURCE_TABLE


def test_a_procedure_of_the_hospital_has_its_own_origin(tmp_path: Any) -> None:
    """A new procedure of a site needs no short name; its origin is the hospital, its contrast goes into vessels."""
    row = f"""
    [[procedure]]
    id = "dacryocystography"
    label = "Dacryocystography"
    region = "any"
    status = "active"
    uses = ["iodinated-contrast"]
    access = "percutaneous"
    bleeding_risk = "low"
    bleeding_risk_basis = "local judgement"
    emergency = false
    co2 = false
    offered = false
    synonyms = ["dacryocystogram"]
    source = "department"
    {CHANGE}
    """
    own = with_site(tmp_path, {"procedures/own.toml": row}).procedures["dacryocystography"]
    assert (own.origin, own.short, own.bleeding_risk_named) == (SITE, own.label, False)
    assert IN_VESSELS in own.uses
