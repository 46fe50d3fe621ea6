"""`cds-service catalog`: a hospital's order catalog, what is understood of it, and what a person does next."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.catalog_file import Columns, read_catalog
from cds_service.knowledge.load import load_knowledge

CATALOG = """Order Code,Order Name,Department
L1,US GUIDED LIVER BIOPSY LT,IR
P1,IR PORT-A-CATH PLACEMENT,IR
X1,IR ZWETSCHGENWASSER,IR
D1,IR DRAIN CHECK AND EXCHANGE,IR
C1,CT ABDOMEN WITH CONTRAST,CT
,,
G1,"Glucose, fasting",LAB
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A small catalog with its headings in English."""
    path = tmp_path / "catalog.csv"
    path.write_text(CATALOG, "utf-8")
    return path


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text."""
    return list(csv.DictReader(text.splitlines()))


def test_each_order_is_recognized_or_told(run: Callable[..., Any], catalog: Path) -> None:
    """Every order comes out with what it is, by which words, and how sure that is; the share is told beside it."""
    ran = run("catalog", catalog)
    rows = rows_of(ran.out)
    assert [(row["code"], row["status"], row["procedure"]) for row in rows] == [
        ("L1", "sure", "liver-biopsy"),
        ("P1", "sure", "port-placement"),
        ("X1", "unknown", ""),
        ("D1", "unsure", "drain-exchange"),
        ("C1", "other", ""),
        ("G1", "other", ""),
    ]
    assert (rows[0]["line"], rows[0]["label"], rows[0]["by"]) == ("2", "Percutaneous liver biopsy", "synonym")
    assert rows[3]["candidates"] == "drain-exchange drain-check"
    assert ran.code == 1
    assert "6 orders: 2 sure, 1 unsure, 1 unknown, 2 other; 75.0 % of 4" in ran.err


def test_nothing_left_to_map_is_exit_code_0(run: Callable[..., Any], tmp_path: Path) -> None:
    """A catalog of which every interventional order is known ends with 0; one without any says so."""
    path = tmp_path / "catalog.csv"
    path.write_text("name\nIR TIPS\nCBC\n")
    assert run("catalog", path).code == 0
    path.write_text("name\nCBC\n")
    ran = run("catalog", path)
    assert (ran.code, "none of them interventional radiology" in ran.err) == (0, True)


class Page(HTMLParser):
    """The texts of a page's headings and cells, and its start tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a start tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a text that is not blank."""
        if data.strip():
            self.texts.append(data.strip())


