"""Sign-ins: their tokens and cookies, and what ends when they end."""
