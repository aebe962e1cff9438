"""Templates of prompts, and the texts of a conversation.

Constants:

    MAX_PROMPT_CHARS  Characters of a prompt after its placeholders are filled.
"""

from portico.prompts import (
    MAX_PROMPT_CHARS,
    Placeholder,
    PromptTemplate,
    account_variables,
    content_text,
    has_system,
    is_system_role,
    last_user_text,
    placeholders,
    prepend_system,
    role_of,
    system_index,
    text_of,
    transcript,
    user_variables,
    with_text,
    without_system,
)

__all__ = [
    "MAX_PROMPT_CHARS",
    "Placeholder",
    "PromptTemplate",
    "account_variables",
    "content_text",
    "last_user_text",
    "placeholders",
    "prepend_system",
    "has_system",
    "is_system_role",
    "role_of",
    "system_index",
    "text_of",
    "transcript",
    "user_variables",
    "with_text",
    "without_system",
]
