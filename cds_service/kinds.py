"""The kinds of data that the service reads, from `kinds.toml`: one row a kind, named nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from cds_service.indicator import Indicator, indicator_of
from cds_service.reasons import Reason

_CODES = "{{CODES}}"


class DataKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of data; what each field means stands at the top of `kinds.toml`."""

    key: str
    resource_type: str
    template: str
    role: str
    code_element: str = ""
    time_element: str = ""
    profile: str | None = None
    when_unavailable: Indicator = Indicator.INFO
    unreadable_hides: str = "all"
    code_checks: tuple[str, str] = ("", "")
    also: tuple[str, ...] = ()
    include: str | None = None
    also_asked: tuple[str, ...] = ()
    often_missing: bool = False

    @property
    def is_clinical(self) -> bool:
        """Whether questions of the tables are put to it."""
        return self.role == "clinical"

    @property
    def is_search(self) -> bool:
        """Whether it is found by a search; else it is one resource, read by its id."""
        return "?" in self.template

    @property
    def resource_types(self) -> tuple[str, ...]:
        """Every resource type that counts under the key, its own first."""
        return (self.resource_type, *self.also)

    @property
    def unavailable(self) -> Reason:
        """Why a question about it has no answer: none of it could be retrieved."""
        return Reason(f"{self.key}-unavailable")

    @property
    def incomplete(self) -> Reason:
        """Why a question about it has no answer: a part of it could not be retrieved or read."""
        return Reason(f"{self.key}-incomplete")

    @property
    def sentences(self) -> Mapping[str, str]:
        """What every language says of it, in `kind_wording.toml`: key -> the places of the sentence."""
        if not self.is_clinical:
            return {f"data.{self.key}": ""}
        missing = ("unavailable", "incomplete", *(("not-sent", "not-connected") if self.often_missing else ()))
        return {
            f"data.{self.key}": "",
            **{f"reason.{self.key}-{what}": "" for what in missing},
            f"looked_at.{self.key}.zero": "",
            f"looked_at.{self.key}.one": "count",
            f"looked_at.{self.key}.other": "count",
            f"unlooked.{self.key}": "",
            f"record.{self.key}": "",
            f"gap_do.read-{self.key}": "",
        }

    def prefetch_template(self, codes: Sequence[str]) -> str | None:
        """The template with the codes to search for; None where it searches by codes and there are none.

        Args:
            codes: `system|code` each.
        """
        if _CODES not in self.template:
            return self.template
        return self.template.replace(_CODES, ",".join(codes)) if codes else None


def _kind(row: Mapping[str, Any]) -> DataKind:
    level = indicator_of(row.get("when_unavailable", Indicator.INFO.word))
    return msgspec.convert({**row, "when_unavailable": level}, DataKind)


_TABLE = Path(__file__).parent / "kinds.toml"
KINDS: Mapping[str, DataKind] = MappingProxyType(
    {row["key"]: _kind(row) for row in tomllib.loads(_TABLE.read_text("utf-8"))["kind"]}
)
"""Prefetch key -> kind, in the order of the file."""

CLINICAL: tuple[DataKind, ...] = tuple(kind for kind in KINDS.values() if kind.is_clinical)
"""The kinds that questions of the tables are put to."""
