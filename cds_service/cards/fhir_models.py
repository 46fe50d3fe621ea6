"""The models of `fhir.resources` that offers are built and checked with. Its only importer.

They are those of R4B: ServiceRequest, Annotation and Reference are the same in R4.
"""

from __future__ import annotations

from fhir.resources.R4B.annotation import Annotation
from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.reference import Reference
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import TypeAdapter, ValidationError

__all__ = ["Annotation", "CodeableConcept", "Coding", "Reference", "ServiceRequest", "TypeAdapter", "ValidationError"]
