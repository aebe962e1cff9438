"""Headers that depend on this server and on who sends a request."""

from functools import cached_property
from typing import TYPE_CHECKING

from portico.api import AppContext, Forbidden
from portico.api.auth import ProviderTokens
from portico.api.models import SourceRequest
from portico_openai.connection import OpenAIConnection
from portico_openai.connection_options import ENTRA_AUTH_TYPES
from portico_openai.settings import OpenAISettings

if TYPE_CHECKING:
    from portico_openai.entra_tokens import EntraTokens


class CallerHeaders:
    """Makes the headers of requests to providers."""

    def __init__(self, app: AppContext, settings: OpenAISettings) -> None:
        self._app, self._settings = app, settings

    @cached_property
    def _entra(self) -> "EntraTokens":
        """The tokens of this server at Azure. Built with the first request: it imports the HTTP client."""
        from portico_openai.entra_tokens import EntraTokens

        return EntraTokens(self._settings, self._app.http)

    async def of_connection(self, connection: OpenAIConnection) -> dict[str, str]:
        """Return the headers of all requests of a connection that change with time. Raises: SourceFailed."""
        if connection.options.auth_type not in ENTRA_AUTH_TYPES:
            return {}
        return {"Authorization": f"Bearer {await self._entra.token()}"}

    def of_server(self, connection: OpenAIConnection) -> dict[str, str]:
        """Return the headers of all requests of a connection: OpenRouter counts them by application."""
        if connection.host != "openrouter.ai" and not connection.host.endswith(".openrouter.ai"):
            return {}
        settings = self._app.settings
        is_plain = settings.name.isascii() and settings.name.isprintable()
        headers = {"X-Title": settings.name if is_plain else "Portico"}
        return headers | ({"HTTP-Referer": settings.server.url} if settings.server.url else {})

    async def of_request(
        self, connection: OpenAIConnection, request: SourceRequest
    ) -> dict[str, str]:
        """Return the headers of one request. Raises: Forbidden if the user has no token that the provider needs; SourceFailed."""
        headers = await self.of_connection(connection)
        if self._app.settings.catalogue.forward_user_info:
            from portico.api.sources import user_headers  # imports the HTTP client

            headers |= user_headers(request.actor, request.chat_id)
        if connection.options.auth_type == "system_oauth":
            tokens = self._app.services.get(ProviderTokens)
            token = await tokens.access_token(request.actor.session_id) if tokens else None
            if not token:
                raise Forbidden(
                    f"The model source {connection.name!r} needs a token of your OAuth provider. Sign in with that provider."
                )
            headers["Authorization"] = f"Bearer {token}"
        return headers
