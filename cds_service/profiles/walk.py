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
from cds_service.profiles.validation_run import Place, Scope, ValidationRun
from cds_service.profiles.values import bound_problem, fits, matches, same, shown

_BASES = {"Element", "BackboneElement"}
_OF_ONE_TYPE: dict[str, Callable[[ValidationRun, Place], None]] = {
    "Bundle": bundles.check_bundle,
    "CodeSystem": code_systems.check_code_system,
    "QuestionnaireResponse": answers.check_answers,
    "SearchParameter": search_parameters.check_search_parameter,
    "CapabilityStatement": search_parameters.check_capabilities,
}


def check_resource(run: ValidationRun, place: Place, profiles: Iterable[str] = (), full_url: str | None = None) -> None:
    """A whole resource: its base definition, the profiles that it claims, and those that are named.

    Args:
        run: the run; issues are added to it.
        place: holds the resource.
        profiles: URLs of profiles to hold against it besides `meta.profile`.
        full_url: where a Bundle says the resource stands.
    """
    resource = place.value
    named = resource.get("resourceType") if isinstance(resource, dict) else None
    name = named if isinstance(named, str) else ""
    tree = run.definitions.type_tree(name) if run.definitions.is_resource(name) else None
    if tree is None:
        run.error(place, "resource-type", "structure", _no_resource(resource, named))
        return
    place.type = name
    scope = run.memory["scope", id(resource)] = _scope(run, place, full_url)
    with run.inside(scope, tree.definition):
        check_object(run, place, tree, full=True)
        check_constraints(run, place, tree.constraints)
        references.check_contained(run, place)
        check_element_ids(run, place)
        if check := _OF_ONE_TYPE.get(name):
            check(run, place)
        for url in dict.fromkeys([*_claimed(resource), *run.definitions.global_profiles(name), *profiles]):
            check_profile(run, place, url)


def _no_resource(resource: Any, name: Any) -> str:
    if not isinstance(resource, dict):
        return "is no JSON object, so it can't be a resource"
    if name is None:
        return "has no resourceType"
    return f"{shown(name)} is no resource type of FHIR R4"


def _scope(run: ValidationRun, place: Place, full_url: str | None) -> Scope:
    outer = run.scope
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


def check_profile(run: ValidationRun, place: Place, url: str) -> None:
    """A profile held against a value whose base type has been checked; one that is not at hand is said, not failed."""
    if url.partition("|")[0] == BASE + place.type:
        return
    tree = run.definitions.tree(url)
    if tree is None:
        reason = "has no snapshot and none can be made" if run.definitions.structure(url) else "is not at hand"
        run.add("information", place, "profile-unknown", "not-found", f"the profile {url} {reason}: not checked")
        return
    if tree.path not in run.definitions.ancestors(place.type):
        run.error(place, "profile-type", "structure", f"the profile {url} is for {tree.path}, not for {place.type}")
        return
    mark = id(place.value), tree.definition
    if mark in run.open_profiles:
        return
    run.open_profiles.add(mark)
    with run.inside(run.scope_of(place.value), tree.definition):
        check_item(run, place, tree, full=False)
    run.open_profiles.discard(mark)


def check_object(run: ValidationRun, place: Place, tree: Element, *, full: bool) -> None:
    """The properties of an object against the children of an element."""
    if full and not _has_properties(run, place, tree):
        return
    _check_children(run, place, tree, (tree.children or {}).values(), full)


def _check_children(run: ValidationRun, place: Place, tree: Element, children: Iterable[Element], full: bool) -> None:
    for child in children:
        items = list(occurrences(run, place, tree, child, full))
        _check_count(run, place, child, items)
        for item in items:
            check_item(run, item, child, full=full)
        if child.slices:
            check_slices(run, place, child, items, check=_narrowly)


def _has_properties(run: ValidationRun, place: Place, tree: Element) -> bool:
    """Whether a value is an object at all; unknown properties are told."""
    value = place.value
    if not isinstance(value, dict):
        run.error(place, "json-type", "structure", f"is {shown(value)}: an object ({place.type}) belongs here")
        return False
    for key in value:
        if key in tree.keys or (key == "resourceType" and value[key] == place.type):
            continue
        bare = key[1:] if key.startswith("_") else None
        if bare is None or bare not in tree.keys or not is_primitive(tree.keys[bare][1]):
            run.error(place, "unknown-element", "structure", _unknown(key, tree))
    return True


