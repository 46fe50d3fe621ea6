"""What a row of the tables may ask of a patient beside its question: conditions with their dates, sex and age.

Only types live here. How they are judged: `findings/chart.py` and `findings/patient_groups.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition id, or `all_of`, `any_of` or `none_of` over expressions."""

    operator: str
    """`is`, `all_of`, `any_of` or `none_of`."""
    condition: str = ""
    parts: tuple[Expression, ...] = ()
    within_days: int | None = None
    """The condition counts where its onset is so many days ago or less; without an onset it is only possible."""
    older_than_days: int | None = None
    """The condition counts where its onset is longer ago."""
    wider_counts: bool = False
    """A code that names no site is enough, because the order names it."""
    undated_counts: bool = False
    """A condition without an onset counts, too: the code alone says that it is recent."""
    needs: frozenset[str] | None = field(init=False, repr=False, compare=False)
    """Conditions of which one has to be recorded for it to be anything but absent; None where none has to be."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", self._needs())

    def _needs(self) -> frozenset[str] | None:
        if self.operator == "is":
            return frozenset([self.condition])
        needed = [part.needs for part in self.parts if part.needs is not None]
        if self.operator == "all_of" and needed:
            return min(needed, key=len)  # it is absent where any part is
        return frozenset().union(*needed) if self.operator == "any_of" and len(needed) == len(self.parts) else None

    def conditions(self) -> tuple[str, ...]:
        """Every condition id named, in order, each once."""
        if self.operator == "is":
            return (self.condition,)
        return tuple(dict.fromkeys(name for part in self.parts for name in part.conditions()))

    def leaves(self) -> tuple[Expression, ...]:
        """Every `is`, in order."""
        return (self,) if self.operator == "is" else tuple(leaf for part in self.parts for leaf in part.leaves())

    @property
    def has_dates(self) -> bool:
        """Whether the onset of the condition matters."""
        return self.within_days is not None or self.older_than_days is not None

    def of_any_age(self) -> Expression:
        """The same, whatever the dates are."""
        if not any(leaf.has_dates for leaf in self.leaves()):
            return self
        parts = tuple(part.of_any_age() for part in self.parts)
        return replace(self, parts=parts, within_days=None, older_than_days=None)


@dataclass(frozen=True, slots=True)
class PatientGroup:
    """Patients of one administrative sex, of an age in years; None does not restrict, both ends count."""

    sex: str | None = None
    from_age: int | None = None
    to_age: int | None = None

    @property
    def text(self) -> str:
        """In words: `female, 12 to 55 years`; empty for anybody."""
        ages = {
            (False, True): f"up to {self.to_age} years",
            (True, False): f"from {self.from_age} years",
            (True, True): f"{self.from_age} to {self.to_age} years",
        }.get((self.from_age is not None, self.to_age is not None), "")
        return ", ".join(part for part in (self.sex or "", ages) if part)


ANYBODY = PatientGroup()
