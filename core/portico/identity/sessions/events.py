"""Events about sessions and API keys. Published after the commit."""

import msgspec


class SessionRevoked(msgspec.Struct, frozen=True):
    """A session ended before it expired; `session_id` None = all sessions of the account, or all except one.

    `expires_at`: when it would have expired, in epoch seconds; None = never or unknown.
    """

    account_id: str
    session_id: str | None = None
    expires_at: int | None = None


class ApiKeyRevoked(msgspec.Struct, frozen=True):
    """An API key was deleted or restricted, so open connections have to be checked again.

    `key_id`: the `session_id` of the actors that used it.
    """

    account_id: str
    key_id: str
