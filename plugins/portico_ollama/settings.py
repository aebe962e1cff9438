"""Settings of Ollama servers."""

from typing import Annotated

from portico.api import setting
from portico.api.connections import SourceSettings
from portico_ollama.connection_options import OllamaOptions

DEFAULT_BASE_URL = "http://localhost:11434"


class OllamaSettings(SourceSettings):
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
