"""The documents for operators and the security office: the tests that they name exist, their examples work."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cds_service.hooks.catalog import SERVICES
from cds_service.security.clients_file import read_clients
from tests.support.ehr import Ehr

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_threat_model_names_exists() -> None:
    """Each test named in the threat model exists."""
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text("utf-8"))
    assert len(named) > 30
    sources = {file: (ROOT / "tests" / file).read_text("utf-8") for file, _ in named}
    assert [test for file, test in named if test and f"def {test}(" not in sources[file]] == []


def test_the_clients_file_in_the_guide_is_accepted(tmp_path: Path) -> None:
    """The example in the integration guide is a valid clients file, once its keys exist."""
    guide = (ROOT / "docs" / "integration.md").read_text("utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "north-campus.json").write_text(json.dumps(Ehr().jwks()), "utf-8")
    (tmp_path / "clients.toml").write_text(block, "utf-8")
    north, south = (registration.client for registration in read_clients(tmp_path / "clients.toml", SERVICES).values())
    assert (north.name, north.fhir_servers) == ("north-campus", ("https://ehr.example.org/fhir",))
    assert (south.shadow, south.tenants) == (True, ("clinic-1", "clinic-2"))
