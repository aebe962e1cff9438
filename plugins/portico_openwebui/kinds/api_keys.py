"""API keys, which Open WebUI stores as they are: in a table, or in a column of `user` in older versions."""

from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.values import BadValueError, Row, identifier, seconds, times

_NAME: Final = "Imported from Open WebUI"


class ApiKeyReader(KindReader):
    """Reads the table `api_key`."""

    name = "api_keys"
    table = "api_key"
    columns = ("id", "user_id", "key", "data", "expires_at", "last_used_at", "created_at")

    async def prepare(self, rows: list[Row]) -> Build:
        """Return what makes a record of a row."""

        def build(row: Row) -> dict[str, Any]:
            name = (self.object_or_none(row, "data") or {}).get("name")
            return {
                "id": identifier(row.get("id")),
                "user_id": identifier(row.get("user_id"), "user_id"),
                "key": identifier(row.get("key"), "key"),
                "name": name if isinstance(name, str) and name else _NAME,
                "created_at": times(row)["created_at"],
                "expires_at": _expiry(row.get("expires_at")),
                "last_used_at": seconds(row.get("last_used_at")),
            }

        return build


class UserApiKeyReader(KindReader):
    """Reads the column `api_key` of `user`, in versions that have no table of keys."""

    name = "api_keys"
    table = "user"
    columns = ("id", "api_key", "created_at")
    where = "api_key IS NOT NULL AND api_key <> ''"

    async def prepare(self, rows: list[Row]) -> Build:
        """Return what makes a record of a row."""

        def build(row: Row) -> dict[str, Any]:
            user_id = identifier(row.get("id"))
            return {
                "id": f"key_{user_id}",
                "user_id": user_id,
                "key": identifier(row.get("api_key"), "api_key"),
                "name": _NAME,
                "created_at": times(row)["created_at"],
                "expires_at": None,
                "last_used_at": None,
            }

        return build


def _expiry(value: object) -> int | None:
    at = seconds(value)
    if at is None and value is not None:
        raise BadValueError("the column expires_at has no time")  # the key may have expired
    return at
