"""Migrations of the table of memories."""
