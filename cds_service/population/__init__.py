"""The tables over a whole population, before go-live: a Bulk Data export in, counted decisions out."""