def _unknown(key: str, tree: Element) -> str:
    choices = sorted(one for one, (child, _) in tree.keys.items() if child.choice and child.name == key)
    if choices:
        return f'the property "{shown(key)}" needs its type: {", ".join(choices[:4])} ...'
    return f"{tree.path} has no property {shown(key)}"


def _check_count(run: ValidationRun, place: Place, child: Element, items: list[Place]) -> None:
    count = len(items)
    if count < child.lowest:
        wanted = f"at least {child.lowest} needed, {count} found" if child.lowest > 1 else "needed, but missing"
        run.error(place, "cardinality", "required", f"{child.path}: {wanted}")
    if count > child.highest:
        wanted = f"at most {child.highest} allowed, {count} found" if child.highest else "not allowed here"
        run.error(place, "cardinality", "structure", f"{child.path}: {wanted}")


def check_item(run: ValidationRun, place: Place, element: Element, *, full: bool) -> None:
    """One value against one element: its form, its content, what is below it, its constraints."""
    if place.type and not _is_allowed_type(run, place, element):
        return
    if is_primitive(place.type):
        if full and not _is_well_formed(run, place):
            return
        _check_content(run, place, element)
        if full:
            check_canonical(run, place, element)
        _check_sibling(run, place, element, full)
    else:
        if not isinstance(place.value, dict) or not place.value:
            if full:
                form = "is an empty object" if place.value == {} else f"is {shown(place.value)}"
                run.error(
                    place, "json-type", "structure", f"{form}: an object ({place.type}) with content belongs here"
                )
            return
        if full and place.value.keys() == {"id"} and "Resource" not in run.definitions.ancestors(place.type):
            run.error(place, "ele-1", "invariant", "has an id and nothing else")
        _check_content(run, place, element)
        _check_below(run, place, element, full)
    _check_type_profiles(run, place, element)
    check_constraints(run, place, element.constraints)


def _is_allowed_type(run: ValidationRun, place: Place, element: Element) -> bool:
    """Whether a resource inside another is of a type that the element takes; its place gets that type."""
    name = place.value.get("resourceType") if isinstance(place.value, dict) else None
    if not isinstance(name, str) or "Resource" not in run.definitions.ancestors(place.type):
        return True
    allowed = {one.code for one in element.types}
    if run.definitions.is_resource(name):
        place.type = name
        if allowed and not allowed.intersection(run.definitions.ancestors(name)):
            wanted = " or ".join(sorted(allowed))
            run.error(place, "resource-type", "structure", f"is of type {name}: {wanted} belongs here")
            return False
    return True


def _is_well_formed(run: ValidationRun, place: Place) -> bool:
    if place.value is None:
        return True
    if problem := primitive_problem(place.type, place.value):
        run.error(place, "primitive", "value", f"{shown(place.value)} {problem}")
        return False
    if isinstance(place.value, str) and (doubt := text_problem(place.value)):
        run.add("warning", place, "white-space", "value", doubt)
    if place.type == "xhtml":
        narrative.check_narrative(run, place)
    return True


def _check_content(run: ValidationRun, place: Place, element: Element) -> None:
    value = place.value
    if value is None:
        if place.type == "code" and element.binding and element.binding.strength == "required":
            message = f"has no code, and one from the value set {element.binding.value_set} is required"
            run.error(place, "binding", "code-invalid", message)
        return
    if element.fixed is not None and not same(value, element.fixed):
        run.error(place, "fixed", "value", f"must be exactly {shown(element.fixed)}")
    if element.pattern is not None and not fits(value, element.pattern):
        run.error(place, "pattern", "value", f"must hold {shown(element.pattern)}")
    for which, bound in element.bounds.items():
        if problem := bound_problem(which, value, bound):
            run.error(place, f"{which}-value", "value", problem)
    if element.regex and isinstance(value, str) and not matches(element.regex, value):
        run.error(place, "regex", "value", f"{shown(value)} does not match {element.regex}")
    if element.longest and isinstance(value, str) and len(value) > element.longest:
        run.error(place, "max-length", "too-long", f"is longer than {element.longest} characters")
    if element.binding:
        check_binding(run, place, element.binding)


