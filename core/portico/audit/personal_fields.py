"""Name and e-mail address in entries about accounts: they are dropped when the account is deleted, and the entries stay.

A sealed entry must then still have the digest that its seal covers. So its digest covers these fields by a salted digest
of their own. Dropping them keeps that digest, and deletes the salt: nothing else can be put in their place, and trying
names until one fits finds none.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from portico.db import current_database, execute, fetch_all

#: The fields of `old` and `new` that are dropped, by kind of resource. The digests of sealed entries depend on it.
PERSONAL_FIELDS: Final[Mapping[str, frozenset[str]]] = {"account": frozenset(("name", "email"))}

Fields: TypeAlias = dict[str, Any] | None

#: Locks entries until the transaction ends. SQLite has one writer at a time.
LOCK: Final = {"sqlite": "", "postgres": " FOR UPDATE"}
_ENTRIES: Final = (
    "SELECT number, resource_kind, old, new, segment, salt FROM portico_audit "
    "WHERE resource_kind = $1 AND resource_id = $2 ORDER BY number"
)
_DROP: Final = (
    "UPDATE portico_audit SET old = $2, new = $3, salt = '', dropped = $4 WHERE number = $1"
)


async def drop_personal_fields(resource_kind: str, resource_id: str) -> None:
    """Delete name and e-mail address from all entries about one resource. The entries stay.

    Call it inside the transaction that deletes the resource, after a statement that writes.
    """
    sql = _ENTRIES + LOCK[current_database().dialect]
    for row in await fetch_all(sql, resource_kind, resource_id):
        old, personal_old = split(resource_kind, row["old"])
        new, personal_new = split(resource_kind, row["new"])
        if personal_old or personal_new:
            is_sealed = row["segment"] is not None and row["salt"]
            kept = personal_digest(row["salt"], personal_old, personal_new) if is_sealed else ""
            await execute(_DROP, row["number"], old, new, kept)


def split(resource_kind: str, text: str | None) -> tuple[str | None, Fields]:
    """Return the JSON text without its personal fields, and these; None if it has none of them."""
    fields = PERSONAL_FIELDS.get(resource_kind)
    if fields is None or text is None or not text.startswith("{"):
        return text, None
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:  # not written by Portico
        return text, None
    personal = {name: field for name, field in value.items() if name in fields}
    if not personal:
        return text, None
    kept = {name: field for name, field in value.items() if name not in fields}
    return msgspec.json.encode(kept).decode(), personal


def personal_digest(salt: str, old: Fields, new: Fields) -> str:
    """Return the salted digest of the personal fields of an entry, in hexadecimal digits."""
    return hashlib.sha256(
        salt.encode() + msgspec.json.encode([old, new], order="sorted")
    ).hexdigest()
