"""Migration steps of the tables of accounts, sessions and groups."""
