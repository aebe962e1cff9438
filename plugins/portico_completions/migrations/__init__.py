"""Migration steps of the tables of replies in the making."""
