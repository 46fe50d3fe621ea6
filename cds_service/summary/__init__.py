"""The pre-procedure summary: the findings of one call as the list that is gone through before a procedure."""
