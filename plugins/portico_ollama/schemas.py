"""Forms of the routes of Ollama servers."""

from typing import Any

import msgspec


class NamedModelForm(msgspec.Struct):
    """Which model is meant. `name`: as older clients send it."""

    model: str = ""
    name: str = ""


class CopyModelForm(msgspec.Struct):
    """The name of a model, and another one that it gets."""

    source: str
    destination: str


class OllamaConnectionsForm(msgspec.Struct, kw_only=True):
    """All connections. The options are by number from "0" on. `enable`: None or absent = unchanged."""

    enable: bool | None = msgspec.field(name="ENABLE_OLLAMA_API", default=None)
    urls: list[str] = msgspec.field(name="OLLAMA_BASE_URLS")
    configs: dict[str, dict[str, Any] | None] = msgspec.field(name="OLLAMA_API_CONFIGS")


class OllamaConnectionsAnswer(msgspec.Struct, kw_only=True):
    """All connections. Keys and values of headers are masked. `pinned`: what the operator has set."""

    enable: bool = msgspec.field(name="ENABLE_OLLAMA_API")
    urls: list[str] = msgspec.field(name="OLLAMA_BASE_URLS")
    configs: dict[str, dict[str, Any]] = msgspec.field(name="OLLAMA_API_CONFIGS")
    pinned: list[str]


class OllamaVerifyForm(msgspec.Struct, kw_only=True):
    """A server that need not be stored, or one that is, with its masked key."""

    url: str
    key: str | None = None


class ModelURLForm(msgspec.Struct):
    """Where the file of a model is."""

    url: str
