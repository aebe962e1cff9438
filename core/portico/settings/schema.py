"""What can be set, where it is set, and what it means: the core's own settings.

Each field is one line in `portico.toml` (`[section] field`) and one environment variable. A field
that names no variable gets `PORTICO_<SECTION>_<FIELD>`; a plugin's field gets
`PORTICO_<PLUGIN>_<FIELD>`. Reading them is the business of `portico.settings.load` alone.
"""

from typing import Annotated, Any, Literal

import msgspec

from portico.settings.permissions import PermissionDefaults
from portico.settings.redis import RedisSettings
from portico.settings.section import Secret, Section, setting
from portico.settings.security_headers import BrowserSettings
from portico.settings.server import ServerSettings


class DatabaseSettings(Section):
    """Where the rows live.

    Either `url`, or the parts: `type`, `host`, `port`, `user`, `password` and `name`, which win if type, host and name are
    set. PostgreSQL keeps at most `pool_size + pool_max_overflow` connections per process; the pool fields say nothing to
    SQLite, the `sqlite_` fields nothing to PostgreSQL.
    """

    url: Annotated[
        str,
        setting(
            "sqlite:///absolute/path, sqlite+sqlcipher:///absolute/path or postgresql://user:password@host/name; "
            "empty = SQLite in the data directory",
            env="DATABASE_URL",
        ),
    ] = ""
    type: Annotated[
        Literal["", "sqlite", "sqlite+sqlcipher", "postgresql", "postgres"],
        setting("What keeps the rows; empty = what `url` says", env="DATABASE_TYPE"),
    ] = ""
    user: Annotated[str, setting("Who signs in to PostgreSQL", env="DATABASE_USER")] = ""
    password: Annotated[
        Secret,
        setting("Of that user, or of an encrypted SQLite file", env="DATABASE_PASSWORD"),
    ] = Secret()
    password_file: Annotated[
        str, setting("File that holds the password instead", env="DATABASE_PASSWORD_FILE")
    ] = ""
    new_password: Annotated[Secret, setting("The one after it, for `portico db rekey` alone")] = (
        Secret()
    )
    host: Annotated[
        str,
        setting("Where PostgreSQL is; a folder = that of its socket", env="DATABASE_HOST"),
    ] = ""
    port: Annotated[
        int | None, setting("Its port; empty = 5432", env="DATABASE_PORT", ge=1, le=65535)
    ] = None
    name: Annotated[str, setting("Name of the PostgreSQL database", env="DATABASE_NAME")] = ""
    schema: Annotated[
        str,
        setting(
            "PostgreSQL schema that holds the tables, made if it is missing; empty = the usual one",
            env="DATABASE_SCHEMA",
        ),
    ] = ""
    pool_size: Annotated[
        int, setting("PostgreSQL connections kept", env="DATABASE_POOL_SIZE", ge=1)
    ] = 10
    pool_max_overflow: Annotated[
        int,
        setting("Further connections under load", env="DATABASE_POOL_MAX_OVERFLOW", ge=0),
    ] = 0
    pool_timeout: Annotated[
        float, setting("Seconds to wait for a connection", env="DATABASE_POOL_TIMEOUT", gt=0)
    ] = 30.0
    statement_timeout: Annotated[
        float,
        setting("Seconds for one PostgreSQL statement, but for those that change the schema", gt=0),
    ] = 30.0
    pool_recycle: Annotated[
        float,
        setting(
            "Seconds after which an idle connection is closed", env="DATABASE_POOL_RECYCLE", ge=0
        ),
    ] = 3600.0
    sqlite_busy_timeout: Annotated[
        float, setting("Seconds a write waits for another process", gt=0, le=60)
    ] = 5.0
    sqlite_synchronous: Annotated[
        Literal["full", "normal"],
        setting("full survives a power cut; normal survives a crash of the process"),
    ] = "full"
    migrate: Annotated[bool, setting("Bring the schema up to date when serving starts")] = True
    force: Annotated[
        bool,
        setting(
            "Open a database that a newer release has changed, and apply steps beside instances that they harm; "
            "for one command, as --force"
        ),
    ] = False
    require_existing: Annotated[
        bool,
        setting(
            "Refuse an empty database: for containers whose data directory does not last",
            env="PORTICO_REQUIRE_EXISTING_DATABASE",
        ),
    ] = False
    new: Annotated[
        bool,
        setting(
            "Begin anew with an empty database where another one was used; for one command, as --new-database",
            env="PORTICO_NEW_DATABASE",
        ),
    ] = False


