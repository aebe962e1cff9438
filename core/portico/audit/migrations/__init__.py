"""Steps that make the table of what was changed."""
