"""What is written for people is true: links lead somewhere, examples work, names exist."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.cases import failures, read_cases
from cds_service.cli.call import call_in_process
from cds_service.hooks.catalog import SERVICES
from cds_service.knowledge.load import load_knowledge
from tests.support.shipped import shipped_knowledge

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def text_of(page: str) -> str:
    """A page of the repository."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str = "") -> list[str]:
    """The code blocks of one language on a page."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path):
    """A reader who follows a link to another page of the repository arrives."""
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_link_to_a_decision_names_its_number():
    """A reader who is sent to decision 0076 arrives there."""
    links = [
        (page.name, number, target)
        for page in PAGES
        for number, target in re.findall(
            r"\[[^\]]*?\b(0\d{3})\b[^\]]*\]\(([^)\s]*0\d{3}-[^)\s]+)\)", page.read_text("utf-8")
        )
    ]
    assert links
    assert [link for link in links if f"{link[1]}-" not in link[2]] == []


def test_every_module_beside_the_stages_is_explained():
    """A developer finds every module and folder of the package in the page on how one call runs."""
    page = text_of("docs/how-one-call-runs.md")
    modules = [path.name for path in (ROOT / "cds_service").glob("*.py") if not path.name.startswith("__")]
    folders = [f"{path.parent.name}/" for path in (ROOT / "cds_service").glob("*/__init__.py")]
    assert [name for name in (*modules, *folders) if f"`{name}`" not in page] == []


def test_every_page_is_in_the_index():
    """docs/README.md names every page beside it."""
    index = text_of("docs/README.md")
    assert [page.name for page in ROOT.glob("docs/*.md") if page.name != "README.md" and page.name not in index] == []


def test_every_decision_is_in_its_index():
    """docs/decisions/README.md names every decision record."""
    index = text_of("docs/decisions/README.md")
    assert [page.name for page in ROOT.glob("docs/decisions/0*.md") if page.name not in index] == []


def test_every_make_target_that_is_named_exists():
    """A command of the form `make something` in the docs can be run."""
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert {"demo", "test", "test-fast", "check", "serve"} <= named
    assert named - targets == set()


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.id)
def test_every_service_is_described_for_integrators(service):
    """The integration guide names each service, its hook and its prefetch keys."""
    guide = text_of("docs/integration.md")
    wanted = [f"`{service.id}` | {service.hook}", *(f"`{key}`" for key in service.prefetch_keys)]
    assert [part for part in wanted if part not in guide] == []


def test_the_call_in_the_integration_guide_works():
    """The request that an integrator copies from the guide is answered with the critical card that it promises."""
    curl = next(block for block in blocks("docs/integration.md") if "-d '{" in block)
    body = curl.partition("-d '")[2].rpartition("'")[0].encode()
    reply = call_in_process(body, "ir-order-sign", shipped_knowledge(), NOW)
    assert (reply.status, reply.error) == (200, "")
    assert json.loads(reply.body)["cards"][0]["indicator"] == "critical"


def test_the_site_folder_in_the_guide_is_accepted(tmp_path):
    """Every example of a site change in the guide can be copied as it is, and changes what it says it changes."""
    for block in blocks("docs/changing-the-tables.md", "toml"):
        if found := re.match(r"# site/(\S+)\n", block):
            (tmp_path / found[1]).parent.mkdir(exist_ok=True)
            (tmp_path / found[1]).write_text(block, "utf-8")
    (tmp_path / "concept_maps").mkdir()
    (tmp_path / "concept_maps" / "local.json").write_text(blocks("docs/changing-the-tables.md", "json")[0], "utf-8")
    knowledge = load_knowledge(tmp_path)
    assert knowledge.thresholds["platelets-high-risk"].value == 75
    words = {"abbreviations of our wards", "names of our order sets"}
    assert {change["id"] for change in knowledge.changes} == {"platelets-high-risk", "spo2-low", "tips", *words}
    assert knowledge.order_texts.recognize(["Project Rose"]).procedures == ("uterine-fibroid-embolization",)
    assert knowledge.procedures["tips"].shadow
    hits = knowledge.codes.lookup("https://hospital.example.org/order-codes", "IR-4711")
    assert [hit.value_set for hit in hits if hit.sufficient] == ["procedure-uterine-fibroid-embolization"]


def test_the_case_in_the_guide_holds(tmp_path):
    """The example of a clinical case in the guide is a case that holds."""
    block = next(block for block in blocks("docs/changing-the-tables.md", "toml") if "[[case]]" in block)
    (tmp_path / "guide.toml").write_text(block, "utf-8")
    (case,) = read_cases(tmp_path)
    assert failures(case, shipped_knowledge(), NOW) == []


def test_what_is_installed_for_the_tests_is_pinned():
    """constraints.txt holds one exact version of everything that pyproject.toml asks for, and no place on a machine."""
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.split(r"[<>=\[]", line)[0].lower().replace("-", "_") for line in asked}
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9.]+", line)] == []
    assert names - {line.split("==")[0].lower().replace("-", "_") for line in lines} == set()
