"""The walk: a resource held against the element tree of its type, then against the profiles that are asked for.

The base resource is walked in full: every property known, every value of its type. A profile is then walked
narrowly: only what it may add is looked at, since the base walk has said the rest.
Source: FHIR R4, Validating Resources; ElementDefinition; JSON Representation of Resources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cds_service.profiles import answers, bundles, code_systems, extensions, narrative, references, search_parameters
from cds_service.profiles.bindings import check_binding
from cds_service.profiles.constraints import check_constraints
from cds_service.profiles.datatype_rules import check_canonical, check_datatype, check_element_ids
from cds_service.profiles.definitions import BASE
from cds_service.profiles.elements import Element, Type
from cds_service.profiles.issues import Issue, has_errors
from cds_service.profiles.occurrences import occurrences
from cds_service.profiles.primitives import is_primitive, primitive_problem, text_problem
from cds_service.profiles.slicing import check_slices
from cds_service.profiles.values import bound_problem, fits, matches, same, shown
from cds_service.profiles.visit import Place, Scope, Visit

_BASES = {"Element", "BackboneElement"}
_OF_ONE_TYPE: dict[str, Callable[[Visit, Place], None]] = {
    "Bundle": bundles.check_bundle,
    "CodeSystem": code_systems.check_code_system,
    "QuestionnaireResponse": answers.check_answers,
    "SearchParameter": search_parameters.check_search_parameter,
    "CapabilityStatement": search_parameters.check_capabilities,
}


def check_resource(visit: Visit, place: Place, profiles: Iterable[str] = (), full_url: str | None = None) -> None:
    """A whole resource: its base definition, the profiles that it claims, and those that are named.

    Args:
        visit: the run; issues are added to it.
        place: holds the resource.
        profiles: URLs of profiles to hold against it besides `meta.profile`.
        full_url: where a Bundle says the resource stands.
    """
    resource = place.value
    named = resource.get("resourceType") if isinstance(resource, dict) else None
    name = named if isinstance(named, str) else ""
    tree = visit.definitions.type_tree(name) if visit.definitions.is_resource(name) else None
    if tree is None:
        visit.error(place, "resource-type", "structure", _no_resource(resource, named))
        return
    place.type = name
    scope = visit.memory["scope", id(resource)] = _scope(visit, place, full_url)
    with visit.inside(scope, tree.definition):
        check_object(visit, place, tree, full=True)
        check_constraints(visit, place, tree.constraints)
        references.check_contained(visit, place)
        check_element_ids(visit, place)
        if check := _OF_ONE_TYPE.get(name):
            check(visit, place)
        for url in dict.fromkeys([*_claimed(resource), *visit.definitions.global_profiles(name), *profiles]):
            check_profile(visit, place, url)


def _no_resource(resource: Any, name: Any) -> str:
    if not isinstance(resource, dict):
        return "is no JSON object, so it can't be a resource"
    if name is None:
        return "has no resourceType"
    return f"{shown(name)} is no resource type of FHIR R4"


def _scope(visit: Visit, place: Place, full_url: str | None) -> Scope:
    outer = visit.scope
    contained = place.step == "contained"
    scope = Scope(
        resource=place.value,
        container=outer.container if outer and contained else place.value,
        bundle=None if outer is None else (outer if outer.type == "Bundle" and not contained else outer.bundle),
        full_url=outer.full_url if outer and contained else full_url,
        type=place.type,
    )
    if place.type == "Bundle":
        scope.by_url = bundles.index(place.value)
    return scope


def _claimed(resource: dict[str, Any]) -> Iterator[str]:
    meta = resource.get("meta")
    listed = meta.get("profile") if isinstance(meta, dict) else None
    return (url for url in listed if isinstance(url, str)) if isinstance(listed, list) else iter(())


def check_profile(visit: Visit, place: Place, url: str) -> None:
    """A profile held against a value whose base type has been checked; one that is not at hand is said, not failed."""
    if url.partition("|")[0] == BASE + place.type:
        return
    tree = visit.definitions.tree(url)
    if tree is None:
        reason = "has no snapshot and none can be made" if visit.definitions.structure(url) else "is not at hand"
        visit.add("information", place, "profile-unknown", "not-found", f"the profile {url} {reason}: not checked")
        return
    if tree.path not in visit.definitions.ancestors(place.type):
        visit.error(place, "profile-type", "structure", f"the profile {url} is for {tree.path}, not for {place.type}")
        return
    mark = id(place.value), tree.definition
    if mark in visit.open_profiles:
        return
    visit.open_profiles.add(mark)
    with visit.inside(visit.scope_of(place.value), tree.definition):
        check_item(visit, place, tree, full=False)
    visit.open_profiles.discard(mark)


def check_object(visit: Visit, place: Place, tree: Element, *, full: bool) -> None:
    """The properties of an object against the children of an element."""
    if full and not _has_properties(visit, place, tree):
        return
    _check_children(visit, place, tree, (tree.children or {}).values(), full)


def _check_children(visit: Visit, place: Place, tree: Element, children: Iterable[Element], full: bool) -> None:
    for child in children:
        items = list(occurrences(visit, place, tree, child, full))
        _check_count(visit, place, child, items)
        for item in items:
            check_item(visit, item, child, full=full)
        if child.slices:
            check_slices(visit, place, child, items, check=_narrowly)


def _has_properties(visit: Visit, place: Place, tree: Element) -> bool:
    """Whether a value is an object at all; unknown properties are told."""
    value = place.value
    if not isinstance(value, dict):
        visit.error(place, "json-type", "structure", f"is {shown(value)}: an object ({place.type}) belongs here")
        return False
    for key in value:
        if key in tree.keys or (key == "resourceType" and value[key] == place.type):
            continue
        bare = key[1:] if key.startswith("_") else None
        if bare is None or bare not in tree.keys or not is_primitive(tree.keys[bare][1]):
            visit.error(place, "unknown-element", "structure", _unknown(key, tree))
    return True


def _unknown(key: str, tree: Element) -> str:
    choices = sorted(one for one, (child, _) in tree.keys.items() if child.choice and child.name == key)
    if choices:
        return f'the property "{shown(key)}" needs its type: {", ".join(choices[:4])} ...'
    return f"{tree.path} has no property {shown(key)}"


def _check_count(visit: Visit, place: Place, child: Element, items: list[Place]) -> None:
    count = len(items)
    if count < child.lowest:
        wanted = f"at least {child.lowest} needed, {count} found" if child.lowest > 1 else "needed, but missing"
        visit.error(place, "cardinality", "required", f"{child.path}: {wanted}")
    if count > child.highest:
        wanted = f"at most {child.highest} allowed, {count} found" if child.highest else "not allowed here"
        visit.error(place, "cardinality", "structure", f"{child.path}: {wanted}")


def check_item(visit: Visit, place: Place, element: Element, *, full: bool) -> None:
    """One value against one element: its form, its content, what is below it, its constraints."""
    if place.type and not _is_allowed_type(visit, place, element):
        return
    if is_primitive(place.type):
        if full and not _is_well_formed(visit, place):
            return
        _check_content(visit, place, element)
        if full:
            check_canonical(visit, place, element)
        _check_sibling(visit, place, element, full)
    else:
        if not isinstance(place.value, dict) or not place.value:
            if full:
                form = "is an empty object" if place.value == {} else f"is {shown(place.value)}"
                visit.error(
                    place, "json-type", "structure", f"{form}: an object ({place.type}) with content belongs here"
                )
            return
        if full and place.value.keys() == {"id"} and "Resource" not in visit.definitions.ancestors(place.type):
            visit.error(place, "ele-1", "invariant", "has an id and nothing else")
        _check_content(visit, place, element)
        _check_below(visit, place, element, full)
    _check_type_profiles(visit, place, element)
    check_constraints(visit, place, element.constraints)


def _is_allowed_type(visit: Visit, place: Place, element: Element) -> bool:
    """Whether a resource inside another is of a type that the element takes; its place gets that type."""
    name = place.value.get("resourceType") if isinstance(place.value, dict) else None
    if not isinstance(name, str) or "Resource" not in visit.definitions.ancestors(place.type):
        return True
    allowed = {one.code for one in element.types}
    if visit.definitions.is_resource(name):
        place.type = name
        if allowed and not allowed.intersection(visit.definitions.ancestors(name)):
            wanted = " or ".join(sorted(allowed))
            visit.error(place, "resource-type", "structure", f"is of type {name}: {wanted} belongs here")
            return False
    return True


def _is_well_formed(visit: Visit, place: Place) -> bool:
    if place.value is None:
        return True
    if problem := primitive_problem(place.type, place.value):
        visit.error(place, "primitive", "value", f"{shown(place.value)} {problem}")
        return False
    if isinstance(place.value, str) and (doubt := text_problem(place.value)):
        visit.add("warning", place, "white-space", "value", doubt)
    if place.type == "xhtml":
        narrative.check_narrative(visit, place)
    return True


def _check_content(visit: Visit, place: Place, element: Element) -> None:
    value = place.value
    if value is None:
        if place.type == "code" and element.binding and element.binding.strength == "required":
            message = f"has no code, and one from the value set {element.binding.value_set} is required"
            visit.error(place, "binding", "code-invalid", message)
        return
    if element.fixed is not None and not same(value, element.fixed):
        visit.error(place, "fixed", "value", f"must be exactly {shown(element.fixed)}")
    if element.pattern is not None and not fits(value, element.pattern):
        visit.error(place, "pattern", "value", f"must hold {shown(element.pattern)}")
    for which, bound in element.bounds.items():
        if problem := bound_problem(which, value, bound):
            visit.error(place, f"{which}-value", "value", problem)
    if element.regex and isinstance(value, str) and not matches(element.regex, value):
        visit.error(place, "regex", "value", f"{shown(value)} does not match {element.regex}")
    if element.longest and isinstance(value, str) and len(value) > element.longest:
        visit.error(place, "max-length", "too-long", f"is longer than {element.longest} characters")
    if element.binding:
        check_binding(visit, place, element.binding)


def _check_sibling(visit: Visit, place: Place, element: Element, full: bool) -> None:
    """The id and extensions of a primitive, which stand in the property with `_`."""
    beside = place.sibling
    if full and beside is not None and (not isinstance(beside, dict) or not beside):
        visit.error(place, "json-type", "structure", f"the part in _{place.step} is no object with content")
        return
    tree = visit.definitions.type_tree("Element") if full else element
    if tree is None or (full and beside is None) or not tree.children:
        return
    inner = Place(
        beside if isinstance(beside, dict) else {},
        place.type,
        place.step,
        place.parent,
        place.index,
        None,
        place.chosen,
    )
    if full and not _has_properties(visit, inner, tree):
        return
    _check_children(visit, inner, tree, [child for name, child in tree.children.items() if name != "value"], full)
    if full and place.value is None and "extension" not in inner.value:
        visit.error(place, "ele-1", "invariant", "has neither a value nor an extension")


def _check_below(visit: Visit, place: Place, element: Element, full: bool) -> None:
    if "Resource" in visit.definitions.ancestors(place.type) and "." in element.path:
        if full:
            check_resource(visit, place, full_url=bundles.full_url(place))
        elif element.children:
            check_object(visit, place, element, full=False)
        return
    inline = _referenced(visit, element) if element.content_reference else element
    if inline.children is not None:
        check_object(visit, place, inline, full=full)
        if inline is not element:
            check_constraints(visit, place, inline.constraints)
    if full and place.type not in _BASES and "." in element.path:
        _check_datatype(visit, place, inline)
    if place.type == "Reference":
        references.check_reference(visit, place, _reference_type(element), full=full)
    if full and place.type == "Extension":
        extensions.check_extension(visit, place, check_profile)


def _referenced(visit: Visit, element: Element) -> Element:
    """The element that a contentReference such as `#Questionnaire.item` names."""
    found = visit.definitions.tree(element.definition)
    path = (element.content_reference or "").partition("#")[2].partition(":")[0]
    for step in path.split(".")[1:]:
        found = (found.children or {}).get(step.removesuffix("[x]")) if found else None
    return found or element


def _check_datatype(visit: Visit, place: Place, inline: Element) -> None:
    tree = visit.definitions.type_tree(place.type)
    if tree is None:
        return
    if inline.children is None:
        check_object(visit, place, tree, full=True)
    check_constraints(visit, place, tree.constraints)
    check_datatype(visit, place)


def _reference_type(element: Element) -> Type:
    return next((one for one in element.types if one.code == "Reference"), Type("Reference"))


def _check_type_profiles(visit: Visit, place: Place, element: Element) -> None:
    """The profiles that the element asks of its type: one of them must be met."""
    kinds = visit.definitions.ancestors(place.type)
    allowed = [one for one in element.types if one.code in kinds]
    profiles = [url for one in allowed for url in one.profiles]
    if not profiles or not isinstance(place.value, dict) or any(not one.profiles for one in allowed):
        return
    if len(profiles) == 1:
        check_profile(visit, place, profiles[0])
        return
    results = [(url, _trial(visit, place, url)) for url in profiles if not _is_broken(visit, url)]
    if results and all(has_errors(issues) for _, issues in results):
        visit.error(place, "type-profile", "structure", f"meets none of the profiles {', '.join(profiles)}")


def _is_broken(visit: Visit, url: str) -> bool:
    """Whether a profile is at hand but can't be used: in a choice of profiles nothing can meet it."""
    return visit.definitions.structure(url) is not None and visit.definitions.tree(url) is None


def _trial(visit: Visit, place: Place, url: str) -> list[Issue]:
    return visit.trial(lambda: check_profile(visit, place, url))


def _narrowly(visit: Visit, place: Place, element: Element) -> None:
    check_item(visit, place, element, full=False)


def conforms(visit: Visit, place: Place, url: str) -> bool | None:
    """Whether a value meets a profile; None where the profile is not at hand."""
    if visit.definitions.tree(url) is None:
        return None
    key = "conforms", id(place.value), url
    if key not in visit.memory:
        visit.memory[key] = not has_errors(_trial(visit, place, url))
    return bool(visit.memory[key])
