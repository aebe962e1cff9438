"""Settings of Ollama servers, and the connections that result from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from portico.api import Secret, Section, setting

DEFAULT_BASE_URL = "http://localhost:11434"
#: Addresses of older deployments end so.
API_SUFFIX = "/api"


class OllamaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one connection. Unknown keys are ignored.

    `key`: sent as a bearer token. `model_ids`: if not empty, only these models of the server are offered. `prefix_id`:
    prefix of every id, with a dot. `headers`: sent with every request. `access`: `public` = every verified account may
    use models without a workspace model; else only administrators may. `name`: display name.
    """

    enable: bool = True
    key: Secret = Secret()
    name: str = ""
    model_ids: list[str] = []
    prefix_id: str | None = None
    tags: list[dict[str, str]] = []
    connection_type: str = "local"
    headers: dict[str, Secret] | None = None
    access: Literal["public"] | None = None


class OllamaSettings(Section):
    """Ollama servers: any number of addresses."""

    enable: Annotated[
        bool, setting("Offer the models of these servers", env="ENABLE_OLLAMA_API")
    ] = True
    base_urls: Annotated[
        list[str],
        setting(
            f"Addresses of the servers; none = {DEFAULT_BASE_URL}, if a server is there",
            env=("OLLAMA_BASE_URLS", "OLLAMA_BASE_URL", "OLLAMA_API_BASE_URL"),
            separator=";",
        ),
    ] = []
    configs: Annotated[
        dict[str, OllamaOptions],
        setting('Options of connections, by their number from "0" on', env="OLLAMA_API_CONFIGS"),
    ] = {}
    connect_timeout: Annotated[float, setting("Seconds to connect to a server", gt=0)] = 10.0
    list_timeout: Annotated[
        float,
        setting(
            "Seconds for a server to list its models",
            env="AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST",
            gt=0,
        ),
    ] = 10.0
    first_byte_timeout: Annotated[
        float,
        setting("Seconds until the first byte of a response; a model may have to be loaded", gt=0),
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
        bool, setting("Verify the TLS certificates of servers", env="AIOHTTP_CLIENT_SESSION_SSL")
    ] = True


@dataclass(frozen=True, slots=True)
class OllamaConnection:
    """One server. `index`: its position in the settings. `is_assumed`: no address was set, so it may not exist."""

    index: int
    name: str
    url: str
    options: OllamaOptions
    is_assumed: bool = False

    def public_id(self, name: str) -> str:
        """Return the id of the server's model in the catalogue."""
        prefix = self.options.prefix_id
        return f"{prefix}.{name}" if prefix else name

    def server_name(self, model_id: str) -> str:
        """Return the server's name of a model, by its id in the catalogue."""
        prefix = self.options.prefix_id
        return model_id.removeprefix(f"{prefix}.") if prefix else model_id


def connections(settings: OllamaSettings) -> Sequence[OllamaConnection]:
    """Return the enabled connections, with unique names.

    Source: options may be stored under the URL, as in older deployments.
    """
    result: list[OllamaConnection] = []
    if not settings.enable:
        return result
    for index, given in enumerate(settings.base_urls or [DEFAULT_BASE_URL]):
        url = trimmed(given)
        options = settings.configs.get(str(index)) or settings.configs.get(given) or OllamaOptions()
        if options.enable and url:
            name = _unique_name(options.name or "ollama", {other.name for other in result})
            assumed = not settings.base_urls
            result.append(OllamaConnection(index, name, url, options, assumed))
    return result


def trimmed(url: str) -> str:
    """Return an address without what its paths are appended to."""
    return url.strip().rstrip("/").removesuffix(API_SUFFIX).rstrip("/")


def _unique_name(name_wanted: str, taken: set[str]) -> str:
    number = 1
    name = name_wanted
    while name in taken:
        number += 1
        name = f"{name_wanted}-{number}"
    return name
