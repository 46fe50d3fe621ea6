"""Decision support for ordering interventional-radiology procedures, over CDS Hooks 2.0.1 and FHIR R4."""
