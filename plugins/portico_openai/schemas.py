"""Request and response bodies. Source: the clients' contract, also of the field names."""

from typing import Any

import msgspec


class ConnectionsForm(msgspec.Struct, kw_only=True):
    """All connections. The lists have an item for each, the options are by number from "0" on.

    `enable`: None or absent = unchanged.
    """

    enable: bool | None = msgspec.field(name="ENABLE_OPENAI_API", default=None)
    urls: list[str] = msgspec.field(name="OPENAI_API_BASE_URLS")
    keys: list[str] = msgspec.field(name="OPENAI_API_KEYS")
    configs: dict[str, dict[str, Any] | None] = msgspec.field(name="OPENAI_API_CONFIGS")


class ConnectionsAnswer(msgspec.Struct, kw_only=True):
    """All connections. Keys and values of headers are masked. `pinned`: what the operator has set."""

    enable: bool = msgspec.field(name="ENABLE_OPENAI_API")
    urls: list[str] = msgspec.field(name="OPENAI_API_BASE_URLS")
    keys: list[str] = msgspec.field(name="OPENAI_API_KEYS")
    configs: dict[str, dict[str, Any]] = msgspec.field(name="OPENAI_API_CONFIGS")
    pinned: list[str]


class VerifyForm(msgspec.Struct, kw_only=True):
    """A connection that is not stored yet, or one that is, with its masked key."""

    url: str
    key: str
    config: dict[str, Any] | None = None
