"""The command line `cds-service`."""
