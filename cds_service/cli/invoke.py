"""`cds-service invoke`: plays the EHR, with a saved hook request or at a real FHIR server, and shows the cards."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from cds_service.cli import ehr
from cds_service.cli.call import Reply, Signer, ask_discovery, call_here, call_service
from cds_service.cli.fhir_source import FhirSource
from cds_service.cli.keys import read_key
from cds_service.cli.options import add_config, add_fhir_access, fhir_source, local_now, settings_of
from cds_service.cli.saved_request import read_saved_request, service_for
from cds_service.cli.show_reply import show
from cds_service.cli.terminal import complain, console, safe
from cds_service.errors import SetupError
from cds_service.hooks.catalog import SERVICES, discovery
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings

_OF_A_SERVER = ("patient", "hook", "order", "no_prefetch", "save", "smart_client", "rate")
_HOOKS = tuple(service.hook for service in SERVICES.values())


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("invoke", help="make one hook call and show its cards", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--request", type=Path, metavar="FILE", help="a hook request as JSON")
    what.add_argument("--fhir-server", metavar="URL", help="base URL of a FHIR R4 server, to make the request there")
    add_fhir_access(parser)
    parser.add_argument("--patient", metavar="ID", help="FHIR id of the patient at the FHIR server")
    parser.add_argument("--hook", choices=_HOOKS, help="the hook that fires")
    parser.add_argument(
        "--order", metavar="ORDER", help="a procedure of the tables, SYSTEM|CODE, or ServiceRequest/ID at the server"
    )
    parser.add_argument("--user", default="Practitioner/example", metavar="REF", help="who orders")
    parser.add_argument(
        "--no-prefetch", action="store_true", help="send no prefetch: the service must read the FHIR server itself"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the request, without its token, for --request")
    parser.add_argument("--service", metavar="ID", help="service to call; without it, the one that answers the hook")
    parser.add_argument("--service-url", metavar="URL", help="a running service; without it, judged in this process")
    parser.add_argument("--issuer", metavar="URL", help="as whom to sign the call, as registered at the service")
    parser.add_argument("--client-key", type=Path, metavar="FILE", help="private key to sign the call with, PEM or JWK")
    parser.add_argument("--kid", metavar="ID", help="id of that key, where the file does not say")
    parser.add_argument("--json", action="store_true", help="print the response as it came, and nothing else")
    parser.add_argument("--trace", action="store_true", help="also show every row that was judged, with its evidence")
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the call; 0 where the service answered with cards (or with none), 1 where it answered with an error.

    Raises:
        SetupError: an option is missing, a file or server can't be read, nothing answers, or the tables are wrong.
    """
    settings = settings_of(args)
    knowledge = load_knowledge(settings.site)
    sign = _signer(args)
    source = None
    if args.fhir_server:
        source = _source(args)
        body = _request_of(source, args, knowledge, sign)
    else:
        _refuse_what_needs_a_server(args)
        body = read_saved_request(args.request, local_now(settings).date())
        if args.token:
            body, server = ehr.with_token(body, args.token)
            source = FhirSource(server, args.token, ca=args.ca)
    reply = _call(body, args, settings, knowledge, sign, source)
    if reply.status != 200:
        complain(f"The service answered {reply.status}: {reply.problem}")
        return 1
    return show(reply, as_json=args.json, trace=args.trace)


def _refuse_what_needs_a_server(args: argparse.Namespace) -> None:
    """A saved request is sent as it is; only a token for its FHIR server may be put in."""
    given = [name for name in _OF_A_SERVER if getattr(args, name)]
    if given:
        raise SetupError(f"--{given[0].replace('_', '-')} goes with --fhir-server, and not with --request")


def _source(args: argparse.Namespace) -> FhirSource:
    if not (args.patient and args.hook):
        raise SetupError("--fhir-server goes with --patient ID and --hook HOOK")
    return fhir_source(args)


