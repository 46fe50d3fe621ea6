"""The Python API: `validate(resource, profiles) -> list[Issue]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from cds_service.profiles.definitions import Definitions, load_definitions
from cds_service.profiles.issues import Issue, has_errors, sort_issues
from cds_service.profiles.json_reading import read_json
from cds_service.profiles.validation_run import Node, ValidationRun
from cds_service.profiles.walk import check_resource, conforms


def validate(resource: Any, profiles: Sequence[str] = (), definitions: Definitions | None = None) -> list[Issue]:
    """Every issue of one resource, the gravest first.

    Args:
        resource: plain JSON as Python objects; decimals best as `Decimal`, as `read_json` gives them.
        profiles: canonical URLs of profiles to hold against it, besides those that it claims in `meta.profile`.
        definitions: what is known; None for R4 and the product's own package.

    Returns:
        The issues; without an error or fatal one the resource is valid as far as could be checked.
    """
    run = ValidationRun(definitions or shipped_definitions(), conforms)
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    known = isinstance(name, str) and run.definitions.is_resource(name)
    node = Node(resource, "Resource", str(name) if known else "Resource")
    try:
        check_resource(run, node, profiles)
    except RecursionError:
        run.error(node, "json", "too-long", "is nested too deeply to be checked")
    return sort_issues(run.issues)


def validate_json(content: bytes, profiles: Sequence[str] = (), definitions: Definitions | None = None) -> list[Issue]:
    """Every issue of one resource as it was sent: its JSON is checked too.

    Args:
        content: the bytes of one resource, UTF-8.
        profiles: as for `validate`.
        definitions: as for `validate`.
    """
    resource, issues = read_json(content)
    if has_errors(issues) and resource is None:
        return sort_issues(issues)
    return sort_issues([*issues, *validate(resource, profiles, definitions)])


@cache
def shipped_definitions() -> Definitions:
    """R4 and the product's own package, loaded once in a process."""
    return load_definitions()
