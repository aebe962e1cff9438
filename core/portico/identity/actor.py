"""Who is asking: what every request knows about its caller, and no more."""

import msgspec

#: The credential of whoever signed in.
SESSION_CREDENTIAL = "session"


class CredentialScope(msgspec.Struct, frozen=True):
    """What a credential is good for, where that is less than what its owner may do.

    `endpoints`: paths of routes, with all below them; None = all. `scopes`: words such as `chats`, `chats:read`,
    `read`, where the area is the plugin whose route it is; None = all. What is asked is the route that was found, never
    the address that was sent.
    """

    endpoints: tuple[str, ...] | None = None
    scopes: frozenset[str] | None = None

    def allows(self, path: str, area: str, *, reads: bool) -> bool:
        """Whether a route may be called. `path`: its template, such as `/api/v1/chats/{id}`."""
        if self.endpoints is not None and not any(
            path == one or path.startswith(f"{one}/") for one in self.endpoints
        ):
            return False
        if self.scopes is None:
            return True
        word = "read" if reads else "write"
        return not self.scopes.isdisjoint((word, area, f"{area}:{word}"))


class Actor(msgspec.Struct, frozen=True):
    """A signed-in person, as of this request.

    Read afresh for each request, so a changed role counts at once. `session_id`: the sign-in it came through, or what
    stands for one; `credential`: its kind, `session` or that of a `TokenAuthenticator`. `bounds`: what it is good for; None =
    for all its owner may do.
    """

    id: str
    email: str
    name: str
    role: str
    profile_image_url: str
    session_id: str
    credential: str = SESSION_CREDENTIAL
    scope: CredentialScope | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        """Whether somebody has let this account in; a pending one may only look at itself."""
        return self.role in ("admin", "user")
