"""The public API: everything that a plugin may import from Portico, besides libraries.

`portico.api` has what every plugin needs: hooks, the app context, errors, settings and events. The submodules have the rest by task:

    portico.api.web         routes, requests, responses
    portico.api.forms       multipart forms with files, read piece by piece
    portico.api.json        JSON that stays bytes, errors of fields, imports of files
    portico.api.db          statements, transactions, tables, encrypted columns
    portico.api.auth        accounts, groups, auth providers, credentials, rate limits
    portico.api.policy      resources, access, policies and their reports
    portico.api.resources   resources that accounts own and share: access fields, rows, lists, grants
    portico.api.models      model sources and the model catalogue
    portico.api.connections connections to providers that administrators edit
    portico.api.sources     requests of model sources to their providers, and streams that pass through
    portico.api.sockets     events to and from the Socket.IO clients of accounts
    portico.api.prompts     templates of prompts, texts of a conversation
    portico.api.tasks       durable background tasks
    portico.api.interfaces  protocols and events that plugins share: chats and folders
    portico.api.transfer    exports and imports of rows, formats of other servers
    portico.api.audit       the audit log
    portico.api.cli         commands and texts for terminals
    portico.api.tracing     recording traces, spans of a plugin's own work
    portico.api.text        comparing texts, patterns of operators, CSV
    portico.api.messages    error details that clients know

A plugin is a module with an entry point in the group `portico`, a constant `PLUGIN`, and functions marked with `hookimpl`:

    from portico.api import PluginInfo, hookimpl
    from portico.api.web import Controller, JSONResponse, get, json_response

    PLUGIN = PluginInfo(api_version=1, summary="Says hello.")

    class HelloRoutes(Controller):
        @get("/api/x/hello", access="public")
        async def hello(self) -> JSONResponse:
            return json_response({"hello": "world"})

    @hookimpl
    def register_routes() -> list[object]:
        return [HelloRoutes]

`portico.hookspecs` lists all hooks. `PluginInfo.api_version` names the version of this API.

Constants, types and decorators:

    PINNED    Text of the error when a pinned setting is given another value.
    hookimpl  Decorator of the functions that implement hooks.
"""

from portico.cache import BytesCache, TTLCache
from portico.errors import (
    DomainError,
    FetchRefused,
    Forbidden,
    InvalidRequest,
    NotFound,
    OperatorError,
    RateLimited,
    SourceFailed,
    SourceTimedOut,
    TooLarge,
    Unauthenticated,
    Unavailable,
    ValidationError,
    error_location,
)
from portico.events import AdministratorAlert, EventBus, Listener
from portico.hookspecs import hookimpl
from portico.http_client import FetchResult, NetworkRules, SafeHTTPClient, failure_reason
from portico.instances import ChangedElsewhere
from portico.metrics import Histogram, Metric, MetricReading
from portico.periodic_task import PeriodicTask
from portico.plugins.context import AppContext, CommandContext, Services
from portico.plugins.info import PluginInfo, Service
from portico.runtime_settings import PINNED, SettingsChange, SettingState
from portico.settings.section import Secret, Section, setting
from portico.settings.server import ServerSettings
from portico.web.base_url import base_url
from portico.web.health_check import HealthCheck

__all__ = [
    "error_location",
    "PINNED",
    "AdministratorAlert",
    "AppContext",
    "BytesCache",
    "ChangedElsewhere",
    "CommandContext",
    "DomainError",
    "EventBus",
    "FetchRefused",
    "FetchResult",
    "Forbidden",
    "HealthCheck",
    "Histogram",
    "InvalidRequest",
    "Listener",
    "Metric",
    "MetricReading",
    "NetworkRules",
    "NotFound",
    "OperatorError",
    "PeriodicTask",
    "PluginInfo",
    "RateLimited",
    "SafeHTTPClient",
    "Secret",
    "Section",
    "ServerSettings",
    "Service",
    "Services",
    "SettingState",
    "SettingsChange",
    "SourceFailed",
    "SourceTimedOut",
    "TTLCache",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "ValidationError",
    "base_url",
    "failure_reason",
    "hookimpl",
    "setting",
]
