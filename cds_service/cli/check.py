"""`cds-service check`: reads every table and value set, and a site's changes, and reports what is wrong with them.

In a clone of the repository the clinical cases are judged as well. They describe the shipped tables: with a site
folder, a case with another result is a change for a person to confirm.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from cds_service.cases import SHIPPED_CASES, failures, read_cases
from cds_service.cli.options import add_config, add_site, local_now, settings_of
from cds_service.cli.terminal import print_err
from cds_service.errors import TableError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("check", help="check every table, value set and case", description=__doc__)
    add_site(parser)
    parser.add_argument("--cases", type=Path, default=SHIPPED_CASES, metavar="DIR", help="folder of clinical cases")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check tables and cases; 1 with one line per problem (file, row, problem, remedy), else 0.

    Raises:
        SettingError: a setting can't be used.
    """
    settings = settings_of(args)
    try:
        knowledge = load_knowledge(settings.site)
        print(_summary(knowledge))
        problems = _judge_cases(args.cases, knowledge, local_now(settings))
        if settings.site and problems:
            _show_changed_cases(problems)
            problems = []
    except TableError as error:
        problems = error.problems
    for problem in problems:
        print_err(problem)
    if problems:
        print_err(f"{len(problems)} to fix; how to write the files: docs/changing-the-tables.md")
    return 1 if problems else 0


def _judge_cases(folder: Path, knowledge: Knowledge, now: datetime) -> list[str]:
    """The failures of the cases, one line each; prints how many pass, or that there are no cases.

    Raises:
        TableError: a case file has a mistake.
    """
    cases = read_cases(folder)
    if not cases:
        print(f"{folder}: no clinical cases here; they come with a clone of the repository.")
        return []
    problems = [problem for case in cases for problem in failures(case, knowledge, now)]
    if not problems:
        print(f"{len(cases)} clinical cases hold.")
    return problems


def _show_changed_cases(differences: list[str]) -> None:
    """Print the cases of the shipped tables whose results the site folder changes, which may be intended."""
    print("No mistake in the site folder. It changes the result of these cases of the shipped tables; confirm each:")
    for difference in differences:
        print(f"  {difference}")


def _summary(knowledge: Knowledge) -> str:
    indications = sum(len(procedure.indications) for procedure in knowledge.procedures.values())
    criteria = sum(len(row.criteria) for row in knowledge.contraindications)
    return (
        f"Tables {knowledge.version}: {len(knowledge.procedures)} procedures with {indications} indications, "
        f"{len(knowledge.contraindications)} contraindications with {criteria} questions, "
        f"{len(knowledge.thresholds)} limits, {len(knowledge.changes)} changes by the site."
    )
