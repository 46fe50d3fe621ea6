"""The service for programs: the same answers as over HTTP, typed, and free until it is asked for."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import cds_service
from cds_service import Service
from cds_service.cli.call import call_in_process
from cds_service.cli.commands.demo import EXAMPLES
from cds_service.errors import RequestError, SettingError, SetupError, TableError
from cds_service.saved_request import read_saved_request, service_for
from tests.support.calls import a_call
from tests.support.shipped import shipped_knowledge

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def service() -> Service:
    """A service with the shipped tables."""
    return Service(timezone=UTC)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_it_answers_as_the_web_service(service: Service, example: Path) -> None:
    """Cards and decision are those of a call, whether the request is given as bytes, text or an object."""
    body = read_saved_request(example, NOW.date())
    reply = json.loads(call_in_process(body, service_for(body), shipped_knowledge(), NOW).body)
    for request in (body, body.decode(), json.loads(body)):
        decision = service.decide(request, now=NOW)
        assert [card["summary"] for card in decision.cards] == [card["summary"] for card in reply["cards"]]
        assert json.loads(decision.response())["extension"] == reply["extension"]
        entries = next(iter(reply["extension"].values()))["procedures"]
        assert [order.procedure for order in decision.orders] == [entry["procedure"] for entry in entries]


def test_the_example_of_the_guide_runs() -> None:
    """The program of docs/python-api.md runs as it stands, and prints what its remarks say."""
    program = re.search(r"```python\n(.*?)```", (ROOT / "docs/python-api.md").read_text("utf-8"), re.DOTALL)
    assert program
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(program[1], {})  # noqa: S102  the example of our own page
    promised = re.findall(r"^print\(.*\)  # (.*)$", program[1], re.MULTILINE)
    lines = said.getvalue().splitlines()
    assert len(lines) == len(promised) == 5
    assert [lines[place] for place in (0, 1, 2, 4)] == [promised[place] for place in (0, 1, 2, 4)]


def test_a_site_and_a_language_are_its_own(tmp_path: Path) -> None:
    """A site folder changes what it decides; the language is that of cards and summary."""
    change = 'change = { reason = "x", approver = "y", date = "2026-11-02", source = "z" }'
    (tmp_path / "thresholds.toml").write_text(f'[[threshold]]\nid = "platelets-high-risk"\nvalue = 20\n{change}\n')
    own = Service(site=str(tmp_path), language="de", timezone=UTC)
    body = read_saved_request(EXAMPLES / "bleeding-risk.json", date.today())
    assert own.knowledge_version != shipped_knowledge().version
    biopsy = own.decide(body).orders[1]
    assert (biopsy.procedure, "bleeding-tendency" in biopsy.present) == ("liver-biopsy", False)
    assert own.decide(body).summary().language == "de"
    assert own.decide(body).summary_json("es")["language"] == "es"


def test_mistakes_are_told(service: Service, tmp_path: Path) -> None:
    """A wrong request, hook, site folder, language or time is an error that says what is wrong."""
    with pytest.raises(RequestError, match="/context"):
        service.decide(a_call() | {"context": {}})
    with pytest.raises(SetupError, match="No service answers the hook"):
        service.decide(a_call() | {"hook": "order-brew"})
    with pytest.raises(SetupError, match="not a hook request"):
        service.decide("[]")
    with pytest.raises(ValueError, match="time zone"):
        service.decide(a_call(), now=datetime(2026, 11, 24))
    (tmp_path / "thresholds.toml").write_text("[[threshold]]\nid = 'no-such-limit'\n")
    with pytest.raises(TableError, match="no-such-limit"):
        Service(site=tmp_path)
    with pytest.raises(SettingError, match="whole wording"):
        Service(language="xx")
    with pytest.raises(SettingError, match="whole wording"):
        service.decide(a_call()).summary("xx")


def test_importing_the_package_is_cheap() -> None:
    """`import cds_service` loads neither tables nor libraries; an unknown name is one."""
    program = "import sys, cds_service; print(sorted(m for m in sys.modules if m.startswith('cds_service')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['cds_service']"
    with pytest.raises(AttributeError, match="no attribute 'Servce'"):
        _ = cds_service.Servce  # type: ignore[attr-defined]
    assert (ROOT / "cds_service" / "py.typed").exists()
