"""Accounts: storage, lookup, lists, profiles, user data and last-seen times."""
