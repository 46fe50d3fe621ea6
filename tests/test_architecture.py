"""The shape of the product, held by reading its source: who may import whom, and what a pure stage never touches.

Why it is so: docs/how-one-call-runs.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cds_service"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# A room may import rooms with a smaller number and itself; rooms with the same number leave each other alone.
ORDER = {
    "errors": 0,
    "reasons": 0,
    "certainty": 0,
    "indicator": 0,
    "kinds": 0.2,
    "fhir_references": 0,
    "json_schema": 0,
    "near_names": 0,
    "setting_values": 0.5,
    "setting_sources": 0.6,
    "settings": 1,
    "settings_page": 1.5,
    "security": 2,
    "hooks": 2,
    "clinical_data": 3,
    "knowledge": 4,
    "facts": 4,
    "findings": 5,
    "cards": 6,
    "summary": 6.2,
    "call_summary": 6.5,
    "unread": 6.5,
    "answer": 7,
    "publishing": 7,
    "case_checks": 7.2,
    "cases": 7.5,
    "saved_request": 7.5,
    "service": 8,
    "storage": 8,
    "profiles": 8,
    "population": 8,
    "web": 9,
    "cli": 10,
    "__main__": 11,
    "__init__": 12,  # names the service for programs, and loads it when it is asked for
}
SAME_STEP_TYPES = {"cds_service.knowledge.tables", "cds_service.facts.patient_facts"}
LINE = ("hooks", "clinical_data", "knowledge", "facts", "findings", "cards")
# Between the stages of the line only types travel: what a stage hands on is in these modules.
TYPE_MODULES = {
    *("cds_service.hooks.request", "cds_service.clinical_data.retrieved", "cds_service.facts.patient_facts"),
    *("cds_service.knowledge.alerts", "cds_service.knowledge.expressions"),
    *("cds_service.knowledge.tables", "cds_service.knowledge.value_sets", "cds_service.knowledge.questions"),
    "cds_service.knowledge.allergy_types",
    "cds_service.knowledge.derivation",
    "cds_service.knowledge.lab_types",
    "cds_service.knowledge.diagnosis_types",
    "cds_service.knowledge.medication_types",
    "cds_service.knowledge.performed_types",
    *("cds_service.knowledge.advice", "cds_service.knowledge.reported_lab", "cds_service.findings.finding"),
}
PURE = {"facts", "findings", "cards", "summary"}
IMPURE_MODULES = {
    *("os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "sys", "socket", "urllib", "http"),
    *("logging", "time", "random", "secrets", "uuid", "threading", "asyncio", "requests", "flask", "sqlalchemy"),
}
IMPURE_CALLS = {"open", "print", "input"}
CLOCK_CALLS = {"now", "today", "utcnow"}
# Each edge library has its owners; a trailing dot means a whole room.
OWNERS = {
    "babel": ("cds_service.cards.wording",),
    "jsonschema": (
        "cds_service.json_schema",
        "cds_service.knowledge.read",
        "cds_service.hooks.schema_checks",
        "cds_service.security.clients_file",
    ),
    "jsonschema_rs": ("cds_service.json_schema",),
    "flask": ("cds_service.web.",),
    "werkzeug": ("cds_service.web.",),
    "gunicorn": ("cds_service.web.",),
    "requests": (
        *("cds_service.clinical_data.fhir_server", "cds_service.clinical_data.connections"),
        *("cds_service.security.keys", "cds_service.cli."),
    ),
    "urllib3": (
        *("cds_service.clinical_data.fhir_server", "cds_service.clinical_data.connections"),
        "cds_service.security.keys",
    ),
    "rich": ("cds_service.cli.",),
    "fhir": ("cds_service.cards.fhir_models",),
    "pydantic": ("cds_service.cards.fhir_models",),
    "fhirpathpy": ("cds_service.profiles.fhirpath",),
    "sqlalchemy": ("cds_service.storage.",),
    "alembic": ("cds_service.storage.",),
    "prometheus_client": ("cds_service.web.",),
    "jinja2": ("cds_service.cli.", "cds_service.population.page"),
    "matplotlib": ("cds_service.cli.", "cds_service.population.plots"),
    "jwt": ("cds_service.security.", "cds_service.cli.keys"),
    "redis": ("cds_service.security.",),
    "pythonjsonlogger": ("cds_service.web.logs",),
    "distributed": ("cds_service.population.cluster",),
    "pyarrow": ("cds_service.population.results",),
    "itsdangerous": ("cds_service.security.",),
    "cryptography": ("cds_service.security.", "cds_service.cli.keys"),
    "limits": ("cds_service.web.rate_limits",),
    "markdown_it": ("cds_service.web.markdown",),
}
MOST_LINES = 400
MOST_LINES_OF_ANSWER = 79


def violations(module: str, source: str) -> list[str]:
    """What one module's source breaks, one line each.

    Args:
        module: dotted name; a package's own module is named `package.__init__`.
        source: its text.
    """
    tree = ast.parse(source)
    found = [*_order(module, tree), *_edges(module, tree), *_environment(module, tree), *_size(module, source)]
    if _room(module) in PURE:
        found += _impurities(tree)
    if module.endswith(".__init__") and module != "cds_service.__init__" and not _only_a_docstring(tree):
        found.append("holds more than a docstring")
    return found


def _room(module: str) -> str:
    return module.split(".")[1]


def _imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Dotted names imported anywhere in the module, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _order(module: str, tree: ast.Module) -> Iterator[str]:
    room = _room(module)
    if room not in ORDER and room != "__init__":
        yield f"the room {room} has no place in the order"
        return
    for name in _imports(module, tree):
        parts = name.split(".")
        if parts[0] != "cds_service" or len(parts) < 2 or parts[1] == room:
            continue
        types_only = ".".join(parts[:3]) in SAME_STEP_TYPES and ORDER.get(parts[1]) == ORDER.get(room)
        if ORDER.get(parts[1], 99) >= ORDER.get(room, 0) and not types_only:
            yield f"imports {name}, which is not before it in the line"
        elif room in LINE and parts[1] in LINE and ".".join(parts[:3]) not in TYPE_MODULES:
            yield f"imports {name}, which is no type module: only types travel between stages"


def _edges(module: str, tree: ast.Module) -> Iterator[str]:
    for name in _imports(module, tree):
        owners = OWNERS.get(name.split(".")[0])
        if owners and not any(
            module == owner or (owner.endswith(".") and module.startswith(owner)) for owner in owners
        ):
            yield f"imports {name}, which belongs to {' and '.join(owners)}"


def _environment(module: str, tree: ast.Module) -> Iterator[str]:
    if module == "cds_service.settings":
        return
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names |= {name.rpartition(".")[2] for name in _imports(module, tree)}
    yield from (f"reads the environment ({name})" for name in sorted(names & {"environ", "environb", "getenv"}))


def _size(module: str, source: str) -> Iterator[str]:
    most = MOST_LINES_OF_ANSWER if module == "cds_service.answer" else MOST_LINES
    if len(source.splitlines()) > most:
        yield f"is longer than {most} lines"


def _impurities(tree: ast.Module) -> Iterator[str]:
    for name in _imports("", tree):
        if name.split(".")[0] in IMPURE_MODULES:
            yield f"is pure but imports {name}"
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in IMPURE_CALLS:
            yield f"is pure but calls {called.id}()"
        if isinstance(called, ast.Attribute) and called.attr in CLOCK_CALLS:
            yield f"is pure but reads a clock ({ast.unparse(called)})"


def _only_a_docstring(tree: ast.Module) -> bool:
    return len(tree.body) == 1 and ast.get_docstring(tree) is not None


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def test_every_module_keeps_its_place():
    """A call runs one way: no module imports a later stage, a pure stage touches nothing outside, no file sprawls."""
    found = {_name(path): violations(_name(path), path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def imported_modules(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Module -> the modules of `sources` that it imports anywhere, for types alone as well."""
    found: dict[str, set[str]] = {}
    for module, source in sources.items():
        names = set(_imports(module, ast.parse(source)))
        names |= {name.rpartition(".")[0] for name in names}
        found[module] = names & sources.keys() - {module}
    return found


