"""Migration steps of the tables of usage."""
