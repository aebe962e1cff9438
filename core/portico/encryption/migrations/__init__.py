"""Migration steps of the table of the current encryption key."""
