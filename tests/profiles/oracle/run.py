"""`python -m tests.profiles.oracle.run`: do we and HL7's validator reject the same resources?

Asked about every resource of the tests' tables, the examples of the product's package, and a sample of the mutants.
HL7's validator is a Java program from Maven Central, run without a network. A difference must be explained in
`differences.py`. Exit 1 if one is not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.profiles.definitions import own_resources
from cds_service.profiles.issues import Issue
from cds_service.profiles.validate import validate
from tests.profiles.oracle.cases import Case, cases
from tests.profiles.oracle.differences import KNOWN
from tests.profiles.resources import with_core

HERE = Path(__file__).parent
CLASSPATH = Path("build/oracle/classpath")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both say about one case."""

    case: Case
    ours: list[Issue]
    theirs: list[dict[str, str]]

    @property
    def our_rules(self) -> set[str]:
        """The rules that we say are broken."""
        return {issue.rule for issue in self.ours if issue.is_error}

    @property
    def their_ids(self) -> set[str]:
        """The messages of HL7's validator that are errors."""
        return {str(one.get("id")) for one in self.theirs if one["severity"] in ("error", "fatal")}

    @property
    def is_judged(self) -> bool:
        """Whether HL7's validator has a verdict: it has none where it fails to read the case's profiles."""
        return not any(one["severity"] == "crash" for one in self.theirs)

    @property
    def differs(self) -> bool:
        """Whether one rejects what the other does not."""
        return self.is_judged and bool(self.our_rules) != bool(self.their_ids)

    @property
    def is_explained(self) -> bool:
        """Whether the difference is a known one."""
        return self.case.name in KNOWN


def main() -> int:
    """Ask both about every case and print the differences."""
    if missing := [name for name in ("java", "mvn") if not shutil.which(name)]:
        print(f"oracle skipped: {' and '.join(missing)} not on this machine")
        return 0
    asked = list(cases())
    verdicts = list(_verdicts(asked, _ask(asked)))
    for verdict in verdicts:
        if verdict.differs and not verdict.is_explained:
            print(_described(verdict))
    count = Counter(_kind(verdict) for verdict in verdicts)
    print(f"{len(verdicts)} cases: {', '.join(f'{number} {kind}' for kind, number in sorted(count.items()))}")
    return 1 if count["unexplained"] else 0


def _verdicts(asked: Sequence[Case], answers: Sequence[list[dict[str, str]]]) -> Iterator[Verdict]:
    for case, theirs in zip(asked, answers, strict=True):
        definitions = with_core(*case.definitions, *own_resources()) if case.definitions else None
        yield Verdict(case, validate(case.resource, case.profiles, definitions), theirs)


def _kind(verdict: Verdict) -> str:
    if not verdict.is_judged:
        return "without a verdict of HL7's validator"
    if verdict.differs:
        return "explained" if verdict.is_explained else "unexplained"
    return "rejected by both" if verdict.our_rules else "accepted by both"


def _described(verdict: Verdict) -> str:
    errors = [f"{one['id']}: {one['message']}" for one in verdict.theirs if one["severity"] in ("error", "fatal")]
    ours = [f"{issue.rule} at {issue.expression}" for issue in verdict.ours if issue.is_error]
    return f"{verdict.case.name}\n  ours: {ours}\n  HL7:  {errors}"


def _ask(asked: Sequence[Case]) -> list[list[dict[str, str]]]:
    """The answers of HL7's validator, one per case."""
    if not CLASSPATH.exists():
        CLASSPATH.parent.mkdir(parents=True, exist_ok=True)
        target = f"-Dmdep.outputFile={CLASSPATH.absolute()}"
        subprocess.run(["mvn", "-q", "-B", "-f", HERE, "dependency:build-classpath", target], check=True)
    lines = [_question({}, (), own_resources())]
    lines += [_question(case.resource, case.profiles, case.definitions) for case in asked]
    command = ["java", "-Xmx2g", "-XX:+UseSerialGC", "-cp", CLASSPATH.read_text(), str(HERE / "Oracle.java")]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(asked):
        sys.exit(f"oracle: {len(answers)} answers to {len(asked)} questions\n{done.stderr[-2000:]}")
    return answers


def _question(resource: Any, profiles: Sequence[str], definitions: Sequence[Any]) -> str:
    named = [{"name": "Made", "status": "active", **one} for one in definitions]
    content = json.dumps(resource, default=float)
    return json.dumps({"content": content, "profiles": list(profiles), "definitions": named}, default=float)


if __name__ == "__main__":
    sys.exit(main())
