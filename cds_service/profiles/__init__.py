"""Validation of resources against FHIR R4 and profiles."""
