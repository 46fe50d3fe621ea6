"""FHIR ValueSets and ConceptMaps -> one inverted index from (system, code) to value sets.

A lookup costs the same however many rules there are. Understood in a ValueSet: `include.concept`, `include.filter`
with `concept is-a CODE` (ICD and ATC families are prefixes of the code) or `code regex PREFIX.*`, and
`exclude.filter` with `code regex`. The relation of a group of codes to its concept is an extension on `include`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

RELATION_URL = "https://example.org/ir-cds/fhir/StructureDefinition/code-relation"
SUFFICIENT = frozenset({"exact", "narrower"})


@dataclass(frozen=True, slots=True)
class Hit:
    """One value set that holds a code; `relation` is exact, narrower, broader, shared, component or adjacent."""

    value_set: str
    relation: str

    @property
    def sufficient(self) -> bool:
        """True where the code by itself means the concept (exact or narrower)."""
        return self.relation in SUFFICIENT


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """How codes of one system are named and spelled, see `knowledge/code_systems.toml`."""

    url: str
    label: str
    spelling: str
    classifies: bool
    absence: bool = False


@dataclass(frozen=True, slots=True)
class CodeRule:
    """One line of a value set: a code, or a prefix where `prefix` is True."""

    value_set: str
    system: str
    code: str
    relation: str
    prefix: bool
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Codes of a system that a value set leaves out, by a regular expression on the whole code."""

    value_set: str
    system: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The target of a local code in a ConceptMap; `relation` is what the map's equivalence allows us to believe."""

    system: str
    code: str
    relation: str


def rules_of(value_set: Mapping[str, Any]) -> tuple[list[CodeRule], list[Exclusion]]:
    """Every code, prefix and exclusion of one ValueSet, already checked by its schema."""
    rules, exclusions = [], []
    name = value_set["id"]
    for include in value_set["compose"]["include"]:
        relation = next((e["valueCode"] for e in include.get("extension", ()) if e["url"] == RELATION_URL), "exact")
        for concept in include.get("concept", ()):
            rules.append(CodeRule(name, include["system"], concept["code"], relation, False, concept.get("display")))
        for family in include.get("filter", ()):
            prefix = family["value"].removesuffix(".*")
            rules.append(CodeRule(name, include["system"], prefix, relation, True))
    for exclude in value_set["compose"].get("exclude", ()):
        for family in exclude["filter"]:
            exclusions.append(Exclusion(name, exclude["system"], re.compile(family["value"])))
    return rules, exclusions


def mappings_of(concept_map: Mapping[str, Any]) -> dict[tuple[str, str], list[Mapped]]:
    """Local (system, code) -> targets of one ConceptMap.

    FHIR R4 ConceptMap.group.element.target.equivalence: `equal`, `equivalent` and `subsumes` from the target's side
    (`wider`: the target is wider than the source, so the source is narrower) are sufficient; others only raise.
    A code that is mapped to nothing is kept with no target: the site has looked at it.
    """
    believed = {"equal": "exact", "equivalent": "exact", "wider": "narrower", "subsumes": "narrower"}
    found: dict[tuple[str, str], list[Mapped]] = {}
    for group in concept_map.get("group", ()):
        for element in group["element"]:
            targets = found.setdefault((group["source"], element["code"]), [])
            for target in element.get("target", ()):
                if "code" in target and target["equivalence"] not in ("unmatched", "disjoint"):
                    relation = believed.get(target["equivalence"], "broader")
                    targets.append(Mapped(group["target"], target["code"], relation))
    return found


@dataclass(frozen=True, slots=True)
class _Tables:
    exact: dict[tuple[str, str], list[Hit]] = field(default_factory=dict)
    prefixes: dict[tuple[str, str], list[Hit]] = field(default_factory=dict)
    excluded: dict[str, list[Exclusion]] = field(default_factory=dict)


