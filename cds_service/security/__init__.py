"""Stage: bearer token -> Client. Knows JWTs, JWK Sets and registered clients, never hooks or FHIR content."""
