"""Every option of every command, given what can't be right: it ends with 2 and one clear line that names it.

The options are those of the parser, so a new one is tried as well.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.main import parser
from cds_service.storage.store import Store

NOWHERE = "http://127.0.0.1:9/fhir"
USUAL = {
    "invoke": ("--request", "REQUEST"),
    "summary": ("--request", "REQUEST"),
    "catalog": ("CATALOG",),
    "everyday": ("EMPTY",),
    "screen run": ("EMPTY", "--out", "NEW"),
    "screen report": ("EMPTY",),
    "screen diff": ("EMPTY", "EMPTY"),
    "screen worklist": ("EMPTY", "--procedure", "tips"),
    "screen sample": ("EMPTY",),
    "screen score": ("CATALOG",),
    "site init": ("NEW",),
    "site pack": ("EMPTY",),
    "site lock": ("EMPTY",),
    "diff": ("shipped", "shipped"),
    "terminology expand": ("--tx", NOWHERE, "--site", "NEW"),
    "validate": ("REQUEST",),
    "explain": ("00000000-0000-0000-0000-000000000001",),
    "clients check": ("--clients", "CATALOG"),
    "clients jwks": ("--key", "CATALOG", "--kid", "k"),
    "clients token": ("--key", "CATALOG", "--kid", "k", "--issuer", "x", "--url", NOWHERE),
    "db prune": ("--older-than", "30"),
    "db copy": ("--to", "sqlite:///NEW"),
    "completion": ("bash",),
}
"""What a command can't do without; words in capitals are files of `material`."""
AT_A_SERVER = ("--fhir-server", NOWHERE, "--patient", "p1", "--hook", "order-sign")
WITH: Mapping[str, Sequence[str]] = {
    "--kid": ("--client-key", "CATALOG", "--issuer", "x", "--service-url", NOWHERE),
    "--client-key": ("--issuer", "x", "--service-url", NOWHERE),
    "--token-file": AT_A_SERVER,
    "--token-env": AT_A_SERVER,
    "--smart-client": AT_A_SERVER,
    "--ca": AT_A_SERVER,
}
"""Other options that one needs to be looked at."""
NO_FILE = ("MISSING", "EMPTY", "BINARY")
NO_FOLDER = ("MISSING", "BINARY")
NO_TARGET = ("BELOW-A-FILE",)
NO_PATH = ("", "LOOP", "x" * 5000)
NO_NUMBER = ("", "-1", "nan", "1e400", "abc", "9" * 20)
NO_URL = ("", "nosuch", "http://[::1")
FOLDERS = {"site", "folder", "run_folder", "first", "second", "examples", "cases", "compare", "exports"}
TARGETS = {"out", "save", "html", "export"}
URLS = {"fhir_server", "service_url", "tx", "to"}
UNKNOWN = {
    "language",
    "wording",
    "of",
    "encoding",
    "text_column",
    "code_column",
    "system_column",
    "procedure",
    "id",
    "value_set",
    "profile",
}
"""Options that name something known: `nosuch` is refused."""
ANY_TEXT = {
    "token",
    "patient",
    "order",
    "user",
    "service",
    "issuer",
    "kid",
    "host",
    "system",
    "seed",
    "dask",
    "edition",
    "url",
}
"""Options that take any text, or what only a server knows; all the same none is empty."""
LATER = {
    *("screen run --out", "screen diff second", "screen worklist --procedure", "screen score --key"),
    *("terminology expand --site", "site init folder", "tables --export", "serve --site", "clients check --config"),
}
"""Looked at only after what these tests do not make: an export, a server, a free port. Paths must be paths even so."""
SAME_EVERYWHERE = {"--site", "--config"}
"""Read by one function: they are tried with everything in one command, with one value in the others."""


