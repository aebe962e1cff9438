"""Sign-in at providers: the flow in the browser, the identity of the user, and back-channel logout."""
