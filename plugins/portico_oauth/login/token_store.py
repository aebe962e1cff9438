"""The tokens of providers, encrypted, stored with the session and deleted with it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from portico.api.auth import ProviderSession
from portico.api.db import (
    DecryptionError,
    EncryptedColumn,
    Encryptor,
    execute,
    fetch_all,
    fetch_one,
    now,
)
from portico_oauth.protocol.login_result import LoginResult

TOKEN = EncryptedColumn("oauth_session", "id", "token", "oauth:token:{id}")
ID_TOKEN = EncryptedColumn("oauth_session", "id", "id_token", "oauth:id_token:{id}")

# Inserts nothing if the session has ended in the meantime.
_INSERT = (
    "INSERT INTO oauth_session "
    "(id, account_id, provider, token, id_token, end_session_url, expires_at, created_at, updated_at) "
    "SELECT s.id, s.account_id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), "
    "CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($7 AS BIGINT) FROM portico_session s WHERE s.id = $1"
)
_UPDATE = (
    "UPDATE oauth_session SET token = $1, expires_at = $2, updated_at = $3, refresh_claim = NULL, "
    "refresh_claimed_until = NULL WHERE id = $4 AND token = $5"
)
_SELECT_OF_ACCOUNT = (
    "SELECT o.id, o.account_id AS user_id, o.provider, o.expires_at, o.created_at, o.updated_at "
    "FROM oauth_session o JOIN portico_session s ON s.id = o.id "
    "WHERE o.account_id = $1 AND (s.expires_at IS NULL OR s.expires_at > $2) "
    "ORDER BY o.created_at DESC, o.id DESC"
)
# The members of the token response that are stored.
_STORED_MEMBERS = ("access_token", "refresh_token", "token_type", "scope")
#: 100 years; a longer lifetime is taken as unknown.
MAX_TOKEN_LIFETIME_SECONDS = 100 * 365 * 86400


class StoredToken(msgspec.Struct, frozen=True):
    """One row, decrypted. `encrypted`: the token as stored, to detect a change by another instance."""

    id: str
    provider: str
    encrypted: str
    expires_at: int | None
    token: dict[str, Any]


class TokenStore:
    """The table `oauth_session`. `return_url`: where a provider sends the browser after the sign-out there."""

    def __init__(self, encryptor: Encryptor, return_url: str = "") -> None:
        self._encryptor, self._return_url = encryptor, return_url

    async def save(self, session_id: str, provider: str, result: LoginResult) -> None:
        """Store the tokens of a sign-in."""
        await execute(
            _INSERT,
            session_id,
            provider,
            self._encryptor.encrypt(_json(result.token), TOKEN.context_for(session_id)),
            self._encrypt_id_token(session_id, result.id_token),
            result.end_session_url or "",
            expiry(result.token),
            now(),
        )

    async def find(self, session_id: str) -> StoredToken | None:
        """Return the tokens of a session; None if there are none or they cannot be decrypted."""
        sql = "SELECT id, provider, token, expires_at FROM oauth_session WHERE id = $1"
        row = None if "\x00" in session_id else await fetch_one(sql, session_id)
        if row is None:
            return None
        try:
            text = self._encryptor.decrypt(row["token"], TOKEN.context_for(session_id))
            token = msgspec.json.decode(text, type=dict[str, Any])
        except (DecryptionError, msgspec.MsgspecError):
            return None
        return StoredToken(row["id"], row["provider"], row["token"], row["expires_at"], token)

    async def replace(self, old: StoredToken, response: Mapping[str, Any]) -> None:
        """Replace the stored tokens and end the claim, unless another instance has just replaced them.

        If the response contains no refresh token, the old one is kept.
        """
        token = {**old.token, **response}
        encrypted = self._encryptor.encrypt(_json(token), TOKEN.context_for(old.id))
        await execute(_UPDATE, encrypted, expiry(response), now(), old.id, old.encrypted)

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """Return the sessions of one account that came from a provider, newest first."""
        rows = (
            [] if "\x00" in account_id else await fetch_all(_SELECT_OF_ACCOUNT, account_id, now())
        )
        return [ProviderSession(**row) for row in rows]

    async def end_session_url(self, session_id: str, client_id: str) -> str | None:
        """Return the URL where the user signs out at the provider. Source: OpenID Connect RP-Initiated Logout 1.0 §2."""
        row = await fetch_one(
            "SELECT id_token, end_session_url FROM oauth_session WHERE id = $1", session_id
        )
        if row is None or not row["end_session_url"]:
            return None
        params = {"client_id": client_id}
        if row["id_token"]:
            try:
                context = ID_TOKEN.context_for(session_id)
                params["id_token_hint"] = self._encryptor.decrypt(row["id_token"], context)
            except DecryptionError:
                pass  # only a hint: without it, the provider asks the user
        if self._return_url:
            params["post_logout_redirect_uri"] = self._return_url
        parts = urlsplit(row["end_session_url"])
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *params.items()])
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    def _encrypt_id_token(self, session_id: str, id_token: str) -> str:
        return (
            self._encryptor.encrypt(id_token, ID_TOKEN.context_for(session_id)) if id_token else ""
        )


def expiry(token: Mapping[str, Any]) -> int | None:
    """Return when an access token expires, in epoch seconds; None if the provider does not send it."""
    lifetime = token.get("expires_in")
    if (
        isinstance(lifetime, str)
        and lifetime.isascii()
        and lifetime.isdigit()
        and len(lifetime) < 12
    ):
        lifetime = int(lifetime)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
        return None
    return now() + int(lifetime) if 0 <= lifetime <= MAX_TOKEN_LIFETIME_SECONDS else None


def _json(token: Mapping[str, Any]) -> str:
    stored = {name: token[name] for name in _STORED_MEMBERS if isinstance(token.get(name), str)}
    return msgspec.json.encode(stored).decode()
