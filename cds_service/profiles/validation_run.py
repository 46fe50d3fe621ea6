"""The state of one validation: where the walk stands, what it has found, which resources can be reached from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.issues import Issue, Severity


@dataclass(slots=True)
class Node:
    """One value and where it stands; `type` is its FHIR type, `sibling` the `_` part of a primitive, `chosen` true for
    one type of a choice, `alias` the path that a contentReference gives it (PlanDefinition.action for an inner action).

    The path is kept as links and written out only when an issue needs it: most values have none.
    """

    value: Any
    type: str
    step: str
    parent: Node | None = None
    index: int | None = None
    sibling: Any = None
    chosen: bool = False
    alias: str = ""

    def path(self) -> str:
        """FHIRPath from the root of what is validated, such as `Patient.name[0].family`."""
        step = f"{self.step}.ofType({self.type})" if self.chosen else self.step
        if self.index is not None:
            step = f"{step}[{self.index}]"
        return f"{self.parent.path()}.{step}" if self.parent else step


@dataclass(slots=True)
class Scope:
    """The resource that the walk is in: `%resource`, its container `%rootResource`, and the Bundle around it."""

    resource: dict[str, Any]
    container: dict[str, Any]
    bundle: Scope | None = None
    full_url: str | None = None
    type: str = ""
    by_url: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class ValidationRun:
    """One run over one resource. `asked` is the URL of the StructureDefinition that is being held against it.

    `conforms` says whether a value meets a profile, None where the profile is not at hand. It is the walk's, and given
    here because slices, references and constraints ask it while the walk asks them.
    """

    definitions: Definitions
    conforms: Callable[[ValidationRun, Node, str], bool | None]
    issues: list[Issue] = field(default_factory=list)
    scope: Scope | None = None
    profile_url: str = ""
    cache: dict[Any, Any] = field(default_factory=dict)
    active_profiles: set[tuple[int, str]] = field(default_factory=set)

    def error(self, node: Node, rule: str, code: str, message: str) -> None:
        """Adds an error at a node; `code` is a FHIR issue-type."""
        self.add("error", node, rule, code, message)

    def add(self, severity: Severity, node: Node, rule: str, code: str, message: str) -> None:
        """Adds an issue at a node."""
        self.issues.append(Issue(severity, code, rule, node.path(), message, self.profile_url or None))

    def trial(self, check: Callable[[], None]) -> list[Issue]:
        """What a check finds, without keeping it."""
        before = self.issues
        self.issues = []
        try:
            check()
            return self.issues
        finally:
            self.issues = before

    @contextmanager
    def enter(self, scope: Scope | None, profile_url: str) -> Iterator[None]:
        """Steps into a resource for as long as the block lasts."""
        before = self.scope, self.profile_url
        self.scope, self.profile_url = scope, profile_url
        try:
            yield
        finally:
            self.scope, self.profile_url = before

    def scope_of(self, value: Any) -> Scope | None:
        """The scope of a resource that the walk has been in; for any other value the one it is in now."""
        scope: Scope | None = self.cache.get(("scope", id(value)), self.scope)
        return scope
