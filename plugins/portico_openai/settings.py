"""What can be set about OpenAI-compatible providers, and the connections that come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from portico.api import Secret, Section, setting

OPENAI = "https://api.openai.com/v1"


class ConnectionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known of one connection. Keys a deployment may hold besides are left alone.

    `model_ids`: if not empty, the models there are; the provider is not asked. `prefix_id`: stands before every
    id, with a dot. `headers`: sent with every request. `access`: `public` = every verified account may use what no
    workspace model says more about; else administrators only. `name`: what people call it.
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
            "Base URLs, ending in /v1 mostly; none = OpenAI itself, if there is a key",
            env=("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL"),
            separator=";",
        ),
    ] = []
    keys: Annotated[
        list[Secret],
        setting(
            "Keys, in the order of the URLs",
            env=("OPENAI_API_KEYS", "OPENAI_API_KEY"),
            separator=";",
        ),
    ] = []
    configs: Annotated[
        dict[str, ConnectionOptions],
        setting('More about connections, by their number from "0" on', env="OPENAI_API_CONFIGS"),
    ] = {}
    connect_timeout: Annotated[float, setting("Seconds to reach a provider", gt=0)] = 10.0
    list_timeout: Annotated[
        float,
        setting(
            "Seconds a provider gets to list its models",
            env="AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST",
            gt=0,
        ),
    ] = 10.0
    first_byte_timeout: Annotated[
        float,
        setting("Seconds until the first byte of an answer; idle_timeout if that is less", gt=0),
    ] = 300.0
    idle_timeout: Annotated[
        float, setting("Seconds of silence after which an answer is given up", gt=0)
    ] = 300.0
    timeout: Annotated[
        float | None,
        setting(
            "Seconds a whole answer may take; unset = any time",
            env="AIOHTTP_CLIENT_TIMEOUT",
            gt=0,
        ),
    ] = None
    verify_tls: Annotated[
        bool, setting("Check the certificates of providers", env="AIOHTTP_CLIENT_SESSION_SSL")
    ] = True


@dataclass(frozen=True, slots=True)
class OpenAIConnection:
    """One provider. `index`: its place in the settings, which clients know as `urlIdx`."""

    index: int
    name: str
    url: str
    key: Secret
    options: ConnectionOptions

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI itself, not somebody who speaks like it."""
        return "api.openai.com" in self.url


def connections(settings: OpenAISettings) -> Sequence[OpenAIConnection]:
    """The enabled connections, with names that nobody shares.

    Keys are cut or padded to the URLs. Source: a config may be filed under the URL, as older deployments do.
    """
    urls = settings.base_urls or ([OPENAI] if any(settings.keys) else [])
    found: list[OpenAIConnection] = []
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
        name = _free_name(options.name or "openai", {other.name for other in found})
        found.append(OpenAIConnection(index, name, url, key, options))
    return found


def _trimmed(url: str) -> str:
    return url.strip().rstrip("/")


def _free_name(wish: str, taken: set[str]) -> str:
    number = 1
    name = wish
    while name in taken:
        number += 1
        name = f"{wish}-{number}"
    return name
