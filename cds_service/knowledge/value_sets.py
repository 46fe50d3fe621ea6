"""FHIR ValueSets and ConceptMaps -> one inverted index from (system, code) to value sets.

A lookup costs the same however many rules there are. Understood in a ValueSet: `include.concept`, `include.filter`
with `concept is-a CODE` (ICD and ATC families are prefixes of the code) or `code regex PREFIX.*`, and
`exclude.filter` with `code regex`. The relation of a group of codes to its concept is an extension on `include`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from cds_service.knowledge.code_system import CodeSystem
from cds_service.knowledge.words import Words

LOINC = "http://loinc.org"
SNOMED_CT = "http://snomed.info/sct"
PROCEDURE_CODES = "https://example.org/ir-cds/fhir/CodeSystem/procedures"
"""The code system of this service: a procedure's id is its code."""
_OF_PROCEDURE = "procedure-"
RELATION_URL = "https://example.org/ir-cds/fhir/StructureDefinition/code-relation"
SUFFICIENT = frozenset({"exact", "narrower"})


# Marks beside an ICD code: dot, dagger, asterisk, plus, exclamation mark, hyphen.
_MARKS = re.compile(r"[^A-Z0-9]")
SNOMED_TAG = re.compile(r" \((?:disorder|finding|situation|procedure|regime/therapy|event)\)$")
_RANGE = re.compile(r"[A-Za-z0-9][^A-Za-z0-9.][A-Za-z0-9]")


def procedure_value_set(procedure: str) -> str:
    """Id of the value set that holds the codes of a procedure, by the procedure's id."""
    return _OF_PROCEDURE + procedure


def procedure_of(value_set: str) -> str | None:
    """Id of the procedure whose codes a value set holds; None for a value set of something else."""
    return value_set.removeprefix(_OF_PROCEDURE) if value_set.startswith(_OF_PROCEDURE) else None


class Hit(msgspec.Struct, frozen=True):
    """One value set that holds a code; `relation` is exact, narrower, broader, shared, component or adjacent."""

    value_set: str
    relation: str

    @property
    def sufficient(self) -> bool:
        """True where the code by itself means the concept (exact or narrower)."""
        return self.relation in SUFFICIENT


class CodeRule(msgspec.Struct, frozen=True):
    """One line of a value set: a code, or a prefix where `prefix` is True."""

    value_set: str
    system: str
    code: str
    relation: str
    prefix: bool
    display: str | None = None


class Exclusion(msgspec.Struct, frozen=True):
    """Codes of a system that a value set leaves out, by a regular expression on the whole code."""

    value_set: str
    system: str
    pattern: re.Pattern[str]


class Mapped(msgspec.Struct, frozen=True):
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


class _Tables(msgspec.Struct, frozen=True):
    exact: dict[tuple[str, str], list[Hit]] = msgspec.field(default_factory=dict)
    prefixes: dict[tuple[str, str], list[Hit]] = msgspec.field(default_factory=dict)
    excluded: dict[str, list[Exclusion]] = msgspec.field(default_factory=dict)


