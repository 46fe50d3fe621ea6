"""JSON Schema of the tables, the protocol and the clients file.

jsonschema-rs says in a few microseconds that a value keeps its schema. Only a value that it does not pass goes to
jsonschema, which alone refuses and words the mistake. Why both: docs/decisions/0072-two-readers-of-json-schema.md
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError


class JsonSchema:
    """One schema of draft 2020-12, formats included. Making one is slow: make it once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._quick = jsonschema_rs.Draft202012Validator(dict(document), validate_formats=True)

    def errors(self, value: Any) -> list[ValidationError]:
        """Every mistake of a JSON value, in no certain order."""
        return [] if self.is_valid(value) else self.exact_errors(value)

    def is_valid(self, value: Any) -> bool:
        """Whether a value surely has no mistake; what can't be read so quickly may have none either."""
        try:
            return bool(self._quick.is_valid(value))
        except (ValueError, RecursionError):  # half of a surrogate pair, or nested deeper than it follows
            return False

    def exact_errors(self, value: Any) -> list[ValidationError]:
        """The same by jsonschema alone: a Decimal is a number to it and never an integer."""
        return list(self._exact.iter_errors(value))

    @cached_property
    def _exact(self) -> Draft202012Validator:
        from jsonschema import Draft202012Validator, FormatChecker  # 50 ms that only a mistake needs

        return Draft202012Validator(self.document, format_checker=FormatChecker())
