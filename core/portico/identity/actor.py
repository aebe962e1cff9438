"""The authenticated caller of a request, and the limits of the credential that was used."""

import msgspec

#: `Actor.credential` of a signed-in session.
SESSION_CREDENTIAL = "session"


class CredentialScope(msgspec.Struct, frozen=True):
    """Restricts a credential to a part of what its owner may do.

    `endpoints`: path prefixes of routes; None = all. `scopes`: `chats`, `chats:read`, `read` and the like, where the
    area is the plugin that registered the route; None = all. Checked against the matched route, never against the
    path that the client sent.
    """

    endpoints: tuple[str, ...] | None = None
    scopes: frozenset[str] | None = None

    def allows(self, path: str, area: str, *, reads: bool) -> bool:
        """Return whether a route may be called. `path`: its template, such as `/api/v1/chats/{id}`."""
        if self.endpoints is not None and not any(
            path == one or path.startswith(f"{one}/") for one in self.endpoints
        ):
            return False
        if self.scopes is None:
            return True
        word = "read" if reads else "write"
        return not self.scopes.isdisjoint((word, area, f"{area}:{word}"))


class Actor(msgspec.Struct, frozen=True):
    """The account that sent a request, as of this request.

    Resolved for each request, so a changed role applies at once. `session_id`: id of the session or API key that was
    used; `credential`: its kind, `session` or the `kind` of a `TokenAuthenticator`. `scope`: restriction of the
    credential; None = everything its owner may do.
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
        """Whether the account has the role `admin`."""
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        """Whether an administrator approved the account. A pending account may only read itself."""
        return self.role in ("admin", "user")
