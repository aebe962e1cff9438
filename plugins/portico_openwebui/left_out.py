"""What an Open WebUI database has and Portico has no counterpart of: counted, and said why."""

from collections.abc import Collection
from typing import Final, NamedTuple

from portico.api.transfer import RunNote
from portico_openwebui.databases import SourceDatabase


class _Table(NamedTuple):
    """A table that is not read. `name`: for the report; `why`: a sentence."""

    table: str
    name: str
    why: str


_NO_COUNTERPART: Final = "Portico has none"
_HISTORY: Final = "earlier versions are not taken, only the present one"
_TABLES: Final = (
    _Table("note", "notes", _NO_COUNTERPART),
    _Table("channel", "channels", _NO_COUNTERPART),
    _Table("message", "messages of channels", _NO_COUNTERPART),
    _Table("knowledge", "knowledge collections", "Portico has none; their files are taken"),
    _Table("document", "documents of old releases", _NO_COUNTERPART),
    _Table("tool", "tools", "their code is for Open WebUI: write a plugin"),
    _Table("function", "functions", "their code is for Open WebUI: write a plugin"),
    _Table("skill", "skills", _NO_COUNTERPART),
    _Table(
        "oauth_session",
        "tokens of OAuth sessions",
        "sessions end with the move: people sign in again",
    ),
    _Table("automation", "automations", _NO_COUNTERPART),
    _Table("calendar_event", "events of calendars", _NO_COUNTERPART),
    _Table("app", "apps", _NO_COUNTERPART),
    _Table("prompt_history", "versions of prompts", _HISTORY),
    _Table("model_history", "versions of models", _HISTORY),
    _Table("tool_history", "versions of tools", _HISTORY),
    _Table("function_history", "versions of functions", _HISTORY),
    _Table("skill_history", "versions of skills", _HISTORY),
)
#: The tables that are left out, unless a plugin takes what is in them.
TABLES_LEFT_OUT: Final = frozenset(one.table for one in _TABLES)


async def tables_left_out(database: SourceDatabase, read: Collection[str]) -> list[RunNote]:
    """Return how many rows the tables have that are not read. `read`: tables that are, since a plugin takes their kind."""
    found = [(one, await database.count(one.table)) for one in _TABLES if one.table not in read]
    return [RunNote(one.name, one.why, count, ()) for one, count in found if count]
