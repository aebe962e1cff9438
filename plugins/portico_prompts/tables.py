"""The table of prompts, for Piccolo queries. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api.db import Reference, TableSet


class PromptTable(Table, tablename="prompts_prompt"):
    """Prompts. `size`: bytes of the content."""

    id = Text(primary_key=True, default="")
    command = Text()
    normalized_command = Text(unique=True)
    user_id = Text()
    title = Text()
    search_text = Text()
    size = BigInt()
    created_at = BigInt()
    updated_at = BigInt()
    content = Text()


TABLES = TableSet(
    tables=(PromptTable,),
    migrations="portico_prompts.migrations",
    references=(Reference("prompts_prompt", "user_id", "portico_account", repair="reassign"),),
)
