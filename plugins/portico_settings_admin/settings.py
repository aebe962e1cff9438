"""The settings `[plugins.settings_admin]`: what clients show to all users."""

from typing import Annotated

import msgspec

from portico.api import Section, setting

MAX_BANNERS = 50
MAX_SUGGESTIONS = 200
MAX_MODEL_IDS_CHARS = 32 * 1024


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """A notice above every page. `type`: how clients colour it, such as `info`. `timestamp`: epoch seconds."""

    id: Annotated[str, msgspec.Meta(max_length=256)]
    type: Annotated[str, msgspec.Meta(max_length=32)]
    title: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    content: Annotated[str, msgspec.Meta(max_length=16_384)]
    dismissible: bool
    timestamp: int


class PromptSuggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that clients offer in an empty chat. `title`: two lines."""

    title: Annotated[list[Annotated[str, msgspec.Meta(max_length=256)]], msgspec.Meta(max_length=8)]
    content: Annotated[str, msgspec.Meta(max_length=16_384)]


def _suggestion(first: str, second: str, content: str) -> PromptSuggestion:
    return PromptSuggestion(title=[first, second], content=content)


DEFAULT_SUGGESTIONS = (
    _suggestion(
        "Summarize a text",
        "in five sentences",
        "Summarize the text below in five sentences, and list what it leaves open.\n\n[text]",
    ),
    _suggestion(
        "Explain a concept",
        "to someone new to it",
        "Explain how public-key encryption works to someone who has never programmed. Use one example from daily life.",
    ),
    _suggestion(
        "Review my code",
        "for errors and clarity",
        "Review the code below. Name errors first, then what is hard to read, each with a corrected line.\n\n[code]",
    ),
    _suggestion(
        "Plan a week of meals",
        "for two, in thirty minutes a day",
        "Plan dinners for two people for a week. Each takes thirty minutes at most. Add one shopping list.",
    ),
    _suggestion(
        "Improve an e-mail",
        "short, friendly and clear",
        "Rewrite the e-mail below so that it is short, friendly and says at once what I need.\n\n[e-mail]",
    ),
    _suggestion(
        "Practise a language",
        "with corrections",
        "Talk with me in Spanish about my day. Use simple sentences, and correct my mistakes after each answer.",
    ),
)


class SettingsAdminSettings(Section):
    """What clients show to all users. Administrators can change all of it at run time."""

    banners: Annotated[
        list[Banner],
        setting(
            "Notices that clients show above every page, as JSON",
            env="WEBUI_BANNERS",
            runtime_key="ui.banners",
            max_length=MAX_BANNERS,
        ),
    ] = []
    prompt_suggestions: Annotated[
        list[PromptSuggestion],
        setting(
            "Prompts that clients offer in an empty chat, as JSON",
            env="DEFAULT_PROMPT_SUGGESTIONS",
            runtime_key="ui.prompt_suggestions",
            max_length=MAX_SUGGESTIONS,
        ),
    ] = msgspec.field(default_factory=lambda: list(DEFAULT_SUGGESTIONS))
    default_models: Annotated[
        str | None,
        setting(
            "Ids of the models that a new chat begins with, separated by commas; empty = the client chooses",
            env="DEFAULT_MODELS",
            runtime_key="ui.default_models",
            max_length=MAX_MODEL_IDS_CHARS,
        ),
    ] = None
    default_pinned_models: Annotated[
        str | None,
        setting(
            "Ids of the models that clients pin for users who have pinned none, separated by commas",
            env="DEFAULT_PINNED_MODELS",
            runtime_key="ui.default_pinned_models",
            max_length=MAX_MODEL_IDS_CHARS,
        ),
    ] = None
