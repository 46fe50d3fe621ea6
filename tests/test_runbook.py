"""docs/operations.md, played through: its commands run in the order of the page, on a service with a record in it.

`systemctl` is one that starts and stops the real service without systemd. Folders of the machine are those of the test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.calls import a_call
from tests.support.ports import free_port
from tests.support.server import REPOSITORY
from tests.support.waiting import PATIENCE, until

PAGE = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
NOT_RUN = "<!-- not run by the tests: "
_MARKED = re.findall(r"^(<!-- [^\n]* -->\n)?```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
BLOCKS = [found for found in _MARKED if found[1] != "ini"]  # what systemd reads is tried in test_deploy.py
RUN = [block for comment, _, block in BLOCKS if not comment.startswith(NOT_RUN)]
SYSTEMCTL = """#!/bin/bash
# start, stop, restart of the one service of this test
set -eu
cd "{folder}"
stop() {{
  [ -e pid ] || return 0
  kill -TERM "$(cat pid)"
  while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.05; done
  rm pid
}}
start() {{
  (set -a; . "{folder}/etc/ir-cds/environment"; . "{folder}/drop-in"
   exec setsid cds-service serve) >>server.log 2>&1 </dev/null &
  echo $! > pid
}}
case "$1" in start) start;; stop) stop;; restart) stop; start;; daemon-reload) ;; *) exit 64;; esac
"""


def test_every_block_is_of_the_shell() -> None:
    """Each command of the page is marked as one, so that none is passed over here."""
    assert {language for _, language, _ in BLOCKS} == {"sh"}
    assert len(RUN) >= 6


@pytest.mark.parametrize("block", [block for _, _, block in BLOCKS], ids=lambda block: block.splitlines()[0][:40])
def test_the_shell_can_read_it(block: str) -> None:
    """What cannot be run here has no mistake in its syntax."""
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Machine:
    """A machine with the service on it, as the runbook expects it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for name in ("etc/ir-cds", "var/lib/ir-cds", "backup", "bin", "home"):
            (folder / name).mkdir(parents=True)
        if os.geteuid() == 0:  # as systemd does it for a DynamicUser
            os.chown(folder / "var/lib/ir-cds", 61234, 61234)
        self.environment = folder / "etc" / "ir-cds" / "environment"
        self.environment.write_text(f"CDS_PORT={self.port}\nCDS_WORKERS=1\nCDS_LOG_KEY={'k' * 32}\n", "utf-8")
        (folder / "drop-in").touch()
        (folder / "bin" / "systemctl").write_text(SYSTEMCTL.format(folder=folder), "utf-8")
        (folder / "bin" / "systemctl").chmod(0o755)

    def run(self, block: str) -> str:
        """What a block prints; it must end well. Each starts with the settings, as the first one of the page says."""
        here = block.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        here = re.sub(r"/(?:etc|var/lib|backup)\b", lambda found: f"{self.folder}{found[0]}", here)
        settings = f"set -euo pipefail; set -a; . {self.environment}; set +a\n"
        paths = [str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        environ = os.environ | {"PATH": ":".join(paths), "HOME": str(self.folder / "home")}
        command = ["bash", "-c", settings + here]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}\n{self.log()[-2000:]}"
        return done.stdout

    def log(self) -> str:
        """What the service has said."""
        path = self.folder / "server.log"
        return path.read_text("utf-8") if path.exists() else ""

    def answers(self) -> bool:
        """Whether the service is ready."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=PATIENCE).status_code == 200
        except requests.RequestException:
            return False


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """The service runs, and is stopped at the end."""
    made = Machine(tmp_path)
    made.run(RUN[0])
    made.run("systemctl start ir-cds")
    try:
        until(made.answers, "the service")
        yield made
    finally:
        made.run("systemctl stop ir-cds")


def test_secrets_that_a_drop_in_hands_over_stay_the_only_ones(tmp_path: Path) -> None:
    """Where key and database are credentials, the runbook's settings and its new key leave a service that starts."""
    machine = Machine(tmp_path)
    secrets = tmp_path / "etc/ir-cds/secrets"
    secrets.mkdir()
    machine.environment.write_text(f"CDS_PORT={machine.port}\nCDS_WORKERS=1\n", "utf-8")
    (secrets / "log-key").write_text("k" * 32, "utf-8")
    (secrets / "database-url").write_text(f"sqlite:///{tmp_path}/var/lib/ir-cds/other.db", "utf-8")
    named = {"CDS_LOG_KEY": "log-key", "CDS_LOG_KEY_OLD": "log-key-old", "CDS_DATABASE_URL": "database-url"}
    (tmp_path / "drop-in").write_text(
        "".join(f"[ ! -e {secrets / file} ] || {name}_FILE={secrets / file}\n" for name, file in named.items()), "utf-8"
    )
    upgrade, key = "cds-service db upgrade", next(block for block in RUN if "openssl rand" in block)
    try:
        assert "other.db" in machine.run(f"{RUN[0]}{upgrade}")
        machine.run(key)
        until(machine.answers, "the service")
        assert (secrets / "log-key-old").read_text("utf-8") == "k" * 32
        assert "CDS_LOG_KEY" not in machine.environment.read_text("utf-8")
    finally:
        machine.run("systemctl stop ir-cds")


def feedback_on_a_card(url: str) -> str:
    """Make a call and override its first card; its uuid."""
    request = json.loads((REPOSITORY / "examples" / "allergy-to-contrast.json").read_text("utf-8"))
    body = request | {"hookInstance": a_call()["hookInstance"]}
    response = requests.post(f"{url}/cds-services/ir-order-sign", json=body, timeout=PATIENCE)
    card: str = response.json()["cards"][0]["uuid"]
    entry: dict[str, Any] = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-24T09:30:00Z"}
    sent = requests.post(f"{url}/cds-services/ir-order-sign/feedback", json={"feedback": [entry]}, timeout=PATIENCE)
    assert sent.status_code == 200
    return card


def test_the_runbook_does_what_it_says(machine: Machine) -> None:
    """Each command works; after a restore the feedback of before the backup is there."""
    card = feedback_on_a_card(machine.url)
    key = machine.environment.read_text("utf-8")
    until(lambda: "overridden" in machine.run("cds-service feedback --format csv"), "the record of the card")
    for block in RUN[1:]:
        machine.run(block)
        if "db copy" in block:  # the disk is lost after the backup
            machine.run("systemctl stop ir-cds; rm /var/lib/ir-cds/records.db; systemctl start ir-cds")
    folder = machine.folder / "var/lib/ir-cds"
    assert (folder / "records.db").stat().st_uid == folder.stat().st_uid
    assert card in machine.run(f"cds-service explain {card} --json")
    assert key != machine.environment.read_text("utf-8")
    assert f"CDS_LOG_KEY_OLD={'k' * 32}" in machine.environment.read_text("utf-8")
