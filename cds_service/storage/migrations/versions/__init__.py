"""One module per migration, each naming the one before it. A released migration is never edited."""
