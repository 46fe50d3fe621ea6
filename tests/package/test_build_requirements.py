"""What the wheel is built with: pip builds it where nothing is installed but what pyproject.toml asks for."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = """
import sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions, requires
from packaging.requirements import Requirement

def needed(names):
    found = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            asked = [Requirement(line) for line in requires(name) or ()]
            names += [one.name.lower() for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    return {name.replace("-", "_") for name in found}

owners = packages_distributions()
there = needed([Requirement(line).name.lower() for line in sys.argv[2:]])

class Nothing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        of = {owner.lower().replace("-", "_") for owner in owners.get(name.partition(".")[0], ())}
        if of and not of & (there | {"ir_cds_service"}):
            raise ModuleNotFoundError(f"{name}, of {of}, is not among the requirements of the build")

for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
    del sys.modules[name]
sys.meta_path.insert(0, Nothing())
from pathlib import Path
from cds_service.publishing.build import write
from cds_service.publishing.sources import shipped_sources
print(len(write(shipped_sources(), Path(sys.argv[1]))))
"""


def test_the_build_asks_for_what_it_imports(tmp_path: Path) -> None:
    """`pip install` of a clone makes the FHIR package with no more than `[build-system] requires` installed."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    command = [sys.executable, "-c", BUILD, str(tmp_path), *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 0
