"""What `cds-service doctor` does; its options are in `commands/doctor.py`."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from cds_service.cli.ehr import bare_id
from cds_service.cli.fhir_source import FhirSource
from cds_service.cli.options import FHIR_ACCESS, fhir_source, local_now, reject_options, settings_of
from cds_service.cli.survey import Orders, Survey, survey_of
from cds_service.cli.terminal import console, remark, safe
from cds_service.errors import SetupError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings

_SAMPLE = 5
_MAX_SYSTEMS = 6
_MAX_FAULTS = 15
_MAX_ORDERS = 20
_RECOGNIZED = {
    "code": "by code",
    "text": "by text",
    "details": "by orderDetail, bodySite or note",
    "unknown": "not: look like interventional radiology, no known procedure",
    "none": "not: any other order",
}


def run(args: argparse.Namespace) -> int:
    """Run the checks and print the findings; 1 if some data can't be retrieved or read, or by prefetch not whole.

    Raises:
        SetupError: the installation can't run, or the server can't be read.
    """
    settings = settings_of(args)
    if not args.fhir_server:
        reject_options(args, (*FHIR_ACCESS, "patient", "sample", "json"), "goes with --fhir-server")
        _show_installation(settings, load_knowledge(settings.site), console())
        return 1 if settings.unknown_names else 0
    if args.patient:
        reject_options(args, ("sample",), "goes without --patient")
    source = fhir_source(args)
    statement = source.metadata()
    knowledge = load_knowledge(settings.site)
    named = [bare_id(patient, "Patient", "--patient") for patient in args.patient or ()]
    for patient in named:
        source.resource(f"Patient/{patient}")  # otherwise a wrong id would look like an empty record
    patients = named or _sample(source, args.sample or _SAMPLE)
    survey = survey_of(source, patients, knowledge, local_now(settings), remark)
    if args.json:
        print(orjson.dumps(survey).decode())
    else:
        _show(survey, statement, console())
    return 0 if survey.is_whole else 1


def _show_installation(settings: Settings, knowledge: Knowledge, out: Console) -> None:
    out.print(f"tables    version {knowledge.version}: {len(knowledge.procedures)} procedures, all checks passed")
    out.print(f"site      {settings.site or 'none'}; {len(knowledge.changes)} changes")
    if knowledge.not_connected:
        out.print(f"data      not connected here: {', '.join(sorted(knowledge.not_connected))}")
    out.print(f"time      {local_now(settings):%Y-%m-%d %H:%M %Z}, from which the age of a result is counted")
    for name in settings.unknown_names:
        out.print(f"setting   {name} is not a setting; see docs/settings.md")
    out.print("To check a FHIR server, add --fhir-server URL.")


def _sample(source: FhirSource, size: int) -> list[str]:
    """Ids of up to `size` patients on the server."""
    try:
        entries = source.resource(f"Patient?_count={size}").get("entry", [])
        ids = [str(entry["resource"]["id"]) for entry in entries if entry["resource"]["resourceType"] == "Patient"]
    except SetupError as error:
        raise SetupError(f"{error.message}. Or name patients with --patient ID") from None
    except (AttributeError, KeyError, TypeError):
        ids = []
    if not ids:
        raise SetupError(f"{source.base}: listed no patients; name some with --patient ID")
    return ids[:size]


def _show(survey: Survey, statement: Mapping[str, Any], out: Console) -> None:
    announced = set(_announced(statement))
    for kind in survey.kinds.values():
        hint = "; not in the server's CapabilityStatement" if announced and kind.resource_type not in announced else ""
        counts = f"{kind.resources}, read for {kind.patients} of {survey.patients} patients{hint}"
        out.print(f"\n{kind.resource_type}: {counts}", style="bold")
        for says, count in kind.template.most_common():
            out.print(f"  {count} x its prefetch template, run once as an EHR does, {safe(says)}", style="yellow")
        if kind.by_fallback_only:
            out.print(
                f"  of {kind.by_fallback_only} patients only the service itself found all: send fhirServer in calls, "
                "or let prefetch follow pages",
                style="yellow",
            )
        for reason, count in kind.missing.most_common():
            out.print(f"  {count} x {safe(reason)}", style="yellow")
        for system, count in kind.codes.most_common(_MAX_SYSTEMS):
            read = _read_text(count, kind.codes_read[system])
            out.print(f"  {count} x {safe(system)}: {read}" if system else f"  {count} x in words, without a code")
    _show_orders(survey.orders, out)
    out.print(_results(survey))
    out.print(_faults(survey))
    out.print(_rows(survey))


def _show_orders(orders: Orders, out: Console) -> None:
    out.print("\nOrders by how they are recognized", style="bold")
    if not orders.by:
        out.print("  none read")
    for how, count in orders.by.most_common():
        out.print(f"  {count} x {_RECOGNIZED[how]}")
    for name, count in orders.unknown.most_common(_MAX_ORDERS):
        out.print(f"  {count} x to map: {safe(name)}", style="yellow")
    if len(orders.unknown) > _MAX_ORDERS:
        out.print(f"  and {len(orders.unknown) - _MAX_ORDERS} more; --json lists all")


def _announced(statement: Mapping[str, Any]) -> Iterator[str]:
    for rest in statement.get("rest") or ():
        for resource in (rest.get("resource") or ()) if isinstance(rest, dict) else ():
            if isinstance(resource, dict):
                yield str(resource.get("type"))


def _read_text(count: int, read: int) -> str:
    return "read" if read == count else (f"{read} of them read" if read else "not a code system that the tables use")


def _results(survey: Survey) -> Table:
    title = "\nResults that the tables use"
    table = Table("analyte", "usable", "not usable", "mostly because", title=title, title_justify="left")
    for label, found in survey.analytes.items():
        table.add_row(safe(label), str(found.usable), str(found.unusable.total()), _most_common(found.unusable))
    return table


def _faults(survey: Survey) -> Table | str:
    title = "\nViolations of FHIR R4 or the profiles of this service"
    table = Table("resource", "rule", "where", "times", title=title, title_justify="left")
    for fault in survey.faults[:_MAX_FAULTS]:
        table.add_row(*map(safe, (fault.resource_type, fault.rule, fault.element, fault.count)))
    if len(survey.faults) > _MAX_FAULTS:
        table.caption = f"and {len(survey.faults) - _MAX_FAULTS} more; --json lists all"
    return table if table.row_count else "\nNo violations of FHIR R4 or the profiles of this service."


def _rows(survey: Survey) -> Table | str:
    title = "\nRows that stayed unknown, with every procedure judged for every patient"
    table = Table("row", "unknown", "by prefetch alone", "mostly because", title=title, title_justify="left")
    for name, row in survey.rows.items():
        if row.unknown or row.unknown_by_prefetch:
            alone = str(row.unknown_by_prefetch) if row.unknown_by_prefetch else ""
            table.add_row(safe(name), f"{row.unknown} of {row.asked}", alone, _most_common(row.reasons))
    return table if table.row_count else "\nNo row stayed unknown."


def _most_common(reasons: Counter[str]) -> str:
    return safe(reasons.most_common(1)[0][0]) if reasons else ""
