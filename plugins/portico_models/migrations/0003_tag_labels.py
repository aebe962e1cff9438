"""Tags keep their name as their author wrote it, beside the one they are found by."""

import json
from typing import Any

from portico.api.db import Database

_BLOCK = 100


async def forwards(database: Database) -> None:
    """Read the names out of `meta` again: what was kept of them is folded to one case."""
    await database.execute("ALTER TABLE models_tag ADD COLUMN label TEXT NOT NULL DEFAULT ''")
    last = ""
    while block := await database.rows(
        "SELECT id, meta FROM models_model WHERE id > $1 ORDER BY id LIMIT $2", last, _BLOCK
    ):
        for one in block:
            for label in reversed(_labels(one["meta"])):  # of two for the same tag the first stays
                await database.execute(
                    "UPDATE models_tag SET label = $1 WHERE model_id = $2 AND name = $3",
                    label,
                    one["id"],
                    label.casefold(),
                )
        last = block[-1]["id"]
    await database.execute("UPDATE models_tag SET label = name WHERE label = ''")


def _labels(meta: str) -> list[str]:
    tags: Any = json.loads(meta).get("tags")
    items = tags if isinstance(tags, list) else []
    names = [tag.get("name") for tag in items if isinstance(tag, dict)]
    return [name.replace("\x00", "").strip() for name in names if isinstance(name, str)]
