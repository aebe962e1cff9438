"""Policy tables and the words of saved policy files get their present names.

Not safe beside an instance of an earlier release: it reads the tables by their former names.
"""

import hashlib

import msgspec

from portico.db import Database
from portico.permissions.policies.former_words import renamed_files

_RENAMES = (
    "ALTER TABLE portico_policy RENAME TO portico_policy_version",
    "ALTER TABLE portico_policy_version RENAME COLUMN pages TO files",
    "ALTER TABLE portico_policy_seen RENAME TO portico_policy_active",
    "ALTER TABLE portico_policy_active RENAME COLUMN pages TO files",
)


async def forwards(database: Database) -> None:
    """Rename tables and columns, then rewrite the files of every version and of the active policies."""
    for statement in _RENAMES:
        await database.execute(statement)
    for version in await database.rows("SELECT number FROM portico_policy_version"):
        number = version["number"]
        (row,) = await database.rows(
            "SELECT files FROM portico_policy_version WHERE number = $1", number
        )
        texts = msgspec.json.decode(row["files"], type=dict[str, str])
        await database.execute(
            "UPDATE portico_policy_version SET files = $1 WHERE number = $2",
            msgspec.json.encode(renamed_files(texts)).decode(),
            number,
        )
    for row in await database.rows("SELECT files FROM portico_policy_active WHERE id = 1"):
        files = _renamed(msgspec.json.decode(row["files"], type=list[tuple[str, str, str]]))
        if not files:
            continue
        body = msgspec.json.encode([[name, text] for name, _, text in files])
        await database.execute(
            "UPDATE portico_policy_active SET files = $1, digest = $2 WHERE id = 1",
            msgspec.json.encode(files).decode(),
            hashlib.sha256(body).hexdigest(),
        )


def _renamed(files: list[tuple[str, str, str]]) -> list[list[str]]:
    """Return active files under their new names, in their order; those of Portico itself keep the order of the list."""
    result: list[list[str]] = []
    for name, location, text in files:
        for new_name, new_text in renamed_files({name: text}).items():
            folder, slash, _ = location.rpartition("/")
            is_file = slash and location.endswith(f"/{name}")
            new_location = f"{folder}/{new_name}" if is_file else location
            if is_file and folder == "portico_policies":
                # The new release has its own files of these names; "own-" is for files of operators only.
                own_name = new_name.removeprefix("own-")
                result.append([own_name, f"{folder}/{own_name}", new_text])
            else:
                result.append([new_name, new_location, new_text])
    return result
