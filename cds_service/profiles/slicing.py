"""Slices: which occurrence belongs to which slice, how often each may occur, and what each must contain.

Source: FHIR R4 Profiling, sections Slicing, Discriminator, Re-slicing and Default Slice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from cds_service.profiles.bindings import codes_of, contains_any
from cds_service.profiles.elements import Element, Type
from cds_service.profiles.references import REST_URL, resolve
from cds_service.profiles.terminology import Tristate
from cds_service.profiles.validation_run import Node, ValidationRun
from cds_service.profiles.values import equals_fixed, matches_pattern

_DEFAULT = "@default"
# A slice that does not constrain one of several discriminators accepts any value there.
_UNCONSTRAINED: Literal["silent"] = "silent"
# The target of a reference that is neither contained nor in the Bundle.
_UNRESOLVED = object()
_STEP = re.compile(
    r"(?P<call>resolve\(\)|extension\('[^']+'\)|extension\(\"[^\"]+\"\)|ofType\([A-Za-z]+\))|(?P<name>\$?[A-Za-z]+)"
)

Check = Callable[[ValidationRun, Node, Element], None]
Match = bool | Literal["silent"] | None


def check_slices(run: ValidationRun, parent: Node, element: Element, items: Sequence[Node], *, check: Check) -> None:
    """Assign the occurrences of one element to its slices and check each slice.

    Args:
        run: collects the issues.
        parent: the node with the occurrences.
        element: the sliced element.
        items: every occurrence.
        check: checks one occurrence against one slice.
    """
    slicing = element.slicing
    if slicing is None or not slicing.discriminators:
        return
    slices = [one for one in element.slices if one.slice_name != _DEFAULT]
    members: dict[str, list[Node]] = {str(one.slice_name): [] for one in slices}
    undecided: set[str] = set()
    order: list[int] = []
    rest: list[Node] = []
    for item in items:
        position = _find(run, item, slices, slicing.discriminators, undecided)
        if position is None:
            rest.append(item)
        else:
            members[str(slices[position].slice_name)].append(item)
        order.append(len(slices) if position is None else position)
    for one in slices:
        _check_slice(run, parent, element, one, members[str(one.slice_name)], str(one.slice_name) in undecided, check)
    _check_rest(run, element, items, rest, order, bool(undecided), check)
    if slicing.ordered and order != sorted(order) and not undecided:
        run.error(parent, "slice-order", "structure", f"{element.path}: slices are not in the order of the profile")


def _find(
    run: ValidationRun,
    item: Node,
    slices: Sequence[Element],
    discriminators: Sequence[tuple[str, str]],
    undecided: set[str],
) -> int | None:
    """The index of the slice that an occurrence belongs to. Slices are exclusive, so two matches are an error."""
    found: list[int] = []
    for position, one in enumerate(slices):
        matches = [_matches(run, item, one, kind, path) for kind, path in discriminators]
        constrained = [match for match in matches if match != _UNCONSTRAINED]
        if False in constrained:
            continue
        if None in constrained or not constrained:
            undecided.add(str(one.slice_name))
            continue
        found.append(position)
    if len(found) > 1:
        names = " and ".join(str(slices[position].slice_name) for position in found)
        run.error(item, "slice-ambiguous", "structure", f"matches more than one slice: {names}")
    return found[0] if found else None


def _check_slice(
    run: ValidationRun,
    parent: Node,
    element: Element,
    one: Element,
    members: Sequence[Node],
    undecided: bool,
    check: Check,
) -> None:
    name = f"{element.path}:{one.slice_name}"
    if len(members) < one.min_occurs and not undecided:
        message = f"slice {name}: at least {one.min_occurs} needed, {len(members)} found"
        run.error(parent, "slice-cardinality", "required", message)
    if undecided:
        message = f"slice {name}: its entries can't be determined with the available definitions: not checked"
        run.add("information", parent, "slice-unknown", "not-supported", message)
    if len(members) > one.max_occurs:
        message = f"slice {name}: at most {int(one.max_occurs)} allowed, {len(members)} found"
        run.error(parent, "slice-cardinality", "structure", message)
    for item in members:
        check(run, item, one)
    if one.slices:
        check_slices(run, parent, one, members, check=check)


def _check_rest(
    run: ValidationRun,
    element: Element,
    items: Sequence[Node],
    rest: Sequence[Node],
    order: Sequence[int],
    undecided: bool,
    check: Check,
) -> None:
    """Check occurrences of no slice: forbidden, allowed only at the end, or checked against the default slice."""
    rules = element.slicing.rules if element.slicing else "open"
    default = next((one for one in element.slices if one.slice_name == _DEFAULT), None)
    for item in rest:
        if default is not None:
            check(run, item, default)
        elif rules == "closed" and not undecided:
            run.error(item, "slice-closed", "structure", f"{element.path}: matches no slice, and the slicing is closed")
    last = max((position for position, one in enumerate(order) if one < len(element.slices)), default=-1)
    early = len(element.slices) in order[: last + 1]
    if rules == "openAtEnd" and early and not undecided:
        run.error(items[0], "slice-order", "structure", f"{element.path}: entries outside the slices must come last")


def _matches(run: ValidationRun, item: Node, one: Element, kind: str, path: str) -> Match:
    """Whether an occurrence matches a slice by one discriminator; None if unknown."""
    urls = {url.partition("|")[0] for t in one.types for url in t.profiles}
    if path == "url" and item.type == "Extension" and urls:
        return isinstance(item.value, dict) and str(item.value.get("url")) in urls
    nodes = list(_values_at(run, item, _steps(path)))
    elements = list(_elements_at(run, one, _steps(path), item.type))
    if not elements:
        return _UNCONSTRAINED
    if kind == "exists":
        wanted = [True if e.min_occurs > 0 else (False if e.max_occurs == 0 else None) for e in elements]
        return None if None in wanted else bool(nodes) == wanted[0]
    if kind == "type":
        # `contentString` in the path of a slice is itself a slice of content[x], by its type.
        allowed = {t.code for e in elements for one in (e.slices or [e]) for t in one.types}
        return _meets_type(run, nodes, allowed) if allowed else _UNCONSTRAINED
    if any(node.value is _UNRESOLVED for node in nodes):
        return None
    if kind == "profile":
        return _meets_profile(run, nodes, elements)
    return _meets_value(run, nodes, elements, _inherited(run, item.type, _steps(path)))


def _meets_type(run: ValidationRun, nodes: list[Node], allowed: set[str]) -> Tristate:
    """Whether any value at the path has one of the types; for an unresolved target the reference may name its type."""
    kinds = [_kind(node) for node in nodes]
    if any(kind and allowed.intersection(run.definitions.ancestors(kind)) for kind in kinds):
        return True
    return None if "" in kinds else False


def _kind(node: Node) -> str:
    name = node.value.get("resourceType") if isinstance(node.value, dict) else None
    return name if isinstance(name, str) else node.type


def _inherited(run: ValidationRun, kind: str, steps: tuple[str, ...]) -> set[str]:
    """Value sets that the type itself binds the path to: they do not distinguish slices."""
    tree = run.definitions.type_tree(kind)
    elements = _elements_at(run, tree, steps, kind) if tree else ()
    return {e.binding.value_set for e in elements if e.binding}


def _meets_profile(run: ValidationRun, nodes: list[Node], elements: list[Element]) -> Tristate:
    urls = [url for e in elements for t in e.types for url in (t.profiles or t.targets)]
    if not urls or not nodes:
        return False if urls else None
    answers = [run.conforms(run, node, url) for node in nodes for url in urls]
    return True if True in answers else (None if None in answers else False)


def _meets_value(run: ValidationRun, nodes: list[Node], elements: list[Element], inherited: set[str]) -> Match:
    """Compare with fixed and pattern values, else with those of children, else with a required binding."""
    judged = [e for e in _with_slices(elements) if _is_constrained(e, inherited)]
    if not judged:
        return _UNCONSTRAINED
    answers = [_meets(run, node, e) for e in judged for node in nodes]
    return True if True in answers else (None if None in answers else False)


def _with_slices(elements: list[Element]) -> list[Element]:
    """The elements, or their own slices if only those are constrained (`coding` sliced inside a sliced `code`)."""
    if any(_is_constrained(e) for e in elements):
        return elements
    return [one for e in elements for one in e.slices]


def _is_constrained(element: Element, inherited: Iterable[str] = ()) -> bool:
    if element.fixed is not None or element.pattern is not None:
        return True
    if element.binding and element.binding.strength == "required" and element.binding.value_set not in inherited:
        return True
    return any(_is_constrained(child) for child in (element.children or {}).values() if child.min_occurs > 0)


def _meets(run: ValidationRun, node: Node, element: Element) -> Tristate:
    if element.fixed is not None:
        return equals_fixed(node.value, element.fixed)
    if element.pattern is not None:
        return matches_pattern(node.value, element.pattern)
    if element.binding and element.binding.strength == "required" and not _fixed_below(element):
        return contains_any(run, element.binding.value_set, codes_of(node.value, node.type))
    below = [child for child in (element.children or {}).values() if child.min_occurs > 0 and _is_constrained(child)]
    answers = [any(_meets(run, value, child) for value in _values_at(run, node, (child.name,))) for child in below]
    return all(answers)


def _fixed_below(element: Element) -> bool:
    return any(_is_constrained(child) for child in (element.children or {}).values() if child.min_occurs > 0)


def _steps(path: str) -> tuple[str, ...]:
    return tuple(found[0] for found in _STEP.finditer(path) if found[0] != "$this")


def _values_at(run: ValidationRun, node: Node, steps: tuple[str, ...]) -> Iterator[Node]:
    """Every value at a discriminator's path, starting from an occurrence."""
    if not steps:
        yield node
        return
    step, rest = steps[0], steps[1:]
    for value, kind in _next_values(run, node, step):
        yield from _values_at(run, Node(value, kind, step, node), rest)


