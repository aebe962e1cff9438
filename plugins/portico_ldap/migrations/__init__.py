"""Migrations of the tables of the plugin."""
