"""The walk: validates a resource against the element tree of its type, then against profiles.

The base walk (`full`) checks everything: all properties are known and all values have their type. A profile walk checks
only what the profile can add.
Source: FHIR R4, Validating Resources; ElementDefinition; JSON Representation of Resources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cds_service.profiles import (
    bundles,
    code_systems,
    concept_maps,
    enable_when,
    extensions,
    measure_reports,
    narrative,
    questionnaires,
    references,
    search_parameters,
    structure_definitions,
    value_sets,
)
from cds_service.profiles.bindings import check_binding
from cds_service.profiles.constraints import check_constraints
from cds_service.profiles.datatype_rules import check_canonical, check_datatype, check_element_ids
from cds_service.profiles.definitions import BASE
from cds_service.profiles.elements import Element, Type
from cds_service.profiles.issues import Issue, has_errors
from cds_service.profiles.occurrences import occurrences
from cds_service.profiles.primitives import is_primitive, primitive_problem, text_problem
from cds_service.profiles.releases import other_release, other_type
from cds_service.profiles.slicing import check_slices
from cds_service.profiles.validation_run import Node, Scope, ValidationRun
from cds_service.profiles.values import bound_problem, equals_fixed, matches_pattern, matches_regex, quoted
from cds_service.profiles.vital_signs import vital_sign_profiles

_BASE_TYPES = {"Element", "BackboneElement"}
_RESOURCE_CHECKS: dict[str, Callable[[ValidationRun, Node], None]] = {
    "Bundle": bundles.check_bundle,
    "CodeSystem": code_systems.check_code_system,
    "ConceptMap": concept_maps.check_concept_map,
    "Questionnaire": enable_when.check_questionnaire,
    "MeasureReport": measure_reports.check_measure_report,
    "QuestionnaireResponse": questionnaires.check_questionnaire_response,
    "SearchParameter": search_parameters.check_search_parameter,
    "StructureDefinition": structure_definitions.check_structure_definition,
    "ValueSet": value_sets.check_value_set,
    "CapabilityStatement": search_parameters.check_capabilities,
}


def check_resource(run: ValidationRun, node: Node, profiles: Iterable[str] = (), full_url: str | None = None) -> None:
    """Check a whole resource: base definition, profiles in `meta.profile`, those that R4 requires, and further ones.

    Args:
        run: collects the issues.
        node: the resource.
        profiles: URLs of further profiles.
        full_url: fullUrl of its Bundle entry.
    """
    resource = node.value
    named = resource.get("resourceType") if isinstance(resource, dict) else None
    name = named if isinstance(named, str) else ""
    tree = run.definitions.type_tree(name) if run.definitions.is_resource(name) else None
    if tree is None:
        run.error(node, "resource-type", "structure", _resource_type_problem(resource, named))
        return
    node.type = name
    scope = run.cache["scope", id(resource)] = _scope(run, node, full_url)
    with run.enter(scope, tree.definition):
        if release := other_release(resource):
            run.error(node, "release", "structure", release)
        check_object(run, node, tree, full=True)
        check_constraints(run, node, tree.constraints)
        references.check_contained(run, node)
        check_element_ids(run, node)
        if check := _RESOURCE_CHECKS.get(name):
            check(run, node)
        required = [*run.definitions.global_profiles(name), *vital_sign_profiles(run.definitions, resource)]
        for url in dict.fromkeys([*_claimed_profiles(resource), *required, *profiles]):
            check_profile(run, node, url)


def _resource_type_problem(resource: Any, name: Any) -> str:
    if not isinstance(resource, dict):
        return "is not a JSON object, so it can't be a resource"
    if name is None:
        return "has no resourceType"
    other = other_type(name) if isinstance(name, str) else None
    return f"{quoted(name)} {other or 'is not a resource type of FHIR R4'}"


def _scope(run: ValidationRun, node: Node, full_url: str | None) -> Scope:
    outer = run.scope
    contained = node.step == "contained"
    scope = Scope(
        resource=node.value,
        container=outer.container if outer and contained else node.value,
        bundle=None if outer is None else (outer if outer.type == "Bundle" and not contained else outer.bundle),
        full_url=outer.full_url if outer and contained else full_url,
        type=node.type,
    )
    if node.type == "Bundle":
        scope.by_url = bundles.resources_by_url(node.value)
    return scope


def _claimed_profiles(resource: dict[str, Any]) -> Iterator[str]:
    meta = resource.get("meta")
    listed = meta.get("profile") if isinstance(meta, dict) else None
    return (url for url in listed if isinstance(url, str)) if isinstance(listed, list) else iter(())


def check_profile(run: ValidationRun, node: Node, url: str) -> None:
    """Check a value against a profile, after its base type; an unavailable profile is reported as information."""
    if url.partition("|")[0] == BASE + node.type:
        return
    tree = run.definitions.tree(url)
    if tree is None:
        reason = "has no usable snapshot" if run.definitions.structure(url) else "is not available"
        run.add("information", node, "profile-unknown", "not-found", f"the profile {url} {reason}: not checked")
        return
    if tree.path not in run.definitions.ancestors(node.type):
        run.error(node, "profile-type", "structure", f"the profile {url} is for {tree.path}, not for {node.type}")
        return
    mark = id(node.value), tree.definition
    if mark in run.active_profiles:
        return
    run.active_profiles.add(mark)
    with run.enter(run.scope_of(node.value), tree.definition):
        check_item(run, node, tree, full=False)
    run.active_profiles.discard(mark)


def check_object(run: ValidationRun, node: Node, tree: Element, *, full: bool) -> None:
    """Check the properties of an object against the children of an element."""
    if full and not _has_properties(run, node, tree):
        return
    _check_children(run, node, tree, (tree.children or {}).values(), full)


def _check_children(run: ValidationRun, node: Node, tree: Element, children: Iterable[Element], full: bool) -> None:
    for child in children:
        items = list(occurrences(run, node, tree, child, full))
        _check_count(run, node, child, items)
        for item in items:
            check_item(run, item, child, full=full)
        if child.slices:
            check_slices(run, node, child, items, check=_check_profile_item)


def _has_properties(run: ValidationRun, node: Node, tree: Element) -> bool:
    """Whether a value is an object; unknown properties are reported."""
    value = node.value
    if not isinstance(value, dict):
        run.error(node, "json-type", "structure", f"is {quoted(value)}, expected an object ({node.type})")
        return False
    for key in value:
        if key in tree.keys or (key == "resourceType" and value[key] == node.type):
            continue
        bare = key[1:] if key.startswith("_") else None
        if bare is None or bare not in tree.keys or not is_primitive(tree.keys[bare][1]):
            run.error(node, "unknown-element", "structure", _unknown(key, tree))
    return True


def _unknown(key: str, tree: Element) -> str:
    choices = sorted(one for one, (child, _) in tree.keys.items() if child.is_choice and child.name == key)
    if choices:
        return f"the property {quoted(key)} needs its type: {', '.join(choices[:4])} ..."
    return f"{tree.path} has no property {quoted(key)}"


def _check_count(run: ValidationRun, node: Node, child: Element, items: list[Node]) -> None:
    count = len(items)
    if count < child.min_occurs:
        message = f"at least {child.min_occurs} required, {count} found" if child.min_occurs > 1 else "is missing"
        run.error(node, "cardinality", "required", f"{child.path}: {message}")
    if count > child.max_occurs:
        message = f"at most {child.max_occurs} allowed, {count} found" if child.max_occurs else "is not allowed here"
        run.error(node, "cardinality", "structure", f"{child.path}: {message}")


def check_item(run: ValidationRun, node: Node, element: Element, *, full: bool) -> None:
    """Check one value against one element: its form, content, children and constraints."""
    if node.type and not _is_allowed_type(run, node, element):
        return
    if is_primitive(node.type):
        if full and not _is_well_formed(run, node):
            return
        _check_content(run, node, element)
        if full:
            check_canonical(run, node, element)
        _check_sibling(run, node, element, full)
    else:
        if not isinstance(node.value, dict) or not node.value:
            if full:
                form = "is an empty object" if node.value == {} else f"is {quoted(node.value)}"
                run.error(node, "json-type", "structure", f"{form}, expected a non-empty object ({node.type})")
            return
        if full and node.value.keys() == {"id"} and "Resource" not in run.definitions.ancestors(node.type):
            run.error(node, "ele-1", "invariant", "has only an id")
        _check_content(run, node, element)
        _check_below(run, node, element, full)
    _check_type_profiles(run, node, element)
    check_constraints(run, node, element.constraints)


def _is_allowed_type(run: ValidationRun, node: Node, element: Element) -> bool:
    """Whether a nested resource has a type that the element allows; sets the type of its node."""
    name = node.value.get("resourceType") if isinstance(node.value, dict) else None
    if not isinstance(name, str) or "Resource" not in run.definitions.ancestors(node.type):
        return True
    allowed = {one.code for one in element.types}
    if run.definitions.is_resource(name):
        node.type = name
        if allowed and not allowed.intersection(run.definitions.ancestors(name)):
            wanted = " or ".join(sorted(allowed))
            run.error(node, "resource-type", "structure", f"is a {name}, expected {wanted}")
            return False
    return True


def _is_well_formed(run: ValidationRun, node: Node) -> bool:
    if node.value is None:
        return True
    if problem := primitive_problem(node.type, node.value):
        run.error(node, "primitive", "value", f"{quoted(node.value)} {problem}")
        return False
    if isinstance(node.value, str) and (doubt := text_problem(node.value)):
        run.add("warning", node, "white-space", "value", doubt)
    if node.type == "xhtml":
        narrative.check_narrative(run, node)
    return True


def _check_content(run: ValidationRun, node: Node, element: Element) -> None:
    value = node.value
    if value is None:
        if element.instead_of_value is not None and not extensions.has_any(node.sibling, element.instead_of_value):
            wanted = " or ".join(("a value", *(f"the extension {url}" for url in element.instead_of_value)))
            run.error(node, "value-missing", "required", f"{element.path} needs {wanted}")
        is_bound = node.type == "code" and element.binding and element.binding.strength == "required"
        if is_bound and element.binding and not extensions.stands_in(node.sibling):
            message = f"has no code: one from the value set {element.binding.value_set} is required"
            run.error(node, "binding", "code-invalid", message)
        return
    if element.fixed is not None and not equals_fixed(value, element.fixed):
        run.error(node, "fixed", "value", f"must be exactly {quoted(element.fixed)}")
    if element.pattern is not None and not matches_pattern(value, element.pattern):
        run.error(node, "pattern", "value", f"must contain {quoted(element.pattern)}")
    for which, bound in element.bounds.items():
        if problem := bound_problem(which, value, bound):
            run.error(node, f"{which}-value", "value", problem)
    if element.regex and isinstance(value, str) and not matches_regex(element.regex, value):
        run.error(node, "regex", "value", f"{quoted(value)} does not match {element.regex}")
    if element.min_length and isinstance(value, str) and len(value) < element.min_length:
        run.error(node, "min-length", "value", f"is shorter than {element.min_length} characters")
    if element.max_length and isinstance(value, str) and len(value) > element.max_length:
        run.error(node, "max-length", "too-long", f"is longer than {element.max_length} characters")
    if element.binding:
        check_binding(run, node, element.binding)


def _check_sibling(run: ValidationRun, node: Node, element: Element, full: bool) -> None:
    """Check the id and extensions of a primitive, which are in the property with `_`."""
    sibling = node.sibling
    if full and sibling is not None and (not isinstance(sibling, dict) or not sibling):
        run.error(node, "json-type", "structure", f"_{node.step} must be a non-empty object")
        return
    tree = run.definitions.type_tree("Element") if full else element
    if tree is None or (full and sibling is None) or not tree.children:
        return
    inner = Node(
        sibling if isinstance(sibling, dict) else {},
        node.type,
        node.step,
        node.parent,
        node.index,
        None,
        node.chosen,
    )
    if full and not _has_properties(run, inner, tree):
        return
    _check_children(run, inner, tree, [child for name, child in tree.children.items() if name != "value"], full)
    if full and node.step == "id" and node.type == "id" and "extension" in inner.value:
        run.error(node, "extension-context", "extension", "the id of a resource has no extensions")
    if full and node.value is None and "extension" not in inner.value:
        run.error(node, "ele-1", "invariant", "has neither a value nor an extension")


def _check_below(run: ValidationRun, node: Node, element: Element, full: bool) -> None:
    if "Resource" in run.definitions.ancestors(node.type) and "." in element.path:
        if full:
            check_resource(run, node, full_url=bundles.full_url(node))
        elif element.children:
            with run.enter(run.scope_of(node.value), run.profile_url):
                check_object(run, node, element, full=False)
        return
    # A profile's rules for an element do not apply to the elements that refer to it: they have those of R4.
    inline = _referenced(run, element) if element.content_reference and full else element
    if inline.children is not None:
        check_object(run, node, inline, full=full)
        if inline is not element:
            check_constraints(run, node, inline.constraints)
    if full and node.type not in _BASE_TYPES and "." in element.path:
        _check_datatype(run, node, inline)
    if node.type == "Reference":
        references.check_reference(run, node, _reference_type(element), full=full)
    if full and node.type == "Extension":
        extensions.check_extension(run, node, check_profile)


def _referenced(run: ValidationRun, element: Element) -> Element:
    """The element of a contentReference such as `#Questionnaire.item`."""
    found = run.definitions.tree(element.definition)
    path = (element.content_reference or "").partition("#")[2].partition(":")[0]
    for step in path.split(".")[1:]:
        found = (found.children or {}).get(step.removesuffix("[x]")) if found else None
    return found or element


def _check_datatype(run: ValidationRun, node: Node, inline: Element) -> None:
    tree = run.definitions.type_tree(node.type)
    if tree is None:
        return
    if inline.children is None:
        check_object(run, node, tree, full=True)
    check_constraints(run, node, tree.constraints)
    check_datatype(run, node)


def _reference_type(element: Element) -> Type:
    return next((one for one in element.types if one.code == "Reference"), Type("Reference"))


def _check_type_profiles(run: ValidationRun, node: Node, element: Element) -> None:
    """Check that the value conforms to one of the profiles that the element requires for its type."""
    kinds = run.definitions.ancestors(node.type)
    allowed = [one for one in element.types if one.code in kinds]
    profiles = [url for one in allowed for url in one.profiles]
    if not profiles or not isinstance(node.value, dict) or any(not one.profiles for one in allowed):
        return
    if len(profiles) == 1:
        check_profile(run, node, profiles[0])
        return
    results = [(url, _trial(run, node, url)) for url in profiles if not _is_broken(run, url)]
    if results and all(has_errors(issues) for _, issues in results):
        run.error(node, "type-profile", "structure", f"conforms to none of the profiles {', '.join(profiles)}")


def _is_broken(run: ValidationRun, url: str) -> bool:
    """Whether a profile is available but has no usable snapshot: nothing can conform to it."""
    return run.definitions.structure(url) is not None and run.definitions.tree(url) is None


def _trial(run: ValidationRun, node: Node, url: str) -> list[Issue]:
    return run.trial(lambda: check_profile(run, node, url))


def _check_profile_item(run: ValidationRun, node: Node, element: Element) -> None:
    check_item(run, node, element, full=False)


def conforms(run: ValidationRun, node: Node, url: str) -> bool | None:
    """Whether a node conforms to a profile; None if the profile is not available."""
    if run.definitions.tree(url) is None:
        return None
    key = "conforms", id(node.value), url
    if key not in run.cache:
        run.cache[key] = not has_errors(_trial(run, node, url))
    return bool(run.cache[key])
