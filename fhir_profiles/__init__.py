"""The FHIR package of the service, canonical base https://example.org/ir-cds/fhir; see docs/fhir-package.md."""
