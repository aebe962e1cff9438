"""The resource kind of prompts, as policies name it."""

from typing import Final

from portico.api.policy import ResourceKind

KIND: Final = "prompt"
#: The policy file `prompts.csv` describes each action.
PROMPTS: Final = ResourceKind(
    KIND,
    "prompts_prompt",
    ("list", "read", "write", "delete", "share"),
    collection_actions=("create", "share_with_users", "share_publicly"),
)
