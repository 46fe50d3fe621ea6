"""Manners of the command line: quick help, proposals, completion, quiet, plain text, and systems that are not POSIX."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from cds_service.cli.main import _COMMANDS

LARGE = ("babel", "flask", "jinja2", "jsonschema", "orjson", "requests", "rich", "sqlalchemy", "fhir", "fhirpathpy")
"""Libraries that take long to import."""


def in_python(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a new interpreter."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.server
def test_the_help_of_a_command_imports_nothing_large():
    """`cds-service COMMAND --help` is quick: the options of a command need no library of its work."""
    script = (
        "import contextlib, io, sys; from cds_service.cli.main import main\n"
        f"for name in {list(_COMMANDS)}:\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main([name, '--help'])\n"
        f"print([name for name in {LARGE} if name in sys.modules])"
    )
    ran = in_python(script)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["chek"], "check"),
        (["--hlep"], "--help"),
        (["--quite", "check"], "--quiet"),
        (["site", "iint", "x"], "init"),
        (["invoke", "--reqest", "x"], "--request"),
        (["invoke", "--request", "x", "--hook", "order-sing"], "order-sign"),
        (["tables", "--fromat=csv"], "--format"),
        (["feedback", "--until", "2026-11-02", "--sinse", "2026-11-01"], "--since"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_meant(run, words: list[str], meant: str):
    """A mistyped command, task, option or value ends with 2 and names the nearest one."""
    ran = run(*words)
    assert ran.code == 2
    assert ran.err.endswith(f"Did you mean {meant}?\n")


def test_what_resembles_nothing_gets_no_proposal(run):
    """No proposal is made for a word that resembles none, for one too many, nor is help proposed for an option."""
    for words in (["xyzzy"], ["check", "--site", "x", "site.tar.gz"], ["summary", "--request", "x", "--html"]):
        ran = run(*words)
        assert (ran.code, "Did you mean" in ran.err) == (2, False)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_completes_every_command_and_option(run, shell: str):
    """The script for a shell names every command, and the options of each."""
    ran = run("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    assert all(name in ran.out for name in _COMMANDS)
    assert "--fhir-server" in ran.out


@pytest.mark.server
def test_bash_completes(run, tmp_path):
    """In bash, `cds-service inv` is completed to `invoke`."""
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash").out, "utf-8")
    asked = f"source {script}; COMP_WORDS=(cds-service inv); COMP_CWORD=1; _shtab_cds_service; echo ${{COMPREPLY[@]}}"
    assert subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True).stdout == "invoke\n"


def test_quiet_leaves_out_remarks_and_no_mistake(run, tmp_path):
    """`--quiet` leaves out progress and remarks; a mistake is said all the same."""
    assert "Nothing is changed yet" in run("site", "init", tmp_path / "loud").err
    assert run("--quiet", "site", "init", tmp_path / "quiet").err == ""
    assert "holds files already" in run("--quiet", "site", "init", tmp_path / "quiet").err


def test_a_terminal_without_color_gets_none(run, monkeypatch):
    """With `NO_COLOR`, what would be colored on a terminal is plain text."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    request = ("invoke", "--request", "examples/bleeding-risk.json")
    red = re.compile("\x1b\\[[0-9;]*;4[0-7]m")
    assert red.search(run(*request).out)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not red.search(run(*request).out)


@pytest.mark.server
def test_every_command_but_the_server_runs_without_posix():
    """Where a system has neither fork nor POSIX modules (Windows), only `serve` does not run, and says what to use."""
    script = (
        "import importlib, multiprocessing, os, pathlib, sys\n"
        "for name in ('fcntl', 'grp', 'pwd', 'resource', 'termios', 'gunicorn'): sys.modules[name] = None\n"
        "del os.fork; multiprocessing.get_all_start_methods = lambda: ['spawn']\n"
        "import cds_service.cli as cli; folder = pathlib.Path(cli.__file__).parent\n"
        "for path in folder.glob('*.py'): importlib.import_module(f'cds_service.cli.{path.stem}')\n"
        "from cds_service.cli.main import main\n"
        "print(main(['serve']))"
    )
    ran = in_python(script)
    assert ran.stdout == "2\n", ran.stderr
    assert "in WSL or in a container" in ran.stderr
