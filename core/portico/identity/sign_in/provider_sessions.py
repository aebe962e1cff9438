"""Sessions and access tokens of external providers, for plugins that call those providers on behalf of a user."""

from typing import Protocol

import msgspec


class ProviderSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that an external provider opened, without its tokens. `id`: the session id of Portico.

    Units: times in epoch seconds; `expires_at`: of the provider's tokens, None = unknown.
    """

    id: str
    user_id: str
    provider: str
    expires_at: int | None
    created_at: int
    updated_at: int


class ProviderTokens(Protocol):
    """Service with the tokens of external providers, offered by the plugin that signs users in with them."""

    async def access_token(self, session_id: str) -> str | None:
        """Return the access token of a session (`Actor.session_id`), valid for some minutes at least, or None.

        A token that expires soon is refreshed. A token that the provider refuses to refresh is deleted.
        """
        ...

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """Return the active sessions of an account, newest first."""
        ...
