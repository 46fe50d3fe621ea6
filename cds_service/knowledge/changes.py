"""Types for what is not as shipped or does not speak, for those who read the tables. Only types live here."""

from __future__ import annotations

import msgspec


class SilentRow(msgspec.Struct, frozen=True):
    """A row that does not speak. `table` is `procedures`, `indications`, `contraindications` or `criteria`.

    `row` is the procedure or contraindication that it is a part of; its own id where it is none.
    """

    table: str
    id: str
    label: str
    status: str
    row: str
