"""Accounts: who there is, what they keep about themselves, and who was here a moment ago."""
