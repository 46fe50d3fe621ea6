"""The state of one validation: the current node and scope, and the issues found so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.issues import Issue, Severity


class NotEvaluable(Exception):
    """An expression can't be evaluated; the message says why."""


@dataclass(slots=True)
class Node:
    """One value with its location. `type` is its FHIR type, `sibling` the `_` part of a primitive, `chosen` is true for
    one type of a choice, `alias` is the path from a contentReference (PlanDefinition.action for a nested action).

    The path is built from the parents only when an issue needs it.
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
        """FHIRPath from the validated root, such as `Patient.name[0].family`."""
        step = f"{self.step}.ofType({self.type})" if self.chosen else self.step
        if self.index is not None:
            step = f"{step}[{self.index}]"
        return f"{self.parent.path()}.{step}" if self.parent else step


def below(node: Node, step: str) -> Iterator[Node]:
    """The objects in a list of backbone elements of a node; nothing where it is no list."""
    listed: Any = node.value.get(step)
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield Node(one, "BackboneElement", step, node, index)


@dataclass(slots=True)
class Scope:
    """The current resource (`%resource`), its container (`%rootResource`) and the enclosing Bundle."""

    resource: dict[str, Any]
    container: dict[str, Any]
    bundle: Scope | None = None
    full_url: str | None = None
    type: str = ""
    by_url: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class ValidationRun:
    """One validation of one resource. `profile_url` is the StructureDefinition being checked, `unknown_extensions` the
    severity of an extension without a definition.

    `conforms` returns whether a node conforms to a profile, None if the profile is not available. It is passed in,
    because slices, references and constraints call it while `walk`, which defines it, calls them.
    """

    definitions: Definitions
    conforms: Callable[[ValidationRun, Node, str], bool | None]
    unknown_extensions: Severity = "information"
    issues: list[Issue] = field(default_factory=list)
    scope: Scope | None = None
    profile_url: str = ""
    cache: dict[Any, Any] = field(default_factory=dict)
    active_profiles: set[tuple[int, str]] = field(default_factory=set)

    def error(self, node: Node, rule: str, code: str, message: str) -> None:
        """Add an error at a node; `code` is a FHIR issue-type."""
        self.add("error", node, rule, code, message)

    def add(self, severity: Severity, node: Node, rule: str, code: str, message: str) -> None:
        """Add an issue at a node."""
        self.issues.append(Issue(severity, code, rule, node.path(), message, self.profile_url or None))

    def trial(self, check: Callable[[], None]) -> list[Issue]:
        """The issues that a check finds, without adding them to the run."""
        before = self.issues
        self.issues = []
        try:
            check()
            return self.issues
        finally:
            self.issues = before

    @contextmanager
    def enter(self, scope: Scope | None, profile_url: str) -> Iterator[None]:
        """Use this scope and profile URL inside the block."""
        before = self.scope, self.profile_url
        self.scope, self.profile_url = scope, profile_url
        try:
            yield
        finally:
            self.scope, self.profile_url = before

    def scope_of(self, value: Any) -> Scope | None:
        """The scope of a resource that has been visited; for any other value the current scope."""
        scope: Scope | None = self.cache.get(("scope", id(value)), self.scope)
        return scope
