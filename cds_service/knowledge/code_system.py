"""How codes of one code system are named, spelled and read: a row of `code_systems.toml`."""

from __future__ import annotations

import re

import msgspec


class CodeSystem(msgspec.Struct, frozen=True):
    """One code system, see `knowledge/code_systems.toml`.

    `form` is what a code looks like. `edition_of` is the system of which it is a national edition: its codes are read
    as that system's families, by their first `family_length` characters, unless they begin with one of `own_meanings`;
    without it a longer code of the system itself is.
    `residual` is what codes look like that say "other" or "unspecified", `categories` what those do that longer codes
    divide. A code that looks like `longer_form` is none of its own and is read as one of `longer_of`.
    """

    url: str
    label: str
    spelling: str
    classifies: bool
    absence: bool = False
    form: re.Pattern[str] | None = None
    edition_of: str | None = None
    family_length: int = 0
    own_meanings: tuple[str, ...] = ()
    residual: re.Pattern[str] | None = None
    categories: re.Pattern[str] | None = None
    longer_of: str | None = None
    longer_form: re.Pattern[str] | None = None

    def leaves_it(self, code: str, *, has_narrower: bool) -> bool:
        """Whether a code says less than words beside it may; `has_narrower`: longer codes of it are listed."""
        if self.residual is not None and self.residual.fullmatch(code):
            return True
        return has_narrower and self.categories is not None and bool(self.categories.fullmatch(code))

    def system_of_longer(self, code: str) -> str | None:
        """The system of which a code is that has come under this one's name; None for a code of its own."""
        return self.longer_of if self.longer_form is not None and self.longer_form.fullmatch(code) else None
