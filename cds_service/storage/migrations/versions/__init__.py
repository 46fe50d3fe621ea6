"""One module per step, each with the step that it follows. A step that was released is never edited."""
