"""Sessions: tokens, cookies, revocation, and the connections that end with a session."""
