"""The command line tool `cds-service`."""
