"""Keys of requests that are between the client and Portico."""

from typing import Final

#: A provider never sees them.
OWN_KEYS: Final = frozenset(
    {
        "params", "session_id", "chat_id", "id", "parent_id", "background_tasks", "variables", "features",
        "files", "tool_ids", "tool_servers", "filter_ids", "model_item", "metadata", "__metadata__",
    }
)  # fmt: skip
#: Those of them that filters read: what a client asks for besides the reply.
FILTER_OPTIONS: Final = ("features", "files")


def is_own_key(key: str) -> bool:
    """Return whether a key of a request, or of its parameters, is never forwarded to a provider."""
    return key in OWN_KEYS or key.startswith(("bypass_", "__"))
