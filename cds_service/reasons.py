"""Why something is as it is, as a key of the wording: what every stage passes on instead of a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """A sentence to be worded later: `key` is one of `reason.*`, with `values` for its places.

    The keys that stages give are declared in `knowledge/wording_keys.toml`; rows of the tables name the others.
    """

    key: str
    values: Mapping[str, str | int] = msgspec.field(default_factory=dict)
