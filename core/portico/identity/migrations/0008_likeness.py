"""A search for people finds a name in whichever form of Unicode it was typed."""
# safe-beside: previous

from portico.db import Database
from portico.identity.accounts.account import folded

_BLOCK = 500


async def forwards(database: Database) -> None:
    """Fold in Python what was folded to one case only."""
    last = ""
    while block := await database.rows(
        "SELECT id, name, email, folded FROM portico_account WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        _BLOCK,
    ):
        for one in block:
            text = folded(one["name"], one["email"])
            if text != one["folded"]:
                await database.execute(
                    "UPDATE portico_account SET folded = $1 WHERE id = $2", text, one["id"]
                )
        last = block[-1]["id"]