def leaves(of: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command with its parser."""
    below = next((a for a in of._actions if isinstance(a, argparse._SubParsersAction)), None)
    if below is None:
        yield " ".join(path), of
        return
    for name, one in below.choices.items():
        yield from leaves(one, (*path, name))


COMMANDS = dict(leaves(parser()))


@pytest.fixture
def material(tmp_path: Path) -> dict[str, str]:
    """Files that are not what is asked for, by the word that stands for them."""
    folder = tmp_path
    files = {"NOTHING": b"", "BINARY": bytes(range(256)), "CATALOG": b"order,name\n1,TIPS\n"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "EMPTY").mkdir()
    (folder / "LOOP").symlink_to(folder / "LOOP")
    names = [*files, "EMPTY", "LOOP", "MISSING", "NEW"]
    return {"REQUEST": "examples/bleeding-risk.json", "BELOW-A-FILE": str(folder / "NOTHING" / "x" / "y")} | {
        name: str(folder / name) for name in names
    }


def wrong_values(action: argparse.Action) -> Sequence[str]:
    """What this option can't be; fails for an option that is of no known sort."""
    if action.choices:
        return ("nosuch",)
    if action.type is Path:
        is_target, is_folder = action.dest in TARGETS, action.dest in FOLDERS
        return (*NO_PATH, *(NO_TARGET if is_target else NO_FOLDER if is_folder else NO_FILE))
    if action.type is not None or action.dest in ("port", "workers"):
        return NO_NUMBER
    if action.dest in URLS:
        return NO_URL
    if action.dest in ("old", "new", "token_env") or action.dest in UNKNOWN:
        return ("", "nosuch")
    assert action.dest in ANY_TEXT, f"{action.dest}: add it to one of the sorts above"
    return ("",)


def command_lines(command: str) -> Iterator[tuple[str, str, list[str]]]:
    """Option, wrong value, and the words of the command line."""
    usual = list(USUAL.get(command, ()))
    positionals = [a for a in COMMANDS[command]._actions if not a.option_strings]
    for action in COMMANDS[command]._actions:
        if action.nargs == 0 or isinstance(action, argparse._HelpAction):
            continue
        name = action.option_strings[0] if action.option_strings else action.dest
        values = wrong_values(action)
        if f"{command} {name}" in LATER:
            values = ("",) if action.type is not Path else NO_PATH
        elif name in SAME_EVERYWHERE and command != "tables":
            values = ("MISSING",)
        for value in values:
            words = list(usual)
            if not action.option_strings:
                words[positionals.index(action) : positionals.index(action) + 1] = [value]
            elif name in words:
                words[words.index(name) + 1] = value
            elif command in ("invoke", "summary") and (name == "--fhir-server" or WITH.get(name) is AT_A_SERVER):
                words = [*AT_A_SERVER, name, value]
                if name == "--fhir-server":
                    words = [name, value, *AT_A_SERVER[2:]]
            elif command == "doctor" and WITH.get(name) is AT_A_SERVER:
                words = ["--fhir-server", NOWHERE, name, value]
            else:
                words += [*(WITH.get(name, ()) if command == "invoke" else ()), name, value]
            yield name, value, [*command.split(), *words]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.slow
def test_what_cannot_be_right_is_refused_in_one_clear_line(
    command: str, run: Callable[..., Any], material: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It does not end with 0, and a line on standard error names the option or the value; nothing is raised."""
    monkeypatch.setenv("CDS_DATABASE_URL", f"sqlite:///{tmp_path}/records.db")
    Store(f"sqlite:///{tmp_path}/records.db").upgrade()
    faults = []
    for option, value, words in command_lines(command):
        meant = material.get(value, value)
        given = [material.get(word, word.replace("NEW", material["NEW"])) for word in words]
        ran = run(*given)
        said = ran.err if command != "validate" else ran.out + ran.err
        names_it = any(name and name in said for name in (f"argument {option}", f"{option} ", meant, "is empty; write"))
        if ran.code not in (1, 2) or not names_it:
            faults.append(f"{option} {value[:20]!r} -> {ran.code}: {ran.err[-250:]}")
    assert not faults, "\n".join(faults)
    assert not os.path.lexists("nosuch")
