"""Settings of OpenAI-compatible providers."""

from typing import Annotated

from portico.api import Secret, Section, setting
from portico_openai.connection_options import ConnectionOptions


class OpenAISettings(Section):
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
        dict[str, ConnectionOptions],
        setting(
            'Options of connections, by their number from "0" on',
            env="OPENAI_API_CONFIGS",
            runtime_key="openai.api_configs",
        ),
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
        float | None,
        setting(
            "Seconds until the first byte of a response; unset = 300, or `timeout` if that is longer",
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
        bool, setting("Verify the TLS certificates of providers", env="AIOHTTP_CLIENT_SESSION_SSL")
    ] = True
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
