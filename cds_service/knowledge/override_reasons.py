"""How a report counts the reasons that clinicians give for going ahead: `counts-as` of their code system."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import fhir_profiles

_FILE = Path(fhir_profiles.__file__).parent / "code_systems" / "override-reasons.json"
_NOT_COUNTED = "other"


def reasons_by_kind(reasons: Mapping[str, int]) -> dict[str, int]:
    """Answers by kind: `useful`, `wrong`, `data-gap`, `limit`, `urgency`, and `other` for codes without one.

    Args:
        reasons: `system|code` -> how often it was given.
    """
    system = json.loads(_FILE.read_text("utf-8"))
    kinds = {
        f"{system['url']}|{concept['code']}": entry["valueCode"]
        for concept in system["concept"]
        for entry in concept.get("property", ())
        if entry["code"] == "counts-as"
    }
    found: Counter[str] = Counter()
    for reason, count in reasons.items():
        found[kinds.get(reason, _NOT_COUNTED)] += count
    return dict(found.most_common())
