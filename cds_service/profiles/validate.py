"""The Python API of validation: `validate(resource, profiles) -> list[Issue]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from cds_service.profiles.definitions import Definitions, load_definitions
from cds_service.profiles.issues import Issue, Severity, has_errors, sort_issues
from cds_service.profiles.json_reading import read_json
from cds_service.profiles.positions import with_positions
from cds_service.profiles.validation_run import Node, ValidationRun
from cds_service.profiles.walk import check_resource, conforms


def validate(
    resource: Any,
    profiles: Sequence[str] = (),
    definitions: Definitions | None = None,
    *,
    unknown_extensions: Severity = "information",
) -> list[Issue]:
    """Every issue of one resource, the most severe first.

    Args:
        resource: plain JSON as Python objects; decimals preferably as `Decimal`, as returned by `read_json`.
        profiles: canonical URLs of profiles to check, in addition to those in `meta.profile`.
        definitions: the definitions to use; None for R4 and the product's own package.
        unknown_extensions: the severity of an extension without a definition; a modifier is at least a warning.

    Returns:
        The issues; if none is an error or fatal, the resource is valid as far as it could be checked.
    """
    run = ValidationRun(definitions or shipped_definitions(), conforms, unknown_extensions)
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    known = isinstance(name, str) and run.definitions.is_resource(name)
    node = Node(resource, "Resource", str(name) if known else "Resource")
    try:
        check_resource(run, node, profiles)
    except RecursionError:
        run.error(node, "json", "too-long", "is nested too deeply to be checked")
    return sort_issues(run.issues)


def validate_json(
    content: bytes,
    profiles: Sequence[str] = (),
    definitions: Definitions | None = None,
    *,
    unknown_extensions: Severity = "information",
) -> list[Issue]:
    """Every issue of one resource as received, including its JSON, with line and column.

    Args:
        content: the bytes of one resource, UTF-8.
        profiles: as for `validate`.
        definitions: as for `validate`.
        unknown_extensions: as for `validate`.
    """
    resource, issues = read_json(content)
    if has_errors(issues) and resource is None:
        return sort_issues(issues)
    found = sort_issues([*issues, *validate(resource, profiles, definitions, unknown_extensions=unknown_extensions)])
    return with_positions(found, content.decode("utf-8-sig")) if found else found


@cache
def shipped_definitions() -> Definitions:
    """R4 and the product's own package, loaded once per process."""
    return load_definitions()
