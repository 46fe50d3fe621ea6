"""What `cds-service terminology` does; its options are in `commands/terminology.py`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cds_service.cli.fhir_source import FhirSource
from cds_service.cli.options import fhir_source
from cds_service.errors import SetupError
from cds_service.knowledge.expansions import codes_of, ecl, edition_of, expandable
from cds_service.knowledge.load import load_knowledge, load_shipped
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.value_sets import SNOMED_CT

_CODES_PER_REQUEST = 50
"""Codes of one expression, so that a URL stays below 2,000 characters."""
_PAGE = 1000
_SHOWN = 5


def run(args: argparse.Namespace) -> int:
    """Expand, show what was gained and lost, and write the files once every value set could be expanded.

    Raises:
        SetupError: the server can't be used, a value set has no SNOMED CT codes, or the folder can't be written.
        TableError: the site folder is wrong.
    """
    source = fhir_source(args)
    rows, _ = load_shipped()
    chosen = _chosen(rows, args.value_set)
    load_knowledge(args.site if args.site.exists() else None)
    expansions = {name: _expand(source, args.edition or SNOMED_CT, rows, name) for name in chosen}
    folder = args.site / "expansions"
    for name, expansion in expansions.items():
        print("\n".join(_difference(expansion, codes_of(rows, name), _pinned(folder / f"{name}.json"))))
    if args.dry_run:
        print("Nothing was written (--dry-run).")
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, expansion in expansions.items():
            text = json.dumps(expansion, indent=1, ensure_ascii=False) + "\n"
            (folder / f"{name}.json").write_text(text, "utf-8")
    except OSError as error:
        raise SetupError(f"{folder}: can't be written ({error.strerror}); give a folder that can") from None
    load_knowledge(args.site)
    print(f"Wrote {len(expansions)} files in {folder}. Review them, then run the service with CDS_SITE={args.site}.")
    return 0


def _chosen(rows: TableRows, names: Sequence[str] | None) -> list[str]:
    for name in names or ():
        if name not in rows.value_sets:
            raise SetupError(f'--value-set "{name}" is no ValueSet of the tables; `cds-service tables` names them')
        if not codes_of(rows, name):
            raise SetupError(f'--value-set "{name}" holds no SNOMED CT code to expand; leave it out')
    return list(dict.fromkeys(names)) if names else expandable(rows)


def _expand(source: FhirSource, edition: str, rows: TableRows, name: str) -> dict[str, Any]:
    """One value set, expanded and pinned as a FHIR ValueSet."""
    codes = list(codes_of(rows, name))
    found: dict[str, dict[str, str]] = {}
    parameters: dict[str, dict[str, Any]] = {}
    for start in range(0, len(codes), _CODES_PER_REQUEST):
        for page in _pages(source, edition, ecl(codes[start : start + _CODES_PER_REQUEST]), name):
            parameters |= {json.dumps(p): p for p in page.get("parameter", ()) if isinstance(p, dict) and "name" in p}
            for entry in _entries(page):
                system, code = entry.get("system"), entry.get("code")
                if system != SNOMED_CT or not isinstance(code, str):
                    raise SetupError(f"{source.base}: the expansion of {name} holds {system} {code}; ask its operator")
                found[code] = {"system": SNOMED_CT, "code": code, "display": str(entry.get("display", ""))}
    # Every SNOMED CT concept is below itself, so nothing at all means that the edition is not there.
    if not found:
        raise SetupError(
            f"{source.base}: the expansion of {name} is empty; the server may have no SNOMED CT, give another --edition"
        )
    shipped = rows.value_sets[name]
    constraint = {"property": "constraint", "op": "=", "value": ecl(codes)}
    return {
        "resourceType": "ValueSet",
        "id": name,
        "url": shipped["url"],
        "version": shipped["version"],
        "status": "active",
        "compose": {"include": [{"system": SNOMED_CT, "filter": [constraint]}]},
        "expansion": {
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "total": len(found),
            "parameter": [p for p in parameters.values() if p["name"] not in ("offset", "count")],
            "contains": [found[code] for code in sorted(found, key=lambda code: (len(code), code))],
        },
    }


def _pages(source: FhirSource, edition: str, expression: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The pages of one expansion; a server may give fewer codes a page than asked, or everything at once."""
    url = quote(f"{edition}?fhir_vs=ecl/{expression}", safe="")
    offset = 0
    while True:
        answer = source.resource(f"ValueSet/$expand?url={url}&count={_PAGE}&offset={offset}")
        page = answer.get("expansion") if answer["resourceType"] == "ValueSet" else None
        if not isinstance(page, dict):
            said = "; ".join(_issues(answer)) or answer["resourceType"]
            raise SetupError(f"{source.base}: can't expand {name}: {said}")
        yield page
        count = sum(1 for _ in _entries(page))
        offset += count
        total = page.get("total")
        if not count or (offset >= total if isinstance(total, int) else count < _PAGE):
            return


def _entries(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The codes of an expansion, also those in a tree; a heading (`abstract`) is none."""
    for entry in page.get("contains", ()):
        if not entry.get("abstract"):
            yield entry
        yield from _entries(entry)


def _issues(outcome: Mapping[str, Any]) -> Iterator[str]:
    for issue in outcome.get("issue", ()):
        yield str(issue.get("diagnostics") or issue.get("details", {}).get("text") or issue.get("code", ""))


def _pinned(path: Path) -> dict[str, str]:
    """Code -> display of the expansion pinned so far; empty where there is none. The folder has been checked."""
    if not path.exists():
        return {}
    contains = json.loads(path.read_text("utf-8"))["expansion"]["contains"]
    return {entry["code"]: entry.get("display", "") for entry in contains}


def _difference(expansion: Mapping[str, Any], shipped: Mapping[str, str], pinned: Mapping[str, str]) -> Iterator[str]:
    """What a value set gains and loses against what was read so far, and what the server does not have."""
    now = {entry["code"]: entry["display"] for entry in expansion["expansion"]["contains"]}
    before = {**shipped, **pinned}
    gained = {code: text for code, text in now.items() if code not in before}
    lost = {code: text for code, text in pinned.items() if code not in now and code not in shipped}
    edition = edition_of(expansion)
    yield f"{expansion['id']}: {len(now)} codes{f' of {edition}' if edition else ''}"
    for word, codes in (
        ("gained", gained),
        ("lost", lost),
        ("not in this edition, still read", {c: t for c, t in shipped.items() if c not in now}),
    ):
        if codes:
            more = f", and {len(codes) - _SHOWN} more" if len(codes) > _SHOWN else ""
            yield f"  {word} {len(codes)}: {', '.join(f'{c} {t}' for c, t in list(codes.items())[:_SHOWN])}{more}"
