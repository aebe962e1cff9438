"""Steps that make the table of what is set at run time."""
