"""Settings of features that no plugin provides, for the pages of administrators: they can be read, and saved unchanged."""

from collections.abc import Mapping
from typing import Any

from litestar.params import JSONBody

from portico.api import InvalidRequest
from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_webclient import empty_settings
from portico_webclient.notices import RefusalNotices
from portico_webclient.refusals import missing


def settings_routes(
    path: str, feature: str, settings: Mapping[str, Any], *, save: str = "", notice: bool = False
) -> tuple[Any, Any]:
    """Return a route that answers with these settings, and one that accepts them and refuses any other ones.

    `save`: the path of the second one behind `path`. `notice`: it sends its refusal to the sockets of the caller too, for
    forms whose errors the web client does not show.
    """
    sentence = missing(feature)

    @get(path, access="admin", placeholder=True, response_type=dict[str, Any])
    async def shown(self: Any) -> JSONResponse:
        return json_response(settings)

    @post(path + save, access="admin", placeholder=True, response_type=dict[str, Any])
    async def saved(self: Any, request: Request, data: JSONBody[dict[str, Any]]) -> JSONResponse:
        if not is_unchanged(data, settings):
            if notice:
                self.plugin.show(request.user.id, sentence)
            raise InvalidRequest(sentence)
        return json_response(settings)

    shown.fn.__doc__ = f"Return settings that are all off. {sentence}"
    saved.fn.__doc__ = f"Accept the settings that `GET` returns, and refuse others. {sentence}"
    return shown, saved


def is_unchanged(given: Any, present: Any) -> bool:
    """Return whether a form changes nothing. Empty values of any type are equal: forms make a text of an unset number."""
    if isinstance(given, Mapping):
        fields: Mapping[str, Any] = present if isinstance(present, Mapping) else {}
        return all(is_unchanged(value, fields.get(name)) for name, value in given.items())
    if isinstance(given, list) and not present:
        return not any(given)
    return not given or given == present


class EmptySettingsRoutes(Controller):
    """The settings of each feature, and what saves them."""

    plugin: RefusalNotices

    audio, save_audio = settings_routes(
        "/api/v1/audio/config", "Speech features", empty_settings.AUDIO, save="/update", notice=True
    )
    images, save_images = settings_routes(
        "/api/v1/images/config", "Generated images", empty_settings.IMAGES, save="/update"
    )
    retrieval, save_retrieval = settings_routes(
        "/api/v1/retrieval/config",
        "Document and web searches",
        empty_settings.RETRIEVAL,
        save="/update",
        notice=True,
    )
    embedding, save_embedding = settings_routes(
        "/api/v1/retrieval/embedding", "Document searches", empty_settings.EMBEDDING, save="/update"
    )
    code_execution, save_code_execution = settings_routes(
        "/api/v1/configs/code_execution",
        "Code interpreters",
        empty_settings.CODE_EXECUTION,
        notice=True,
    )
    tool_servers, save_tool_servers = settings_routes(
        "/api/v1/configs/tool_servers", "Tools", empty_settings.TOOL_SERVERS
    )
    connections, save_connections = settings_routes(
        "/api/v1/configs/connections", "Connections of users", empty_settings.CONNECTIONS
    )
    models, save_models = settings_routes(
        "/api/v1/configs/models", "Settings of the list of models", empty_settings.MODELS
    )
    evaluations, save_evaluations = settings_routes(
        "/api/v1/evaluations/config", "Evaluations", empty_settings.EVALUATIONS
    )
    webhook, save_webhook = settings_routes("/api/webhook", "Webhooks", empty_settings.WEBHOOK)
    exported = settings_routes("/api/v1/configs/export", "Exports of the configuration", {})[0]
    imported = settings_routes("/api/v1/configs/import", "Imports of the configuration", {})[1]
