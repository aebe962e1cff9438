"""Settings of OpenAI-compatible providers, and the connections that result from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from portico.api import Secret, Section, setting

OPENAI_BASE_URL = "https://api.openai.com/v1"


class ConnectionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one connection. Unknown keys are ignored.

    `model_ids`: if not empty, the models of the connection; the provider's list is not read. `prefix_id`: prefix of
    every id, with a dot. `headers`: sent with every request. `access`: `public` = every verified account may use models
    without a workspace model; else only administrators may. `name`: display name.
    """

    enable: bool = True
    name: str = ""
    model_ids: list[str] = []
    prefix_id: str | None = None
    tags: list[dict[str, str]] = []
    connection_type: str = "external"
    headers: dict[str, Secret] | None = None
    auth_type: Literal["bearer", "none"] | None = None
    access: Literal["public"] | None = None


class OpenAISettings(Section):
    """OpenAI-compatible model sources: any number of base URLs, each with its key."""

    enable: Annotated[
        bool, setting("Offer the models of these connections", env="ENABLE_OPENAI_API")
    ] = True
    base_urls: Annotated[
        list[str],
        setting(
            "Base URLs, usually ending in /v1; none = OpenAI itself, if there is a key",
            env=("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL"),
            separator=";",
        ),
    ] = []
    keys: Annotated[
        list[Secret],
        setting(
            "API keys, in the order of the URLs",
            env=("OPENAI_API_KEYS", "OPENAI_API_KEY"),
            separator=";",
        ),
    ] = []
    configs: Annotated[
        dict[str, ConnectionOptions],
        setting('Options of connections, by their number from "0" on', env="OPENAI_API_CONFIGS"),
    ] = {}
    connect_timeout: Annotated[float, setting("Seconds to connect to a provider", gt=0)] = 10.0
    list_timeout: Annotated[
        float,
        setting(
            "Seconds for a provider to list its models",
            env="AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST",
            gt=0,
        ),
    ] = 10.0
    first_byte_timeout: Annotated[
        float,
        setting("Seconds until the first byte of a response; idle_timeout if that is less", gt=0),
    ] = 300.0
    idle_timeout: Annotated[
        float, setting("Seconds without a byte after which a response is aborted", gt=0)
    ] = 300.0
    timeout: Annotated[
        float | None,
        setting(
            "Seconds for a whole response; unset = no limit",
            env="AIOHTTP_CLIENT_TIMEOUT",
            gt=0,
        ),
    ] = None
    verify_tls: Annotated[
        bool, setting("Verify the TLS certificates of providers", env="AIOHTTP_CLIENT_SESSION_SSL")
    ] = True


@dataclass(frozen=True, slots=True)
class OpenAIConnection:
    """One provider. `index`: its position in the settings, which clients know as `urlIdx`."""

    index: int
    name: str
    url: str
    key: Secret
    options: ConnectionOptions

    @property
    def is_openai(self) -> bool:
        """Return whether this is OpenAI itself, not a compatible provider."""
        return "api.openai.com" in self.url


def connections(settings: OpenAISettings) -> Sequence[OpenAIConnection]:
    """Return the enabled connections, with unique names.

    Keys are cut or padded to the number of URLs. Source: options may be stored under the URL, as in older deployments.
    """
    urls = settings.base_urls or ([OPENAI_BASE_URL] if any(settings.keys) else [])
    result: list[OpenAIConnection] = []
    for index, url in enumerate(map(_trimmed, urls)):
        options = (
            settings.configs.get(str(index)) or settings.configs.get(url) or ConnectionOptions()
        )
        if not (settings.enable and options.enable and url):
            continue
        key = (
            Secret(settings.keys[index].reveal().strip())
            if index < len(settings.keys)
            else Secret()
        )
        name = _unique_name(options.name or "openai", {other.name for other in result})
        result.append(OpenAIConnection(index, name, url, key, options))
    return result


def _trimmed(url: str) -> str:
    return url.strip().rstrip("/")


def _unique_name(name_wanted: str, taken: set[str]) -> str:
    number = 1
    name = name_wanted
    while name in taken:
        number += 1
        name = f"{name_wanted}-{number}"
    return name