def _request_of(source: FhirSource, args: argparse.Namespace, knowledge: Knowledge, sign: Signer | None) -> bytes:
    """The request that an EHR at this server would make."""
    complain(f"{source.base}: {_software(source.metadata())}")
    patient_id = ehr.bare_id(args.patient, "Patient", "--patient")
    patient = source.resource(f"Patient/{patient_id}")
    order = ehr.order_of(args.order, args.hook, patient_id, source, knowledge)
    call = ehr.HookCall(source, args.hook, patient_id, args.user, order)
    prefetch: Mapping[str, Any] = {}
    if not args.no_prefetch:
        complain("reading what the service asks for:")
        wanted = ehr.wanted(_templates(args, knowledge, sign), patient_id)
        prefetch = ehr.prefetch_of(source.fetch(patient_id, wanted, tell=_tell))
    body = ehr.hook_request(call, prefetch)
    if args.save:
        _save(args.save, ehr.without_token(body))
    if not args.json:
        _show_visit(patient, order, console())
    return body


def _tell(data: str, seconds: float, outcome: str) -> None:
    complain(f"  {data}: {'read' if outcome == 'ok' else outcome}, {seconds:.1f} s")


def _software(statement: Mapping[str, Any]) -> str:
    software = statement.get("software")
    name = software.get("name") if isinstance(software, dict) else None
    return f"{safe(name or 'a FHIR server')}, FHIR {safe(statement.get('fhirVersion', '?'))}"


def _templates(args: argparse.Namespace, knowledge: Knowledge, sign: Signer | None) -> Mapping[str, str]:
    """The prefetch templates of the service that will be called, from its own discovery document."""
    here = discovery(knowledge.search_codes)["services"]
    for entry in ask_discovery(args.service_url, sign) if args.service_url else here:
        if entry.get("hook") == args.hook and args.service in (None, entry.get("id")):
            prefetch: Mapping[str, str] = entry.get("prefetch", {})
            return prefetch
    raise SetupError(f"{args.service_url or args.service}: announces no service for {args.hook}")


def _signer(args: argparse.Namespace) -> Signer | None:
    if bool(args.client_key) != bool(args.issuer):
        raise SetupError("--client-key and --issuer go together: the service looks the key up by the issuer")
    if not args.client_key:
        return None
    key = read_key(args.client_key, args.kid)
    if key.kid is None:
        raise SetupError(f"{args.client_key}: names no kid, by which the service finds the key; add --kid ID")
    return lambda url: key.signed(iss=args.issuer, aud=url)


def _save(path: Path, body: bytes) -> None:
    try:
        path.touch(mode=0o600)  # the patient's data are for nobody else
        path.write_bytes(body)
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); correct the path after --save") from None
    complain(f"{path}: the request, to be used with --request; it holds the patient's data")


def _show_visit(patient: Mapping[str, Any], order: Mapping[str, Any] | None, out: Console) -> None:
    known = [patient.get(name) for name in ("id", "gender", "birthDate")]
    out.print(f"Patient {', '.join(safe(value) for value in known if value)}")
    if order is not None:
        out.print(f"Order ServiceRequest/{safe(order.get('id', '?'))}: {safe(ehr.name_of(order))}")


def _call(
    body: bytes,
    args: argparse.Namespace,
    settings: Settings,
    knowledge: Knowledge,
    sign: Signer | None,
    source: FhirSource | None,
) -> Reply:
    service_id = args.service or service_for(body)
    if args.service_url:
        return call_service(body, service_id, args.service_url, sign)
    # With its prefetch sent in full there is nothing left to ask, so the server is asked only where it is to be tried.
    asks = source is not None and (args.no_prefetch or args.request)
    fhir = source.as_service(settings.fhir_deadline) if source and asks else None
    with_decision = settings.decision_extension or args.trace
    return call_here(body, service_id, knowledge, local_now(settings), with_decision=with_decision, fhir=fhir)
