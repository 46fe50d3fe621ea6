"""The FHIR package: what is made from the tables, that it holds together, and that it says what the service does."""