class CodeIndex:
    """The inverted index; built once, read by every call."""

    def __init__(
        self,
        systems: Iterable[CodeSystem],
        aliases: Mapping[str, str],
        rules: Iterable[CodeRule],
        exclusions: Iterable[Exclusion],
        mappings: Mapping[tuple[str, str], list[Mapped]],
    ) -> None:
        """Build.

        Args:
            systems: every known code system.
            aliases: other URL or OID -> canonical URL.
            rules: from `rules_of`.
            exclusions: from `rules_of`.
            mappings: from `mappings_of`.
        """
        self._systems = {system.url: system for system in systems}
        self._aliases = dict(aliases)
        self._mappings = dict(mappings)
        self._tables = _Tables()
        listed = tuple(rules)
        for rule in listed:
            table = self._tables.prefixes if rule.prefix else self._tables.exact
            key = (rule.system, self._spell(rule.system, rule.code))
            table.setdefault(key, []).append(Hit(rule.value_set, rule.relation))
        for exclusion in exclusions:
            self._tables.excluded.setdefault(exclusion.value_set, []).append(exclusion)
        self._displays = {
            (rule.system, self._spell(rule.system, rule.code)): rule.display for rule in listed if rule.display
        }
        self._systems_of: dict[str, set[str]] = {}
        for rule in listed:
            self._systems_of.setdefault(rule.value_set, set()).add(rule.system)
        # Codes hold nothing about a patient, so remembering them across calls is harmless.
        self.lookup = lru_cache(maxsize=50_000)(self._lookup)

    def display(self, system: str, code: str) -> str | None:
        """What the value sets call a code that they list one by one; None for one that they know by its family."""
        canonical = self._canonical(system)
        return self._displays.get((canonical, self._spell(canonical, code)))

    def holds(self, system: str, code: str) -> bool:
        """Whether any value set holds the code."""
        return bool(self.lookup(system, code))

    def reads(self, system: str, code: str) -> bool:
        """Whether a code can be interpreted: its system is known to the tables, or the site has mapped the code.

        A local code that no ConceptMap names stays unread even where others of its system are mapped.
        """
        known = self._systems.get(self._canonical(system))
        return (known is not None and not known.absence) or (system, code.strip()) in self._mappings

    def systems_of(self, value_sets: Iterable[str]) -> tuple[CodeSystem, ...]:
        """The code systems in which value sets name something, in the order of `code_systems.toml`."""
        held = {url for value_set in value_sets for url in self._systems_of.get(value_set, ())}
        return tuple(system for system in self._systems.values() if system.url in held and not system.absence)

    def reads_in(self, systems: Iterable[CodeSystem], system: str, code: str) -> bool:
        """Whether a code is one of these systems, or one that the site has mapped to nothing else than these."""
        urls = {known.url for known in systems}
        targets = self._mappings.get((system.strip(), code.strip()))
        mapped = targets is not None and all(self._canonical(target.system) in urls for target in targets)
        return mapped or self._canonical(system.strip()) in urls

    def mapped(self) -> Iterable[tuple[str, str]]:
        """(system, code) of every local code that a ConceptMap names."""
        return self._mappings.keys()

    def classifies(self, system: str) -> bool:
        """Whether the system's families are complete (ICD), so that "no match" is a statement."""
        known = self._systems.get(self._canonical(system))
        return known is not None and known.classifies

    def _canonical(self, system: str) -> str:
        return self._aliases.get(system, system)

    def _spell(self, system: str, code: str) -> str:
        known = self._systems.get(system)
        spelling = known.spelling if known else "as-is"
        if spelling == "as-is":
            return code.strip()
        bare = code.strip().upper().replace(".", "")
        return bare if spelling == "plain" or len(bare) <= 3 else f"{bare[:3]}.{bare[3:]}"

    def _lookup(self, system: str, code: str) -> tuple[Hit, ...]:
        """Every value set that holds the code, the best relation of each; sufficient ones first."""
        canonical = self._canonical(system.strip())
        hits = self._own(canonical, self._spell(canonical, code))
        for mapped in self._mappings.get((system.strip(), code.strip()), ()):
            target = self._canonical(mapped.system)
            own = self._own(target, self._spell(target, mapped.code))
            hits += [Hit(h.value_set, h.relation if mapped.relation != "broader" else "broader") for h in own]
        best: dict[str, Hit] = {}
        for hit in sorted(hits, key=lambda h: not h.sufficient):
            best.setdefault(hit.value_set, hit)
        return tuple(best.values())

    def _own(self, system: str, code: str) -> list[Hit]:
        hits = list(self._tables.exact.get((system, code), ()))
        for end in range(1, len(code) + 1):
            hits += self._tables.prefixes.get((system, code[:end]), ())
        return [hit for hit in hits if not self._is_excluded(hit.value_set, system, code)]

    def _is_excluded(self, value_set: str, system: str, code: str) -> bool:
        exclusions = self._tables.excluded.get(value_set, ())
        return any(e.system == system and e.pattern.fullmatch(code) for e in exclusions)