def _check_sibling(run: ValidationRun, place: Place, element: Element, full: bool) -> None:
    """The id and extensions of a primitive, which stand in the property with `_`."""
    beside = place.sibling
    if full and beside is not None and (not isinstance(beside, dict) or not beside):
        run.error(place, "json-type", "structure", f"the part in _{place.step} is no object with content")
        return
    tree = run.definitions.type_tree("Element") if full else element
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
    if full and not _has_properties(run, inner, tree):
        return
    _check_children(run, inner, tree, [child for name, child in tree.children.items() if name != "value"], full)
    if full and place.value is None and "extension" not in inner.value:
        run.error(place, "ele-1", "invariant", "has neither a value nor an extension")


def _check_below(run: ValidationRun, place: Place, element: Element, full: bool) -> None:
    if "Resource" in run.definitions.ancestors(place.type) and "." in element.path:
        if full:
            check_resource(run, place, full_url=bundles.full_url(place))
        elif element.children:
            check_object(run, place, element, full=False)
        return
    inline = _referenced(run, element) if element.content_reference else element
    if inline.children is not None:
        check_object(run, place, inline, full=full)
        if inline is not element:
            check_constraints(run, place, inline.constraints)
    if full and place.type not in _BASES and "." in element.path:
        _check_datatype(run, place, inline)
    if place.type == "Reference":
        references.check_reference(run, place, _reference_type(element), full=full)
    if full and place.type == "Extension":
        extensions.check_extension(run, place, check_profile)


def _referenced(run: ValidationRun, element: Element) -> Element:
    """The element that a contentReference such as `#Questionnaire.item` names."""
    found = run.definitions.tree(element.definition)
    path = (element.content_reference or "").partition("#")[2].partition(":")[0]
    for step in path.split(".")[1:]:
        found = (found.children or {}).get(step.removesuffix("[x]")) if found else None
    return found or element


def _check_datatype(run: ValidationRun, place: Place, inline: Element) -> None:
    tree = run.definitions.type_tree(place.type)
    if tree is None:
        return
    if inline.children is None:
        check_object(run, place, tree, full=True)
    check_constraints(run, place, tree.constraints)
    check_datatype(run, place)


def _reference_type(element: Element) -> Type:
    return next((one for one in element.types if one.code == "Reference"), Type("Reference"))


def _check_type_profiles(run: ValidationRun, place: Place, element: Element) -> None:
    """The profiles that the element asks of its type: one of them must be met."""
    kinds = run.definitions.ancestors(place.type)
    allowed = [one for one in element.types if one.code in kinds]
    profiles = [url for one in allowed for url in one.profiles]
    if not profiles or not isinstance(place.value, dict) or any(not one.profiles for one in allowed):
        return
    if len(profiles) == 1:
        check_profile(run, place, profiles[0])
        return
    results = [(url, _trial(run, place, url)) for url in profiles if not _is_broken(run, url)]
    if results and all(has_errors(issues) for _, issues in results):
        run.error(place, "type-profile", "structure", f"meets none of the profiles {', '.join(profiles)}")


def _is_broken(run: ValidationRun, url: str) -> bool:
    """Whether a profile is at hand but can't be used: in a choice of profiles nothing can meet it."""
    return run.definitions.structure(url) is not None and run.definitions.tree(url) is None


def _trial(run: ValidationRun, place: Place, url: str) -> list[Issue]:
    return run.trial(lambda: check_profile(run, place, url))


def _narrowly(run: ValidationRun, place: Place, element: Element) -> None:
    check_item(run, place, element, full=False)


def conforms(run: ValidationRun, place: Place, url: str) -> bool | None:
    """Whether a value meets a profile; None where the profile is not at hand."""
    if run.definitions.tree(url) is None:
        return None
    key = "conforms", id(place.value), url
    if key not in run.memory:
        run.memory[key] = not has_errors(_trial(run, place, url))
    return bool(run.memory[key])
