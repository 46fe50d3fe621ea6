"""The kinds of question that a criterion may ask: one module each, all of them in `question_types.py`."""
