"""Where a provider has each of its endpoints, and how a request authenticates there."""

from typing import Final
from urllib.parse import quote, urlencode

from portico.api.models import Operation
from portico_openai.connection import OpenAIConnection

_PATHS: Final = {
    "chat": "/chat/completions",
    "embeddings": "/embeddings",
    "responses": "/responses",
}
#: The version of Anthropic's API, which each request names. Source: its documentation.
ANTHROPIC_VERSION: Final = "2023-06-01"
ANTHROPIC_HOST: Final = "api.anthropic.com"


def endpoint_path(connection: OpenAIConnection, operation: Operation, model: str) -> str:
    """Return the path of an endpoint, with its query. `model`: the provider's id, which is a deployment at Azure."""
    if connection.azure_version is not None:
        if operation != "responses":
            return azure_path(
                connection, f"/deployments/{quote(model, safe='')}{_PATHS[operation]}"
            )
        return azure_path(connection, _PATHS[operation])
    if operation == "messages":
        return "/messages" if connection.url.endswith("/v1") else "/v1/messages"
    return _PATHS[operation]


def list_path(connection: OpenAIConnection) -> str:
    """Return the path of the list of models."""
    return "/models" if connection.azure_version is None else azure_path(connection, "/models")


def azure_path(connection: OpenAIConnection, path: str) -> str:
    """Return a path of Azure OpenAI, with the version of the API."""
    return f"/openai{path}?{urlencode({'api-version': connection.azure_version})}"


def auth_headers(connection: OpenAIConnection, operation: Operation | None) -> dict[str, str]:
    """Return the headers with the key. `operation`: None = the list of models, and all other paths."""
    headers = {}
    is_anthropic = connection.host == ANTHROPIC_HOST
    if operation == "messages" or (is_anthropic and operation is None):
        headers["anthropic-version"] = ANTHROPIC_VERSION
    if connection.key and connection.options.auth_type in (None, "bearer"):
        key = connection.key.reveal()
        if connection.options.azure:
            headers["api-key"] = key
        elif "anthropic-version" in headers:
            headers["x-api-key"] = key
        # Anthropic takes a bearer token next to its own header for one of a user, and refuses it.
        if not connection.options.azure and not (is_anthropic and "x-api-key" in headers):
            headers["Authorization"] = f"Bearer {key}"
    return headers
