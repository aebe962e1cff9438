"""The routes of the forms of clients. What they do is in `forms.py`."""

from litestar.params import JSONBody

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_settings_admin.components import SettingsAdminPlugin
from portico_settings_admin.schemas import (
    BannersForm,
    ConnectionsConfig,
    ConnectionsConfigAnswer,
    ModelsConfig,
    ModelsConfigAnswer,
    SuggestionsForm,
)
from portico_settings_admin.settings import Banner, PromptSuggestion

BANNERS_PATH = "/api/v1/configs/banners"
SUGGESTIONS_PATH = "/api/v1/configs/suggestions"
MODELS_PATH = "/api/v1/configs/models"
CONNECTIONS_PATH = "/api/v1/configs/connections"
#: Of the longest list of banners or suggestions, and of the order of ten thousand models.
MAX_FORM_BYTES = 1024 * 1024


class SettingsFormRoutes(Controller):
    """`/api/v1/configs`: settings that administrators change in the forms of clients, in force everywhere in a second."""

    plugin: SettingsAdminPlugin

    @get(BANNERS_PATH, response_type=list[Banner])
    async def list_banners(self) -> JSONResponse:
        """Return the notices that clients show above every page."""
        return json_response(await self.plugin.forms.banners())

    @post(
        BANNERS_PATH,
        requires="settings:write",
        session_only=True,
        max_body=MAX_FORM_BYTES,
        response_type=list[Banner],
    )
    async def update_banners(self, request: Request, data: JSONBody[BannersForm]) -> JSONResponse:
        """Replace the banners, and return them."""
        return json_response(await self.plugin.forms.set_banners(request.user, data.banners))

    @post(
        SUGGESTIONS_PATH,
        requires="settings:write",
        session_only=True,
        max_body=MAX_FORM_BYTES,
        response_type=list[PromptSuggestion],
    )
    async def update_suggestions(
        self, request: Request, data: JSONBody[SuggestionsForm]
    ) -> JSONResponse:
        """Replace the prompts that clients offer in an empty chat, and return them. `GET /api/config` shows them."""
        changed = await self.plugin.forms.set_suggestions(request.user, data.suggestions)
        return json_response(changed)

    @get(MODELS_PATH, requires="settings:read", response_type=ModelsConfigAnswer)
    async def get_models_config(self) -> JSONResponse:
        """Return which models a new chat begins with, which are pinned, and which are listed first."""
        return json_response(await self.plugin.forms.models())

    @post(
        MODELS_PATH,
        requires="settings:write",
        session_only=True,
        max_body=MAX_FORM_BYTES,
        response_type=ModelsConfigAnswer,
    )
    async def update_models_config(
        self, request: Request, data: JSONBody[ModelsConfig]
    ) -> JSONResponse:
        """Change the default models and the order of models. `MODEL_ORDER_LIST: null` = no order."""
        return json_response(await self.plugin.forms.set_models(request.user, data))

    @get(CONNECTIONS_PATH, requires="settings:read", response_type=ConnectionsConfigAnswer)
    async def get_connections_config(self) -> JSONResponse:
        """Return whether users may connect to providers of their own, and how lists of models are cached."""
        return json_response(await self.plugin.forms.connections())

    @post(
        CONNECTIONS_PATH,
        requires="settings:write",
        session_only=True,
        response_type=ConnectionsConfigAnswer,
    )
    async def update_connections_config(
        self, request: Request, data: JSONBody[ConnectionsConfig]
    ) -> JSONResponse:
        """Change the switches of connections."""
        return json_response(await self.plugin.forms.set_connections(request.user, data))