def test_the_page_is_for_people(run: Callable[..., Any], catalog: Path, tmp_path: Path) -> None:
    """The page needs nothing from elsewhere, has a language, captions and heads, and escapes what the catalog holds."""
    catalog.write_text(CATALOG + "S1,IR <script>alert(1)</script>,IR\n", "utf-8")
    run("catalog", catalog, "--out", tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    page = Page(text)
    tags = [tag for tag, _ in page.tags]
    assert ("html", {"lang": "en"}) in page.tags
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert tags.count("table") == tags.count("caption") == 4
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert "IR ZWETSCHGENWASSER" in page.texts
    assert "//" not in text
    assert "may be drain-exchange, drain-check" in page.texts


def test_the_concept_map_is_a_beginning(run: Callable[..., Any], catalog: Path, tmp_path: Path) -> None:
    """Sure orders are equivalent, unsure ones only related, with what to check; unknown ones are left out."""
    run("catalog", catalog, "--out", tmp_path / "out", "--system", "https://hospital.example.org/orders")
    found = json.loads((tmp_path / "out" / "concept_map.json").read_text("utf-8"))
    (group,) = found["group"]
    assert (found["status"], group["source"]) == ("draft", "https://hospital.example.org/orders")
    targets = {e["code"]: [(t["code"], t["equivalence"]) for t in e["target"]] for e in group["element"]}
    assert targets == {
        "L1": [("liver-biopsy", "equivalent")],
        "P1": [("port-placement", "equivalent")],
        "D1": [("drain-exchange", "relatedto"), ("drain-check", "relatedto")],
    }
    assert "check" in group["element"][2]["target"][0]["comment"]


def test_the_concept_map_works_in_a_site_folder(run: Callable[..., Any], catalog: Path, tmp_path: Path) -> None:
    """Laid into a site folder the map loads, and the hospital's code alone is then the procedure."""
    system = "https://hospital.example.org/orders"
    run("catalog", catalog, "--out", tmp_path / "out", "--system", system)
    maps = tmp_path / "site" / "concept_maps"
    maps.mkdir(parents=True)
    (tmp_path / "out" / "concept_map.json").rename(maps / "orders.json")
    knowledge = load_knowledge(tmp_path / "site")
    assert [hit.value_set for hit in knowledge.codes.lookup(system, "L1") if hit.sufficient] == [
        "procedure-liver-biopsy"
    ]
    assert not any(hit.sufficient for hit in knowledge.codes.lookup(system, "D1"))
    again = tmp_path / "codes.csv"
    again.write_text("code,name\nL1,Order 17\n")
    ran = run("catalog", again, "--system", system, "--site", tmp_path / "site")
    assert [(row["procedure"], row["by"]) for row in rows_of(ran.out)] == [("liver-biopsy", "code")]


def test_json_is_only_json(run: Callable[..., Any], catalog: Path, tmp_path: Path) -> None:
    """With --json standard output is one JSON document, with or without --out."""
    ran = run("catalog", catalog, "--json")
    found = json.loads(ran.out)
    assert (len(found["results"]), found["summary"]["byStatus"]) == (
        6,
        {"sure": 2, "unsure": 1, "unknown": 1, "other": 2},
    )
    assert found["results"][0]["candidates"] == ["liver-biopsy"]
    assert ran.err == ""
    assert json.loads(run("catalog", catalog, "--json", "--out", tmp_path / "out").out)["summary"]["orders"] == 6


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Code;Bezeichnung;name\n1;x;Néphrostomie percutanée\n", "utf-8-sig"),
        ("code\tdescription\n1\tNéphrostomie percutanée\n", "utf-16"),
        ("name|code\nNéphrostomie percutanée|1\n", "utf-8"),
    ],
)
def test_the_usual_forms_of_csv_are_read(content: str, encoding: str, run: Callable[..., Any], tmp_path: Path) -> None:
    """Semicolons, tabs and bars, a byte order mark and UTF-16 as a spreadsheet saves them are read without a word."""
    path = tmp_path / "catalog.csv"
    path.write_bytes(content.encode(encoding))
    ran = run("catalog", path)
    assert [row["procedure"] for row in rows_of(ran.out)] == ["nephrostomy-placement"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"a,b\n1,2\n", (), "has no column with the names of orders (found: a, b); give --text-column NAME"),
        (b"", (), "has no column with the names of orders (found: none)"),
        ("name\nN\xe9phrostomie\n".encode("latin-1"), (), "is not UTF-8; save it as UTF-8, or give --encoding"),
        (b"name\nx\n", ("--encoding", "klingon"), "klingon is no encoding"),
        (b"name\nx\n", ("--text-column", "title"), 'there is no column "title"; the columns are name'),
        (b'name\n"' + b"x" * 1_000_001, (), "line 2: is not CSV"),
    ],
)
def test_a_file_that_is_no_catalog_is_told(
    content: bytes, options: tuple[str, ...], message: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    """A file without names, in another encoding or broken ends with 2, and says what to do."""
    path = tmp_path / "catalog.csv"
    path.write_bytes(content)
    ran = run("catalog", path, *options)
    assert (ran.code, message in ran.err) == (2, True), ran.err


def test_a_missing_file_or_folder_is_told(run: Callable[..., Any], catalog: Path, tmp_path: Path) -> None:
    """A wrong path ends with 2, and nothing is written."""
    for options in ((), ("--json",), ("--out", tmp_path / "new")):
        ran = run("catalog", tmp_path / "none.csv", *options)
        assert (ran.code, ran.out) == (2, "")
    assert not (tmp_path / "new").exists()
    (tmp_path / "taken").write_text("")
    ran = run("catalog", catalog, "--out", tmp_path / "taken")
    assert (ran.code, "give another folder with --out" in ran.err) == (2, True)


def test_the_columns_may_be_named(run: Callable[..., Any], tmp_path: Path) -> None:
    """A column with another heading is read where it is named; with another encoding given, so is the file."""
    path = tmp_path / "catalog.csv"
    path.write_bytes("Nr,Bezeichnung\n7,Schilddrüsenpunktion\n".encode("latin-1"))
    options = ("--text-column", "bezeichnung", "--code-column", "Nr", "--encoding", "latin-1")
    rows = rows_of(run("catalog", path, *options).out)
    assert [(row["code"], row["procedure"]) for row in rows] == [("7", "thyroid-fna")]


def test_a_long_catalog_is_read_line_by_line(tmp_path: Path) -> None:
    """The first orders of a catalog of any length are there before its last line is read."""
    path = tmp_path / "catalog.csv"
    path.write_text("name\n" + "IR TIPS\n" * 50_000 + "\xff" * 1)
    orders = read_catalog(path, Columns())
    assert [next(orders).line for _ in range(3)] == [2, 3, 4]
