"""What `cds-service demo` does; its options are in `commands/demo.py`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.rule import Rule

from cds_service.cards.context import card_settings_of
from cds_service.cli.call import call_in_process
from cds_service.cli.options import local_now, settings_of
from cds_service.cli.show_reply import show
from cds_service.cli.terminal import console, print_err, safe
from cds_service.errors import SetupError
from cds_service.knowledge.load import load_knowledge
from cds_service.saved_request import read_saved_request, service_for


def run(args: argparse.Namespace) -> int:
    """Judge every example in this process and show its cards; 1 if one of them was rejected.

    Raises:
        SetupError: there are no examples, or the tables can't be loaded.
    """
    settings, out = settings_of(args), console()
    now = local_now(settings)
    knowledge = load_knowledge(settings.site)
    card_settings = card_settings_of(settings, knowledge)
    worst = 0
    for path in _examples(args.examples):
        body = read_saved_request(path, now.date())
        _print_request(path, body, out)
        reply = call_in_process(body, service_for(body, path), knowledge, now, card_settings=card_settings)
        if reply.status != 200:
            print_err(f"{path}: the service answered {reply.status}: {reply.error}")
        worst = max(worst, show(reply) if reply.status == 200 else 1)
    return worst


def _examples(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise SetupError(
            f"{folder}: holds no example requests; run this in a clone of the repository, or use --examples"
        )
    return paths


def _print_request(path: Path, body: bytes, out: Console) -> None:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SetupError(f"{path}: is not JSON ({error}); keep only hook requests in the folder of examples") from None
    patient = request["prefetch"]["patient"]
    born = f"born {patient['birthDate'][:4]}"
    out.print(Rule(f"{path.stem}: {request['hook']}", align="left"))
    out.print(f"Synthetic patient {safe(patient['id'])}, {safe(patient['gender'])}, {safe(born)}, orders:")
    for order in _orders(request):
        out.print(f"  - {safe(order)}")


def _orders(request: dict[str, Any]) -> Iterator[str]:
    for entry in request["context"]["draftOrders"]["entry"]:
        code = entry["resource"]["code"]
        yield code.get("text") or code["coding"][0]["display"]
