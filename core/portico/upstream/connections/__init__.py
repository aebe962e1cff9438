"""Connections to providers that administrators edit: checks of what they send, masks of secrets, and options."""
