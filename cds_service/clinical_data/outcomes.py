"""OperationOutcomes among the entries of an answer: what is missing, or only that nothing was found.

The codes that say the latter are in `searches.toml`.
"""

from __future__ import annotations

import msgspec

from cds_service.clinical_data.searches import NO_MATCH

_FAILURES = ("error", "fatal")


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Details(msgspec.Struct):
    coding: list[_Coding] = []


class _Issue(msgspec.Struct):
    severity: str
    details: _Details | None = None


class _Outcome(msgspec.Struct, rename="camel"):
    resource_type: str
    issue: list[_Issue] = []


def says_nothing_found(body: bytes) -> bool:
    """Whether a resource is an OperationOutcome that says no more than that nothing was found."""
    try:
        outcome = msgspec.json.decode(body, type=_Outcome)
    except (msgspec.DecodeError, RecursionError):
        return False
    if outcome.resource_type != "OperationOutcome" or not outcome.issue:
        return False
    return all(issue.severity not in _FAILURES and _is_no_match(issue) for issue in outcome.issue)


def _is_no_match(issue: _Issue) -> bool:
    codings = issue.details.coding if issue.details else []
    return any(
        system.fullmatch(coding.system) and coding.code == code for coding in codings for system, code in NO_MATCH
    )
