"""Settings of the database."""

from typing import Annotated, Literal

from portico.settings.section import Secret, Section, setting


class DatabaseSettings(Section):
    """The database.

    Either `url`, with `password` if it has none, or the parts `type`, `host`, `port`, `user`, `password` and `name`, which override it if type, host and
    name are set. With PostgreSQL there are at most `pool_size + pool_max_overflow` connections per process. The pool
    fields have no effect with SQLite, the `sqlite_` fields none with PostgreSQL.
    """

    url: Annotated[
        str,
        setting(
            "URL: sqlite:///absolute/path, sqlite+sqlcipher:///absolute/path or postgresql://user:password@host/name; "
            "empty = SQLite in the data directory",
            env="DATABASE_URL",
            form="dsn",
        ),
    ] = ""
    direct_url: Annotated[
        str,
        setting(
            "URL of the same PostgreSQL database without the pooler that `url` names, for the lock while migrating; empty = "
            "the lock is held in a transaction, for which the pooler needs two connections",
            env="DATABASE_DIRECT_URL",
            form="dsn",
        ),
    ] = ""
    pooler: Annotated[
        Literal["auto", "none", "transaction"],
        setting(
            "Pooler before PostgreSQL. transaction: PgBouncer or another one in transaction mode; none: no pooler, or one in "
            "session mode; auto: found out at the start, where any pooler counts as one in transaction mode",
            env="DATABASE_POOLER",
        ),
    ] = "auto"
    type: Annotated[
        Literal["", "sqlite", "sqlite+sqlcipher", "postgresql", "postgres"],
        setting("Kind of database; empty = that of `url`", env="DATABASE_TYPE"),
    ] = ""
    user: Annotated[str, setting("PostgreSQL user", env="DATABASE_USER")] = ""
    password: Annotated[
        Secret,
        setting(
            "Password of the PostgreSQL user if the URL has none, or of an encrypted SQLite file",
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
