"""Units as laboratories write them -> factor and dimension, so that a value is converted and never guessed.

UCUM is read as UCUM (`10*9/L`, `mL/min/{1.73_m2}`, `umol.L-1`); beside it what people write: `x10(3)/mcL`, `K/µL`,
`10⁹/L`, `ml/min/1,73 m²`, `MG/DL`. The names of units are in `units.toml`. What is not sure is not read: `109/L` may
have lost its superscript.
Source: The Unified Code for Units of Measure 2.1, sections 2 and 3; docs/decisions/0010-units-by-a-grammar.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec

Dimension = tuple[tuple[str, int], ...]
"""Base quantities with their exponents, by name: `(("length", -3), ("mass", 1))`; empty for a plain number."""

_MOST_CHARACTERS = 40
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_SIGNS = str.maketrans({"μ": "u", "×": "x", "·": ".", "⋅": ".", "∕": "/"})
_PER = re.compile(r"\s+per\s+", re.IGNORECASE)
_BODY_SURFACE = re.compile(r"[/.]?[{(\[]?1[.,]73[._*]?(?:m\^?\*?2|sqm|qm)?[})\]]?", re.IGNORECASE)
_ANNOTATION = re.compile(r"\{(?![x*]?\d)[^{}]*\}")  # `{10*9}/L` is no annotation
_POWER_OF_TEN = re.compile(r"[x*]?10(?:(?:\*\*|[*^]|e|exp)(-?\d{1,2})|(?:\^|\*)?\((-?\d{1,2})\))", re.IGNORECASE)
_ABBREVIATED = re.compile(r"(?<=[^\W\d_])\.(?=/|$)")
_TOKEN = re.compile(
    r"(?P<sign>[/.()])"
    r"|10\^(?P<power>-?\d{1,2})(?!\d)"
    r"|(?P<number>10{0,6})(?!\d)"
    r"|(?P<name>mm\(Hg\)|\[[^\[\]]*\]|(?:[^\W\d_]|[%#°'])+(?:\[[^\[\]]*\])?)(?P<exponent>\^?[+-]?\d{1,2}(?!\d))?",
    re.IGNORECASE,
)


class UnitReading(msgspec.Struct, frozen=True):
    """What a unit means: `factor` in base units (metre, gram, mole, second, ...) of its dimension."""

    factor: Fraction
    dimension: Dimension


_ONE = UnitReading(Fraction(1), ())


class _NotRead(Exception):
    """The text is no unit that is known for sure."""


class Units:
    """The units of `units.toml`."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        """`table`: `prefixes`, `numbers`, the rows `unit`, and what is `published`."""
        self.published: tuple[str, ...] = tuple(table["published"])
        self._as_written = _names(table, lambda name: name)
        self._without_case = _names({**table, "numbers": _safe_in_any_case(table["numbers"])}, str.casefold)
        self.read = lru_cache(maxsize=2_000)(self._read)

    def _read(self, text: str) -> tuple[UnitReading, ...]:
        """What a unit may mean: as written, then without regard to case where that is something else; or nothing."""
        if len(text) > _MOST_CHARACTERS:
            return ()
        plain = _plain(text)
        found = dict.fromkeys((_reading(plain, self._as_written), _reading(plain.casefold(), self._without_case)))
        return tuple(reading for reading in found if reading is not None)


def _safe_in_any_case(numbers: Mapping[str, int]) -> dict[str, int]:
    """Numbers in words that mean the same in small letters: `m/uL` is no million, `k/uL` is a thousand."""
    return {name: power for name, power in numbers.items() if len(name) > 1 or numbers.get(name.swapcase()) == power}


def _names(table: Mapping[str, Any], spell: Callable[[str], str]) -> dict[str, UnitReading]:
    """Every name of a unit, with and without prefix, and every number in words."""
    found: dict[str, UnitReading] = {}
    for row in table["unit"]:
        reading = UnitReading(Fraction(row["factor"]), _dimension(row.get("dimension", {})))
        for name in row["names"]:
            found.setdefault(spell(name), reading)
    for row in table["unit"]:
        for prefix, power in table["prefixes"].items() if row.get("prefixed") else ():
            factor = Fraction(row["factor"]) * Fraction(10) ** power
            for name in row["names"]:
                found.setdefault(spell(prefix + name), UnitReading(factor, _dimension(row.get("dimension", {}))))
    for name, power in table["numbers"].items():
        found.setdefault(spell(name), UnitReading(Fraction(10) ** power, ()))
    return found


def _plain(text: str) -> str:
    """The text without blanks and annotations, in one spelling of its signs, powers of ten and body surface."""
    raised = _RAISED.sub(lambda found: f"^{found.group().translate(_SUPERSCRIPTS)}", text.strip())
    signs = unicodedata.normalize("NFKC", raised).translate(_SIGNS)
    close = "".join(_PER.sub("/", signs).split())
    normalized = _BODY_SURFACE.sub("/[1.73_m2]", close, count=1)
    bare = _ABBREVIATED.sub("", _ANNOTATION.sub("", normalized))
    return _POWER_OF_TEN.sub(lambda found: f"10^{found.group(1) or found.group(2)}", bare).replace("*", ".")


def _reading(plain: str, names: Mapping[str, UnitReading]) -> UnitReading | None:
    try:
        return _Parser(plain, names).whole()
    except _NotRead:
        return None


class _Parser:
    """One text, taken apart from left to right: UCUM divides and multiplies in the order written."""

    def __init__(self, plain: str, names: Mapping[str, UnitReading]) -> None:
        self._names = names
        self._tokens: list[re.Match[str]] = []
        place = 0
        while place < len(plain):
            token = _TOKEN.match(plain, place)
            if token is None:
                raise _NotRead
            self._tokens.append(token)
            place = token.end()
        self._next = 0

    def whole(self) -> UnitReading:
        """The unit; one that was nothing but an annotation is the number 1."""
        found = self._expression() if self._tokens else _ONE
        if self._next < len(self._tokens):
            raise _NotRead
        return found

    def _expression(self) -> UnitReading:
        found = _times(_ONE, self._component(), -1) if self._take("/") else self._component()
        while True:
            if self._take("/"):
                found = _times(found, self._component(), -1)
            elif self._take("."):
                found = _times(found, self._component())
            else:
                return found

    def _component(self) -> UnitReading:
        """A part in parentheses, a number, a unit, or a number right before its unit (`10*3cells`, `100mL`)."""
        if self._take("("):
            found = self._expression()
            if not self._take(")"):
                raise _NotRead
            return found
        token = self._token()
        if token is None or token["sign"]:
            raise _NotRead
        self._next += 1
        if token["name"]:
            return self._unit(token)
        power = int(token["power"]) if token["power"] else len(token["number"]) - 1
        number = UnitReading(Fraction(10) ** power, ())
        unit = self._token()
        if unit is None or not unit["name"]:
            return number
        self._next += 1
        return _times(number, self._unit(unit))

    def _unit(self, token: re.Match[str]) -> UnitReading:
        known = self._names.get(token["name"].replace("(", "[").replace(")", "]"))
        if known is None:
            raise _NotRead
        return _times(_ONE, known, int(token["exponent"].lstrip("^")) if token["exponent"] else 1)

    def _token(self) -> re.Match[str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, sign: str) -> bool:
        """Go over the next sign where it is this one."""
        token = self._token()
        taken = token is not None and token["sign"] == sign
        self._next += taken
        return taken


def _times(one: UnitReading, other: UnitReading, exponent: int = 1) -> UnitReading:
    dimension = dict(one.dimension)
    for name, power in other.dimension:
        dimension[name] = dimension.get(name, 0) + power * exponent
    return UnitReading(one.factor * other.factor**exponent, _dimension(dimension))


def _dimension(powers: Mapping[str, int]) -> Dimension:
    return tuple(sorted((name, power) for name, power in powers.items() if power))
