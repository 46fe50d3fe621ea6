"""Several versions of one result in one answer: the current one counts, and where it can't be told nothing is sure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.reading import read

PLATELETS = {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}
OTHER = {"coding": [{"system": "http://loinc.org", "code": "6301-6"}]}


def version(status: str, value: float, meta: dict[str, str] | None = None, code: Any = PLATELETS) -> dict[str, Any]:
    """One version of a result."""
    body = {"id": "p", "status": status, "code": code, "effectiveDateTime": "2026-11-20"}
    return {**body, "valueQuantity": {"value": value, "unit": "10*9/L"}, **({"meta": meta} if meta else {})}


def seen(*versions: dict[str, Any]) -> list[tuple[float, str | None]]:
    """Value and problem of each result that is left."""
    facts = read(observations=list(versions)).observations
    return [(float(fact.value.read().interval.low), fact.problem) for fact in facts]  # type: ignore[union-attr, arg-type]  # numbers only


OLD, NEW = {"versionId": "9"}, {"versionId": "10"}
BEFORE, AFTER = {"lastUpdated": "2026-11-20T08:00:00Z"}, {"lastUpdated": "2026-11-21T08:00:00Z"}


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (BEFORE, AFTER), (BEFORE | NEW, AFTER | OLD)])
def test_the_current_version_counts(old: dict[str, str], new: dict[str, str]) -> None:
    """A result entered in error is gone together with its earlier version, and a corrected one replaces it."""
    assert seen(version("final", 12, old), version("entered-in-error", 12, new)) == []
    assert seen(version("entered-in-error", 12, old), version("final", 12, new)) == [(12, None)]
    assert seen(version("corrected", 40, new), version("final", 12, old)) == [(40, None)]


@pytest.mark.parametrize("metas", [(None, None), (OLD, None), (OLD, OLD), (BEFORE, BEFORE)])
def test_versions_that_can_not_be_told_apart(metas: tuple[dict[str, str] | None, dict[str, str] | None]) -> None:
    """Where it can't be told whether the error is the current version, the status of the other is unclear."""
    assert seen(version("final", 12, metas[0]), version("entered-in-error", 12, metas[1])) == [(12, "status-unclear")]
    assert seen(version("final", 12, metas[0]), version("final", 40, metas[1])) == [(12, None), (40, None)]


def test_results_that_share_an_id_are_no_versions() -> None:
    """Results with different codes under one id are different results: none replaces the other."""
    found = seen(version("final", 12, OLD), version("final", 40, NEW, OTHER))
    assert found == [(12, None), (40, None)]
