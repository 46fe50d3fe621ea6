"""The definitions that validation uses: StructureDefinitions, value sets, code systems and more, by URL.

The R4 core is shipped; packages named by the caller are added, and a later definition replaces an earlier one with the
same URL. Of R4's own StructureDefinitions only extensions are replaced. The product's own package is made from its
tables when one of its URLs is first asked for, because that takes longer than everything else at the start.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from cds_service.profiles.elements import Element, build_tree
from cds_service.profiles.packages import read_package
from cds_service.profiles.snapshots import SnapshotError, with_snapshot
from cds_service.publishing.definition import CANONICAL

BASE = "http://hl7.org/fhir/StructureDefinition/"
_KINDS = (
    "StructureDefinition",
    "ValueSet",
    "CodeSystem",
    "ImplementationGuide",
    "Questionnaire",
    "SearchParameter",
    "Measure",
)
_OWN_FOLDERS = ("structure_definitions", "value_sets", "binding_sets", "code_systems")


class Definitions:
    """Definitions by URL, with element trees that are built on first use.

    Trees and value set expansions are cached and shared by all threads; if two threads build the same one, the second
    replaces an equal first. `membership_cache` caches value set lookups and is cleared when full, because callers
    choose the codes.
    """

    def __init__(self, resources: Iterable[Mapping[str, Any]], *, with_own: bool = False) -> None:
        self._own_missing = with_own
        self._by_url: dict[str, dict[str, Mapping[str, Any]]] = {kind: {} for kind in _KINDS}
        self._trees: dict[str, Element | None] = {}
        self.cache: dict[Any, Any] = {}
        self.membership_cache: dict[Any, bool | None] = {}
        for resource in resources:
            if resource.get("resourceType") in _KINDS and isinstance(resource.get("url"), str):
                self._by_url[resource["resourceType"]][resource["url"]] = resource
        self._global = _global_profiles(self._by_url["ImplementationGuide"].values())

    def structure(self, url: str) -> Mapping[str, Any] | None:
        """A StructureDefinition by its canonical URL (a version after `|` is ignored), or None."""
        return self._find("StructureDefinition", url)

    def value_set(self, url: str) -> Mapping[str, Any] | None:
        """A ValueSet by its canonical URL, or None."""
        return self._find("ValueSet", url)

    def code_system(self, url: str) -> Mapping[str, Any] | None:
        """A CodeSystem by its canonical URL, or None."""
        return self._find("CodeSystem", url)

    def questionnaire(self, url: str) -> Mapping[str, Any] | None:
        """A Questionnaire by its canonical URL, or None."""
        return self._find("Questionnaire", url)

    def search_parameter(self, url: str) -> Mapping[str, Any] | None:
        """A SearchParameter by its canonical URL, or None."""
        return self._find("SearchParameter", url)

    def measure(self, url: str) -> Mapping[str, Any] | None:
        """A Measure by its canonical URL, or None."""
        return self._find("Measure", url)

    def kind_of(self, url: str) -> str | None:
        """The resource type of the definition with this canonical URL, or None."""
        return next((kind for kind in _KINDS if self._find(kind, url) is not None), None)

    def _find(self, kind: str, url: str) -> Mapping[str, Any] | None:
        url = url.partition("|")[0]
        found = self._by_url[kind].get(url)
        if found is None and self._own_missing and url.startswith(CANONICAL):
            for resource in own_resources():
                self._by_url[resource["resourceType"]].setdefault(resource["url"], resource)
            self._own_missing = False
            found = self._by_url[kind].get(url)
        return found

    def global_profiles(self, resource_type: str) -> Sequence[str]:
        """Profiles that an ImplementationGuide requires for all resources of a type (`ImplementationGuide.global`)."""
        return self._global.get(resource_type, ())

    def tree(self, url: str) -> Element | None:
        """The element tree of a StructureDefinition; None if it is not available or has no usable snapshot."""
        url = url.partition("|")[0]
        if url not in self._trees:
            structure = self.with_snapshot(url)
            self._trees[url] = build_tree(structure) if structure else None
        return self._trees[url]

    def type_tree(self, code: str) -> Element | None:
        """The element tree of a FHIR type or resource by name, such as `HumanName`; None if R4 does not define it."""
        return self.tree(BASE + code) if "/" not in code else self.tree(code)

    def is_resource(self, code: str) -> bool:
        """Whether a name is a concrete resource type of R4."""
        structure = self.structure(BASE + code) or {}
        return structure.get("kind") == "resource" and structure.get("type") == code and not structure.get("abstract")

    def ancestors(self, code: str) -> tuple[str, ...]:
        """A type and its base types, most specific first: Patient, DomainResource, Resource."""
        known = self.cache.get(("ancestors", code))
        if known is None:
            known = self.cache["ancestors", code] = tuple(self._ancestors(code))
        return known

    def _ancestors(self, code: str) -> Iterable[str]:
        while code:
            yield code
            structure = self.structure(BASE + code) or {}
            code = str(structure.get("baseDefinition", "")).rpartition("/")[2]

    def with_snapshot(self, url: str, within: tuple[str, ...] = ()) -> Mapping[str, Any] | None:
        """A StructureDefinition with a snapshot, generated if missing; None if that is not possible."""
        structure = self.structure(url)
        if structure is None or "snapshot" in structure or url in within:
            return structure if structure is not None and "snapshot" in structure else None
        key = "snapshot", url.partition("|")[0]
        if key not in self.cache:
            try:
                self.cache[key] = with_snapshot(structure, lambda base: self.with_snapshot(base, (*within, url)))
            except (SnapshotError, KeyError, TypeError):
                self.cache[key] = None
        return self.cache[key]  # type: ignore[no-any-return]


def _global_profiles(guides: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for guide in guides:
        for one in guide.get("global", ()):
            found.setdefault(one["type"], []).append(one["profile"])
    return found


def _is_later_extension(structure: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether it defines an extension of R4 anew, as the package hl7.fhir.uv.extensions.r4 does.

    Packages such as hl7.fhir.r4.core repeat the core; the reduced form is equivalent and faster.
    """
    return bool(structure.get("type") == "Extension" and structure.get("version") != known.get("version"))


@cache
def core_resources() -> tuple[dict[str, Any], ...]:
    """The definitions of FHIR R4 4.0.1, reduced to what validation uses (built by tools/make_r4_definitions.py)."""
    packed = files("cds_service.profiles").joinpath("r4_definitions.json.gz").read_bytes()
    return tuple(orjson.loads(gzip.decompress(packed)))


@cache
def own_resources() -> tuple[dict[str, Any], ...]:
    """The definitions of the product's own FHIR package that validation reads; made from the shipped tables.

    Raises:
        TableError: a shipped table is wrong.
    """
    # Both import the tables of the product.
    from cds_service.publishing.package import make_definitions
    from cds_service.publishing.sources import shipped_sources

    return tuple(make_definitions(shipped_sources(), _OWN_FOLDERS).values())


def load_definitions(packages: Sequence[Path] = ()) -> Definitions:
    """The R4 core, the product's own package, and further packages.

    Args:
        packages: folders or `.tgz` files of FHIR packages.

    Raises:
        SetupError: a package is missing or can't be read.
    """
    further = [resource for package in packages for resource in read_package(package, _KINDS)]
    core = core_resources()
    known = {one["url"]: one for one in core if one["resourceType"] == "StructureDefinition"}
    added = [one for one in further if one.get("url") not in known or _is_later_extension(one, known[one["url"]])]
    return Definitions([*core, *added], with_own=True)
