"""The core's own settings: names, types, defaults and descriptions.

Each field is one key in `portico.toml` (`[section] field`) and one environment variable. A field
without `env` has the variable `PORTICO_<SECTION>_<FIELD>`; a plugin's field has
`PORTICO_<PLUGIN>_<FIELD>`. They are read by `portico.settings.load`.
"""

from typing import Annotated, Any, Literal

import msgspec

from portico.settings.permissions import PermissionDefaults
from portico.settings.redis import RedisSettings
from portico.settings.section import Secret, Section, setting
from portico.settings.security_headers import CorsSettings, SecurityHeadersSettings
from portico.settings.server import ServerSettings


class DatabaseSettings(Section):
    """The database.

    Either `url`, or the parts `type`, `host`, `port`, `user`, `password` and `name`, which override it if type, host and
    name are set. With PostgreSQL there are at most `pool_size + pool_max_overflow` connections per process. The pool
    fields have no effect with SQLite, the `sqlite_` fields none with PostgreSQL.
    """

    url: Annotated[
        str,
        setting(
            "URL: sqlite:///absolute/path, sqlite+sqlcipher:///absolute/path or postgresql://user:password@host/name; "
            "empty = SQLite in the data directory",
            env="DATABASE_URL",
        ),
    ] = ""
    type: Annotated[
        Literal["", "sqlite", "sqlite+sqlcipher", "postgresql", "postgres"],
        setting("Kind of database; empty = that of `url`", env="DATABASE_TYPE"),
    ] = ""
    user: Annotated[str, setting("PostgreSQL user", env="DATABASE_USER")] = ""
    password: Annotated[
        Secret,
        setting(
            "Password of the PostgreSQL user, or of an encrypted SQLite file",
            env="DATABASE_PASSWORD",
        ),
    ] = Secret()
    password_file: Annotated[
        str, setting("File that contains the password", env="DATABASE_PASSWORD_FILE")
    ] = ""
    new_password: Annotated[Secret, setting("New password, used by `portico db rekey` only")] = (
        Secret()
    )
    host: Annotated[
        str,
        setting("Host of PostgreSQL, or the directory of its socket", env="DATABASE_HOST"),
    ] = ""
    port: Annotated[
        int | None, setting("Port of PostgreSQL; empty = 5432", env="DATABASE_PORT", ge=1, le=65535)
    ] = None
    name: Annotated[str, setting("Name of the PostgreSQL database", env="DATABASE_NAME")] = ""
    schema: Annotated[
        str,
        setting(
            "PostgreSQL schema of the tables, created if it is missing; empty = the default schema",
            env="DATABASE_SCHEMA",
        ),
    ] = ""
    pool_size: Annotated[
        int, setting("PostgreSQL connections that stay open", env="DATABASE_POOL_SIZE", ge=1)
    ] = 10
    pool_max_overflow: Annotated[
        int,
        setting(
            "Further PostgreSQL connections under load", env="DATABASE_POOL_MAX_OVERFLOW", ge=0
        ),
    ] = 0
    pool_timeout: Annotated[
        float,
        setting(
            "Seconds to wait for a free PostgreSQL connection", env="DATABASE_POOL_TIMEOUT", gt=0
        ),
    ] = 30.0
    statement_timeout: Annotated[
        float,
        setting(
            "Seconds that one PostgreSQL statement may take, except those that change the schema",
            gt=0,
        ),
    ] = 30.0
    pool_recycle: Annotated[
        float,
        setting(
            "Seconds after which an idle PostgreSQL connection is closed",
            env="DATABASE_POOL_RECYCLE",
            ge=0,
        ),
    ] = 3600.0
    sqlite_busy_timeout: Annotated[
        float, setting("Seconds that a write to SQLite waits for another process", gt=0, le=60)
    ] = 5.0
    sqlite_synchronous: Annotated[
        Literal["full", "normal"],
        setting(
            "full: no data is lost in a power cut; normal: none is lost if the process crashes"
        ),
    ] = "full"
    migrate_on_start: Annotated[
        bool, setting("Apply pending migrations when the server starts", formerly="migrate")
    ] = True
    force: Annotated[
        bool,
        setting(
            "Open a database that a newer release has migrated, and apply migrations that disturb running instances; "
            "for one command: --force"
        ),
    ] = False
    require_existing: Annotated[
        bool,
        setting(
            "Refuse an empty database, for containers whose data directory may be lost",
            env="PORTICO_REQUIRE_EXISTING_DATABASE",
        ),
    ] = False
    new: Annotated[
        bool,
        setting(
            "Start with an empty database although another one was used before; for one command: --new-database",
            env="PORTICO_NEW_DATABASE",
        ),
    ] = False


