"""Who is asking: what every request knows about its caller, and no more."""

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """A signed-in person, as of this request.

    Read afresh for each request, so a changed role counts at once. `session_id`: the sign-in it came through.
    """

    id: str
    email: str
    name: str
    role: str
    profile_image_url: str
    session_id: str

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        """Whether somebody has let this account in; a pending one may only look at itself."""
        return self.role in ("admin", "user")
