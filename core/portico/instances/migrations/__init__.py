"""Migration steps of the tables of instances and of the database id."""
