"""The files of deploy/: each is read by the program that it is for, where that program can be had here."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
import yaml

from cds_service.setting_sources import IN_FILE
from cds_service.settings_page import settings_markdown
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.ehr import Ehr, register
from tests.support.ports import free_port
from tests.support.server import REPOSITORY, running_server
from tests.support.waiting import PATIENCE, until

DEPLOY = REPOSITORY / "deploy"
BIN = Path(sys.executable).parent
NORTH = Ehr()

needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed here")
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def compose() -> dict[str, Any]:
    """The services of the compose file."""
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    return services


def test_the_container_file_is_in_order() -> None:
    """A linter for container files finds nothing to say."""
    found = subprocess.run([BIN / "hadolint", DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def copied_into_the_image() -> list[str]:
    """The files and folders of the repository that the image is built from."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    return [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]


@pytest.mark.slow
def test_the_image_is_built_from_what_it_copies(tmp_path: Path) -> None:
    """The wheel can be built from the files that the Containerfile copies, and from nothing else."""
    for name in copied_into_the_image():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, tmp_path / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("dist/*.whl"))) == 1


def test_the_builder_is_sent_what_it_copies_and_nothing_else() -> None:
    """.dockerignore leaves out everything but what the Containerfile copies: no environment, site folder or key."""
    lines = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[1] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied_into_the_image())


def test_the_container_is_nobody_special_and_asked_whether_it_lives() -> None:
    """The service runs as an unprivileged user; its health is that of the process, not that of the database."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    assert "USER 10001" in text
    (asked,) = re.findall(r"^HEALTHCHECK.*\\\n.*127\.0\.0\.1:8080(/\w+)", text, re.MULTILINE)
    assert asked == "/healthz"


def known_settings() -> set[str]:
    """The settings of the service."""
    return set(re.findall(r"^\| `(CDS_\w+)`", settings_markdown(), re.MULTILINE))


def test_the_settings_of_the_compose_file_exist() -> None:
    """Every setting named in the deployment files is a setting of this service."""
    known = known_settings()
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    named = {name for path in files for name in re.findall(r"CDS_[A-Z_]+", path.read_text("utf-8"))}
    assert {name.removesuffix(IN_FILE) for name in named} - known == set()
    assert {"CDS_CLIENTS", "CDS_PUBLIC_URL", "CDS_REDIS_URL"} <= set(compose()["service"]["environment"])


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    """The service, the database and Redis publish no port; what holds data has no way out; no secret is in the file."""
    services = compose()
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    assert all(services[name]["networks"] == ["inner"] for name in ("database", "cache"))
    environment = [value for service in services.values() for value in service.get("environment", {}).items()]
    secrets = [value for name, value in environment if re.search("PASSWORD|KEY|DATABASE_URL", name)]
    assert len(secrets) == 3
    assert all("${" in value and ":?" in value for value in secrets)


def test_images_are_of_a_named_release() -> None:
    """No image is whatever is newest on the day."""
    images = [service["image"] for service in compose().values() if "image" in service]
    assert [image for image in images if not re.fullmatch(r"[a-z]+:[0-9][0-9.]*(-\w+)?", image)] == []


@needs_systemd
def test_the_units_are_in_order(tmp_path: Path) -> None:
    """systemd reads the units without complaint once the program is where they say."""
    units = []
    for path in sorted(DEPLOY.glob("ir-cds*")):
        units.append(tmp_path / path.name)
        text = path.read_text("utf-8").replace("/opt/ir-cds/bin/cds-service", str(BIN / "cds-service"))
        units[-1].write_text(text, "utf-8")
    assert len(units) == 3
    found = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@needs_systemd
def test_secrets_are_handed_to_the_unit_as_the_page_says(tmp_path: Path) -> None:
    """systemd understands the drop-in of docs/operations.md, which names settings of the service."""
    (lines,) = re.findall(
        r"```ini\n\[Service\]\n(.*?)```", (REPOSITORY / "docs/operations.md").read_text("utf-8"), re.DOTALL
    )
    unit = (
        (DEPLOY / "ir-cds.service").read_text("utf-8").replace("/opt/ir-cds/bin/cds-service", str(BIN / "cds-service"))
    )
    (tmp_path / "ir-cds.service").write_text(unit.replace("[Service]\n", f"[Service]\n{lines}"), "utf-8")
    command = ["systemd-analyze", "verify", tmp_path / "ir-cds.service"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    named = {name.removesuffix(IN_FILE) for name in re.findall(r"CDS_\w+", lines)}
    assert len(named) == 2
    assert named <= known_settings()


def test_the_nightly_unit_may_do_no_more_than_the_service() -> None:
    """What prunes runs with the settings, the folder and the restrictions of the service."""
    service, prune = ((DEPLOY / f"{name}.service").read_text("utf-8") for name in ("ir-cds", "ir-cds-prune"))
    wanted = re.findall(
        r"^(?:Environment|State|Working|DynamicUser|UMask|Capability|Lock|Memory|No|Pri|Pro|Rest|Sys).*",
        service,
        re.MULTILINE,
    )
    wanted = [line for line in wanted if not line.startswith("Restart")]
    assert [line for line in wanted if line not in prune.splitlines()] == []


@contextmanager
def running_nginx(folder: Path, upstream: str) -> Iterator[str]:
    """nginx with the configuration of deploy/, in front of a service on this machine."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    port = free_port()
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for old, new in {
        "server service:8080": f"server {upstream.removeprefix('http://')}",
        "listen 8443": f"listen 127.0.0.1:{port}",
        "/etc/nginx/tls": str(folder),
        "/tmp/nginx.pid": str(folder / "nginx.pid"),  # noqa: S108  a text to replace
        "/dev/stdout": str(folder / "access.log"),
        "/dev/stderr": str(folder / "error.log"),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text, "utf-8")
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, (folder / "error.log").read_text("utf-8")
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        until(lambda: answers(port))
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@needs_nginx
def test_the_proxy_lets_registered_clients_through(tmp_path: Path) -> None:
    """Over TLS and through the proxy a token for the public URL counts; what is only for inside is refused."""
    settings = {"CDS_CLIENTS": str(register(tmp_path, (NORTH, ""))), "CDS_PUBLIC_URL": "https://cds.example.org"}
    with running_server(tmp_path, **settings) as service, running_nginx(tmp_path, service.url) as proxy:
        path, session = "/cds-services/ir-order-sign", requests.Session()
        session.verify, session.trust_env = str(tmp_path / "authority.pem"), False
        call, headers = a_call(prefetch=NOTHING_RECORDED), NORTH.bearer(f"https://cds.example.org{path}")
        sent = [session.post(proxy + path, json=call, headers=headers, timeout=PATIENCE).status_code for _ in range(2)]
        assert sent == [200, 401]
        closed = [
            session.get(proxy + name, timeout=PATIENCE).status_code
            for name in ("/metrics", "/readyz", "/knowledge", "/x")
        ]
        assert closed == [404, 404, 403, 404]
        assert session.get(f"{proxy}/openapi.json", timeout=PATIENCE).status_code == 200
        session.close()
    assert "Bearer" not in (tmp_path / "access.log").read_text("utf-8")
