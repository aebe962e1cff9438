"""Settings of OpenAI-compatible providers."""

from typing import Annotated

from portico.api import Secret, setting
from portico.api.connections import SourceSettings
from portico_openai.connection_options import OpenAIOptions


class OpenAISettings(SourceSettings):
    """OpenAI-compatible model sources: any number of base URLs, each with its key."""

    enable: Annotated[
        bool,
        setting(
            "Offer the models of these connections",
            env="ENABLE_OPENAI_API",
            runtime_key="openai.enable",
        ),
    ] = True
    base_urls: Annotated[
        list[str],
        setting(
            "Base URLs, usually ending in /v1; none = OpenAI itself, if there is a key",
            env=("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL"),
            form="url",
            separator=";",
            runtime_key="openai.api_base_urls",
        ),
    ] = []
    keys: Annotated[
        list[Secret],
        setting(
            "API keys, in the order of the URLs",
            env=("OPENAI_API_KEYS", "OPENAI_API_KEY"),
            form="token",
            separator=";",
            runtime_key="openai.api_keys",
        ),
    ] = []
    configs: Annotated[
        dict[str, OpenAIOptions],
        setting(
            'Options of connections, by their number from "0" on',
            env="OPENAI_API_CONFIGS",
            runtime_key="openai.api_configs",
        ),
    ] = {}
    passthrough: Annotated[
        bool,
        setting(
            "Let administrators send any request to the first connection, below /openai",
            env="ENABLE_OPENAI_API_PASSTHROUGH",
        ),
    ] = False
    azure_tenant_id: Annotated[
        str, setting("Tenant of this server at Microsoft Entra ID", env="AZURE_TENANT_ID")
    ] = ""
    azure_client_id: Annotated[
        str, setting("Client id of this server at Microsoft Entra ID", env="AZURE_CLIENT_ID")
    ] = ""
    azure_client_secret: Annotated[
        Secret, setting("Its secret there", env="AZURE_CLIENT_SECRET")
    ] = Secret()
    azure_authority_host: Annotated[
        str, setting("Where it gets tokens", env="AZURE_AUTHORITY_HOST", min_length=1)
    ] = "https://login.microsoftonline.com"

    @property
    def has_entra_identity(self) -> bool:
        """Whether this server can get tokens at Microsoft Entra ID."""
        return bool(self.azure_tenant_id and self.azure_client_id and self.azure_client_secret)
