"""Stage: body -> HookRequest, and cards -> response JSON. Knows CDS Hooks 2.0.1, never FHIR content."""
