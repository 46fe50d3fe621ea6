"""The pre-procedure summary: that it says what the findings say, and never that nothing is there unread."""
