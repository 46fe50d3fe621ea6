"""The tables have tests as code has: each row is changed by machine, one thing at a time, and the cases must notice."""
