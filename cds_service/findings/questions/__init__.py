"""How each kind of question is judged: one module each, dispatched in `judge.py`."""
