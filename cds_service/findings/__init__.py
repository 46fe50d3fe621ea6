"""Stage: PatientFacts x Knowledge -> Findings. The logic of the two tables; never HTTP or JSON."""
