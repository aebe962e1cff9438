"""Numbered steps; see `portico.db.migrate`."""
