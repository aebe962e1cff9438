"""Records what administrators have Ollama servers do with their models."""

from portico.api.audit import record_change
from portico.api.db import transaction
from portico_ollama.source import OllamaSource

#: Characters of the name of a model in the audit log.
MAX_NAME_CHARS = 200


async def record_model_change(what: str, name: str, *sources: OllamaSource) -> None:
    """Write an entry before servers are asked, so that none is asked without one.

    `what`: `pulled`, `pushed`, `created`, `copied`, `deleted`, `unloaded` or `uploaded`.
    """
    readable = "".join(one for one in name[:MAX_NAME_CHARS] if one.isprintable())
    async with transaction():
        await record_change(
            f"ollama_model.{what}",
            "ollama_model",
            readable,
            None,
            {"servers": [one.name for one in sources]},
        )
