"""What `cds-service summary` does; its options are in `commands/summary.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from uuid import uuid4

from cds_service.answer import answer
from cds_service.cards.context import card_settings_of
from cds_service.cli.options import FHIR_ACCESS, local_now, settings_of
from cds_service.cli.request_source import build_request, open_source, reject_server_options
from cds_service.cli.show_summary import show_summary, summary_page
from cds_service.cli.terminal import console, print_err
from cds_service.errors import RequestError, SetupError
from cds_service.hooks.catalog import SERVICES, discovery
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.saved_request import read_saved_request, service_for
from cds_service.summary.build import summary_of
from cds_service.summary.document import Summary, as_json

_USUAL_HOOK = "order-sign"


def run(args: argparse.Namespace) -> int:
    """Print the summary; 1 if the request is refused.

    Raises:
        SetupError: an option is missing, a file or server can't be read, or the tables are wrong.
    """
    settings = settings_of(args)
    now = local_now(settings)
    source = None
    if args.request:
        reject_server_options(args, *FHIR_ACCESS)
        body = read_saved_request(args.request, now.date())
    else:
        args.hook = args.hook or _USUAL_HOOK
        source = open_source(args)
    knowledge = load_knowledge(settings.site)
    card_settings = card_settings_of(settings, knowledge, args.language)
    if source is not None:
        body = build_request(source, args, knowledge, _templates(args.hook, knowledge), show=False)
    service_id = service_for(body, args.request)
    if SERVICES[service_id].focus == "none":
        raise SetupError("patient-view names no order; give a request of another hook, such as order-sign")
    fhir = source.as_service(settings.fhir_deadline) if source and args.no_prefetch else None
    try:
        request = read_request(service_id, body)
        result = answer(
            request, knowledge, now=now, new_id=lambda: str(uuid4()), fhir=fhir, card_settings=card_settings
        )
    except RequestError as error:
        print_err(f"The request was refused ({error.status}): {error.message}")
        return 1
    summary = summary_of(
        result.findings, result.facts, knowledge, patient_id=request.patient_id, language=card_settings.language
    )
    _write(summary, args.format)
    return 0


def _templates(hook: str, knowledge: Knowledge) -> Mapping[str, str]:
    """The prefetch templates of the service that answers the hook."""
    found = (entry["prefetch"] for entry in discovery(knowledge.search_codes)["services"] if entry["hook"] == hook)
    templates: Mapping[str, str] = next(found)
    return templates


def _write(summary: Summary, shape: str) -> None:
    if shape == "json":
        sys.stdout.write(as_json(summary).decode() + "\n")
    elif shape == "html":
        sys.stdout.write(summary_page(summary))
    else:
        show_summary(summary, console())
