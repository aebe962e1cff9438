"""The authenticated caller of a request, the limits of its credential, and how tokens that are not sessions are resolved."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from portico.identity.accounts.account import Account

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
            path == prefix or path.startswith(f"{prefix}/") for prefix in self.endpoints
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

    @classmethod
    def of(cls, account: "Account", credential: str = SESSION_CREDENTIAL) -> "Actor":
        """Return an account as an actor without a request: everything that the account may do."""
        return cls(account.id, account.email, account.name, account.role, "", "", credential)

    @property
    def is_admin(self) -> bool:
        """Whether the account has the role `admin`."""
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        """Whether an administrator approved the account. A pending account may only read itself."""
        return self.role in ("admin", "user")


@runtime_checkable
class TokenAuthenticator(Protocol):
    """Authenticates one kind of tokens that are not sessions; registered with `register_token_authenticators`."""

    @property
    def kind(self) -> str:
        """Name of the kind, such as `key`: the `credential` of its actors."""
        ...

    @property
    def prefix(self) -> str:
        """Prefix of its tokens and of no others, such as `sk-`."""
        ...

    async def authenticate(self, token: str) -> Actor | None:
        """Return the actor of a token, or None if it is not valid. Called with each request, so it has to be quick.

        Raises: Forbidden for a valid token that may not be used.
        """
        ...

    async def still_valid(self, session_ids: list[str]) -> set[str]:
        """Return those of its actors' `session_id`s that are still valid. Called for connections that stay open."""
        ...
