"""FHIR servers by others, each started as a separate process in its own environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE, until

PEERS = Path(__file__).parents[2] / ".peers"
TOKEN = "test-token"  # noqa: S105  of the server that the test starts


def program(peer: str, name: str) -> Path:
    """The path of a program in a peer's environment."""
    path = PEERS / peer / "bin" / name
    assert path.exists(), f"{path} is missing: `make test` sets it up"
    return path


@contextmanager
def _running(arguments: list[str | Path], folder: Path, ready: str, **environ: str) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen(arguments, cwd=folder, env=os.environ | environ, stdout=said, stderr=said)
    try:
        until(lambda: process.poll() is not None or _answers(ready), f"the server at {ready}")
        assert process.poll() is None, f"the server did not start: {log.read_text('utf-8', 'replace')}"
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=PATIENCE)
    except requests.RequestException:
        return False
    return True


@contextmanager
def sekmet(folder: Path, auth: Mapping[str, Any]) -> Iterator[str]:
    """The base URL of SEKMET, a FHIR R4 server with search, paging and authorization."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    # JSON is valid YAML.
    settings = {
        "base_url": f"{base}/fhir",
        "host": "127.0.0.1",
        "port": port,
        "log_inbound": False,
        "simulator": {"enabled": False},
        "server_auth": auth,
        "validation": {"inbound": "off"},
    }
    (folder / "settings.yaml").write_text(json.dumps(settings), "utf-8")
    arguments: list[str | Path] = [program("sekmet", "sekmet"), "serve"]
    with _running(arguments, folder, f"{base}/fhir/metadata", SEKMET_CONFIG="settings.yaml"):
        yield f"{base}/fhir"


@contextmanager
def fhirsnake(folder: Path, resources: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The base URL of Fhirsnake, which returns the resources of all patients for every search."""
    port = free_port()
    for resource in resources:
        kind = folder / "resources" / resource["resourceType"]
        kind.mkdir(parents=True, exist_ok=True)
        (kind / f"{resource['id']}.json").write_text(json.dumps(resource), "utf-8")
    (source,) = (PEERS / "fhirsnake").glob("lib/python*/site-packages/fhirsnake")
    arguments: list[str | Path] = [program("fhirsnake", "uvicorn"), "main:app", "--port", str(port)]
    with _running(arguments, folder, f"http://127.0.0.1:{port}/", PYTHONPATH=str(source)):
        yield f"http://127.0.0.1:{port}"


HAPI = Path(__file__).parents[1] / "peers" / "hapi"
_HAPI_CLASSPATH = PEERS / "hapi-classpath"


@contextmanager
def hapi(folder: Path) -> Iterator[str]:
    """The base URL of HAPI FHIR's JPA server for R4, with nothing in it. Needs Java 17 and Maven."""
    if not _HAPI_CLASSPATH.exists():
        _HAPI_CLASSPATH.parent.mkdir(exist_ok=True)
        target = f"-Dmdep.outputFile={_HAPI_CLASSPATH}"
        subprocess.run(["mvn", "-q", "-B", "-f", HAPI, "dependency:build-classpath", target], check=True)
    port = free_port()
    base = f"http://127.0.0.1:{port}/fhir"
    memory = ["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    arguments = ["java", *memory, "-cp", _HAPI_CLASSPATH.read_text("utf-8"), HAPI / "HapiPeer.java", str(port)]
    with _running(arguments, folder, f"{base}/metadata"):
        yield base


def upload(base: str, resources: Iterable[Mapping[str, Any]]) -> None:
    """Put resources on a server, keeping their ids."""
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = requests.post(base, json=bundle, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text[:2000]


def synthetic_patients(folder: Path, count: int, day: str) -> list[dict[str, Any]]:
    """All resources of some synthetic patients, with results of one day; the same in every run."""
    arguments = ["generate", "--profile", "mixed", "--count", str(count), "--sex", "mixed", "--age-range", "40-80"]
    more = ["--reference-date", day, "--format", "ndjson", "--out", str(folder)]
    subprocess.run([program("sekmet", "carebundle"), *arguments, *more], check=True, capture_output=True)
    lines = [line for path in sorted(folder.glob("*.ndjson")) for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines]
