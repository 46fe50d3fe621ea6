"""Database of calls, cards and feedback. Knows SQL, never medicine or HTTP."""