class CodeIndex:
    """The inverted index; built once, read by every call."""

    def __init__(
        self,
        systems: Iterable[CodeSystem],
        aliases: Mapping[str, str],
        rules: Iterable[CodeRule],
        exclusions: Iterable[Exclusion],
        mappings: Mapping[tuple[str, str], list[Mapped]],
        words: Words,
        titles: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Build.

        Args:
            systems: every known code system.
            aliases: other URL or OID -> canonical URL.
            rules: from `rules_of`.
            exclusions: from `rules_of`.
            mappings: from `mappings_of`.
            words: how texts are compared with displays.
            titles: what each value set is called.
        """
        self._titles = titles
        self._systems = {system.url: system for system in systems}
        named = {**aliases, **{url: url for url in self._systems}}
        self._aliases = {_plain_uri(name): url for name, url in named.items()}
        self._words = words
        self._mappings = dict(mappings)
        self._tables = _Tables()
        for exclusion in exclusions:
            self._tables.excluded.setdefault(exclusion.value_set, []).append(exclusion)
        self._displays: dict[tuple[str, str], str] = {}
        self._by_text: dict[str, list[tuple[str, str]]] = {}
        self._displayed: dict[str, list[tuple[str, str]]] = {}
        self._systems_of: dict[str, set[str]] = {}
        self._rules_of: dict[str, list[CodeRule]] = {}
        self._categories: set[str] = set()  # three characters, of which a longer code is listed
        hits: dict[Hit, Hit] = {}
        for rule in rules:
            written = (rule.system, rule.code)
            spelled = self._spell(*written)
            key = written if spelled == rule.code else (rule.system, spelled)
            hit = Hit(rule.value_set, rule.relation)
            table = self._tables.prefixes if rule.prefix else self._tables.exact
            table.setdefault(key, []).append(hits.setdefault(hit, hit))
            self._categories.update({spelled[:3]} - {spelled})
            self._rules_of.setdefault(rule.value_set, []).append(rule)
            self._systems_of.setdefault(rule.value_set, set()).add(rule.system)
            if rule.display:
                self._displays[key] = rule.display
                self._by_text.setdefault(words.of(rule.display), []).append(written)
                self._displayed.setdefault(rule.display, []).append(written)
        # Codes hold nothing about a patient, so remembering them across calls is harmless.
        self.lookup = lru_cache(maxsize=50_000)(self._lookup)
        self.reads_for = lru_cache(maxsize=50_000)(self._reads_for)
        self.says_all = lru_cache(maxsize=50_000)(self._says_all)
        self._systems_holding = lru_cache(maxsize=5_000)(self._systems_in)
        self._read_systems = frozenset(url for url, system in self._systems.items() if not system.absence)

    def display(self, system: str, code: str) -> str | None:
        """What the value sets call a code that they list one by one; None for one that they know by its family."""
        canonical = self._canonical(system)
        return self._displays.get((canonical, self._spell(canonical, code)))

    def title(self, value_set: str) -> str | None:
        """What a value set is called: the name of a condition that is recorded only by a code of a family."""
        return self._titles.get(value_set)

    def rules_of(self, value_set: str) -> tuple[CodeRule, ...]:
        """Every code and family of one value set, in its order; empty for one that is not there."""
        return tuple(self._rules_of.get(value_set, ()))

    def find(self, code: str) -> frozenset[str]:
        """Every value set that holds a code, whatever its code system: for people who look for a code (`D25.9`)."""
        systems = [system for system in self._systems.values() if self._has_form(system, code)]
        return frozenset(hit.value_set for system in systems for hit in self.lookup(system.url, code))

    def system_of(self, code: str, among: Collection[str]) -> str | None:
        """The code system that a bare code is written in, one that holds it first; None for what looks like no code."""
        spelled = code.upper()
        fitting = [
            system.url
            for system in self._systems.values()
            if system.url in among and system.form is not None and system.form.fullmatch(spelled)
        ]
        holding = [url for url in fitting if self.lookup(url, code)]
        return next(iter((*holding, *fitting)), None)

    def holds(self, system: str, code: str) -> bool:
        """Whether any value set holds the code."""
        return bool(self.lookup(system, code))

    def reads(self, system: str, code: str) -> bool:
        """Whether a code can be interpreted: its system is known to the tables, or the site has mapped the code.

        A local code that no ConceptMap names stays unread even where others of its system are mapped.
        """
        known = self._systems.get(self._canonical(system))
        return (known is not None and not known.absence) or (system, code.strip()) in self._mappings

    def _says_all(self, system: str, code: str) -> bool:
        """Whether a code needs no words beside it: surely in a value set, mapped by the site, or of a classification.

        A residual code of a classification (R69, Z88.8), or a category of which longer codes are listed (K76), says
        less than the words beside it, and a code of SNOMED CT that no value set holds may be a kind of one that does.
        """
        is_mapped = (system.strip(), code.strip()) in self._mappings
        if is_mapped or any(hit.sufficient for hit in self.lookup(system, code)):
            return True
        known = self._systems.get(self._canonical(system))
        if known is None or not known.classifies:
            return False
        spelled = self._spell(known.url, code)
        return not (self._systems[known.edition_of] if known.edition_of else known).leaves_it(
            spelled, has_narrower=spelled in self._categories
        )

    def systems_of(self, value_sets: Iterable[str]) -> frozenset[str]:
        """The code systems that any of the value sets holds codes of; not those that say why there is no code."""
        return self._systems_holding(tuple(value_sets))

    def _systems_in(self, value_sets: tuple[str, ...]) -> frozenset[str]:
        found = {system for name in value_sets for system in self._systems_of.get(name, ())}
        return frozenset(url for url in found if url not in self._systems or not self._systems[url].absence)

    def read_systems(self) -> frozenset[str]:
        """Every code system that is read at all; not those that say why there is no code."""
        return self._read_systems

    def _reads_for(self, system: str, code: str, systems: frozenset[str]) -> bool:
        """Whether a code can answer a question whose value sets hold codes of `systems`.

        It can where its own system, or that of which it is a national edition, is among them and the code has that
        system's form; a local code too where the site has mapped it to nothing else than these, or to nothing.
        """
        canonical = self._canonical(system)
        known = self._systems.get(canonical)
        if known is not None and (canonical in systems or known.edition_of in systems) and self._has_form(known, code):
            return True
        targets = self._mappings.get((system.strip(), code.strip()))
        return targets is not None and all(self._canonical(target.system) in systems for target in targets)

    def says_absent(self, system: str) -> bool:
        """Whether the codes of a system say why there is no code: masked, not known."""
        known = self._systems.get(self._canonical(system))
        return known is not None and known.absence

    def named(self, text: str) -> tuple[Hit, ...]:
        """Every value set that holds a code of which a text is the display, word for word; sufficient ones first."""
        return _best(hit for code in self._by_text.get(self._words.of(text), ()) for hit in self.lookup(*code))

    def displays(self, value_sets: Collection[str]) -> Iterator[tuple[str, tuple[Hit, ...]]]:
        """Every display of a code of these value sets as it is written, with those that it is in.

        SNOMED CT's fully specified names come without their tag (`(disorder)`). Sufficient value sets are first.
        """
        for display, codes in self._displayed.items():
            held = _best(hit for code in codes for hit in self.lookup(*code) if hit.value_set in value_sets)
            if held:
                yield SNOMED_TAG.sub("", display), held

    def label(self, system: str) -> str:
        """What people call a code system; its URI where it is not known."""
        known = self._systems.get(self._canonical(system))
        return known.label if known else system

    def mapped(self) -> Iterable[tuple[str, str]]:
        """(system, code) of every local code that a ConceptMap names."""
        return self._mappings.keys()

    def mapped_in_vain(self) -> Iterator[tuple[str, str, str]]:
        """(system, code, targets) of every local code that is mapped to codes of which no value set holds any."""
        for (system, code), targets in self._mappings.items():
            if targets and not self.holds(system, code):
                yield system, code, ", ".join(f"{target.system}|{target.code}" for target in targets)

    def classifies(self, system: str) -> bool:
        """Whether the system's families are complete (ICD), so that "no match" is a statement."""
        known = self._systems.get(self._canonical(system))
        return known is not None and known.classifies

    def system_label(self, system: str) -> str:
        """What people call a code system; of one that is not known the end of its URL."""
        known = self._systems.get(self._canonical(system))
        return known.label if known is not None else system.rstrip("/").rpartition("/")[2]

    def _canonical(self, system: str) -> str:
        if system in self._systems:
            return system
        return self._aliases.get(_plain_uri(system), system.strip())

    def _spell(self, system: str, code: str) -> str:
        known = self._systems.get(system)
        if known is None or known.spelling == "as-is":
            return code.strip()
        bare = _MARKS.sub("", code.upper())
        return bare if known.spelling == "plain" or len(bare) <= 3 else f"{bare[:3]}.{bare[3:]}"

    def _has_form(self, system: CodeSystem, code: str) -> bool:
        parts = self._parts(system.url, code.strip())
        if system.form is None:
            return True
        # A range of ICD codes (`I60-I69`) is no code, though it would be spelled as one.
        return any(
            system.form.fullmatch(self._spell(system.url, part)) is not None
            for part in parts
            if system.spelling == "as-is" or _RANGE.search(part) is None
        )

    def _parts(self, system: str, code: str) -> list[str]:
        """The codes in a text: a disease classified by two (`J21.8 B95.6`) is written as both, apart by a blank."""
        known = self._systems.get(system)
        return code.split() if known is not None and known.spelling == "dotted" else [code]

    def _lookup(self, system: str, code: str) -> tuple[Hit, ...]:
        """Every value set that holds the code, the best relation of each; sufficient ones first."""
        canonical = self._canonical(system)
        known = self._systems.get(canonical)
        hits: list[Hit] = []
        for part in self._parts(canonical, code):
            spelled = self._spell(canonical, part)
            hits += self._own(canonical, spelled) + self._as_family(canonical, part)
            if known is not None and (longer := known.system_of_longer(spelled)):
                hits += self._own(longer, spelled)
        for mapped in self._mappings.get((system.strip(), code.strip()), ()):
            target = self._canonical(mapped.system)
            own = self._own(target, self._spell(target, mapped.code))
            hits += [Hit(h.value_set, h.relation if mapped.relation != "broader" else "broader") for h in own]
        return _best(hits)

    def _as_family(self, system: str, code: str) -> list[Hit]:
        """A code of a national edition, or with the place after it, read as the family that it begins with."""
        known = self._systems.get(system)
        if known is None or not known.family_length:
            return []
        of = known.edition_of or system
        spelled = self._spell(of, code)
        if spelled.startswith(known.own_meanings):
            return []
        return self._own(of, spelled[: known.family_length])

    def _own(self, system: str, code: str) -> list[Hit]:
        hits = list(self._tables.exact.get((system, code), ()))
        for end in range(1, len(code) + 1):
            hits += self._tables.prefixes.get((system, code[:end]), ())
        return [hit for hit in hits if not self._is_excluded(hit.value_set, system, code)]

    def _is_excluded(self, value_set: str, system: str, code: str) -> bool:
        exclusions = self._tables.excluded.get(value_set, ())
        return any(e.system == system and e.pattern.fullmatch(code) for e in exclusions)


def _best(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """One hit a value set: the best relation, sufficient ones first."""
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda h: not h.sufficient):
        best.setdefault(hit.value_set, hit)
    return tuple(best.values())


def _plain_uri(system: str) -> str:
    """A system's URI without what varies between records: case, http or https, www, a slash at the end, urn:oid."""
    plain = system.strip().lower().removeprefix("https://").removeprefix("http://").removeprefix("www.")
    return plain.removeprefix("urn:oid:").rstrip("/#")
