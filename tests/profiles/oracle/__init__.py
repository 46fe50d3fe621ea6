"""HL7's own validator as an oracle for ours: `make oracle`."""
