"""Cards stage: new FHIR resources and parts of them, built and checked by the models of `fhir_models.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

if TYPE_CHECKING:
    from cds_service.cards.fhir_models import TypeAdapter


@cache
def models() -> ModuleType:
    """The models, loaded: a server does so before its first call."""
    # Imported here: a tenth of a second of every command, and few of them offer anything.
    from cds_service.cards import fhir_models

    return fhir_models


def service_request(**fields: Any) -> dict[str, Any]:
    """A new draft ServiceRequest as JSON.

    Args:
        fields: its elements by their names in FHIR, status and intent apart, as JSON without empty members; None for
            one that is left out. They are made here, or `are_valid`.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    # As given: to have the model write it again costs as much as to check it, a twentieth of a small call.
    return {"resourceType": "ServiceRequest", "status": "draft", "intent": "order", **given}


def are_valid(elements: Mapping[str, Any]) -> bool:
    """Whether elements of a ServiceRequest that come from elsewhere are valid FHIR, and one at most of a choice."""
    checks = [_element(name) for name in elements]
    choices = [check.choice for check in checks if check.choice is not None]
    try:
        for check, given in zip(checks, elements.values(), strict=True):
            check.type.validate_python(given)
    except models().ValidationError:
        return False
    return len(set(choices)) == len(choices)


class _Element(msgspec.Struct, frozen=True):
    """What checks one element, for a fifth of the cost of a whole ServiceRequest; `choice`: `occurrence` of
    occurrence[x]."""

    type: TypeAdapter[Any]
    choice: str | None


@lru_cache(maxsize=100)
def _element(name: str) -> _Element:
    field = models().ServiceRequest.model_fields[name]
    more = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    choice = more.get("one_of_many")
    kind: Any = field.annotation
    return _Element(models().TypeAdapter(kind), str(choice) if choice else None)


def annotation(text: str) -> dict[str, Any]:
    """A note without author or time: both are the signer's."""
    return _plain(_annotation(text))


def reference(to: str, display: str | None = None) -> dict[str, Any]:
    """A reference to `Type/id`."""
    given = {"reference": to, **({"display": display} if display else {})}
    models().Reference.model_validate(given)
    return given


def concept(codes: Iterable[tuple[str, str, str]], text: str | None = None) -> dict[str, Any]:
    """A CodeableConcept of codes, (system, code, display) each."""
    return _plain(_concept(tuple(codes), text))


# The texts of both come from the tables and the wording, so what is remembered holds nothing of a patient.


@lru_cache(maxsize=2_000)
def _annotation(text: str) -> str:
    return str(models().Annotation(text=text).model_dump_json())


@lru_cache(maxsize=2_000)
def _concept(codes: tuple[tuple[str, str, str], ...], text: str | None) -> str:
    codings = [models().Coding(system=system, code=code, display=display) for system, code, display in codes]
    return str(models().CodeableConcept(coding=codings, text=text).model_dump_json())


def _plain(text: str) -> dict[str, Any]:
    built: dict[str, Any] = orjson.loads(text)
    return built
