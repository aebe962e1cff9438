"""Templates of prompts, and the texts of a conversation.

Constants:

    MAX_PROMPT_CHARS  Characters of a prompt after its placeholders are filled.
    MAX_SHOWN_CHARS   Characters of a message that `shown_text` returns.
    TEMPLATE_KEYS     Keys of requests that replace how a server puts system prompt and conversation together.
"""

from portico.prompts import (
    MAX_PROMPT_CHARS,
    MAX_SHOWN_CHARS,
    TEMPLATE_KEYS,
    Placeholder,
    PromptTemplate,
    account_variables,
    append_system,
    content_text,
    has_system,
    is_system_role,
    last_user_text,
    placeholders,
    prepend_system,
    role_of,
    shown_text,
    system_index,
    text_of,
    transcript,
    user_variables,
    with_text,
    without_system,
    without_templates,
)

__all__ = [
    "MAX_PROMPT_CHARS",
    "MAX_SHOWN_CHARS",
    "shown_text",
    "Placeholder",
    "PromptTemplate",
    "account_variables",
    "append_system",
    "content_text",
    "last_user_text",
    "placeholders",
    "prepend_system",
    "TEMPLATE_KEYS",
    "has_system",
    "without_templates",
    "is_system_role",
    "role_of",
    "system_index",
    "text_of",
    "transcript",
    "user_variables",
    "with_text",
    "without_system",
]
