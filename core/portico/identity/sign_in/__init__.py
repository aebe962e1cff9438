"""Authentication: sign-in, sign-out, provisioning of accounts, passwords and linked identities."""
