"""What a hospital words by itself, laid over the shipped texts: sentences, reasons to go ahead, links to protocols."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from cds_service.knowledge.table_rows import Row
from cds_service.knowledge.tables import PROBLEMS
from cds_service.near_names import did_you_mean

MOST_REASONS = 7
"""Reasons that one card may offer: more are not read. Source: docs/cards.md offers three to five."""
_TOPICS = (*PROBLEMS, "several", "gaps")


def overlay_wordings(
    shipped: Mapping[str, Mapping[str, str]], changes: list[dict[str, Any]], problems: list[str]
) -> dict[str, Mapping[str, str]]:
    """The sentences of each file with the hospital's in place of theirs; each has the places of the shipped one."""
    files = {name: dict(sentences) for name, sentences in shipped.items()}
    seen: set[tuple[str, str]] = set()
    for change in changes:
        key, name = change["id"], f"wording.{change['language']}.toml"
        before = shipped.get(name, {}).get(key)
        where = f'site/wording.toml: "{key}" ({change["language"]})'
        if (key, name) in seen:
            problems.append(f"{where} is there twice; join the two")
        elif before is None:
            near = did_you_mean(key, shipped.get(name, ()), "correct the key, see `cds-service tables --wording`")
            problems.append(f"{where} is no shipped sentence; {near}")
        elif (own := _places(change["text"])) != (known := _places(before)):
            listed = ", ".join(f"{{{place}}}" for place in sorted(known)) or "none"
            problems.append(
                f"{where} has other places than the shipped sentence"
                f" ({', '.join(sorted(own ^ known)) or 'a brace'}); write it with {listed}"
            )
        else:
            files[name][key] = change["text"]
        seen.add((key, name))
    return dict(files)


def _places(sentence: str) -> frozenset[str]:
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)
    except ValueError:
        return frozenset({"{"})


def overlay_override_reasons(shipped: Row, changes: list[dict[str, Any]], problems: list[str]) -> Row:
    """The shipped CodeSystem with the hospital's reasons before its own; one that it has retired is offered no more."""
    retired = {change["id"] for change in changes if "status" in change}
    codes = {concept["code"] for concept in shipped["concept"]}
    file = "site/override_reasons.toml"
    problems += [
        f'{file}: "{code}" is no shipped reason; {did_you_mean(code, codes, "correct the code")}'
        for code in sorted(retired - codes)
    ]
    own: dict[str, Row] = {}
    for change in (change for change in changes if "status" not in change):
        wrong = [topic for topic in change["offered_for"] if topic not in _TOPICS]
        problems += [f'{file}: "{change["id"]}" names {topic}; write one of {", ".join(_TOPICS)}' for topic in wrong]
        if change["id"] in own or change["id"] in codes:
            problems.append(f'{file}: "{change["id"]}" is there already; give the reason a code of its own')
        own[change["id"]] = _concept(change)
    concepts = [*own.values(), *(_not_offered(c) if c["code"] in retired else c for c in shipped["concept"])]
    for topic in _TOPICS:
        if own and (count := sum(topic in _offered_for(concept) for concept in concepts)) > MOST_REASONS:
            problems.append(
                f"{file}: {topic} offers {count} reasons, more than anybody reads; retire some, at most {MOST_REASONS}"
            )
    return {**shipped, "concept": concepts}


def _concept(row: Row) -> Row:
    offered = [{"code": "offered-for", "valueCode": topic} for topic in row["offered_for"]]
    counts = {"code": "counts-as", "valueCode": row["counts_as"]}
    return {"code": row["id"], "display": row["display"], "system": row["system"], "property": [counts, *offered]}


def _not_offered(concept: Row) -> Row:
    """Kept for the answers that were given with it."""
    return {**concept, "property": [p for p in concept.get("property", ()) if p["code"] != "offered-for"]}


def _offered_for(concept: Row) -> list[str]:
    offered = (p["valueCode"].partition("/")[0] for p in concept.get("property", ()) if p["code"] == "offered-for")
    return list(dict.fromkeys(offered))


def links_of(
    changes: list[dict[str, Any]], known: Mapping[str, Any], problems: list[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Id of a row -> (label, address) of each document that the hospital links to it.

    Args:
        changes: the rows of `links.toml`.
        known: ids of procedures, contraindications and criteria.
        problems: collects ids of no row.
    """
    links: dict[str, list[tuple[str, str]]] = {}
    for link in changes:
        if link["id"] not in known:
            problems.append(
                f'site/links.toml: "{link["id"]}" is no procedure, contraindication or question of one; '
                + did_you_mean(link["id"], known, "correct the id")
            )
        links.setdefault(link["id"], []).append((link["label"], link["url"]))
    return {key: tuple(dict.fromkeys(found)) for key, found in links.items()}
