"""The core's own settings: names, types, defaults and descriptions.

Each field is one key in `portico.toml` (`[section] field`) and one environment variable. A field
without `env` has the variable `PORTICO_<SECTION>_<FIELD>`; a plugin's field has
`PORTICO_<PLUGIN>_<FIELD>`. They are read by `portico.settings.load`.
"""

from typing import Annotated, Literal

import msgspec

from portico.settings.backup import BackupSettings
from portico.settings.catalogue import CatalogueSettings
from portico.settings.database import DatabaseSettings
from portico.settings.gateway import GatewaySettings
from portico.settings.http_client import HTTPClientSettings
from portico.settings.identity import IdentitySettings, RateLimitSettings
from portico.settings.permissions import PermissionDefaults
from portico.settings.redis import RedisSettings
from portico.settings.section import Section, setting
from portico.settings.security_headers import CorsSettings, SecurityHeadersSettings
from portico.settings.server import ServerSettings
from portico.settings.sockets import SocketSettings
from portico.settings.tasks import TaskSettings
from portico.settings.worker import WorkerSettings


class AccessSettings(Section):
    """The operator's policy files, and switches that policies can refer to."""

    policy_dir: Annotated[
        str,
        setting(
            "Directory with your own policy files (*.csv), which override the packaged ones; empty = none"
        ),
    ] = ""

    bypass_admin_access_control: Annotated[
        bool,
        setting(
            "Administrators may see and use every model, whatever its access control is",
            formerly="bypass_admin",
            env=("BYPASS_ADMIN_ACCESS_CONTROL", "ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS"),
        ),
    ] = True
    bypass_model_access_control: Annotated[
        bool,
        setting(
            "Access to models is not checked for any account",
            formerly="bypass_models",
            env="BYPASS_MODEL_ACCESS_CONTROL",
        ),
    ] = False
    admin_chat_access: Annotated[
        bool,
        setting(
            "Administrators may read the chats of all accounts",
            formerly="bypass_chats",
            env="ENABLE_ADMIN_CHAT_ACCESS",
        ),
    ] = True
    admin_export: Annotated[
        bool,
        setting(
            "Administrators may export data of all accounts, such as all chats they may read",
            formerly="bypass_export",
            env="ENABLE_ADMIN_EXPORT",
        ),
    ] = True


class LogSettings(Section):
    """The log, which is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        setting("Lowest level that is written", env="GLOBAL_LOG_LEVEL"),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        setting("auto = console on a terminal, else JSON: one object per line"),
    ] = "auto"


class RetentionSettings(Section):
    """How long rows of growing tables are kept. Plugins have their own settings for their tables."""

    audit_days: Annotated[
        int,
        setting(
            "Days after which entries of the audit trail are deleted; 0 = never", ge=0, le=36500
        ),
    ] = 730
    settings_days: Annotated[
        int,
        setting(
            "Days after which earlier values of runtime settings are deleted; 0 = never",
            ge=0,
            le=36500,
        ),
    ] = 365


class PluginSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugins are loaded. All other tables under `[plugins]` are sections of plugins."""

    disable: Annotated[list[str], setting("Plugins that are not loaded")] = []
    enable: Annotated[list[str], setting("Plugins to load that are off by default")] = []
    only: Annotated[
        list[str], setting("If not empty, only these plugins are loaded; for repair and tests")
    ] = []
    required: Annotated[list[str], setting("Plugins without which the server does not start")] = (
        msgspec.field(default_factory=lambda: ["accounts"])
    )
    replace: Annotated[
        dict[str, str],
        setting(
            "Which plugin has what another one has too: plugins by METHOD /path, kind:NAME, service:NAME, command:NAME "
            "and so on; for plugin:NAME, the distribution to load it from"
        ),
    ] = {}
    strict: Annotated[
        bool, setting("The server does not start if any plugin fails", env="PORTICO_STRICT")
    ] = False
    load_limit: Annotated[
        float,
        setting(
            "Seconds in which a plugin must be imported, and in which each of its hooks must return; else it fails",
            ge=0.1,
        ),
    ] = 10.0
    startup_limit: Annotated[
        float, setting("Seconds in which the startup of a plugin must end; else it fails", ge=0.1)
    ] = 15.0
    shutdown_limit: Annotated[
        float, setting("Seconds in which the shutdown of a plugin must end", ge=0.1)
    ] = 3.0
    listener_limit: Annotated[
        float,
        setting(
            "Seconds that a plugin may hold a transaction in which it is told of a change; else it is rolled back",
            ge=0.1,
        ),
    ] = 15.0
    event_limit: Annotated[
        float, setting("Seconds that a plugin may take to handle an event", ge=0.1)
    ] = 300.0
    sign_in_limit: Annotated[
        float,
        setting(
            "Seconds that a way of signing in may take to authenticate a user or a token", ge=0.1
        ),
    ] = 60.0


class CoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the core, filled from default < portico.toml < environment."""

    data_dir: Annotated[
        str,
        setting("Directory of the database and other data", env="DATA_DIR", min_length=1),
    ] = "portico-data"
    name: Annotated[
        str, setting("Name of this server, shown to users", env="WEBUI_NAME", min_length=1)
    ] = "Portico"
    server: ServerSettings = ServerSettings()
    sockets: SocketSettings = SocketSettings()
    cors: CorsSettings = CorsSettings()
    security_headers: SecurityHeadersSettings = SecurityHeadersSettings()
    database: DatabaseSettings = DatabaseSettings()
    identity: IdentitySettings = IdentitySettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    redis: RedisSettings = RedisSettings()
    access: AccessSettings = AccessSettings()
    permissions: PermissionDefaults = PermissionDefaults()
    catalogue: CatalogueSettings = CatalogueSettings()
    gateway: GatewaySettings = GatewaySettings()
    http_client: HTTPClientSettings = HTTPClientSettings()
    log: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    backup: BackupSettings = BackupSettings()
    worker: WorkerSettings = WorkerSettings()
    tasks: TaskSettings = TaskSettings()
    plugins: PluginSelection = PluginSelection()
