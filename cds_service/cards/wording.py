"""Cards stage: the sentences that people read, from `knowledge/wording.en.toml`.

A sentence is a template with `{name}` places. That each is there and has no other place was checked when the tables
were loaded (`knowledge/wording_checks.py`), so that no call can fail on a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.reasons import Reason


class _Values(dict[str, object]):
    """Values of places; one that was not given is left out of the sentence rather than failing a call."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Wording:
    """The flat sentences of `Knowledge.wording`: `card.order` -> template."""

    templates: Mapping[str, str]

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key with its places filled.

        Raises:
            KeyError: the key is neither in `wording_keys.toml` nor named by a row of the tables.
        """
        return self.templates[key].format_map(_Values(values))

    def label(self, family: str, name: str) -> str:
        """The label of a name, such as a prefetch key or UCUM unit; a unit without a label is shown as it is."""
        return self.templates.get(f"{family}.{name}", name)

    def listed(self, items: Sequence[str], most: int = 3) -> str:
        """Names in a row, each once, at most `most` of them, and how many more there are."""
        names = list(dict.fromkeys(items))
        if len(names) <= most:
            return ", ".join(names)
        return self.say("list.more", items=", ".join(names[:most]), count=len(names) - most)

    def reason(self, reason: Reason | None, *, data: str | None = None) -> str:
        """A reason in words, as a clause; a reason without words of its own still says that nothing was judged.

        Args:
            reason: the key below `reason.` and its values, which stay as they are (not made harmless).
            data: prefetch key or context field that the reason speaks of, where its values don't say.
        """
        if reason is None or f"reason.{reason.key}" not in self.templates:
            return self.say("reason.other")
        values: dict[str, object] = {"data": data or "", **reason.values}
        values["data"] = self.label("data", str(values["data"]))
        if "formula" in values:
            values["formula"] = self.label("formula", str(values["formula"]))
        return self.say(f"reason.{reason.key}", **values)