class IdentitySettings(Section):
    """Accounts, sessions and encryption keys."""

    secret_key: Annotated[
        Secret,
        setting(
            "Secret key that signs session tokens; empty = created once, in the data directory",
            env=("WEBUI_SECRET_KEY", "WEBUI_JWT_SECRET_KEY"),
        ),
    ] = Secret()
    encryption_keys: Annotated[
        list[Secret],
        setting(
            "Encryption keys of stored tokens and API keys; the first encrypts, all decrypt; empty = derived from the secret key",
            env=("PORTICO_ENCRYPTION_KEYS", "OAUTH_SESSION_TOKEN_ENCRYPTION_KEY"),
        ),
    ] = []
    previous_secret_keys: Annotated[
        list[Secret],
        setting(
            "Replaced secret keys, so that values encrypted with them can still be decrypted",
            env="PORTICO_PREVIOUS_SECRET_KEYS",
        ),
    ] = []
    session_lifetime: Annotated[
        str,
        setting(
            "Lifetime of a session, such as 1h30m, 1.5d, 4w; -1 or 0 = no end",
            env="JWT_EXPIRES_IN",
            runtime_key="auth.jwt_expiry",
        ),
    ] = "4w"
    session_cache_seconds: Annotated[
        float,
        setting(
            "Seconds for which sessions are cached; changes by this process apply at once",
            formerly="recheck",
            ge=0,
            le=1,
        ),
    ] = 0.5
    revocation_grace_seconds: Annotated[
        float,
        setting(
            "Seconds after which open streams and web sockets are closed if the database cannot confirm their session",
            formerly="blind_grace",
            ge=1,
            le=60,
        ),
    ] = 5.0
    bcrypt_rounds: Annotated[
        int,
        setting(
            "Cost of a password hash: each step doubles it (bcrypt)",
            formerly="password_rounds",
            ge=4,
            le=16,
        ),
    ] = 12
    enable_signup: Annotated[
        bool | None,
        setting(
            "Allow sign-up; unset = for the first account only",
            env="ENABLE_SIGNUP",
            runtime_key="ui.enable_signup",
        ),
    ] = None
    default_role: Annotated[
        Literal["pending", "user", "admin"],
        setting(
            "Role of new accounts after the first",
            env="DEFAULT_USER_ROLE",
            runtime_key="ui.default_user_role",
        ),
    ] = "pending"

    default_group: Annotated[
        str,
        setting(
            "Id of the group that new accounts join; empty = none",
            env="DEFAULT_GROUP_ID",
            runtime_key="ui.default_group_id",
        ),
    ] = ""
    signout_redirect_url: Annotated[
        str,
        setting(
            "URL to which the browser is redirected after sign-out; empty = no redirect",
            env="WEBUI_AUTH_SIGNOUT_REDIRECT_URL",
        ),
    ] = ""


