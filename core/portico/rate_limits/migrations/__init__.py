"""Migration steps of the tables of known locations and attempts."""
