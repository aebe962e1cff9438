"""SQL of prompts."""

from collections.abc import Sequence
from typing import NamedTuple

from portico.api.db import chunks, execute, fetch_all_in_thread, placeholders
from portico.api.text import likeness
from portico_prompts.command_names import command_key

#: Characters of the search text, so that an index could contain it.
MAX_SEARCH_TEXT_CHARS = 650
#: The columns of a list: all but the content.
LIST_COLUMNS = "id, command, user_id, title, size, created_at, updated_at"

_INSERT = (
    "INSERT INTO prompts_prompt (id, user_id, created_at, updated_at, command, normalized_command, title, "
    "search_text, size, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
)
_UPDATE = (
    "UPDATE prompts_prompt SET updated_at = $2, command = $3, normalized_command = $4, title = $5, "
    "search_text = $6, size = $7, content = $8 WHERE id = $1"
)


class PromptValues(NamedTuple):
    """What a client writes of a prompt, checked. `command`: without the slash."""

    command: str
    title: str
    content: str


async def insert(
    prompt_id: str, owner_id: str, at: int, values: PromptValues, *, updated_at: int | None = None
) -> None:
    """Insert a prompt. `updated_at`: of the last change, default `at`.

    Raises: UniqueViolation for a command that exists; ForeignKeyViolation without the owner.
    """
    changed_at = at if updated_at is None else updated_at
    await execute(_INSERT, prompt_id, owner_id, at, changed_at, *_columns(values))


async def update(prompt_id: str, at: int, values: PromptValues) -> None:
    """Replace a prompt. Raises: UniqueViolation for a command that another one has."""
    await execute(_UPDATE, prompt_id, at, *_columns(values))


async def contents_of(ids: Sequence[str]) -> dict[str, str]:
    """Return the contents of prompts by their ids."""
    found: dict[str, str] = {}
    for some in chunks(ids):
        sql = f"SELECT id, content FROM prompts_prompt WHERE id IN ({placeholders(len(some))})"  # noqa: S608
        found |= {row["id"]: row["content"] for row in await fetch_all_in_thread(sql, *some)}
    return found


def _columns(values: PromptValues) -> tuple[str, str, str, str, int, str]:
    command, title, content = values
    text = likeness(f"/{command}\n{title}")[:MAX_SEARCH_TEXT_CHARS]
    return command, command_key(command), title, text, len(content.encode()), content
