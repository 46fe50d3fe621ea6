"""The wheel, built and installed for real: who has only that, has the same package as a clone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.cases import read_cases
from cds_service.cli.main import main
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
    """`validate` of an installed wheel knows the profiles."""
    example = PROFILES / "examples" / "good" / "platelets.json"
    said = here([installed / "bin" / "cds-service", "validate", str(example)], tmp_path)
    assert "1 resource: 1 valid, 0 not; 0 errors" in said


SITE = """
[[threshold]]
id = "platelets-high-risk"
value = 75
change = { reason = "local protocol", approver = "Head of IR", date = "2026-11-02", source = "IR-07" }
"""


@pytest.fixture
def in_a_clone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command prints in the clone."""
    monkeypatch.setenv("COLUMNS", "80")  # of the installed command as well

    def said(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    return said


def test_the_installed_demo_is_that_of_the_clone(
    installed: Path, tmp_path: Path, in_a_clone: Callable[..., str]
) -> None:
    """`demo` of an installed wheel plays the same examples with the same cards."""
    shown = here([installed / "bin" / "cds-service", "demo"], tmp_path)
    assert shown == in_a_clone("demo")
    assert "CRITICAL" in shown


def test_the_installed_check_judges_every_case(installed: Path, tmp_path: Path) -> None:
    """`check` of an installed wheel judges the cases of the clone, with its tables."""
    said = here([installed / "bin" / "cds-service", "check"], tmp_path)
    assert f"Tables {shipped_knowledge().version}:" in said
    assert f"{len(read_cases(ROOT / 'tests' / 'cases'))} clinical cases hold." in said


def test_the_installed_check_of_a_site_is_that_of_the_clone(
    installed: Path, tmp_path: Path, in_a_clone: Callable[..., str]
) -> None:
    """`check --site` of an installed wheel says what it says in the clone: what a hospital changes, case by case."""
    site, cases = tmp_path / "site", tmp_path / "some"
    site.mkdir()
    cases.mkdir()
    (site / "thresholds.toml").write_text(SITE, "utf-8")
    shutil.copy(ROOT / "tests" / "cases" / "bleeding.toml", cases)  # all of them are judged above
    asked = ("check", "--site", site, "--cases", cases)
    said = here([installed / "bin" / "cds-service", *asked], tmp_path)
    assert said == in_a_clone(*asked)
    assert "platelets-high-risk" in said


def test_the_installed_package_is_typed_and_decides(installed: Path, tmp_path: Path) -> None:
    """The wheel says that it is typed, and `Service` judges an example outside of any clone."""
    (package,) = installed.glob("lib/python*/site-packages/cds_service")
    assert (package / "py.typed").exists()
    (example,) = (package / "shipped_examples").glob("allergy-to-contrast.json")
    program = (
        "from datetime import date\nfrom pathlib import Path\nfrom cds_service import Service\n"
        "from cds_service.saved_request import read_saved_request\n"
        f"decision = Service().decide(read_saved_request(Path({str(example)!r}), date.today()))\n"
        "print(decision.cards[0]['indicator'])"
    )
    assert here([installed / "bin" / "python", "-c", program], tmp_path).strip() == "critical"
