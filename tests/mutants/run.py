"""`python -m tests.mutants.run`: every change of the tables, and whether a case notices it. Exit 1 below the target."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from zoneinfo import ZoneInfo

from cds_service.knowledge.load import load_shipped
from cds_service.knowledge.tables import Knowledge
from tests.mutants.changes import Mutant, mutants
from tests.mutants.knowledge import Workshop
from tests.mutants.panel import Panel

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
SAME = "same"
"""Result of a change that changes nothing, such as a code that a family of the same ValueSet holds as well."""


class Trial:
    """The tables, their changes, and the cases."""

    def __init__(self) -> None:
        """Load the tables."""
        files, knowledge = load_shipped()
        self.workshop = Workshop(files, knowledge)
        self.panel = Panel(knowledge, NOW)
        self.mutants = mutants(files)

    def made(self, mutant: Mutant) -> Knowledge | None:
        """The tables with a change; None where it changes nothing, or leaves no table that could be loaded."""
        try:
            changed = self.workshop.make(mutant)
        except (LookupError, TypeError, ValueError):
            return None
        return None if self._is_same(mutant, changed) else changed

    def outcome(self, mutant: Mutant) -> str | None:
        """The case that notices the change, SAME, or None for a survivor."""
        changed = self.made(mutant)
        return SAME if changed is None else self.panel.noticed_by(mutant, changed)

    def _is_same(self, mutant: Mutant, changed: object) -> bool:
        before, rule = self.workshop.knowledge, mutant.rule
        if rule is None:
            return changed == before
        codes, old = changed.codes, before.codes  # type: ignore[attr-defined]
        longer = [f"{rule.code}{end}" for end in ("", "0", "99", "A")] if rule.prefix else [rule.code]
        by_code = all(codes.lookup(rule.system, code) == old.lookup(rule.system, code) for code in longer)
        return by_code and codes.named(rule.display or "") == old.named(rule.display or "")


_trial: Trial | None = None


def _outcomes(numbers: Iterable[int]) -> list[tuple[int, str | None]]:
    assert _trial is not None
    return [(number, _trial.outcome(_trial.mutants[number])) for number in numbers]


def run_all(trial: Trial, numbers: list[int], processes: int) -> dict[int, str | None]:
    """Outcome of each change, by its number."""
    global _trial
    _trial = trial
    shares = [numbers[start : start + 20] for start in range(0, len(numbers), 20)]
    found: dict[int, str | None] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        for outcomes in pool.map(_outcomes, shares):
            found.update(outcomes)
            print(f"\r{len(found)} of {len(numbers)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def report(trial: Trial, outcomes: dict[int, str | None], *, survivors: bool = True) -> Iterator[str]:
    """Share caught by kind of change, then each survivor by its place in the tables."""
    changed = {n: o for n, o in outcomes.items() if o != SAME}
    total, caught = Counter(), Counter()  # type: ignore[var-annotated]
    for number, outcome in changed.items():
        total[trial.mutants[number].kind] += 1
        caught[trial.mutants[number].kind] += outcome is not None
    for kind in total:
        yield f"  {kind:11}{caught[kind]:5} of {total[kind]:5}  {caught[kind] / total[kind]:6.1%}"
    same = len(outcomes) - len(changed)
    yield f"  {'all':11}{caught.total():5} of {total.total():5}  {share(outcomes):6.1%}; {same} more change nothing"
    lists = {check.name for check in trial.panel.checks if not check.row}
    by_list = Counter(trial.mutants[n].kind for n, outcome in changed.items() if outcome in lists)
    yield f"  noticed by a list first: {', '.join(f'{kind} {by_list[kind]}' for kind in by_list) or 'none'}"
    if survivors:
        lost = [trial.mutants[number] for number, outcome in sorted(changed.items()) if outcome is None]
        yield from (f"{mutant.kind}: {mutant.place}: {mutant.what}: no case notices it" for mutant in lost)


def share(outcomes: dict[int, str | None]) -> float:
    """Share caught of the changes that change something, 0 to 1."""
    changed = [outcome for outcome in outcomes.values() if outcome != SAME]
    return sum(outcome is not None for outcome in changed) / max(len(changed), 1)


def main() -> int:
    """Run all changes, or those of a kind."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--kind", action="append", help="only this kind of change")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth change")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--at-least", type=float, default=0.0, help="exit with 1 where less is caught, 0 to 1")
    args = parser.parse_args()
    trial = Trial()
    trial.panel.run_all()  # before the processes part
    numbers = [n for n, mutant in enumerate(trial.mutants) if not args.kind or mutant.kind in args.kind]
    numbers = numbers[:: args.every]
    outcomes = run_all(trial, numbers, args.processes)
    for line in report(trial, outcomes):
        print(line, flush=True)
    return 0 if share(outcomes) >= args.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
