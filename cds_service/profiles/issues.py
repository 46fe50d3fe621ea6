"""Validation issues, and their form as a FHIR OperationOutcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["fatal", "error", "warning", "information"]

# The extensions in which HL7's validator gives line and column.
_PLACE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-"
SEVERITIES: tuple[Severity, ...] = ("fatal", "error", "warning", "information")


@dataclass(frozen=True, slots=True)
class Issue:
    """One error or warning, or something that could not be checked.

    `rule` is the key of a constraint (`obs-6`) or one of the validator's own rules (`cardinality`, `binding`,
    `unknown-element` ...; listed in docs/validation.md). `expression` is FHIRPath from the validated root. `code` is a
    code of FHIR issue-type. `profile` is the URL of the StructureDefinition with the rule, None for JSON errors. `line`
    and `column` count from 1 in the validated text; None if the resource was not validated as text.
    """

    severity: Severity
    code: str
    rule: str
    expression: str
    message: str
    profile: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def is_error(self) -> bool:
        """True for `error` and `fatal`."""
        return self.severity in ("error", "fatal")


def has_errors(issues: Iterable[Issue]) -> bool:
    """Whether any issue makes the resource invalid."""
    return any(issue.is_error for issue in issues)


def sort_issues(issues: Iterable[Issue]) -> list[Issue]:
    """The issues without duplicates, the most severe first, else in the order they were found.

    The same issue found by the base definition and by a profile counts once.
    """
    seen: dict[tuple[str, str, str, str], Issue] = {}
    for issue in issues:
        seen.setdefault((issue.severity, issue.rule, issue.expression, issue.message), issue)
    return sorted(seen.values(), key=lambda issue: SEVERITIES.index(issue.severity))


def operation_outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """A FHIR OperationOutcome; without issues it has one entry that says so, because R4 requires one."""
    listed = [_as_json(issue) for issue in issues]
    no_issues = {"severity": "information", "code": "informational", "details": {"text": "No issues found."}}
    return {"resourceType": "OperationOutcome", "issue": listed or [no_issues]}


def _as_json(issue: Issue) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"coding": [{"code": issue.rule}], "text": issue.message},
    }
    if issue.profile:
        shown["diagnostics"] = f"required by {issue.profile}"
    if issue.expression:
        shown["expression"] = [issue.expression]
    if issue.line is not None:
        places = {"line": issue.line, "col": issue.column}
        shown["extension"] = [{"url": f"{_PLACE}{name}", "valueInteger": value} for name, value in places.items()]
    return shown
