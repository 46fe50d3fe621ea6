"""`cds-service terminology expand` against servers that page and answer as Snowstorm and Ontoserver do.

Neither can be run here without a licensed release of SNOMED CT, so the codes below the shipped ones are made up.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cds_service.knowledge.expansions import codes_of, expandable
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.value_sets import SNOMED_CT
from tests.cli.conftest import Ran
from tests.support.shipped import shipped_knowledge, shipped_rows

ROWS, KNOWLEDGE = shipped_rows(), shipped_knowledge()
PSYCHOSIS = "criterion-psychosis"
EDITION = f"{SNOMED_CT}/900000000000207008/version/20260901"


@dataclass
class Terminology:
    """A terminology server. `below` are the concepts under each code; `page` is the most codes it sends at once."""

    url: str = ""
    below: dict[str, list[str]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    page: int = 1000
    names_total: bool = True
    edition: str = "version"
    refusal: tuple[int, str] | None = None
    queries: list[dict[str, list[str]]] = field(default_factory=list)

    def expansion(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """The page that a query asks for."""
        expression = query["url"][0].partition("?fhir_vs=ecl/")[2]
        roots = [part.removeprefix("<< ") for part in expression.split(" OR ")]
        codes = [code for root in roots if root not in self.unknown for code in (root, *self.below.get(root, ()))]
        start = int(query["offset"][0])
        shown = codes[start : start + min(self.page, int(query["count"][0]))]
        value = EDITION if self.edition == "version" else f"{SNOMED_CT}|{EDITION}"
        return {
            "resourceType": "ValueSet",
            "url": query["url"][0],
            "expansion": {
                "timestamp": "2026-11-24T03:00:00Z",
                **({"total": len(codes)} if self.names_total else {}),
                "offset": start,
                "parameter": [{"name": self.edition, "valueUri": value}, {"name": "count", "valueInteger": 1000}],
                "contains": [{"system": SNOMED_CT, "code": code, "display": f"Concept {code}"} for code in shown],
            },
        }


@pytest.fixture
def terminology() -> Iterator[Terminology]:
    """A server on a free port of this machine."""
    state = Terminology()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = 404, {"resourceType": "OperationOutcome", "issue": [{"code": "not-found"}]}
            if state.refusal:
                status = state.refusal[0]
                issue = {"severity": "error", "code": "too-costly", "diagnostics": state.refusal[1]}
                body = {"resourceType": "OperationOutcome", "issue": [issue]}
            elif parts.path == "/fhir/ValueSet/$expand":
                query = parse_qs(parts.query)
                state.queries.append(query)
                status, body = 200, state.expansion(query)
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/fhir"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


Run = Callable[..., Ran]
NEW = [f"9990000{n:03}1000000103" for n in range(70)]


@pytest.mark.parametrize(
    ("page", "names_total", "edition"),
    [(1000, True, "version"), (7, True, "used-codesystem"), (1000, False, "version")],
)
def test_what_is_below_a_shipped_code_is_read_once_it_is_pinned(
    run: Run, terminology: Terminology, tmp_path: Path, page: int, names_total: bool, edition: str
) -> None:
    """Every page is read, the file is a ValueSet with its edition, and a code of it means the value set."""
    first = next(iter(codes_of(ROWS, PSYCHOSIS)))
    terminology.below[first] = NEW
    terminology.page, terminology.names_total, terminology.edition = page, names_total, edition
    ran = run("terminology", "expand", "--tx", terminology.url, "--site", tmp_path, "--value-set", PSYCHOSIS)
    assert ran.code == 0, ran.err
    assert f"gained {len(NEW)}" in ran.out
    assert EDITION in ran.out
    written = json.loads((tmp_path / "expansions" / f"{PSYCHOSIS}.json").read_text("utf-8"))
    assert written["expansion"]["total"] == len(NEW) + len(codes_of(ROWS, PSYCHOSIS))
    assert f"<< {first}" in written["compose"]["include"][0]["filter"][0]["value"]
    knowledge = load_knowledge(tmp_path)
    assert not KNOWLEDGE.codes.holds(SNOMED_CT, NEW[-1])
    assert [(h.value_set, h.sufficient) for h in knowledge.codes.lookup(SNOMED_CT, NEW[-1])] == [(PSYCHOSIS, True)]
    assert knowledge.version != KNOWLEDGE.version
    assert "expansions" in run("tables", "--site", tmp_path).out


def test_a_second_expansion_shows_what_was_gained_and_lost(run: Run, terminology: Terminology, tmp_path: Path) -> None:
    """The pinned file is what the next one is compared with; a shipped code that the server lacks is still read."""
    first, second, *_ = codes_of(ROWS, PSYCHOSIS)
    arguments = ("terminology", "expand", "--tx", terminology.url, "--site", tmp_path, "--value-set", PSYCHOSIS)
    terminology.below[first] = NEW[:2]
    run(*arguments)
    terminology.below[first] = NEW[1:3]
    terminology.unknown = {second}
    pinned = (tmp_path / "expansions" / f"{PSYCHOSIS}.json").read_bytes()
    tried = run(*arguments, "--dry-run")
    assert (tmp_path / "expansions" / f"{PSYCHOSIS}.json").read_bytes() == pinned
    ran = run(*arguments)
    for out in (tried.out, ran.out):
        assert f"gained 1: {NEW[2]}" in out
        assert f"lost 1: {NEW[0]}" in out
        assert f"not in this edition, still read 1: {second}" in out
    assert load_knowledge(tmp_path).codes.holds(SNOMED_CT, second)


def test_by_default_what_lifts_a_row_is_not_expanded(run: Run, terminology: Terminology, tmp_path: Path) -> None:
    """More codes of what lifts a row, or says that there is none, would mean fewer cards."""
    names = expandable(ROWS)
    assert {PSYCHOSIS, "condition-uterine-fibroid", "procedure-tips"} <= set(names)
    assert not {"criterion-heart-failure-not-severe", "condition-dialysis", "allergy-none-known"} & set(names)
    ran = run("terminology", "expand", "--tx", terminology.url, "--site", tmp_path)
    assert ran.code == 0, ran.err
    assert sorted(path.stem for path in (tmp_path / "expansions").glob("*.json")) == sorted(names)
    assert all(len(query["url"][0]) < 1500 for query in terminology.queries)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"refusal": (422, "too costly: narrow the expression")}, "422"),
        ({"refusal": (401, "who are you")}, "401"),
        ({"unknown": set(codes_of(ROWS, PSYCHOSIS))}, "is empty"),
    ],
)
def test_a_server_that_cannot_expand_changes_nothing(
    run: Run, terminology: Terminology, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """The message names the server and the cause; no file is written."""
    for name, value in change.items():
        setattr(terminology, name, value)
    ran = run("terminology", "expand", "--tx", terminology.url, "--site", tmp_path, "--value-set", PSYCHOSIS)
    assert ran.code == 2
    assert terminology.url in ran.err
    assert said in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["criterion-psychosi", "criterion-self-harm-risk-2"])
def test_an_unknown_value_set_is_refused(run: Run, terminology: Terminology, tmp_path: Path, name: str) -> None:
    """The message names it."""
    ran = run("terminology", "expand", "--tx", terminology.url, "--site", tmp_path, "--value-set", name)
    assert ran.code == 2
    assert name in ran.err


def test_a_wrong_pinned_file_is_an_error(run: Run, tmp_path: Path) -> None:
    """A ValueSet that is not shipped, and one without an expansion, are named by `check`."""
    (tmp_path / "expansions").mkdir()
    path = tmp_path / "expansions" / "x.json"
    path.write_text(json.dumps({"resourceType": "ValueSet", "id": "x"}))
    assert "expansion is missing" in run("check", "--site", tmp_path).err
    contains = {"timestamp": "2026-11-24", "contains": [{"system": SNOMED_CT, "code": "1"}]}
    path.write_text(json.dumps({"resourceType": "ValueSet", "id": "x", "expansion": contains}))
    assert '"x" is no shipped ValueSet' in run("check", "--site", tmp_path).err
