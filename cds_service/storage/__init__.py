"""Around the line: what is kept of calls and feedback. Knows SQL, never medicine or HTTP."""
