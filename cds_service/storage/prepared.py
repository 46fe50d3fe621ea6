"""A SELECT as the driver of the database takes it.

What SQLAlchemy works out of a statement costs ten times what the database needs to answer a small one. For a statement
of every call it is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa


class Prepared(msgspec.Struct, frozen=True):
    """The text with the driver's places, and how they are filled.

    `names` are those of the places in their order, None where the driver takes names. `given` are values that the
    statement has itself, `convert` what makes the driver's value of one of ours.
    """

    text: str
    names: tuple[str, ...] | None
    given: Mapping[str, Any]
    convert: Mapping[str, Callable[[Any], Any]]

    def filled(self, values: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """What the driver is given beside the text."""
        whole = {**self.given, **values}
        for name, convert in self.convert.items():
            whole[name] = convert(whole[name])
        return whole if self.names is None else tuple(whole[name] for name in self.names)


def prepared(statement: sa.Select[Any] | sa.CompoundSelect[Any], dialect: sa.Dialect) -> Prepared:
    """A statement for one kind of database. It holds no list whose length is known only when it is executed."""
    compiled = statement.compile(dialect=dialect)
    types = {name: bind.type.dialect_impl(dialect) for bind, name in compiled.bind_names.items()}
    convert = {name: one for name, kind in types.items() if (one := kind.bind_processor(dialect)) is not None}
    names = compiled.positiontup
    given = {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required}
    return Prepared(compiled.string, tuple(names) if names is not None else None, given, convert)
