"""Migration steps of the audit log."""