class IdentitySettings(Section):
    """Who may come in, and for how long."""

    secret_key: Annotated[
        Secret,
        setting(
            "Signs session tokens; empty = made once and kept in the data directory",
            env=("WEBUI_SECRET_KEY", "WEBUI_JWT_SECRET_KEY"),
        ),
    ] = Secret()
    encryption_keys: Annotated[
        list[Secret],
        setting(
            "Keep tokens and keys encrypted; the first one encrypts, all decrypt; empty = derived from the secret key",
            env=("PORTICO_ENCRYPTION_KEYS", "OAUTH_SESSION_TOKEN_ENCRYPTION_KEY"),
        ),
    ] = []
    previous_secret_keys: Annotated[
        list[Secret],
        setting(
            "Secret keys that were replaced: what was encrypted under them can still be decrypted",
            env="PORTICO_PREVIOUS_SECRET_KEYS",
        ),
    ] = []
    session_lifetime: Annotated[
        str,
        setting(
            "How long a sign-in lasts: 1h30m, 1.5d, 4w; -1 or 0 = for ever",
            env="JWT_EXPIRES_IN",
            runtime_key="auth.jwt_expiry",
        ),
    ] = "4w"
    recheck: Annotated[
        float,
        setting(
            "Seconds for which a session just read is trusted; what this process changes counts at once",
            ge=0,
            le=1,
        ),
    ] = 0.5
    blind_grace: Annotated[
        float,
        setting(
            "Seconds that open streams and sockets last while the database cannot be asked about them",
            ge=1,
            le=60,
        ),
    ] = 5.0
    password_rounds: Annotated[
        int, setting("Cost of a password hash: each step doubles it (bcrypt)", ge=4, le=16)
    ] = 12
    enable_signup: Annotated[
        bool | None,
        setting(
            "Let people sign up; unset = only the first account",
            env="ENABLE_SIGNUP",
            runtime_key="ui.enable_signup",
        ),
    ] = None
    default_role: Annotated[
        Literal["pending", "user", "admin"],
        setting(
            "Role of a new account after the first",
            env="DEFAULT_USER_ROLE",
            runtime_key="ui.default_user_role",
        ),
    ] = "pending"

    default_group: Annotated[
        str,
        setting(
            "Id of the group that newcomers join; empty = none",
            env="DEFAULT_GROUP_ID",
            runtime_key="ui.default_group_id",
        ),
    ] = ""
    signout_redirect_url: Annotated[
        str,
        setting(
            "Where a browser goes after a sign-out; empty = nowhere",
            env="WEBUI_AUTH_SIGNOUT_REDIRECT_URL",
        ),
    ] = ""


class LimitSettings(Section):
    """How often somebody may try to get in: sign-in, sign-up, change of password, keys. And how much they may copy.

    Tries count as failed until they have succeeded, so many at once do not slip through.
    """

    enabled: Annotated[bool, setting("Limit tries at all")] = True
    tries: Annotated[
        int,
        setting("Tries for one account from one address in the window, successes too", ge=1),
    ] = 15
    failures: Annotated[
        int, setting("Failures from one address in the window, whatever the accounts", ge=1)
    ] = 30
    window: Annotated[float, setting("Seconds of that window", ge=1, le=86400)] = 180.0
    account_failures: Annotated[
        int,
        setting(
            "Failures for one account in its window, from all addresses together; then only those are "
            "let in from which it was signed in before",
            ge=1,
        ),
    ] = 100
    account_window: Annotated[float, setting("Seconds of that window", ge=1, le=86400)] = 3600.0
    copies: Annotated[
        int,
        setting("Imports, copies and shares of one account in their window, all together", ge=1),
    ] = 60
    copies_window: Annotated[float, setting("Seconds of that window", ge=1, le=86400)] = 60.0


class AccessSettings(Section):
    """Where the operator's policies are, and switches that they can name."""

    policy_dir: Annotated[
        str,
        setting(
            "Directory of your own policy pages (*.csv), laid over the packaged ones; empty = none"
        ),
    ] = ""

    bypass_admin: Annotated[
        bool,
        setting(
            "Administrators see and use every model, whatever its access control says",
            env=("BYPASS_ADMIN_ACCESS_CONTROL", "ENABLE_ADMIN_WORKSPACE_CONTENT_ACCESS"),
        ),
    ] = True
    bypass_models: Annotated[
        bool,
        setting("Nobody's access to models is checked", env="BYPASS_MODEL_ACCESS_CONTROL"),
    ] = False
    bypass_chats: Annotated[
        bool,
        setting("Administrators read everybody's chats", env="ENABLE_ADMIN_CHAT_ACCESS"),
    ] = True
    bypass_export: Annotated[
        bool,
        setting(
            "Administrators take along everything there is, such as all chats they may read",
            env="ENABLE_ADMIN_EXPORT",
        ),
    ] = True


class ArenaModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that stands for others: each turn is answered by one of them, chosen by lot.

    Shape of `meta`: `model_ids`, a list or null = all; `filter_mode` `exclude` = all but those; `access_control`, as a
    model's, but nobody's if it is missing; whatever clients show of it.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    name: str
    meta: dict[str, Any] = {}


class CatalogueSettings(Section):
    """How the list of models is put together."""

    ttl: Annotated[
        float | None,
        setting(
            "Seconds a list is good for; 0 = ask every time, empty = until it is refreshed",
            env="MODELS_CACHE_TTL",
            ge=0,
        ),
    ] = 1.0
    keep: Annotated[
        bool,
        setting(
            "Keep lists until they are refreshed, whatever `ttl` says",
            env="ENABLE_BASE_MODELS_CACHE",
        ),
    ] = False
    limit: Annotated[
        float,
        setting("Seconds a request waits for slow sources before the last list is used", gt=0),
    ] = 1.5
    order: Annotated[
        list[str],
        setting(
            "Ids of models that are listed first, in this order; the others follow by name",
            env="MODEL_ORDER_LIST",
        ),
    ] = []
    arena: Annotated[
        bool,
        setting(
            "List models that stand for others, chosen by lot", env="ENABLE_EVALUATION_ARENA_MODELS"
        ),
    ] = True
    arena_models: Annotated[
        list[ArenaModel],
        setting(
            "Which ones, as JSON: id, name, meta; none = one for all, which only administrators see",
            env="EVALUATION_ARENA_MODELS",
        ),
    ] = []

    @property
    def lasts(self) -> float | None:
        """Seconds a list is good for; 0 = not at all, None = until it is refreshed."""
        return None if self.keep else self.ttl


class FetchSettings(Section):
    """Where the server fetches what somebody else chose the address of, such as a picture or a webhook."""

    allow: Annotated[
        list[str],
        setting(
            "Hosts and networks inside that may be fetched from; none = only the world outside"
        ),
    ] = []


class LogSettings(Section):
    """What is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        setting("Least severe level that is written", env="GLOBAL_LOG_LEVEL"),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        setting("auto = console on a terminal, else one JSON object a line"),
    ] = "auto"


class RetentionSettings(Section):
    """How long is kept what only grows. Plugins have settings of their own for theirs."""

    audit_days: Annotated[
        int,
        setting("Days for which entries of the audit trail are kept; 0 = for ever", ge=0, le=36500),
    ] = 730


class PluginSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugins are loaded. Everything else under `[plugins]` is a plugin's own section."""

    disable: Annotated[list[str], setting("Plugins that are not even imported")] = []
    enable: Annotated[list[str], setting("Plugins that are off until named here")] = []
    only: Annotated[
        list[str], setting("If not empty, nothing but these is loaded: for rescue and tests")
    ] = []
    required: Annotated[list[str], setting("Plugins without which the server does not start")] = (
        msgspec.field(default_factory=lambda: ["accounts"])
    )
    strict: Annotated[bool, setting("Any broken plugin stops the start", env="PORTICO_STRICT")] = (
        False
    )


class CoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the core reads, filled in: default < portico.toml < environment."""

    data_dir: Annotated[
        str,
        setting("Directory for the database and what else is kept", env="DATA_DIR", min_length=1),
    ] = "portico-data"
    name: Annotated[str, setting("Name shown to people", env="WEBUI_NAME", min_length=1)] = (
        "Portico"
    )
    server: ServerSettings = ServerSettings()
    browser: BrowserSettings = BrowserSettings()
    database: DatabaseSettings = DatabaseSettings()
    identity: IdentitySettings = IdentitySettings()
    limits: LimitSettings = LimitSettings()
    redis: RedisSettings = RedisSettings()
    access: AccessSettings = AccessSettings()
    permissions: PermissionDefaults = PermissionDefaults()
    catalogue: CatalogueSettings = CatalogueSettings()
    fetch: FetchSettings = FetchSettings()
    log: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    plugins: PluginSelection = PluginSelection()
