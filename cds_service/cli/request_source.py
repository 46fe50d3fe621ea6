"""Where the hook request of a command comes from: a saved file, or a FHIR server at which the command plays the EHR."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from cds_service.cards.wording import Wording
from cds_service.cli import ehr
from cds_service.cli.fhir_source import FhirSource
from cds_service.cli.options import fhir_source, reject_options
from cds_service.cli.terminal import console, remark, safe
from cds_service.clinical_data.retrieved import RetrievedData
from cds_service.errors import SetupError
from cds_service.knowledge.tables import Knowledge

_SERVER_OPTIONS = ("patient", "hook", "order", "user", "no_prefetch", "smart_client", "rate")
_USER = "Practitioner/example"


def reject_server_options(args: argparse.Namespace, *also: str) -> None:
    """Reject options that need `--fhir-server`, and `also` these: a saved request is sent unchanged."""
    reject_options(args, (*_SERVER_OPTIONS, *also), "goes with --fhir-server, not with --request")


def open_source(args: argparse.Namespace) -> FhirSource:
    """The server, once it has said that it is one that can be asked."""
    if not (args.patient and args.hook):
        raise SetupError("--fhir-server goes with --patient ID and --hook HOOK")
    source = fhir_source(args)
    remark(f"{source.base}: {_software(source.metadata())}")
    return source


def build_request(
    source: FhirSource,
    args: argparse.Namespace,
    knowledge: Knowledge,
    templates: Mapping[str, str],
    *,
    show: bool,
) -> bytes:
    """The request that an EHR at this server makes.

    Args:
        source: the server.
        args: the parsed options of `add_request_source`.
        knowledge: the tables, which know the procedures.
        templates: the prefetch templates of the service, by key.
        show: whether patient and order are printed.

    Raises:
        SetupError: patient or order can't be read.
    """
    patient_id = ehr.bare_id(args.patient, "Patient", "--patient")
    patient = source.resource(f"Patient/{patient_id}")
    order = ehr.order_of(args.order, args.hook, patient_id, source, knowledge)
    call = ehr.HookCall(source, args.hook, patient_id, args.user or _USER, order)
    prefetch: Mapping[str, Any] = {}
    if not args.no_prefetch:
        remark("reading the prefetch data:")
        wanted = ehr.wanted(templates, patient_id)
        retrieved = source.fetch(patient_id, wanted, observe=_print_progress)
        _print_gaps(retrieved, Wording(knowledge.wording))
        prefetch = ehr.prefetch_of(retrieved)
    body = ehr.hook_request(call, prefetch)
    if show:
        _print_patient_and_order(patient, order, console())
    return body


def _print_progress(data: str, seconds: float, outcome: str) -> None:
    remark(f"  {data}: {'read' if outcome == 'ok' else outcome}, {seconds:.1f} s")


def _print_gaps(by_kind: Mapping[str, RetrievedData], wording: Wording) -> None:
    """Why a kind of data was not retrieved, or not whole."""
    for key, retrieved in by_kind.items():
        for gap in retrieved.unavailable:
            remark(f"  {key}: {wording.reason(gap.reason, data=gap.data)}")


def _software(statement: Mapping[str, Any]) -> str:
    software = statement.get("software")
    name = software.get("name") if isinstance(software, dict) else None
    return f"{safe(name or 'a FHIR server')}, FHIR {safe(statement.get('fhirVersion', '?'))}"


def _print_patient_and_order(patient: Mapping[str, Any], order: Mapping[str, Any] | None, out: Console) -> None:
    known = [patient.get(name) for name in ("id", "gender", "birthDate")]
    out.print(f"Patient {', '.join(safe(value) for value in known if value)}")
    if order is not None:
        out.print(f"Order ServiceRequest/{safe(order.get('id', '?'))}: {safe(ehr.name_of(order))}")
