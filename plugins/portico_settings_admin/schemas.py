"""JSON bodies of the forms of clients, which name settings by their variables."""

from typing import Any

import msgspec

from portico_settings_admin.settings import Banner, PromptSuggestion


class BannersForm(msgspec.Struct):
    """All banners."""

    banners: list[Banner]


class SuggestionsForm(msgspec.Struct):
    """All prompt suggestions."""

    suggestions: list[PromptSuggestion]


class ModelsConfig(msgspec.Struct):
    """Which models a new chat begins with, which are pinned, and which are listed first."""

    DEFAULT_MODELS: str | None
    DEFAULT_PINNED_MODELS: str | None
    MODEL_ORDER_LIST: list[str] | None


class ConnectionsConfig(msgspec.Struct):
    """Whether users may connect to providers of their own, and whether lists of models are cached until a refresh."""

    ENABLE_DIRECT_CONNECTIONS: bool
    ENABLE_BASE_MODELS_CACHE: bool


class ModelsConfigAnswer(ModelsConfig):
    """The present values. `pinned`: those that the operator has set, so that they cannot be changed here."""

    pinned: list[str] = []


class ConnectionsConfigAnswer(ConnectionsConfig):
    """The present values. `pinned`: those that the operator has set, so that they cannot be changed here."""

    pinned: list[str] = []


class SettingsPatch(msgspec.Struct):
    """Values by variable; null = the default. `versions`: those that the caller has seen; another one is refused."""

    values: dict[str, Any]
    versions: dict[str, int] = {}


class ConfigImport(msgspec.Struct):
    """A document as `GET /api/v1/configs/export` returns it."""

    config: dict[str, Any]
