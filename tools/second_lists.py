"""Writes again the lists that stand beside the tables: codes, questions, agents, hold times, sentences, headlines.

They are there so that a code or a class that gets lost is noticed. So look at each line of the difference before you
commit it: a line that you did not mean to change is the mistake that they are for.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import simple_icd_10_cm as icd  # noqa: E402 - a release of ICD-10-CM, of the test dependencies

from cds_service.case_checks import SYSTEMS  # noqa: E402 - of this clone
from cds_service.knowledge.load import load_shipped  # noqa: E402
from cds_service.knowledge.tables import Knowledge  # noqa: E402
from cds_service.knowledge.value_sets import CodeRule, rules_of  # noqa: E402
from tests.cards.test_advice_list import COLUMNS as ADVICE_COLUMNS  # noqa: E402
from tests.cards.test_advice_list import advice_lines  # noqa: E402
from tests.cards.test_scenarios import COLUMNS as HEADLINE_COLUMNS  # noqa: E402
from tests.cards.test_scenarios import headline_lines  # noqa: E402
from tests.findings.test_agent_list import COLUMNS as AGENT_COLUMNS  # noqa: E402
from tests.findings.test_agent_list import agent_lines  # noqa: E402
from tests.findings.test_gate_list import COLUMNS as GATE_COLUMNS  # noqa: E402
from tests.findings.test_gate_list import gate_lines  # noqa: E402
from tests.findings.test_hold_list import COLUMNS as HOLD_COLUMNS  # noqa: E402
from tests.findings.test_hold_list import holds_of  # noqa: E402
from tests.findings.test_procedure_questions import COLUMNS, line_of  # noqa: E402

_ICD_10_CM = SYSTEMS["icd-10-cm"]
_NAMES = {url: name for name, url in SYSTEMS.items()}


def main() -> None:
    """Write the lists."""
    files, knowledge = load_shipped()
    rules = [rule for value_set in files.value_sets.values() for rule in rules_of(value_set)[0]]
    lines = {_meaning(rule, knowledge) for rule in rules}
    _write("tests/terminology/meanings.csv", ("value_set", "system", "code", "relation"), sorted(lines))
    holds = [holds_of(agent, knowledge) for agent in sorted(knowledge.medications.holds)]
    _write("tests/findings/hold_list.csv", HOLD_COLUMNS, [[line[name] for name in HOLD_COLUMNS] for line in holds])
    advice = [[line[name] for name in ADVICE_COLUMNS] for line in advice_lines(knowledge)]
    _write("tests/cards/advice_list.csv", ADVICE_COLUMNS, advice)
    gates = [[line[name] for name in GATE_COLUMNS] for line in gate_lines(knowledge)]
    _write("tests/findings/gate_list.csv", GATE_COLUMNS, gates)
    agents = agent_lines(knowledge)
    _write("tests/findings/agent_list.csv", AGENT_COLUMNS, [[line[name] for name in AGENT_COLUMNS] for line in agents])
    _write("tests/cards/sentences.csv", ("key", "sentence"), sorted(knowledge.wording.items()))
    headlines = [[line[name] for name in HEADLINE_COLUMNS] for line in headline_lines(knowledge)]
    _write("tests/cards/headlines.csv", HEADLINE_COLUMNS, headlines)
    now = datetime(2026, 11, 24, 3, tzinfo=UTC)
    questions = [line_of(key, knowledge, now) for key in sorted(knowledge.procedures)]
    _write("tests/findings/procedure_questions.csv", COLUMNS, [[line[name] for name in COLUMNS] for line in questions])


def _meaning(rule: CodeRule, knowledge: Knowledge) -> tuple[str, str, str, str]:
    code = _member(rule, knowledge) if rule.prefix and rule.system == _ICD_10_CM else rule.code
    relation = _relation(rule, code, knowledge) or rule.relation
    return rule.value_set, _NAMES.get(rule.system, rule.system), code, relation


def _member(family: CodeRule, knowledge: Knowledge) -> str:
    """A code of the family that is in the release; the family itself where there is none."""
    head = family.code if "." in family.code or len(family.code) <= 3 else f"{family.code[:3]}.{family.code[3:]}"
    members = icd.get_descendants(head) if icd.is_valid_item(head) else []
    leaves = [code for code in (*reversed(members), head) if not icd.is_valid_item(code) or icd.is_leaf(code)]
    fitting = [code for code in leaves if _relation(family, code, knowledge) == family.relation]
    return fitting[0] if fitting else family.code


def _relation(rule: CodeRule, code: str, knowledge: Knowledge) -> str | None:
    hits = {hit.value_set: hit.relation for hit in knowledge.codes.lookup(rule.system, code)}
    return hits.get(rule.value_set)


def _write(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with (ROOT / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    print(f"written: {name}")


if __name__ == "__main__":
    main()
