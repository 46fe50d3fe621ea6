"""What validation finds: issues, and their form as a FHIR OperationOutcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["fatal", "error", "warning", "information"]

SEVERITIES: tuple[Severity, ...] = ("fatal", "error", "warning", "information")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong, doubtful, or could not be checked.

    `rule` names what was broken: the key of a constraint (`obs-6`) or one of the validator's own rules
    (`cardinality`, `binding`, `unknown-element` ...; listed in docs/validation.md). `expression` is FHIRPath from the
    root of what was validated. `code` is a code of FHIR issue-type. `profile` is the URL of the StructureDefinition
    that asked, None where JSON itself is broken.
    """

    severity: Severity
    code: str
    rule: str
    expression: str
    message: str
    profile: str | None = None

    @property
    def is_error(self) -> bool:
        """True for `error` and `fatal`."""
        return self.severity in ("error", "fatal")

    @property
    def constraint(self) -> str | None:
        """The key of the broken constraint; None for a rule of the validator itself."""
        return self.rule if self.code == "invariant" else None


def has_errors(issues: Iterable[Issue]) -> bool:
    """Whether any issue makes the resource invalid."""
    return any(issue.is_error for issue in issues)


def sort_issues(issues: Iterable[Issue]) -> list[Issue]:
    """The issues without repetition, the gravest first, else in the order they were found.

    The same fault seen by the base resource and by a profile counts once.
    """
    seen: dict[tuple[str, str, str, str], Issue] = {}
    for issue in issues:
        seen.setdefault((issue.severity, issue.rule, issue.expression, issue.message), issue)
    return sorted(seen.values(), key=lambda issue: SEVERITIES.index(issue.severity))


def operation_outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """A FHIR OperationOutcome; one that says so where there are no issues (R4 asks for at least one entry)."""
    listed = [_as_json(issue) for issue in issues]
    all_well = {"severity": "information", "code": "informational", "details": {"text": "No issues found."}}
    return {"resourceType": "OperationOutcome", "issue": listed or [all_well]}


def _as_json(issue: Issue) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"coding": [{"code": issue.rule}], "text": issue.message},
    }
    if issue.profile:
        shown["diagnostics"] = f"asked by {issue.profile}"
    if issue.expression:
        shown["expression"] = [issue.expression]
    return shown
