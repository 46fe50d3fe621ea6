"""What the tables and texts say of allergies, as frozen types: `allergies.toml` and `allergy_words/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AllergyGroup:
    """A group of allergies: the codes of a ValueSet, and the words that `allergy_words/` gives it.

    `role`: what a group is for that no question asks for, or that it only sounds like an allergy to iodinated contrast,
    see `knowledge/allergies.toml`. An allergy that is in a group of `covered_by` as well is told there.
    """

    id: str
    value_set: str
    role: str | None = None
    covered_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AllergyTable:
    """`knowledge/allergies.toml`: groups of allergies in order, and the ValueSets of how heavy reactions are."""

    groups: tuple[AllergyGroup, ...]
    reactions: Mapping[str, str]
    """`severe`, `moderate`, `mild`, `physiologic` -> ValueSet, the heaviest first."""
    languages: tuple[str, ...]
    """Languages of `allergy_words/`, as codes."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Id of a group -> the words that name it, as written in `allergy_words/`; `*` stands for any ending."""
    by_id: Mapping[str, AllergyGroup] = field(init=False, repr=False, compare=False)
    by_value_set: Mapping[str, AllergyGroup] = field(init=False, repr=False, compare=False)
    _of_roles: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        of_roles = {
            role: frozenset(group.id for group in self.groups if group.role == role)
            for role in {group.role for group in self.groups if group.role}
        }
        object.__setattr__(self, "by_id", {group.id: group for group in self.groups})
        object.__setattr__(self, "by_value_set", {group.value_set: group for group in self.groups})
        object.__setattr__(self, "_of_roles", of_roles)

    def with_role(self, role: str) -> frozenset[str]:
        """Ids of the groups of a role."""
        return self._of_roles.get(role, frozenset())


@dataclass(frozen=True, slots=True)
class Statement:
    """What one item of a text says of allergies (`SHELLFISH / IV DYE hives` holds two); from `allergy_texts.py`."""

    text: str
    """The sentence that it stands in."""
    groups: frozenset[str] = frozenset()
    """Ids of allergy groups that it names and does not deny."""
    something_else: bool = False
    """It names another substance."""
    begins_so: bool = False
    """It begins with the name of a substance, and does not tell of treatment."""
    denied: bool = False
    """A part of it denies what it names, or speaks of somebody else."""
    none_known: bool = False
    """It says that there is no allergy."""
    not_known: bool = False
    """It says that the answer is elsewhere, or that nobody asked."""
    unknown: bool = False
    """It holds the word unknown, and names nothing beside it."""
    unread: bool = False
    """A word that no table knows stands where a substance would."""
    is_allergy: bool = False
    """It has a word for an allergy or a reaction: a diagnosis that names a substance may be of anything else."""
    weights: tuple[str | None, ...] = ()
    """The weights of the reactions that it names, None for one that no table weighs."""
