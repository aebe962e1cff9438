"""Backups: the database as it is at one moment, stored contents, policy files; verified and restored."""
