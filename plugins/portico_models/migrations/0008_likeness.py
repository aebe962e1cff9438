"""A search finds a model in whichever form of Unicode its name was typed, and tags that look alike are one."""
# safe-beside: previous

from portico.api.db import Database
from portico_models.fields.validation import tag_key
from portico_models.records.draft import search_text

_BLOCK = 200


async def forwards(database: Database) -> None:
    """Fold in Python what was folded to one case only."""
    last = ""
    while block := await database.rows(
        "SELECT id, name, base_model_id, sought FROM models_model WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        _BLOCK,
    ):
        for one in block:
            text = search_text(one["name"], one["base_model_id"])
            if text != one["sought"]:
                await database.execute(
                    "UPDATE models_model SET sought = $1 WHERE id = $2", text, one["id"]
                )
        last = block[-1]["id"]
    for one in await database.rows("SELECT DISTINCT name FROM models_tag"):
        if (key := tag_key(one["name"])) != one["name"]:
            await database.execute(
                "INSERT INTO models_tag (model_id, name, label) SELECT model_id, CAST($1 AS TEXT), label FROM models_tag "
                "WHERE name = $2 ON CONFLICT (model_id, name) DO NOTHING",
                key,
                one["name"],
            )
            await database.execute("DELETE FROM models_tag WHERE name = $1", one["name"])
