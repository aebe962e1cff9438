"""Tokens of OAuth sessions, which Open WebUI encrypts with its secret key."""

from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.values import Row, identifier, json_value, seconds, text, times

_NO_KEY: Final = "the token is encrypted: name a file with the secret key of Open WebUI (--source-secret-key-file)"
_WRONG_KEY: Final = "the token was encrypted with another secret key"


class OAuthTokenReader(KindReader):
    """Reads `oauth_session`."""

    name = "oauth_tokens"
    table = "oauth_session"
    columns = ("id", "user_id", "provider", "token", "expires_at", "created_at", "updated_at")

    async def prepare(self, rows: list[Row]) -> Build:
        """Return what makes a record of a row."""

        def build(row: Row) -> dict[str, Any] | None:
            session_id = identifier(row.get("id"))
            key = self.reading.secret_key
            token = None if key is None else key.decrypt(text(row.get("token")) or "")
            if token is None:
                self.notes.add(self.name, _NO_KEY if key is None else _WRONG_KEY, session_id)
                return None
            return {
                "id": session_id,
                "user_id": identifier(row.get("user_id"), "user_id"),
                "provider": identifier(row.get("provider"), "provider"),
                "token": json_value(token, "token"),
                "expires_at": seconds(row.get("expires_at")),
                **times(row),
            }

        return build
