"""The published prefetch templates as an EHR runs them: each once, its answer taken as it is.

No page is followed and nothing is asked again in other words, as the service does when it reads a server by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from cds_service.cli.fhir_source import FhirSource
from cds_service.clinical_data.bundles import read_prefetch
from cds_service.clinical_data.fhir_server import Refusal
from cds_service.clinical_data.retrieved import RetrievedData, Unavailable, missing
from cds_service.kinds import KINDS
from cds_service.reasons import Reason

_PATIENT = "{{context.patientId}}"
_MORE_PAGES = "more-pages"


@dataclass(frozen=True, slots=True)
class TemplateAnswer:
    """What one template was answered for one patient; `says` is empty where the answer was whole."""

    data: RetrievedData
    says: str = ""


def run_templates(
    source: FhirSource, templates: Mapping[str, str], patient_id: str
) -> Iterator[tuple[str, TemplateAnswer]]:
    """Prefetch key -> the answer, one request each.

    Args:
        source: the server.
        templates: as in the discovery document.
        patient_id: bare id.
    """
    for key, template in templates.items():
        yield key, _answer(key, source.get(template.replace(_PATIENT, patient_id)), patient_id)


def _answer(key: str, body: bytes | Refusal, patient_id: str) -> TemplateAnswer:
    if isinstance(body, Refusal):
        return TemplateAnswer(missing(key, "not-sent"), f"answered with {body.status or body.reason.key}")
    data, page = read_prefetch(key, body, KINDS[key].resource_types, patient_id)
    if page is not None:
        more = Unavailable(key, Reason(_MORE_PAGES, {"data": key}))
        return TemplateAnswer(replace(data, unavailable=(*data.unavailable, more)), "goes on on further pages")
    return TemplateAnswer(data, "" if data.complete else f"not whole ({data.unavailable[0].reason.key})")
