"""`make matrix`: the fast tests under each supported Python that is on this machine, each in an environment of its own.

Looked for as `python3.12` on the PATH, then among the versions of pyenv. One that is not there is skipped, and said to
be. Everything after the name of the program goes to pytest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".matrix"


def main(arguments: list[str]) -> int:
    """Run the tests under each; 1 if they fail under one, or none is there."""
    results = {version: _tested(version, arguments) for version in SUPPORTED}
    print()
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return 0 if set(results.values()) <= {"passed", _MISSING} and "passed" in results.values() else 1


_MISSING = "not on this machine, skipped"


def _tested(version: str, arguments: list[str]) -> str:
    interpreter = next(_interpreters(version), None)
    if interpreter is None:
        return _MISSING
    print(f"\nPython {version}: {interpreter}", flush=True)
    python = ENVIRONMENTS / version / "bin" / "python"
    if not python.exists() and not _done([interpreter, "-m", "venv", str(python.parents[1])]):
        return "no virtual environment could be made"
    install = ["install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt", "-e", ".[test]"]
    if not _done([str(python), "-m", "pip", *install]):
        return "could not be set up"
    return "passed" if _done([str(python), "-m", "pytest", *arguments]) else "FAILED"


def _interpreters(version: str) -> Iterator[str]:
    """Those that run and are of the version."""
    found = [shutil.which(f"python{version}"), *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    says = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    for path in filter(None, found):
        told = subprocess.run([str(path), *says], capture_output=True, text=True, check=False)
        if told.stdout.strip() == version:
            yield str(path)


def _done(command: list[str]) -> bool:
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
