"""Stage: bearer token -> Client. Knows JWT, keys and registered clients, never hooks or FHIR content."""