class RateLimitSettings(Section):
    """Rate limits of sign-in, sign-up, password changes and API keys, and of requests that copy much data.

    An attempt counts as failed until it has succeeded, so that many attempts at once cannot exceed the limit.
    """

    enabled: Annotated[bool, setting("Enable rate limits", formerly="limits.enabled")] = True
    account_attempts: Annotated[
        int,
        setting(
            "Attempts for one account from one address in the window, successful ones included",
            formerly="limits.tries",
            ge=1,
        ),
    ] = 15
    address_failures: Annotated[
        int,
        setting(
            "Failed attempts from one address in the window, for all accounts together",
            formerly="limits.failures",
            ge=1,
        ),
    ] = 30
    window_seconds: Annotated[
        float,
        setting(
            "Seconds of the window for `account_attempts` and `address_failures`",
            formerly="limits.window",
            ge=1,
            le=86400,
        ),
    ] = 180.0
    account_failures: Annotated[
        int,
        setting(
            "Failed attempts for one account in its window, from all addresses together; beyond that, only addresses "
            "from which the account has signed in before may try",
            formerly="limits.account_failures",
            ge=1,
        ),
    ] = 100
    account_window_seconds: Annotated[
        float,
        setting(
            "Seconds of the window for `account_failures`",
            formerly="limits.account_window",
            ge=1,
            le=86400,
        ),
    ] = 3600.0
    copies: Annotated[
        int,
        setting(
            "Imports, copies and shares of one account in their window, all together",
            formerly="limits.copies",
            ge=1,
        ),
    ] = 60
    copies_window_seconds: Annotated[
        float,
        setting(
            "Seconds of the window for `copies`", formerly="limits.copies_window", ge=1, le=86400
        ),
    ] = 60.0


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


class ArenaModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that represents others: each request is answered by one of them, chosen at random.

    Shape of `meta`: `model_ids`, a list or null = all; `filter_mode` `exclude` = all except those; `access_control`, as
    of a model, but without it only administrators may use it; further keys for clients.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    name: str
    meta: dict[str, Any] = {}


class CatalogueSettings(Section):
    """The list of models."""

    cache_ttl: Annotated[
        float | None,
        setting(
            "Seconds for which the list of a source is cached; 0 = not cached, empty = until it is refreshed",
            formerly="ttl",
            env="MODELS_CACHE_TTL",
            ge=0,
        ),
    ] = 1.0
    cache_until_refresh: Annotated[
        bool,
        setting(
            "Cache lists until they are refreshed; overrides `cache_ttl`",
            formerly="keep",
            env="ENABLE_BASE_MODELS_CACHE",
        ),
    ] = False
    refresh_timeout: Annotated[
        float,
        setting(
            "Seconds that a request waits for slow sources before the last list is used",
            formerly="limit",
            gt=0,
        ),
    ] = 1.5
    model_order: Annotated[
        list[str],
        setting(
            "Ids of the models that are listed first, in this order; the others follow by name",
            formerly="order",
            env="MODEL_ORDER_LIST",
        ),
    ] = []
    arena: Annotated[
        bool,
        setting(
            "List arena models, each of which answers by another model chosen at random",
            env="ENABLE_EVALUATION_ARENA_MODELS",
        ),
    ] = True
    arena_models: Annotated[
        list[ArenaModel],
        setting(
            "Arena models as JSON: id, name, meta; none = one for all models, which only administrators see",
            env="EVALUATION_ARENA_MODELS",
        ),
    ] = []

    @property
    def list_ttl(self) -> float | None:
        """Seconds for which a list is cached; 0 = not cached, None = until it is refreshed."""
        return None if self.cache_until_refresh else self.cache_ttl


class HTTPClientSettings(Section):
    """Requests to URLs that users or other servers choose, such as images and webhooks."""

    allowed_hosts: Annotated[
        list[str],
        setting(
            "Private hosts and networks that such requests may reach; none = only public Internet addresses",
            formerly="fetch.allow",
        ),
    ] = []


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
    strict: Annotated[
        bool, setting("The server does not start if any plugin fails", env="PORTICO_STRICT")
    ] = False


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
    cors: CorsSettings = CorsSettings()
    security_headers: SecurityHeadersSettings = SecurityHeadersSettings()
    database: DatabaseSettings = DatabaseSettings()
    identity: IdentitySettings = IdentitySettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    redis: RedisSettings = RedisSettings()
    access: AccessSettings = AccessSettings()
    permissions: PermissionDefaults = PermissionDefaults()
    catalogue: CatalogueSettings = CatalogueSettings()
    http_client: HTTPClientSettings = HTTPClientSettings()
    log: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    plugins: PluginSelection = PluginSelection()
