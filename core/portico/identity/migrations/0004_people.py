"""People can be searched and sorted: a folded column of name and e-mail address, and an index for each order."""

from portico.db import Database

_BLOCK = 500
_INDEXES = {
    "folded": "folded, id",
    "updated": "updated_at, id",
    "active": "last_active_at, id",
    "role": "role, id",
}


async def forwards(database: Database) -> None:
    """Fold in Python: neither database folds the letters of every script."""
    await database.execute("ALTER TABLE portico_account ADD COLUMN folded TEXT NOT NULL DEFAULT ''")
    last = ""
    while block := await database.rows(
        "SELECT id, name, email FROM portico_account WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        _BLOCK,
    ):
        for one in block:
            text = f"{' '.join(one['name'].split())}\n{one['email']}".casefold()
            text = text.encode("utf-8", "ignore")[:2400].decode("utf-8", "ignore")
            await database.execute(
                "UPDATE portico_account SET folded = $1 WHERE id = $2", text, one["id"]
            )
        last = block[-1]["id"]
    for name, columns in _INDEXES.items():
        await database.execute(
            f"CREATE INDEX portico_account_{name} ON portico_account ({columns})"
        )
