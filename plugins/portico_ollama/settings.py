"""Settings of Ollama servers."""

from typing import Annotated

from portico.api import Section, setting
from portico_ollama.connection_options import OllamaOptions

DEFAULT_BASE_URL = "http://localhost:11434"


class OllamaSettings(Section):
    """Ollama servers: any number of addresses."""

    enable: Annotated[
        bool,
        setting(
            "Offer the models of these servers",
            env="ENABLE_OLLAMA_API",
            runtime_key="ollama.enable",
        ),
    ] = True
    base_urls: Annotated[
        list[str],
        setting(
            f"Addresses of the servers; none = {DEFAULT_BASE_URL}, if a server is there",
            env=("OLLAMA_BASE_URLS", "OLLAMA_BASE_URL", "OLLAMA_API_BASE_URL"),
            form="url_with_user",
            separator=";",
            runtime_key="ollama.base_urls",
        ),
    ] = []
    configs: Annotated[
        dict[str, OllamaOptions],
        setting(
            'Options of connections, by their number from "0" on',
            env="OLLAMA_API_CONFIGS",
            runtime_key="ollama.api_configs",
        ),
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
        float | None,
        setting(
            "Seconds until the first byte of a response; a model may have to be loaded; unset = 300, or `timeout` if that is longer",
            gt=0,
        ),
    ] = None
    idle_timeout: Annotated[
        float | None,
        setting(
            "Seconds without a byte after which a response is aborted; unset = 300, or `timeout` if that is longer",
            gt=0,
        ),
    ] = None
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
