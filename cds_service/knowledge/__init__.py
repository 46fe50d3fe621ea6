"""Stage: tables and value sets -> Knowledge. Never knows patients."""
