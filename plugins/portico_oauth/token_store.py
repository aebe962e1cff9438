"""What providers gave at sign-ins: kept locked, beside the sign-in and no longer than it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from portico.api import (
    DecryptionError,
    Encryptor,
    ProviderSession,
    execute,
    fetch_all,
    fetch_one,
    now,
)
from portico_oauth.protocol.login_result import LoginResult
from portico_oauth.tables import ID_TOKEN, TOKEN

# The sign-in may be over already: whoever ended it must not be followed by what it brought.
_KEEP = (
    "INSERT INTO oauth_session "
    "(id, account_id, provider, token, id_token, leave_url, expires_at, created_at, updated_at) "
    "SELECT s.id, s.account_id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), "
    "CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($7 AS BIGINT) FROM portico_session s WHERE s.id = $1"
)
_RENEW = "UPDATE oauth_session SET token = $1, expires_at = $2, updated_at = $3 WHERE id = $4 AND token = $5"
_OF = (
    "SELECT o.id, o.account_id AS user_id, o.provider, o.expires_at, o.created_at, o.updated_at "
    "FROM oauth_session o JOIN portico_session s ON s.id = o.id "
    "WHERE o.account_id = $1 AND (s.expires_at IS NULL OR s.expires_at > $2) "
    "ORDER BY o.created_at DESC, o.id DESC"
)
#: What of a token's answer is worth keeping.
_MEMBERS = ("access_token", "refresh_token", "token_type", "scope")
#: Seconds; whoever says a token lasts longer than a hundred years does not know.
LONGEST_LIFE = 100 * 365 * 86400


class Token(msgspec.Struct, frozen=True):
    """A row with its token. `locked`: as it stands there."""

    id: str
    provider: str
    encrypted: str
    expires_at: int | None
    token: dict[str, Any]


class TokenStore:
    """The rows of `oauth_session`. `after`: where a provider sends a browser that has signed out there."""

    def __init__(self, vault: Encryptor, after: str = "") -> None:
        self._vault, self._after = vault, after

    async def keep(self, session_id: str, provider: str, evidence: LoginResult) -> None:
        """Keep what a sign-in brought."""
        await execute(
            _KEEP,
            session_id,
            provider,
            self._vault.encrypt(_json(evidence.token), TOKEN.context_for(session_id)),
            self._locked_id_token(session_id, evidence.id_token),
            evidence.leave_url or "",
            expiry(evidence.token),
            now(),
        )

    async def find(self, session_id: str) -> Token | None:
        """What a sign-in brought, if it can still be read."""
        sql = "SELECT id, provider, token, expires_at FROM oauth_session WHERE id = $1"
        found = None if "\x00" in session_id else await fetch_one(sql, session_id)
        if found is None:
            return None
        try:
            text = self._vault.decrypt(found["token"], TOKEN.context_for(session_id))
            token = msgspec.json.decode(text, type=dict[str, Any])
        except (DecryptionError, msgspec.MsgspecError):
            return None
        return Token(found["id"], found["provider"], found["token"], found["expires_at"], token)

    async def renew(self, old: Token, given: Mapping[str, Any]) -> None:
        """Put what a provider gave anew in the place of what it gave before, unless somebody else just did.

        A refresh token that is not given anew stays good.
        """
        token = {**old.token, **given}
        locked = self._vault.encrypt(_json(token), TOKEN.context_for(old.id))
        await execute(_RENEW, locked, expiry(given), now(), old.id, old.encrypted)

    async def forget(self, old: Token) -> None:
        """Drop what is not good any more, unless somebody else just renewed it."""
        await execute(
            "DELETE FROM oauth_session WHERE id = $1 AND token = $2", old.id, old.encrypted
        )

    async def of_account(self, account_id: str) -> list[ProviderSession]:
        """The sign-ins of one account, newest first."""
        found = [] if "\x00" in account_id else await fetch_all(_OF, account_id, now())
        return [ProviderSession(**one) for one in found]

    async def leave_address(self, session_id: str, client_id: str) -> str | None:
        """Where a browser signs out at the provider. Source: OpenID Connect RP-Initiated Logout 1.0 §2."""
        found = await fetch_one(
            "SELECT id_token, leave_url FROM oauth_session WHERE id = $1", session_id
        )
        if found is None or not found["leave_url"]:
            return None
        asked = {"client_id": client_id}
        if found["id_token"]:
            try:
                about = ID_TOKEN.context_for(session_id)
                asked["id_token_hint"] = self._vault.decrypt(found["id_token"], about)
            except DecryptionError:
                pass  # a hint: without it the provider asks whoever it is
        if self._after:
            asked["post_logout_redirect_uri"] = self._after
        parts = urlsplit(found["leave_url"])
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *asked.items()])
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    def _locked_id_token(self, session_id: str, id_token: str) -> str:
        return self._vault.encrypt(id_token, ID_TOKEN.context_for(session_id)) if id_token else ""


def expiry(token: Mapping[str, Any]) -> int | None:
    """When an access token ends, in epoch seconds; None = its provider does not say."""
    lasts = token.get("expires_in")
    if isinstance(lasts, str) and lasts.isascii() and lasts.isdigit() and len(lasts) < 12:
        lasts = int(lasts)
    if isinstance(lasts, bool) or not isinstance(lasts, int | float):
        return None
    return now() + int(lasts) if 0 <= lasts <= LONGEST_LIFE else None


def _json(token: Mapping[str, Any]) -> str:
    kept = {name: token[name] for name in _MEMBERS if isinstance(token.get(name), str)}
    return msgspec.json.encode(kept).decode()
