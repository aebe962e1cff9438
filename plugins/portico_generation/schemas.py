"""Request and response bodies. The wire contract fixes the names of fields."""

from typing import Annotated, Any, Literal

import msgspec

from portico.api.interfaces import ChatMessage
from portico.api.prompts import content_text

#: Bytes of a prompt template.
MAX_TEMPLATE_CHARS = 128 * 1024
#: Answers that are merged into one, at most.
MAX_RESPONSES = 100
TemplateText = Annotated[str, msgspec.Meta(max_length=MAX_TEMPLATE_CHARS)]
ModelId = Annotated[str, msgspec.Meta(max_length=256)]


class GenerationConfig(msgspec.Struct, kw_only=True):
    """The settings of generation. A template that is empty stands for the built-in one."""

    TASK_MODEL: ModelId | None
    TASK_MODEL_EXTERNAL: ModelId | None
    ENABLE_TITLE_GENERATION: bool
    TITLE_GENERATION_PROMPT_TEMPLATE: TemplateText
    IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE: TemplateText
    ENABLE_AUTOCOMPLETE_GENERATION: bool
    AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: int
    TAGS_GENERATION_PROMPT_TEMPLATE: TemplateText
    FOLLOW_UP_GENERATION_PROMPT_TEMPLATE: TemplateText
    ENABLE_FOLLOW_UP_GENERATION: bool
    ENABLE_TAGS_GENERATION: bool
    ENABLE_SEARCH_QUERY_GENERATION: bool
    ENABLE_RETRIEVAL_QUERY_GENERATION: bool
    QUERY_GENERATION_PROMPT_TEMPLATE: TemplateText
    TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE: TemplateText
    VOICE_MODE_PROMPT_TEMPLATE: TemplateText | None


class GenerationConfigAnswer(GenerationConfig, kw_only=True):
    """The active settings. `pinned`: names of those that the operator has set, which cannot be changed here."""

    pinned: list[str]


class SentMessage(msgspec.Struct):
    """A message of a client: `role`, and `content` as a text or a list of parts. Other fields are ignored."""

    role: Any = None
    content: Any = None

    def to_chat_message(self) -> ChatMessage:
        """Return its role and its text."""
        return ChatMessage(
            self.role if isinstance(self.role, str) else "", content_text(self.content)
        )


class ConversationForm(msgspec.Struct, kw_only=True):
    """A conversation about which something is generated."""

    model: str
    messages: list[SentMessage]

    def chat_messages(self) -> list[ChatMessage]:
        """Return the roles and texts."""
        return [message.to_chat_message() for message in self.messages]


class QueriesForm(ConversationForm, kw_only=True):
    """A conversation, and what is searched."""

    type: Literal["web_search", "retrieval"] | None = None


class AutocompleteForm(msgspec.Struct, kw_only=True):
    """A text that is continued, and the conversation before it."""

    model: str
    prompt: str
    type: str | None = None
    messages: list[SentMessage] | None = None


class EmojiForm(msgspec.Struct, kw_only=True):
    """A text for which an emoji is found."""

    model: str
    prompt: str


class MixtureForm(msgspec.Struct, kw_only=True):
    """A question and several answers to it, which are merged into one."""

    model: str
    prompt: str
    responses: Annotated[list[str], msgspec.Meta(max_length=MAX_RESPONSES)]
    stream: bool | None = None
