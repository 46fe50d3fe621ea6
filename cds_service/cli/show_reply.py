"""Prints a reply: cards, orders that were not judged, and on request every row."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import orjson

from cds_service.cli.call import Reply
from cds_service.cli.show_cards import show_cards
from cds_service.cli.show_decision import show_decision, unknown_orders
from cds_service.cli.terminal import console, print_err, safe
from cds_service.hooks.response import DECISION_EXTENSION


def show(reply: Reply, *, as_json: bool = False, trace: bool = False) -> int:
    """Print a response of status 200; return 1 if it is not a valid CDS Hooks response, else 0."""
    if as_json:
        sys.stdout.write(reply.body.decode("utf-8", "replace") + "\n")
    response = _response(reply.body)
    if response is None:
        print_err("The answer is not a CDS Hooks response: a JSON object with an array `cards` was expected.")
        return 1
    if not as_json:
        out, decision = console(), _decision(response)
        if decision.get("shadow"):
            out.print("Shadow mode: the service judged and recorded the call, and shows no cards.")
            return 0
        if in_shadow := decision.get("shadowRows"):
            out.print(safe(f"In shadow mode, judged but not shown: {', '.join(map(str, in_shadow))}."))
        if retired := decision.get("retiredRows"):
            out.print(safe(f"Switched off by the hospital, not asked: {', '.join(map(str, retired))}."))
        unknown = unknown_orders(decision)
        if in_shadow and not response["cards"]:
            out.print("No cards are shown. With rows in shadow mode this does not mean that nothing was found.")
        elif response["cards"] or not unknown or len(unknown) < len(decision["procedures"]):
            show_cards(response["cards"], out)
        for order in unknown:
            out.print(f"{order} is not a procedure of the tables: it was not judged.")
        if trace and not decision:
            print_err("The service sends no decision with the cards: its setting CDS_DECISION_EXTENSION is off.")
        elif trace:
            show_decision(decision, out)
    return 0


def _response(body: bytes) -> Mapping[str, Any] | None:
    try:
        response = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    cards = response.get("cards") if isinstance(response, dict) else None
    return response if isinstance(cards, list) and all(isinstance(card, dict) for card in cards) else None


def _decision(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """The decision extension; empty if the service has it switched off."""
    extension = response.get("extension")
    decision = extension.get(DECISION_EXTENSION) if isinstance(extension, dict) else None
    return decision if isinstance(decision, dict) else {}
