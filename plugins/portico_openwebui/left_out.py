"""What an Open WebUI database has and Portico has no counterpart of: counted, and said why."""

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
    _Table("automation", "automations", _NO_COUNTERPART),
    _Table("calendar_event", "events of calendars", _NO_COUNTERPART),
    _Table("app", "apps", _NO_COUNTERPART),
    _Table("prompt_history", "versions of prompts", _HISTORY),
    _Table("model_history", "versions of models", _HISTORY),
    _Table("tool_history", "versions of tools", _HISTORY),
    _Table("function_history", "versions of functions", _HISTORY),
    _Table("skill_history", "versions of skills", _HISTORY),
)


async def tables_left_out(database: SourceDatabase) -> list[RunNote]:
    """Return how many rows the tables have that are not read."""
    found = [(one, await database.count(one.table)) for one in _TABLES]
    return [RunNote(one.name, one.why, count, ()) for one, count in found if count]
