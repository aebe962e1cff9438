"""Settings of features that no plugin provides, for the pages of administrators: they can be read, and saved unchanged."""

from collections.abc import Mapping
from typing import Any

from litestar.params import JSONBody

from portico.api import InvalidRequest
from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_webclient import empty_settings
from portico_webclient.notices import RefusalNotices
from portico_webclient.refusals import missing


def shown(path: str, feature: str, settings: Mapping[str, Any]) -> Any:
    """Return a route that answers with these settings."""

    @get(path, access="admin", placeholder=True, response_type=dict[str, Any])
    async def read(self: Any) -> JSONResponse:
        return json_response(settings)

    read.fn.__doc__ = f"Return settings that are all off. {missing(feature)}"
    return read


def saved(path: str, feature: str, settings: Mapping[str, Any], *, notice: bool = False) -> Any:
    """Return a route that accepts these settings and refuses any other ones, with a sentence.

    `notice`: send it to the sockets of the caller too, for forms whose errors the web client does not show.
    """

    @post(path, access="admin", placeholder=True, response_type=dict[str, Any])
    async def save(self: Any, request: Request, data: JSONBody[dict[str, Any]]) -> JSONResponse:
        if not is_unchanged(data, settings):
            if notice:
                self.plugin.show(request.user.id, missing(feature))
            raise InvalidRequest(missing(feature))
        return json_response(settings)

    save.fn.__doc__ = (
        f"Accept the settings that `GET` returns, and refuse others. {missing(feature)}"
    )
    return save


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

    audio = shown("/api/v1/audio/config", "Speech features", empty_settings.AUDIO)
    save_audio = saved(
        "/api/v1/audio/config/update", "Speech features", empty_settings.AUDIO, notice=True
    )
    images = shown("/api/v1/images/config", "Generated images", empty_settings.IMAGES)
    save_images = saved("/api/v1/images/config/update", "Generated images", empty_settings.IMAGES)
    retrieval = shown(
        "/api/v1/retrieval/config", "Document and web searches", empty_settings.RETRIEVAL
    )
    save_retrieval = saved(
        "/api/v1/retrieval/config/update",
        "Document and web searches",
        empty_settings.RETRIEVAL,
        notice=True,
    )
    embedding = shown("/api/v1/retrieval/embedding", "Document searches", empty_settings.EMBEDDING)
    save_embedding = saved(
        "/api/v1/retrieval/embedding/update", "Document searches", empty_settings.EMBEDDING
    )
    code_execution = shown(
        "/api/v1/configs/code_execution", "Code interpreters", empty_settings.CODE_EXECUTION
    )
    save_code_execution = saved(
        "/api/v1/configs/code_execution",
        "Code interpreters",
        empty_settings.CODE_EXECUTION,
        notice=True,
    )
    tool_servers = shown("/api/v1/configs/tool_servers", "Tools", empty_settings.TOOL_SERVERS)
    save_tool_servers = saved("/api/v1/configs/tool_servers", "Tools", empty_settings.TOOL_SERVERS)
    connections = shown(
        "/api/v1/configs/connections", "Connections of users", empty_settings.CONNECTIONS
    )
    save_connections = saved(
        "/api/v1/configs/connections", "Connections of users", empty_settings.CONNECTIONS
    )
    models = shown(
        "/api/v1/configs/models", "Settings of the list of models", empty_settings.MODELS
    )
    save_models = saved(
        "/api/v1/configs/models", "Settings of the list of models", empty_settings.MODELS
    )
    evaluations = shown("/api/v1/evaluations/config", "Evaluations", empty_settings.EVALUATIONS)
    save_evaluations = saved(
        "/api/v1/evaluations/config", "Evaluations", empty_settings.EVALUATIONS
    )
    webhook = shown("/api/webhook", "Webhooks", empty_settings.WEBHOOK)
    save_webhook = saved("/api/webhook", "Webhooks", empty_settings.WEBHOOK)
    exported = shown("/api/v1/configs/export", "Exports of the configuration", {})
    imported = saved("/api/v1/configs/import", "Imports of the configuration", {})
