"""Coming in: the ways to sign in, and from what they say about somebody to an account."""
