"""The FHIR content of the service as data: value sets, code systems and concept maps, canonical base https://example.org/ir-cds/fhir."""
