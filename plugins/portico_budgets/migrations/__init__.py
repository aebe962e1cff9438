"""Migrations of the tables of budgets."""
