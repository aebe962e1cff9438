"""Which models are in use at this moment."""
