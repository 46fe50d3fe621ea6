"""How the tables of the database came to be so, step by step; run by alembic."""
