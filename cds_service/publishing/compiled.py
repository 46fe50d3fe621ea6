"""What SUSHI compiled of the hand-written FSH sources, with what the tables say filled in.

The sources write `{release}` and `{code systems}` where a table has the word, so a changed table compiles nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from cds_service.publishing.definition import Resource
from cds_service.publishing.lab_invariants import as_list
from cds_service.publishing.sources import Sources

_GUIDE = "implementation_guide.json"


def compiled_profiles(sources: Sources) -> list[Resource]:
    """The hand-written profiles and extensions, as StructureDefinitions with snapshot and differential."""
    paths = sorted(_folder(sources).glob("*.json"))
    return [_filled(path, sources) for path in paths if path.name != _GUIDE]


def compiled_guide(sources: Sources) -> Resource:
    """The ImplementationGuide: it lists what SUSHI knows, the hand-written profiles and the examples."""
    return _filled(_folder(sources) / _GUIDE, sources)


def _folder(sources: Sources) -> Path:
    return sources.folder / "compiled"


def _filled(path: Path, sources: Sources) -> Resource:
    read = [system for system in sources.rows.systems if not system.get("absence")]
    systems = [name for system in read for name in (system["url"], *system["aliases"])]
    text = path.read_text("utf-8")
    for mark, words in (("{release}", sources.release), ("{code systems}", as_list(systems))):
        text = text.replace(mark, json.dumps(words, ensure_ascii=False)[1:-1])
    filled: Resource = json.loads(text)
    return filled
