"""Migrations of the table of prompts."""
