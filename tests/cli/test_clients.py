"""`cds-service clients check`: checks the clients file before the service reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds_service.cli.main import main
from cds_service.hooks.catalog import SERVICES
from cds_service.security.clients_file import read_clients
from cds_service.security.tokens import InvalidToken, TokenVerifier
from tests.support.ehr import Ehr, private_jwk, private_key, register
from tests.support.key_server import key_server
from tests.support.ports import free_port
from tests.support.server import running_server

NORTH = Ehr()


def test_a_good_file_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The registered clients are printed, including defaults, with exit code 0."""
    path = register(tmp_path, (NORTH, 'name = "north"'))
    assert main(["clients", "check", "--clients", str(path)]) == 0
    shown = capsys.readouterr().out
    for line in ("north", "key-1 (ES384)", "FHIR servers: none", "services: all", "longest token lifetime: 3600 s"):
        assert line in shown


@pytest.mark.parametrize(("kid", "code", "said"), [("key-1", 0, "CRITICAL"), ("key-2", 1, "401")])
def test_the_command_line_gets_in_as_a_registered_client(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kid: str, code: int, said: str
) -> None:
    """A call signed with the key of a registered client is answered, one with another key id is not."""
    (tmp_path / "key.json").write_text(json.dumps(private_jwk(NORTH.key, kid)), "utf-8")
    request = Path(__file__).parents[2] / "examples" / "allergy-to-contrast.json"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"CDS_CLIENTS": str(register(tmp_path, (NORTH, ""))), "CDS_PUBLIC_URL": url, "CDS_PORT": str(port)}
    with running_server(tmp_path, **settings):
        signing = ["--issuer", NORTH.issuer, "--client-key", str(tmp_path / "key.json")]
        assert main(["invoke", "--request", str(request), "--service-url", url, *signing]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err


def test_a_token_for_curl_is_one_that_the_service_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`clients token` signs for one URL: it is verified by the registered key, and for no other URL."""
    (tmp_path / "key.json").write_text(json.dumps(private_jwk(NORTH.key, "key-1")), "utf-8")
    called = "https://cds.example.org/cds-services/ir-order-sign"
    arguments = ["--key", str(tmp_path / "key.json"), "--issuer", NORTH.issuer, "--url", called]
    assert main(["clients", "token", *arguments]) == 0
    token = f"Bearer {capsys.readouterr().out.strip()}"
    verifier = TokenVerifier(read_clients(register(tmp_path, (NORTH, "")), SERVICES), lambda *_: True)
    assert verifier.verify(token, called).issuer == NORTH.issuer
    with pytest.raises(InvalidToken):
        verifier.verify(token, f"{called}/feedback")


def test_a_wrong_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake gives exit code 1, its line, and the document that explains the file."""
    path = register(tmp_path, (NORTH, 'services = ["ir-x"]'))
    assert main(["clients", "check", "--clients", str(path)]) == 1
    said = capsys.readouterr().err
    assert f"{path} line 4: client 1, services" in said
    assert "1 to fix; how to write the file: docs/integration.md" in said


def test_without_a_file_there_is_nothing_to_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file the command can't run, and says how to name one."""
    monkeypatch.delenv("CDS_CLIENTS", raising=False)
    assert main(["clients", "check"]) == 2
    assert "set CDS_CLIENTS, or add --clients FILE" in capsys.readouterr().err


def test_published_keys_are_fetched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The keys that an EHR publishes are fetched and printed; a URL without keys is a mistake."""
    with key_server(tmp_path) as server:
        path = tmp_path / "clients.toml"
        entry = f'[[client]]\nissuer = "x"\nname = "x"\njwks_url = "{server.url}"\nca_file = "{server.ca_file.name}"\n'
        path.write_text(entry, "utf-8")
        server.publish(Ehr(kid="published", key=private_key("P-384", 1)).jwks())
        assert main(["clients", "check", "--clients", str(path)]) == 0
        assert "published (ES384), from https://localhost" in capsys.readouterr().out
        server.status = 404
        assert main(["clients", "check", "--clients", str(path)]) == 1
        assert "answered 404; give the URL" in capsys.readouterr().err
        assert main(["clients", "check", "--offline", "--clients", str(path)]) == 0
    assert len(server.asked) == 2


@pytest.mark.parametrize(("kind", "algorithm"), [("P-384", "ES384"), ("RSA", "RS384")])
def test_a_key_set_to_register_is_made_from_a_private_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, algorithm: str
) -> None:
    """The output of `clients jwks` can be registered unchanged, and has no private key."""
    (tmp_path / "ehr.json").write_text(json.dumps(private_jwk(private_key(kind), "key-1")), "utf-8")
    assert main(["clients", "jwks", "--key", str(tmp_path / "ehr.json"), "--kid", "key-1"]) == 0
    (tmp_path / "ehr-jwks.json").write_text(capsys.readouterr().out, "utf-8")
    registered = '[[client]]\nissuer = "https://ehr.example.org"\njwks = "ehr-jwks.json"\n'
    (tmp_path / "clients.toml").write_text(registered, "utf-8")
    assert main(["clients", "check", "--clients", str(tmp_path / "clients.toml")]) == 0
    assert f"key-1 ({algorithm}" in capsys.readouterr().out
