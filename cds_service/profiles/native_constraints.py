"""R4 constraints implemented in Python, by their exact expression: those of every resource, for speed, and those that
the FHIRPath engine lacks or gets wrong. The engine evaluates a profile's constraint with a different expression.

Source: the constraint tables of FHIR R4; tests check each with samples that satisfy and that violate it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cds_service.profiles.references import resolve
from cds_service.profiles.validation_run import Node, Scope

# None if the values at hand can't decide.
Check = Callable[[Node, Scope | None], bool | None]


def _checked_elsewhere(node: Node, scope: Scope | None) -> bool:
    """The walk checks this itself."""
    return True


def _ext_1(node: Node, scope: Scope | None) -> bool:
    value = node.value
    if not isinstance(value, dict):
        return True
    has_value = any(key.lstrip("_").startswith("value") for key in value)
    return ("extension" in value) != has_value


_LINKED = re.compile(r"""(?:src|href)\s*=\s*["'](#[^"']+)""")


def _contained(node: Node) -> list[dict[str, Any]]:
    listed = node.value.get("contained") if isinstance(node.value, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _dom_2(node: Node, scope: Scope | None) -> bool:
    return not any("contained" in one for one in _contained(node))


def _dom_3(node: Node, scope: Scope | None) -> bool:
    contained = _contained(node)
    if not contained:
        return True
    referenced = set(_fragments(node.value))
    return all(f"#{one.get('id')}" in referenced or "#" in set(_fragments(one)) for one in contained)


def _fragments(value: Any) -> Iterator[str]:
    """Every #id in a value: references, canonicals and URIs to contained resources, images and links of narrative."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list):
            pending += one
        elif isinstance(one, str) and one.startswith("#"):
            yield one
        elif isinstance(one, str) and one.startswith("<div"):
            yield from _LINKED.findall(one)


def _no_meta(*names: str) -> Check:
    def check(node: Node, scope: Scope | None) -> bool:
        metas = [one.get("meta") for one in _contained(node)]
        return not any(name in meta for meta in metas if isinstance(meta, dict) for name in names)

    return check


def _dom_6(node: Node, scope: Scope | None) -> bool:
    text = node.value.get("text")
    return isinstance(text, dict) and "div" in text


def _ref_1(node: Node, scope: Scope | None) -> bool:
    reference = node.value.get("reference")
    if not isinstance(reference, str) or not reference.startswith("#") or reference == "#" or scope is None:
        return True
    contained = scope.container.get("contained")
    listed = contained if isinstance(contained, list) else []
    return any(isinstance(one, dict) and one.get("id") == reference[1:] for one in listed)


def _has(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda value: name in value or f"_{name}" in value or any(_is_choice(key, name) for key in value)


def _is_choice(key: str, name: str) -> bool:
    key = key.lstrip("_")
    return key.startswith(name) and key[len(name) : len(name) + 1].isupper()


def _needs(name: str, other: str) -> Check:
    """The element `name` requires the element `other`."""
    return lambda node, scope: name not in node.value or other in node.value


def _excludes(name: str, other: str) -> Check:
    one, two = _has(name), _has(other)
    return lambda node, scope: not (one(node.value) and two(node.value))


def _one_of(*names: str) -> Check:
    checks = [_has(name) for name in names]
    return lambda node, scope: any(check(node.value) for check in checks)


def _per_1(node: Node, scope: Scope | None) -> bool | None:
    start, end = node.value.get("start"), node.value.get("end")
    return not (isinstance(start, str) and isinstance(end, str)) or _not_later(start, end)


_PARTS = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(T.*)?")


def _not_later(start: str, end: str) -> bool | None:
    """Whether `start` is not after `end`; None if they overlap in different precision: 2020-01-15 and 2020.

    R4 defines an end as inclusive, so the two may be valid; its expression has no result for them.
    """
    if "T" in start and "T" in end:
        moments = _moment(start), _moment(end)
        if None not in moments:
            return moments[0] <= moments[1]  # type: ignore[operator]  # neither is None
    first, second = _PARTS.fullmatch(start), _PARTS.fullmatch(end)
    if not first or not second:
        return None
    # Time zones are ignored for whole dates.
    pairs = zip(first.groups()[:3], second.groups()[:3], strict=True)
    known = [(a, b) for a, b in pairs if a and b]
    one, other = [a for a, _ in known], [b for _, b in known]
    if one == other and len(start) != len(end):
        return None
    return one <= other


def _moment(text: str) -> datetime | None:
    text = re.sub(r":60(?=[.Z+-])", ":59", text)  # a leap second
    try:
        found = datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", lambda m: f".{m[1]:0<6}", text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _vs_1(node: Node, scope: Scope | None) -> bool:
    """A dateTime with a value is precise to the day; a Period and a dateTime without a value may be anything."""
    return not (node.type == "dateTime" and isinstance(node.value, str)) or len(node.value) >= len("2020-01-01")


def _rng_2(node: Node, scope: Scope | None) -> bool:
    low, high = node.value.get("low"), node.value.get("high")
    if not (isinstance(low, dict) and isinstance(high, dict)):
        return True
    same_unit = all(low.get(name) == high.get(name) for name in ("system", "code", "unit"))
    values = [one.get("value") for one in (low, high)]
    if not same_unit or not all(isinstance(one, int | float | Decimal) and not isinstance(one, bool) for one in values):
        return True
    return Decimal(str(values[0])) <= Decimal(str(values[1]))


def _rat_1(node: Node, scope: Scope | None) -> bool:
    numerator, denominator = "numerator" in node.value, "denominator" in node.value
    return numerator == denominator and (numerator or "extension" in node.value)


def _obs_7(node: Node, scope: Scope | None) -> bool:
    """If there is a value, no component may have the code of the Observation."""
    if not _has("value")(node.value) or scope is None:
        return True
    own = _codings(scope.resource.get("code"))
    components = node.value.get("component")
    listed = components if isinstance(components, list) else []
    return not any(_codings(one.get("code")) & own for one in listed if isinstance(one, dict))


def _ctm_1(node: Node, scope: Scope | None) -> bool:
    """Only a Practitioner may be on behalf of someone; a member that can't be resolved may be one."""
    member = node.value.get("member")
    reference = member.get("reference") if isinstance(member, dict) else None
    target = resolve(scope, reference) if isinstance(reference, str) else None
    return "onBehalfOf" not in node.value or target is None or target.get("resourceType") == "Practitioner"


def _codings(code: Any) -> set[tuple[tuple[str, str], ...]]:
    listed = code.get("coding") if isinstance(code, dict) else None
    codings = listed if isinstance(listed, list) else []
    return {tuple(sorted((k, str(v)) for k, v in one.items())) for one in codings if isinstance(one, dict)}


def _distinct(name: str, below: str) -> Check:
    """All values of the element `name`, at any depth of nested `below` elements, are different."""

    def check(node: Node, scope: Scope | None) -> bool:
        found = list(_at_every_depth(node.value, name, below))
        return len(found) == len(set(found))

    return check


def _at_every_depth(value: dict[str, Any], name: str, below: str) -> Iterator[str]:
    pending: list[Any] = list(_listed(value, below))
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if isinstance(one.get(name), str):
                yield one[name]
            pending += _listed(one, below)


def _listed(value: dict[str, Any], name: str) -> Iterable[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else ()


def _que_7(node: Node, scope: Scope | None) -> bool:
    return node.value.get("operator") != "exists" or "answerBoolean" in node.value


def _que_12(node: Node, scope: Scope | None) -> bool:
    return "enableBehavior" in node.value or len(list(_listed(node.value, "enableWhen"))) < 2


def _tim_9(node: Node, scope: Scope | None) -> bool:
    """An offset requires `when`, and is not allowed with the meals C, CM, CD and CV."""
    when = node.value.get("when")
    listed = when if isinstance(when, list) else []
    return "offset" not in node.value or (bool(listed) and not {"C", "CM", "CD", "CV"}.intersection(map(str, listed)))


def _is_wholly(name: str, pattern: str) -> Check:
    """The element `name` is there and matches as a whole, for which matches() is not enough."""
    whole = re.compile(pattern)
    return lambda node, scope: bool(isinstance(text := node.value.get(name), str) and whole.fullmatch(text))


_DOM_3 = (
    "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | "
    "%resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = "
    "'#').exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = "
    "'#').exists()).not()).trace('unmatched', id).empty()"
)
_REF_1 = (
    "reference.startsWith('#').not() or "
    "(reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))"
)
_NAME = "[A-Z]([A-Za-z0-9_]){0,254}"
# In the expression of eld-19, a string of FHIRPath, each backslash of the pattern and its apostrophe are escaped.
_PATH_PART = r"""[^\s\.,:;\'"\/|?!@#$%&*()\[\]{}]{1,64}"""
_PATH = rf"{_PATH_PART}(\.{_PATH_PART}(\[x\])?(\:[^\s\.]+)?)*"

NATIVE_CHECKS: dict[str, Check] = {
    "hasValue() or (children().count() > id.count())": _checked_elsewhere,
    "htmlChecks()": _checked_elsewhere,
    "extension.exists() != value.exists()": _ext_1,
    "contained.contained.empty()": _dom_2,
    _DOM_3: _dom_3,
    "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()": _no_meta("versionId", "lastUpdated"),
    "contained.meta.security.empty()": _no_meta("security"),
    "text.`div`.exists()": _dom_6,
    _REF_1: _ref_1,
    "code.empty() or system.exists()": _needs("code", "system"),
    "value.empty() or system.exists()": _needs("value", "system"),
    "data.empty() or contentType.exists()": _needs("data", "contentType"),
    "comparator.empty()": lambda node, scope: "comparator" not in node.value,
    "dataAbsentReason.empty() or value.empty()": _excludes("dataAbsentReason", "value"),
    "low.exists() or high.exists() or text.exists()": _one_of("low", "high", "text"),
    "value.exists() or dataAbsentReason.exists()": _one_of("value", "dataAbsentReason"),
    "start.hasValue().not() or end.hasValue().not() or (start <= end)": _per_1,
    "($this as dateTime).toString().length() >= 8": _vs_1,
    "low.empty() or high.empty() or (low <= high)": _rng_2,
    "(numerator.empty() xor denominator.exists()) and (numerator.exists() or extension.exists())": _rat_1,
    "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()": _obs_7,
    "onBehalfOf.exists() implies (member.resolve().iif(empty(), true, ofType(Practitioner).exists()))": _ctm_1,
    "concept.code.combine($this.descendants().concept.code).isDistinct()": _distinct("code", "concept"),
    "offset.empty() or (when.exists() and ((when in ('C' | 'CM' | 'CD' | 'CV')).not()))": _tim_9,
    # The text says "more than one", the expression in 4.0.1 says > 2; corrected in later versions.
    "enableWhen.count() > 2 implies enableBehavior.exists()": _que_12,
    "operator = 'exists' implies (answer is Boolean)": _que_7,
    "descendants().linkId.isDistinct()": _distinct("linkId", "item"),
    f"name.matches('{_NAME}')": _is_wholly("name", _NAME),
    "path.matches('{}')".format(_PATH.replace("\\", "\\\\").replace("'", "\\'")): _is_wholly("path", _PATH),
}
