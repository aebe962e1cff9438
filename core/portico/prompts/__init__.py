"""Prompts: templates with placeholders such as `{{USER_NAME}}`, and the texts of a conversation."""

from portico.prompts.conversation import (
    TEMPLATE_KEYS,
    append_system,
    content_text,
    has_system,
    is_system_role,
    last_user_text,
    prepend_system,
    role_of,
    system_index,
    text_of,
    transcript,
    with_text,
    without_system,
    without_templates,
)
from portico.prompts.placeholders import Placeholder, placeholders
from portico.prompts.template import MAX_PROMPT_CHARS, PromptTemplate
from portico.prompts.user_variables import account_variables, user_variables
from portico.prompts.visible_text import MAX_SHOWN_CHARS, shown_text

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
