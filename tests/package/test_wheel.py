"""The wheel, built and installed for real: who has only that, has the same package as a clone."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from cds_service.knowledge.load import PROFILES
from tests.support.shipped import shipped_archive, shipped_files, shipped_knowledge

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it, outside the clone; the libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    here([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv")
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    # A path by itself: the editable install that lies there too is not followed.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    python = str(folder / "venv" / "bin" / "python")
    here([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel], folder)
    return folder / "venv"


def here(command: list[str | Path], folder: Path) -> str:
    """Run a command in a folder; what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_folder_is_the_whole_package(installed: Path) -> None:
    """The folder of an installed wheel holds every file of the package, so that FHIR tools can load it."""
    (folder,) = installed.glob("lib/python*/site-packages/fhir_profiles")
    assert {
        name: (folder / name).read_text("utf-8") == text for name, text in shipped_files().items()
    } == dict.fromkeys(shipped_files(), True)


def test_the_installed_command_packs_the_same_package(installed: Path, tmp_path: Path) -> None:
    """`package pack` of an installed wheel writes the bytes that it writes in a clone."""
    packed = here([installed / "bin" / "cds-service", "package", "pack", "--out", "packed"], tmp_path).strip()
    assert (tmp_path / packed).read_bytes() == shipped_archive()


def test_the_installed_command_validates(installed: Path, tmp_path: Path) -> None:
    """`validate` of an installed wheel knows the profiles, and its tables are those of the clone."""
    example = PROFILES / "examples" / "good" / "platelets.json"
    said = here([installed / "bin" / "cds-service", "validate", str(example)], tmp_path)
    assert "1 resources: 1 valid, 0 not; 0 errors" in said
    assert shipped_knowledge().version in here([installed / "bin" / "cds-service", "tables"], tmp_path)
