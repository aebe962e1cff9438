"""Accounts, with the hashes of their passwords and their external identities."""

import re
from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader, grouped
from portico_openwebui.values import (
    BadValueError,
    Row,
    flag,
    identifier,
    json_value,
    optional_identifier,
    seconds,
    text,
    times,
)

_BCRYPT: Final = re.compile(r"\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DATE_CHARS: Final = 10
_TEXTS: Final = (
    *("profile_image_url", "profile_banner_image_url", "username", "bio", "gender", "timezone"),
    *("presence_state", "status_emoji", "status_message"),
)
_ROLES: Final = frozenset({"admin", "user", "pending"})
#: The provider of an `oauth_sub` without one.
_DEFAULT_PROVIDER: Final = "oidc"


class AccountReader(KindReader):
    """Reads `user` and `auth`."""

    name = "accounts"
    table = "user"
    columns = (
        *("id", "name", "email", "role", *_TEXTS, "date_of_birth", "status_expires_at"),
        *("created_at", "updated_at", "last_active_at"),
        *("settings", "info", "oauth", "oauth_sub"),
    )

    async def prepare(self, rows: list[Row]) -> Build:
        """Read the rows of `auth`."""
        ids = {one for row in rows if (one := optional_identifier(row.get("id")))}
        columns = ("id", "password", "active", "mfa")
        auths = grouped(await self.database.lookup("auth", columns, "id", ids), "id")

        def build(row: Row) -> dict[str, Any]:
            account_id = identifier(row.get("id"))
            auth = auths.get(account_id, [{}])[0]
            return {
                "id": account_id,
                "name": text(row.get("name")) or "",
                "email": text(row.get("email")) or "",
                "role": self._role(row, auth, account_id),
                **{name: text(row.get(name)) for name in _TEXTS},
                "date_of_birth": self._date_of_birth(row, account_id),
                "status_expires_at": seconds(row.get("status_expires_at")),
                **times(row),
                "last_active_at": seconds(row.get("last_active_at")) or times(row)["updated_at"],
                "settings": self.object_or_none(row, "settings"),
                "info": self.object_or_none(row, "info"),
                "oauth": self.identities(row, account_id),
                "password": self._password(auth, account_id),
            }

        return build

    def identities(self, row: Row, account_id: str) -> dict[str, dict[str, str]] | None:
        """Return the external identities of an account: of the column `oauth`, or of the older `oauth_sub`."""
        found: dict[str, dict[str, str]] = {}
        old = text(row.get("oauth_sub"))
        if old:
            provider, at, subject = old.partition("@")
            found[provider if at else _DEFAULT_PROVIDER] = {"sub": subject if at else old}
        stored = self.object_or_none(row, "oauth")
        for provider, value in (stored or {}).items():
            sub = value.get("sub") if isinstance(value, dict) else None
            if isinstance(sub, str | int) and not isinstance(sub, bool) and str(sub):
                found[provider] = {"sub": str(sub)}
            else:
                self.notes.add(self.name, "an external identity has no subject", account_id)
        return found or None

    def _password(self, auth: Row, account_id: str) -> str | None:
        found = text(auth.get("password"))
        if self._has_second_factor(auth):
            self.notes.add(self.name, "a second factor is not taken: Portico has none", account_id)
        if not found or _BCRYPT.fullmatch(found):
            return found or None
        kind = "argon2" if found.startswith("$argon2") else "unknown"
        reason = f"the password has a hash ({kind}) that Portico cannot verify: set a new password"
        self.notes.add(self.name, reason, account_id)
        return None

    def _has_second_factor(self, auth: Row) -> bool:
        try:
            mfa = json_value(auth.get("mfa"), "mfa")
        except BadValueError:
            return True
        return isinstance(mfa, dict) and bool(mfa.get("secret"))

    def _role(self, row: Row, auth: Row, account_id: str) -> str:
        role = (text(row.get("role")) or "").strip().lower()
        if role not in _ROLES:
            self.notes.add(self.name, "the role is unknown: the account is pending", account_id)
            return "pending"
        if auth.get("active") is not None and not flag(auth["active"]):
            self.notes.add(self.name, "the account was deactivated: it is pending", account_id)
            return "pending"
        return role

    def _date_of_birth(self, row: Row, account_id: str) -> str | None:
        found = (text(row.get("date_of_birth")) or "").strip()[:_DATE_CHARS]
        if not found or _DATE.fullmatch(found):
            return found or None
        self.notes.add(self.name, "the date of birth is no date, and is left out", account_id)
        return None
