"""Stage: Findings -> cards and the decision extension. Wording, grouping, suggestions."""
