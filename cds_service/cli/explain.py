"""What `cds-service explain` does; its options are in `commands/explain.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from cds_service.cli.options import local_now, open_store, settings_of
from cds_service.cli.terminal import counted, print_err, safe
from cds_service.errors import SetupError, StoreUnavailable, TableError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.override_reasons import OverrideReason, reason_in_words
from cds_service.settings import Settings
from cds_service.storage.explanation import Explanation, explain, explain_hook
from cds_service.storage.snapshots import versions

Topics = Mapping[str, Iterable[OverrideReason]]
"""Topic of a card -> its override reasons."""


def run(args: argparse.Namespace) -> int:
    """Print the explanation; 1 if no such card or call is stored.

    Raises:
        SetupError: the database can't be reached.
    """
    settings = settings_of(args)
    store, zone = open_store(settings), local_now(settings).tzinfo
    try:
        found = explain(store, args.id)
        calls, of_hook = explain_hook(store, args.id.lower()) if found is None else ((), ())
        kept = {version for version, _ in versions(store)}
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Start the database, or correct the setting") from None
    finally:
        store.close()
    if found is None and not calls:
        print_err(
            f"No card or call {safe(args.id)} is stored in {store.display_url}: it may be pruned, or of another service"
        )
        return 1
    if args.json:
        content = found if found is not None else {"calls": calls, "cards": of_hook}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n")
        return 0
    topics = _reasons([found] if found is not None else of_hook, settings)
    told = _lines(found, zone, kept, topics) if found is not None else _of_hook(calls, of_hook, zone, kept, topics)
    for line in told:
        print(safe(line))
    return 0


def _reasons(cards: Iterable[Explanation], settings: Settings) -> Topics:
    """The override reasons of the tables, which are read only where an answer gave one; none where they are broken."""
    if not any(entry["reason_code"] for found in cards for entry in found.feedback):
        return {}
    try:
        return load_knowledge(settings.site).override_reasons
    except TableError:
        return {}


def _of_hook(
    calls: Sequence[Mapping[str, Any]],
    cards: Sequence[Explanation],
    zone: tzinfo | None,
    kept: Collection[str],
    topics: Topics,
) -> Iterator[str]:
    """Every call of one firing of a hook, each with its cards."""
    for call in calls:
        own = [found for found in cards if found.card["call"] == call["id"]]
        count = counted(len(own), "card")
        yield f"service {call['service']}, client {call['client']}, {_time(call['at'], zone)}, {count}"
        yield from _call(call, [row for found in own for row in found.card["rows"]], kept)
        for found in own:
            yield f"Card {found.card['uuid']}: {_told(found, zone)}"
            yield from _answers(found, zone, topics)


def _lines(found: Explanation, zone: tzinfo | None, kept: Collection[str], topics: Topics) -> Iterator[str]:
    card = found.card
    yield _told(found, zone)
    yield f"  service {card['service']}, client {card['client']}"
    if found.call is None:
        yield "  The record of its call is no longer stored."
    else:
        yield from _call(found.call, card["rows"], kept)
    yield from _answers(found, zone, topics)


def _told(found: Explanation, zone: tzinfo | None) -> str:
    card = found.card
    shown = "shown" if card["shown"] else "withheld, in shadow"
    return f"{card['indicator']} card about {card['topic']}, {shown}, {_time(card['at'], zone)}"


def _answers(found: Explanation, zone: tzinfo | None, topics: Topics) -> Iterator[str]:
    if not found.feedback:
        yield "Answer: none reported"
    for entry in found.feedback:
        given = f"{entry['reason_system']}|{entry['reason_code']}" if entry["reason_code"] else ""
        reason = f", reason: {reason_in_words(given, topics)}" if given else ""
        comment = f": {entry['comment']}" if entry["comment"] else ", with a comment" if entry["commented"] else ""
        yield f"Answer: {entry['outcome']}, {_time(entry['outcome_at'], zone)}{reason}{comment}"


def _call(call: Mapping[str, Any], rows: Sequence[str], kept: Collection[str]) -> Iterator[str]:
    yield f"  call {call['id']}, hook {call['hook']}, patient (hash) {call['patient']}"
    version = call["knowledge_version"]
    yield f"Tables: {version}{f' (cds-service tables --of {version})' if version in kept else ''}"
    read = (f"{kind} {held['count']} ({held['source']})" for kind, held in call["read"].items())
    yield f"Read: {', '.join(read) or 'nothing'}"
    for kind, reasons in call["unavailable"].items():
        yield f"Not available: {kind}: {', '.join(reasons)}"
    # Orders and rows of this card first.
    for order in sorted(call["orders"], key=lambda order: not _is_about(order, rows)):
        recognized = f", recognized by {order['recognized_by']}" if order.get("recognized_by") else ""
        yield f"Order: {order['procedure'] or 'no procedure of the tables'}{recognized}"
        answers = order.get("answers", [])
        for answer in sorted(answers, key=lambda answer: answer["row"] not in rows):
            yield from _answer(answer, of_this_card=answer["row"] in rows)
        if not answers:
            yield "  Every question was answered absent, or the call is of a release that stored no answers."


def _is_about(order: Mapping[str, Any], rows: Sequence[str]) -> bool:
    return any(answer["row"] in rows for answer in order.get("answers", ()))


def _answer(answer: Mapping[str, Any], *, of_this_card: bool) -> Iterator[str]:
    words = [answer["certainty"], answer["indicator"], f"({answer['reason']})" if answer["reason"] else ""]
    name = answer["row"] if answer["row"] == answer["question"] else f"{answer['row']} / {answer['question']}"
    yield f"  {'*' if of_this_card else '-'} {name}: {' '.join(word for word in words if word)}"
    if answer["evidence"]:
        yield f"      found in {', '.join(answer['evidence'])}"
    if answer["limit"]:
        yield f"      limit {answer['limit']}; {answer['source']}"
    elif answer["source"]:
        yield f"      source {answer['source']}"


def _time(moment: datetime, zone: tzinfo | None) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
