"""Stage: ClinicalData -> PatientFacts. Knows how to read FHIR R4 resources, never rules."""
