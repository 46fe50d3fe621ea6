"""`cds-service check`: reads every table, sentence and value set, and a site's changes, and says what is wrong.

In a clone of the repository the clinical cases are judged as well. They describe the shipped tables: with a site
folder, a case that says otherwise is a change for a person to confirm.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

import cds_service
from cds_service.cli.cases import failures, read_cases
from cds_service.cli.options import add_config, add_site, local_now, settings_of
from cds_service.cli.terminal import complain
from cds_service.errors import TableError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge

CASES = Path(cds_service.__file__).parents[1] / "tests" / "cases"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("check", help="check every table, value set and case", description=__doc__)
    add_site(parser)
    parser.add_argument("--cases", type=Path, default=CASES, metavar="DIR", help="folder of clinical cases")
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
        complain(problem)
    if problems:
        complain(f"{len(problems)} to mend; how the files are written: docs/changing-the-tables.md")
    return 1 if problems else 0


def _judge_cases(folder: Path, knowledge: Knowledge, now: datetime) -> list[str]:
    """What the cases find, one line each; none where there are no cases, which is said.

    Raises:
        TableError: a case file is not written as it should be.
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
    """With a site folder, cases of the shipped tables may come out otherwise: that is what its changes are for."""
    print("No mistake in the site folder. With it these cases of the shipped tables come out otherwise; confirm each:")
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