def _next_values(run: ValidationRun, node: Node, step: str) -> Iterator[tuple[object, str]]:
    value = node.value
    if value is _UNRESOLVED:
        yield value, ""
        return
    if step == "resolve()":
        reference = value.get("reference") if isinstance(value, dict) else value
        found = resolve(run.scope, reference) if isinstance(reference, str) else None
        if found is not None:
            yield found, str(found.get("resourceType"))
        elif isinstance(reference, str):
            written = REST_URL.fullmatch(reference)
            yield _UNRESOLVED, written["type"] if written else ""
        return
    if step.startswith("ofType("):
        if step[len("ofType(") : -1] == node.type:
            yield value, node.type
        return
    host = value if isinstance(value, dict) else node.sibling
    if not isinstance(host, dict):
        return
    if step.startswith("extension("):
        url = step[len("extension('") : -2]
        listed = host.get("extension")
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and one.get("url") == url:
                yield one, "Extension"
        return
    tree = run.definitions.type_tree(node.type)
    for key, one in host.items():
        if key == step or (key.startswith(step) and key[len(step) : len(step) + 1].isupper()):
            known = tree.keys.get(key) if tree else None
            kind = known[1] if known else _named_type(run, key[len(step) :])
            for inner in one if isinstance(one, list) else [one]:
                named = inner.get("resourceType") if isinstance(inner, dict) else None
                yield inner, named if isinstance(named, str) else kind