def test_no_modules_import_each_other_in_a_circle():
    """Imports inside functions and imports of types count: whoever reads a module need not read it before itself."""
    TopologicalSorter(imported_modules({_name(path): path.read_text(encoding="utf-8") for path in SOURCES})).prepare()


def test_a_circle_of_types_is_seen():
    """The check above is awake."""
    pair = {
        "a.b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a.c import C",
        "a.c": "def f():\n    import a.b",
    }
    with pytest.raises(CycleError):
        TopologicalSorter(imported_modules(pair)).prepare()


PLANTED = {
    "a stage imports a later one": ("cds_service.facts.labs", "from cds_service.findings import finding"),
    "a later type module is a later stage too": (
        "cds_service.hooks.envelope",
        "import cds_service.facts.patient_facts",
    ),
    "two rooms of one step": ("cds_service.hooks.envelope", "from cds_service.security import keys"),
    "knowledge reads a reader of facts": ("cds_service.knowledge.load", "from cds_service.facts import extract"),
    "a stage imports the workings of another": (
        "cds_service.findings.lab_results",
        "from cds_service.facts.observations import read_observations",
    ),
    "web imports the command line": ("cds_service.web.app", "from cds_service.cli.main import main"),
    "a relative import hides nothing": ("cds_service.hooks.envelope", "from ..cards import build"),
    "an import inside a function": ("cds_service.facts.labs", "def f():\n    import cds_service.answer"),
    "a room that nobody placed": ("cds_service.utils.text", "x = 1"),
    "a pure stage opens a file": ("cds_service.cards.build", "x = open('wording.toml')"),
    "a pure stage imports the file system": ("cds_service.findings.labs", "from pathlib import Path"),
    "a pure stage reads the clock": ("cds_service.findings.labs", "from datetime import date\nx = date.today()"),
    "a pure stage reads the time": ("cds_service.facts.dates", "import datetime\nx = datetime.datetime.now()"),
    "a pure stage reads it by another name": (
        "cds_service.facts.dates",
        "from datetime import date as d\nx = d.today()",
    ),
    "a pure stage makes ids": ("cds_service.cards.build", "from uuid import uuid4"),
    "a pure stage logs": ("cds_service.facts.labs", "import logging"),
    "Flask outside web": ("cds_service.hooks.response", "from flask import Response"),
    "requests outside its owners": ("cds_service.clinical_data.gather", "import requests"),
    "FHIR models outside the builder of suggestions": (
        "cds_service.facts.orders",
        "from fhir.resources.R4B.servicerequest import ServiceRequest",
    ),
    "SQL outside the store": ("cds_service.web.feedback", "import sqlalchemy"),
    "the environment outside settings": ("cds_service.web.app", "import os\nx = os.environ['CDS_SITE']"),
    "the environment by another name": ("cds_service.web.app", "from os import getenv"),
    "code in a package's own module": ("cds_service.cards.__init__", '"""Cards."""\nx = 1'),
    "a package without a docstring": ("cds_service.cards.__init__", ""),
    "a file that sprawls": ("cds_service.web.app", "x = 1\n" * (MOST_LINES + 1)),
    "an answer that sprawls": ("cds_service.answer", "x = 1\n" * (MOST_LINES_OF_ANSWER + 1)),
}


@pytest.mark.parametrize(("module", "source"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_violation_is_seen(module: str, source: str):
    """The check above is awake: each kind of breach, planted, is reported once."""
    assert len(violations(module, source)) == 1


ALLOWED = {
    "types of the other half of the step": ("cds_service.facts.labs", "from cds_service.knowledge.tables import Lab"),
    "an earlier stage": ("cds_service.findings.labs", "from cds_service.facts.patient_facts import ObservationFact"),
    "its own room": ("cds_service.hooks.envelope", "from cds_service.hooks.request import HookRequest"),
    "a field that is called today": ("cds_service.findings.labs", "x = facts.today"),
    "requests in the command line": ("cds_service.cli.call", "import requests"),
    "the environment in settings": ("cds_service.settings", "import os\nx = os.environ"),
}


@pytest.mark.parametrize(("module", "source"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_the_line_allows_passes(module: str, source: str):
    """The check does not cry wolf: what the design allows is not reported."""
    assert violations(module, source) == []
