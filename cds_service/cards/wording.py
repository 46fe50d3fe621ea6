"""Cards stage: the sentences that people read, from `knowledge/wording.<language>.toml`.

A sentence is a template with `{name}` places. That each is there and has no other place was checked when the tables
were loaded (`knowledge/wording_checks.py`), so that no call can fail on a sentence. Plural forms, dates, decimal signs
and lists are those of CLDR, by babel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, lru_cache

import msgspec
from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import get_decimal_symbol, get_group_symbol

from cds_service.reasons import Reason

ENGLISH = "en"
_DATIVE = "_dative"
_GROUPED_FROM = 5
"""Digits."""
_BEFORE_ITS_OWN_SOUND = {
    "es": ((re.compile(r" y (?=h?[ií](?![aeo]))", re.I), " e "), (re.compile(r" o (?=h?[oó])", re.I), " u "))
}
"""Spanish changes `y` and `o` before their own sound, which CLDR's lists don't: `bilirrubina e INR`."""


class Named(str):
    """A name as it stands alone, with its dative for languages that decline it."""

    __slots__ = ("dative",)

    dative: str

    def __new__(cls, name: str, dative: str | None = None) -> Named:
        """The name; its dative is the same where none is given."""
        named = super().__new__(cls, name)
        named.dative = name if dative is None else dative
        return named


class _Values(dict[str, object]):
    """Values of places; one that was not given is left out of the sentence rather than failing a call."""

    def __missing__(self, name: str) -> object:
        if not name.endswith(_DATIVE):
            return ""
        value = self.get(name.removesuffix(_DATIVE), "")
        return value.dative if isinstance(value, Named) else value


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


@cache
def _decimal_sign(language: str) -> str:
    return get_decimal_symbol(_locale(language))


@cache
def _group_sign(language: str) -> str:
    return get_group_symbol(_locale(language))


@lru_cache(maxsize=4_000)
def _formatted(day: date, pattern: str, language: str) -> str:
    return str(format_date(day, pattern, locale=_locale(language)))


@lru_cache(maxsize=1_000)
def _plural(count: int, language: str) -> str:
    return str(_locale(language).plural_form(count))


class Wording(msgspec.Struct, frozen=True):
    """The flat sentences of one language: `gap.other` -> template."""

    templates: Mapping[str, str]
    language: str = ENGLISH

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key with its places filled.

        Raises:
            KeyError: the key is neither in `wording_keys.toml` nor named by a row of the tables.
        """
        said = self.templates[key].format_map(_Values(values))
        return said.replace("..", ".") if said.endswith("..") else said  # a date may end with a full stop: `23. Nov.`

    def count(self, key: str, count: int, **values: object) -> str:
        """The sentence for so many, by the plural category of the language (`key.one`, `key.other`)."""
        if count == 0 and f"{key}.zero" in self.templates:
            return self.say(f"{key}.zero")
        named = f"{key}.{_plural(count, self.language)}"
        return self.say(named if named in self.templates else f"{key}.other", count=count, **values)

    def label(self, family: str, name: str, otherwise: str | None = None) -> str:
        """The label of a name, such as a prefetch key or UCUM unit; without one `otherwise`, or the name as it is."""
        return self.templates.get(f"{family}.{name}", name if otherwise is None else otherwise)

    def day(self, day: date, pattern: str) -> str:
        """A date by one of the patterns `date.*`."""
        return _formatted(day, self.templates[f"date.{pattern}"], self.language)

    def number(self, text: str) -> str:
        """A number as written by a computer, in the language; thousands apart from 10,000 on."""
        whole, dot, rest = text.partition(".")
        if len(whole) >= _GROUPED_FROM and whole.isdecimal():
            whole = f"{int(whole):,}".replace(",", _group_sign(self.language))
        return whole + (_decimal_sign(self.language) + rest if dot else "")

    def listed(self, items: Sequence[str], most: int = 3) -> str:
        """Names in a row, each once, at most `most` of them, and how many more there are."""
        names = list(dict.fromkeys(items))
        if len(names) <= most:
            return ", ".join(names)
        return self.say("list.more", items=", ".join(names[:most]), count=len(names) - most)

    def joined(self, items: Sequence[str], *, either: bool = False) -> str:
        """Names as a phrase: `INR and platelets`, or with `either` `LVEF or NYHA class`."""
        names = list(dict.fromkeys(items))
        if len(names) < 2:
            return "".join(names)
        told = str(format_list(names, "or" if either else "standard", _locale(self.language)))
        for before, word in _BEFORE_ITS_OWN_SOUND.get(self.language, ()):
            told = before.sub(word, told)
        return told

    def part(self, name: str) -> str:
        """What goes into a computed value: a lab, or a part of a score that no lab gives."""
        return self.templates.get(f"part.{name}", self.label("lab", name))

    def parts(self, names: Sequence[str]) -> str:
        """Several of them as a phrase."""
        return self.joined([self.part(name) for name in names])

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
        if "parts" in values:
            values["parts"] = self.parts(str(values["parts"]).split(","))
        return " ".join(self.say(f"reason.{reason.key}", **values).split())
