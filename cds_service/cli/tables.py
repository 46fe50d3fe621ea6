"""What `cds-service tables` does; its options are in `commands/tables.py`."""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby

from cds_service.cli.kept_tables import kept_knowledge, kept_snapshot
from cds_service.cli.options import local_now, open_store, settings_of
from cds_service.errors import SetupError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.review import (
    ORIGINS,
    ReviewLine,
    change_lines,
    contraindication_lines,
    procedure_lines,
    silent_lines,
)
from cds_service.knowledge.snapshot import write_snapshot
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.snapshots import versions

# Grouping column of each table -> the columns shown in the heading of a group.
_GROUPS = {
    "procedure": (
        *("procedure", "name", "name on a card", "origin", "region", "uses", "bleeding risk", "access", "urgency"),
        *("frequency, 1 to 4", "emergency", "information at most", "procedure source"),
    ),
    "row": ("row",),
}


def run(args: argparse.Namespace) -> int:
    """Print both tables; always 0.

    Raises:
        TableError: a table is wrong; `cds-service check` says the same.
        SetupError: there is no wording in that language, or the database does not keep the version.
    """
    settings = settings_of(args)
    if args.versions:
        return _print_versions(settings)
    if args.export:
        return _export(args, settings)
    knowledge = kept_knowledge(args.of, settings) if args.of else load_knowledge(settings.site)
    if args.wording:
        return _print_wording(knowledge, args.wording)
    render = {"text": text, "csv": comma_separated, "markdown": markdown}[args.format]
    sys.stdout.write(render(knowledge))
    return 0


def _print_versions(settings: Settings) -> int:
    with closing(open_store(settings)) as store:
        for version, first_at in versions(store):
            print(f"{version}  first answered {first_at.astimezone(local_now(settings).tzinfo):%Y-%m-%d %H:%M %Z}")
    return 0


def _export(args: argparse.Namespace, settings: Settings) -> int:
    if not args.of:
        raise SetupError("--export goes with --of VERSION")
    try:
        write_snapshot(kept_snapshot(args.of, settings), args.export)
    except (OSError, tarfile.TarError) as error:
        raise SetupError(f"{args.export}: can't be written ({error}); name another folder") from None
    print(args.export)
    return 0


def _print_wording(knowledge: Knowledge, language: str) -> int:
    if language not in knowledge.wordings:
        raise SetupError(f"--wording {language}: the languages are {', '.join(sorted(knowledge.wordings))}")
    for key, sentence in knowledge.wordings[language].items():
        print(f"{key}: {sentence}")
    return 0


def comma_separated(knowledge: Knowledge) -> str:
    """One CSV with all tables: the column `table` names the table of a line; columns of other tables are empty."""
    tables = {
        "procedures": procedure_lines(knowledge),
        "contraindications": contraindication_lines(knowledge),
        "silent limits": silent_lines(knowledge),
        "site changes": change_lines(knowledge),
    }
    columns = dict.fromkeys(column for lines in tables.values() for line in lines for column in line)
    out = io.StringIO()
    writer = csv.DictWriter(out, ["table", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    for table, lines in tables.items():
        writer.writerows({**line, "table": table} for line in lines)
    return out.getvalue()


def text(knowledge: Knowledge) -> str:
    """An outline for a terminal: one heading per procedure or row, one block per question."""
    return "\n".join(_text(knowledge)) + "\n"


def _text(knowledge: Knowledge) -> Iterator[str]:
    yield f"Tables, version {knowledge.version}"
    for title, lines in _by_origin(knowledge):
        yield from _outline(title.upper(), "procedure", lines)
    yield from _outline("WHAT SPEAKS AGAINST A PROCEDURE", "row", contraindication_lines(knowledge))
    yield from _outline("LIMITS THAT DO NOT SPEAK", "limit", silent_lines(knowledge))
    yield from _outline("CHANGED BY THE SITE", "id", change_lines(knowledge))


def _outline(title: str, key: str, lines: Sequence[ReviewLine]) -> Iterator[str]:
    in_heading = _GROUPS.get(key, (key,))
    if lines:
        yield f"\n{title}"
    for name, group in groupby(lines, key=lambda line: line[key]):
        block = list(group)
        yield f"\n{name}"
        yield from (f"  {column}: {block[0][column]}" for column in in_heading[1:] if block[0][column])
        for line in block:
            rest = [(column, value) for column, value in line.items() if column not in in_heading and value]
            yield from (f"  {'- ' if place == 0 else '  '}{c}: {v}" for place, (c, v) in enumerate(rest))


def markdown(knowledge: Knowledge) -> str:
    """The page that `make docs` writes as docs/tables.md."""
    return "\n".join(_markdown(knowledge)) + "\n"


def _markdown(knowledge: Knowledge) -> Iterator[str]:
    yield "# The two tables"
    yield ""
    yield "Made by `make docs` from the tables. How to change them: [changing-the-tables.md](changing-the-tables.md)."
    yield f"Version {knowledge.version}. Every limit is for the hospital's own radiologists to review before use."
    for title, lines in _by_origin(knowledge):
        yield from _section(title, lines, by="region")
    yield from _section("What speaks against a procedure", contraindication_lines(knowledge), by="row")
    yield from _section("Limits that do not speak", silent_lines(knowledge))
    yield from _section("Changed by the site", change_lines(knowledge))


def _by_origin(knowledge: Knowledge) -> Iterator[tuple[str, list[ReviewLine]]]:
    """The procedures under a heading for each origin, the source's table first."""
    for origin, group in groupby(procedure_lines(knowledge), key=lambda line: line["origin"]):
        yield ORIGINS[origin], list(group)


def _section(title: str, lines: Sequence[ReviewLine], by: str | None = None) -> Iterator[str]:
    if lines:
        yield from ("", f"## {title}")
    for name, group in groupby(lines, key=lambda line: line[by] if by else ""):
        if by:
            yield from ("", f"### {name}")
        yield from ("", *_grid([{c: v for c, v in line.items() if c != by} for line in group]))


def _grid(lines: Sequence[ReviewLine]) -> Iterator[str]:
    """A Markdown table without empty columns."""
    columns = [column for column in lines[0] if any(line[column] for line in lines)]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    yield from (f"| {' | '.join(_cell(line[column]) for column in columns)} |" for line in lines)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
