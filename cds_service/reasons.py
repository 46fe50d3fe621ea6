"""Why something is as it is, as a key of the wording: what every stage passes on instead of a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence to be worded later: `key` is one of `reason.*` in `knowledge/wording.en.toml`."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)
