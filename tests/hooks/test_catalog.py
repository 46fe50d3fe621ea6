"""The discovery document: what EHRs read before they call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from cds_service.hooks.catalog import SERVICES, discovery
from tests.support.responses import find_empty

LOINC = "http://loinc.org"
TOKEN = re.compile(r"\{\{(.*?)\}\}")
# Root-level primitive context fields that may be a prefetch token, by hook (CDS Hooks library).
TOKENS = {
    "order-select": {"context.userId", "context.patientId", "context.encounterId"},
    "order-sign": {"context.userId", "context.patientId", "context.encounterId"},
    "order-dispatch": {"context.patientId", "context.performer"},
    "appointment-book": {"context.userId", "context.patientId", "context.encounterId"},
    "patient-view": {"context.userId", "context.patientId", "context.encounterId"},
}
REFERENCE_PARAMETERS = {"patient", "subject", "encounter"}
TOKEN_PARAMETERS = {"code", "category", "status"}
CONTROL_PARAMETERS = {"_count": r"[0-9]+", "_sort": r"-?[a-z]+(,-?[a-z]+)*"}


def outside_subset(template: str, hook: str) -> Iterator[str]:
    """Everything in a prefetch template that a CDS Hooks 2.0 client need not support."""
    yield from (f"token {token}" for token in TOKEN.findall(template) if token not in TOKENS[hook])
    plain = TOKEN.sub("id", template)
    if re.fullmatch(r"[A-Z][A-Za-z]+/id", plain):
        return
    kind, _, query = plain.partition("?")
    if not re.fullmatch(r"[A-Z][A-Za-z]+", kind):
        yield f"not a type-level search: {kind}"
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if name in REFERENCE_PARAMETERS and value == "id":
            continue
        if name in TOKEN_PARAMETERS and all(re.fullmatch(r"[^|,]+\|[^|,]+", part) for part in value.split(",")):
            continue
        if not re.fullmatch(CONTROL_PARAMETERS.get(name, r"(?!)"), value):
            yield f"parameter {parameter}"


def entries(lab_codes: tuple[str, ...] = (f"{LOINC}|718-7", f"{LOINC}|777-3")) -> dict[str, dict[str, Any]]:
    """Service id -> its entry of the discovery document."""
    return {entry["id"]: entry for entry in discovery({"observations": lab_codes})["services"]}


def test_five_services_with_one_hook_each_are_announced() -> None:
    """Each hook has its own service id, since real clients keep only one entry per id."""
    assert {name: entry["hook"] for name, entry in entries().items()} == {
        "ir-order-select": "order-select",
        "ir-order-sign": "order-sign",
        "ir-order-dispatch": "order-dispatch",
        "ir-appointment-book": "appointment-book",
        "ir-patient-view": "patient-view",
    }
    assert len(discovery({})["services"]) == len(SERVICES)


def test_each_entry_has_what_discovery_requires() -> None:
    """Every entry has a title, a description and prefetch templates, and nothing in the document is empty."""
    document = discovery({"observations": (f"{LOINC}|718-7",)})
    for entry in document["services"]:
        assert set(entry) == {"hook", "id", "title", "description", "usageRequirements", "prefetch"}
    assert list(find_empty(document)) == []


@pytest.mark.parametrize("service_id", SERVICES)
def test_templates_stay_inside_the_subset_that_every_client_resolves(service_id: str) -> None:
    """Prefetch templates use only tokens and search parameters that CDS Hooks 2.0 requires clients to support."""
    entry = entries()[service_id]
    problems = {
        key: found
        for key, template in entry["prefetch"].items()
        if (found := list(outside_subset(template, entry["hook"])))
    }
    assert problems == {}


@pytest.mark.parametrize(
    "template",
    [
        "Patient/{{context.draftOrders}}",
        "Observation?patient={{context.patientId}}&date=gt{{today() - 90 days}}",
        "ServiceRequest?patient={{context.patientId}}&_include=ServiceRequest:requester",
        "Condition?patient.identifier={{context.patientId}}",
        "Condition?patient={{context.patientId}}&clinical-status:not=resolved",
    ],
)
def test_the_subset_check_sees_what_is_outside(template: str) -> None:
    """A template with a non-primitive token, a computed date, an include, a chain or `:not` is found."""
    assert list(outside_subset(template, "order-sign"))


def test_conditions_and_allergies_are_asked_for_whole() -> None:
    """Conditions and allergies are requested without a status filter, which would miss records without a status."""
    for entry in entries().values():
        assert entry["prefetch"]["conditions"] == "Condition?patient={{context.patientId}}&_count=200"
        assert entry["prefetch"]["allergies"] == "AllergyIntolerance?patient={{context.patientId}}&_count=200"


def test_observations_are_asked_for_by_the_codes_that_the_tables_read() -> None:
    """Only laboratory results used by a table are requested, newest first."""
    template = entries()["ir-order-sign"]["prefetch"]["observations"]
    assert "code=http://loinc.org|718-7,http://loinc.org|777-3&_sort=-date" in unquote(template)


def test_without_codes_no_observations_are_asked_for() -> None:
    """If no table uses a result, Observations are not requested at all, instead of all of a patient."""
    assert "observations" not in entries(())["ir-order-sign"]["prefetch"]


def test_orders_are_asked_for_where_the_hook_does_not_carry_them() -> None:
    """Dispatch and appointment hooks have only references to orders, so the orders are requested."""
    asking = {name for name, entry in entries().items() if "orders" in entry["prefetch"]}
    assert asking == {"ir-order-dispatch", "ir-appointment-book"}
