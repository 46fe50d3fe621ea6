"""The tables as a FHIR package: definitions made from the rows, and the archive that other tools load."""
