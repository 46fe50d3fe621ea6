"""`cds-service invoke`: plays the EHR with a saved hook request and shows the cards."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from cds_service.cli.call import Reply, call_here, call_service
from cds_service.cli.options import add_config, local_now, settings_of
from cds_service.cli.saved_request import read_saved_request, service_for
from cds_service.cli.show_cards import show_cards
from cds_service.cli.show_decision import show_decision, unknown_orders
from cds_service.cli.terminal import complain, console, safe
from cds_service.hooks.response import DECISION_EXTENSION
from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("invoke", help="make one hook call and show its cards", description=__doc__)
    parser.add_argument("--request", type=Path, required=True, metavar="FILE", help="a hook request as JSON")
    parser.add_argument("--service", metavar="ID", help="service to call; without it, the one that answers the hook")
    parser.add_argument("--service-url", metavar="URL", help="a running service; without it, judged in this process")
    parser.add_argument("--json", action="store_true", help="print the response as it came, and nothing else")
    parser.add_argument("--trace", action="store_true", help="also show every row that was judged, with its evidence")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the call; 0 where the service answered with cards (or with none), 1 where it answered with an error.

    Raises:
        SetupError: the file can't be read, nothing answers, or the tables can't be loaded.
    """
    settings = settings_of(args)
    body = read_saved_request(args.request, local_now(settings).date())
    reply = _call(body, args, settings)
    if reply.status != 200:
        complain(f"The service answered {reply.status}: {reply.problem}")
        return 1
    return show(reply, as_json=args.json, trace=args.trace)


def _call(body: bytes, args: argparse.Namespace, settings: Settings) -> Reply:
    service_id = args.service or service_for(body)
    if args.service_url:
        return call_service(body, service_id, args.service_url)
    knowledge = load_knowledge(settings.site)
    with_decision = settings.decision_extension or args.trace
    return call_here(body, service_id, knowledge, local_now(settings), with_decision=with_decision)


def show(reply: Reply, *, as_json: bool = False, trace: bool = False) -> int:
    """Print a response of status 200; 1 where it is not what CDS Hooks allows."""
    if as_json:
        sys.stdout.write(reply.body.decode("utf-8", "replace") + "\n")
    response = _response(reply.body)
    if response is None:
        complain("The answer is no CDS Hooks response: a JSON object with an array `cards` was expected.")
        return 1
    if not as_json:
        out, decision = console(), _decision(response)
        if decision.get("shadow"):
            out.print("Shadow mode: the service judged and recorded the call, and shows nothing of it.")
            return 0
        if in_shadow := decision.get("shadowRows"):
            out.print(safe(f"In shadow, judged and not shown: {', '.join(map(str, in_shadow))}."))
        unknown = unknown_orders(decision)
        if response["cards"] or not unknown or len(unknown) < len(decision["procedures"]):
            show_cards(response["cards"], out)
        for order in unknown:
            out.print(f"{order} is no procedure that the tables know: nothing about it was judged.")
        if trace and not decision:
            complain("The service sends no decision beside the cards: its setting CDS_DECISION_EXTENSION is off.")
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
    """The decision beside the cards; empty where the service has it switched off."""
    extension = response.get("extension")
    decision = extension.get(DECISION_EXTENSION) if isinstance(extension, dict) else None
    return decision if isinstance(decision, dict) else {}