def _named_type(run: ValidationRun, suffix: str) -> str:
    """The type in the name of a choice, such as `String` in contentString; empty if it names none."""
    names = (suffix, suffix[:1].lower() + suffix[1:])
    return next((one for one in names if one and run.definitions.type_tree(one)), "")


def _elements_at(run: ValidationRun, element: Element, steps: tuple[str, ...], kind: str) -> Iterator[Element]:
    """The elements at a discriminator's path in a slice, following profiles and types if needed."""
    if not steps:
        yield element
        return
    if held := list(_held(element, steps)):
        yield from held
        return
    step, rest = steps[0], steps[1:]
    if step == "resolve()":
        urls = [url for one in element.types for url in one.targets]
        trees = [tree for url in urls if (tree := run.definitions.tree(url))]
        for tree in trees:
            yield from _elements_at(run, tree, rest, tree.path) if rest else [_as_type(element, tree)]
        return
    if step.startswith("ofType("):
        yield from _elements_at(run, element, rest, kind)
        return
    name = "extension" if step.startswith("extension(") else step
    for tree in _trees(run, element, kind):
        child = (tree.children or {}).get(name)
        if child is None:
            continue
        if step.startswith("extension("):
            wanted = [one for one in child.slices if _has_url(run, one, step[len("extension('") : -2])]
            for one in wanted or [child]:
                yield from _elements_at(run, one, rest, "Extension")
        else:
            yield from _elements_at(run, child, rest, child.types[0].code if child.types else "")
        return


def _held(element: Element, steps: tuple[str, ...]) -> Iterator[Element]:
    """What the fixed value or pattern of an element holds at a path below it: `{"system": "x"}` at `system`."""
    whole = element.fixed if element.fixed is not None else element.pattern
    values = [whole] if isinstance(whole, dict) else []
    for step in steps:
        found = [value[step] for value in values if isinstance(value, dict) and step in value]
        values = [one for value in found for one in (value if isinstance(value, list) else [value])]
    for value in values:
        yield Element(element.path, element.name, element.definition, min_occurs=1, pattern=value)


def _as_type(element: Element, tree: Element) -> Element:
    """A target profile as an element: of its type, and required to conform to the profile."""
    return Element(tree.path, tree.name, tree.definition, (Type(tree.path, (tree.definition,)),))


def _trees(run: ValidationRun, element: Element, kind: str) -> Iterator[Element]:
    """Where the children of an element are defined: in itself, in the profiles of its types, in its types."""
    if element.children:
        yield element
    for one in element.types:
        for url in one.profiles:
            if tree := run.definitions.tree(url):
                yield tree
    for code in [one.code for one in element.types] or [kind]:
        if tree := run.definitions.type_tree(code):
            yield tree


def _has_url(run: ValidationRun, element: Element, url: str) -> bool:
    return any(url in one.profiles for one in element.types)
