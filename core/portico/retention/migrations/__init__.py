"""Steps that make the table of cleaning."""
