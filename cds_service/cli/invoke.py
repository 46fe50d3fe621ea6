"""What `cds-service invoke` does; its options are in `commands/invoke.py`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from cds_service.cards.context import card_settings_of
from cds_service.cli import ehr
from cds_service.cli.call import Reply, Signer, call_in_process, call_service, fetch_discovery
from cds_service.cli.fhir_source import FhirSource
from cds_service.cli.keys import named_key
from cds_service.cli.options import TOKEN, local_now, reject_options, settings_of, token_of
from cds_service.cli.refused_token import why_refused
from cds_service.cli.request_source import build_request, open_source, reject_server_options
from cds_service.cli.show_reply import show
from cds_service.cli.terminal import print_err, remark
from cds_service.errors import SetupError
from cds_service.hooks.catalog import discovery
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.saved_request import read_saved_request, service_for
from cds_service.settings import Settings


def run(args: argparse.Namespace) -> int:
    """Make the call; 0 if the service answered with cards (or none), 1 if it answered with an error.

    Raises:
        SetupError: an option is missing, a file or server can't be read, or the tables are wrong.
    """
    settings = settings_of(args)
    sign = _signer(args)
    source = open_source(args) if args.fhir_server else None
    if source is None:
        reject_server_options(args, *(() if any(getattr(args, name) for name in TOKEN) else ("ca",)))
        body = read_saved_request(args.request, local_now(settings).date())
    token = token_of(args)
    knowledge = load_knowledge(settings.site)
    if source is not None:
        templates = {} if args.no_prefetch else _templates(args, knowledge, sign)
        body = build_request(source, args, knowledge, templates, show=not args.json)
    if args.save:
        _save_request(args.save, ehr.without_token(body))
    if source is None and token:
        body, server = ehr.with_token(body, token)
        source = FhirSource(server, token, ca=args.ca)
    reply = _send_request(body, args, settings, knowledge, sign, source)
    if reply.status != 200:
        print_err(f"The service answered {reply.status}: {reply.error}")
        if reply.status == 401 and args.service_url:
            print_err(why_refused(args, settings, sign))
        return 1
    return show(reply, as_json=args.json, trace=args.trace)


def _templates(args: argparse.Namespace, knowledge: Knowledge, sign: Signer | None) -> Mapping[str, str]:
    """The prefetch templates from the discovery document of the service to call."""
    here = discovery(knowledge.search_codes)["services"]
    for entry in fetch_discovery(args.service_url, sign) if args.service_url else here:
        if entry.get("hook") == args.hook and args.service in (None, entry.get("id")):
            prefetch: Mapping[str, str] = entry.get("prefetch", {})
            return prefetch
    raise SetupError(f"{args.service_url or args.service}: announces no service for {args.hook}")


def _signer(args: argparse.Namespace) -> Signer | None:
    if bool(args.client_key) != bool(args.issuer):
        raise SetupError("--client-key and --issuer go together: the service looks up the key by the issuer")
    if not args.client_key:
        reject_options(args, ("kid",), "goes with --client-key")
        return None
    key = named_key(args.client_key, args.kid)
    if not args.service_url:
        raise SetupError("--client-key goes with --service-url: what is judged in this process is not signed")
    return lambda url: key.sign(iss=args.issuer, aud=url)


def _save_request(path: Path, body: bytes) -> None:
    try:
        path.touch(mode=0o600)  # patient data: readable by the owner only
        path.write_bytes(body)
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); correct the path after --save") from None
    remark(f"{path}: saved the request for --request; it contains patient data")


def _send_request(
    body: bytes,
    args: argparse.Namespace,
    settings: Settings,
    knowledge: Knowledge,
    sign: Signer | None,
    source: FhirSource | None,
) -> Reply:
    service_id = args.service or service_for(body, args.request)
    if args.service_url:
        return call_service(body, service_id, args.service_url, sign)
    # With complete prefetch the service has no need to read the server, so it gets no access to it.
    reads_server = source is not None and (args.no_prefetch or args.request)
    fhir = source.as_service(settings.fhir_deadline) if source and reads_server else None
    with_decision = settings.decision_extension or args.trace
    return call_in_process(
        body,
        service_id,
        knowledge,
        local_now(settings),
        with_decision=with_decision,
        card_settings=card_settings_of(settings, knowledge),
        fhir=fhir,
    )
