"""What `cds-service check` does; its options are in `commands/check.py`."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from cds_service.cases import SHIPPED_CASES, Case, failures, read_cases
from cds_service.cli.options import local_now, settings_of
from cds_service.cli.table_diff import row_differences
from cds_service.cli.terminal import counted, print_err
from cds_service.errors import SetupError, TableError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge


def run(args: argparse.Namespace) -> int:
    """Check tables and cases; 1 with one line per problem (file, row, problem, remedy), else 0.

    Raises:
        SettingError: a setting can't be used.
        SetupError: `--cases` names no folder.
    """
    settings = settings_of(args)
    problems: list[str] = []
    own = _own_cases(settings.site, problems)
    try:
        knowledge = load_knowledge(settings.site)
        print(_summary(knowledge))
        if not problems:
            problems = _judge(args.cases or SHIPPED_CASES, own, settings.site, knowledge, local_now(settings))
    except TableError as error:
        problems += error.problems
    for problem in problems:
        print_err(problem)
    if problems:
        print_err(f"{len(problems)} to fix; how to write the files: docs/changing-the-tables.md")
    return 1 if problems else 0


def _judge(folder: Path, own: list[Case], site: Path | None, knowledge: Knowledge, now: datetime) -> list[str]:
    """What is wrong with the answers of tables that can be read; prints what a site changes."""
    problems = _judge_cases(folder, knowledge, now)
    if site is None:
        return problems
    shipped = load_knowledge()
    _show_changes(row_differences(shipped, knowledge), problems)
    _show_unread(knowledge, shipped)
    return [*_own_failures(own, knowledge, now), *_show_later(site, knowledge)]


def _show_unread(knowledge: Knowledge, shipped: Knowledge) -> None:
    """Print which local codes are mapped to codes that no row asks for: as good as `unmatched`, or a mistake."""
    own = sorted(set(knowledge.codes.mapped_in_vain()) - set(shipped.codes.mapped_in_vain()))
    if own:
        print("These local codes are mapped to codes that no row asks for, so nothing is found by them; confirm each:")
    for system, code, targets in own:
        print(f"  {system}|{code} → {targets}")


def _judge_cases(folder: Path, knowledge: Knowledge, now: datetime) -> list[str]:
    """The failures of the cases, one line each; prints how many pass, or that there are no cases.

    Raises:
        TableError: a case file has a mistake.
    """
    cases = read_cases(folder)
    if not cases and folder != SHIPPED_CASES and not folder.is_dir():
        raise SetupError(f"--cases {folder}: is no folder; name one of .toml files such as tests/cases")
    if not cases:
        print(f"{folder}: no clinical cases here; they come with a clone of the repository.")
        return []
    problems = [problem for case in cases for problem in failures(case, knowledge, now)]
    if not problems:
        print(f"{len(cases)} clinical cases hold.")
    return problems


def _own_cases(site: Path | None, problems: list[str]) -> list[Case]:
    """The site's own cases, read before anything is judged, so that a mistake in them is told at once."""
    try:
        return read_cases(site / "cases", named=f"{site / 'cases'}/") if site else []
    except TableError as error:
        problems += error.problems
        return []


def _own_failures(own: list[Case], knowledge: Knowledge, now: datetime) -> list[str]:
    """The failures of the site's own cases."""
    problems = [problem for case in own for problem in failures(case, knowledge, now)]
    if own and not problems:
        print(f"{counted(len(own), 'case of the site holds', 'cases of the site hold')}.")
    return problems


def _show_later(site: Path, knowledge: Knowledge) -> list[str]:
    """Print what changes on later days (`from`, `until`); the mistakes that the tables have then."""
    while (day := knowledge.next_day) is not None:
        try:
            then = load_knowledge(site, today=day)
        except TableError as error:
            return [f"from {day}: {problem}" for problem in error.problems]
        print(f"From {day} on:")
        for line in row_differences(knowledge, then):
            print(f"  {line}")
        knowledge = then
    return []


def _show_changes(rows: list[str], cases: list[str]) -> None:
    """Print what the site folder changes, which may be intended: rows, and results of shipped cases."""
    changed = counted(len(rows), "property", "properties") if rows else "no properties"
    print(f"The site folder changes {changed} of rows{':' if rows else '.'}")
    for line in rows:
        print(f"  {line}")
    if cases:
        print("It changes the result of these cases of the shipped tables; confirm each:")
    for said, places in _by_cause(cases).items():
        print(f"  {said}")
        for place in places:
            print(f"    {place}")


def _by_cause(failed: list[str]) -> dict[str, list[str]]:
    """What cases say otherwise -> the places of those cases, each once."""
    found: dict[str, list[str]] = {}
    for line in failed:
        place, _, said = line.partition('": ')
        found.setdefault(said, []).append(f'{place}"')
    return found


def _summary(knowledge: Knowledge) -> str:
    indications = sum(len(procedure.indications) for procedure in knowledge.procedures.values())
    criteria = sum(len(row.criteria) for row in knowledge.contraindications)
    return (
        f"Tables {knowledge.version}: {len(knowledge.procedures)} procedures with {indications} indications, "
        f"{len(knowledge.contraindications)} contraindications with {criteria} questions, "
        f"{len(knowledge.thresholds)} limits, {counted(len(knowledge.changes), 'change')} by the site."
    )
