"""The address of the database, read from the settings, and the database object for it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import msgspec

from portico.db.database import Database
from portico.db.errors import BadDatabase
from portico.db.postgres.database import Postgres
from portico.db.postgres_url import SCHEMES as _POSTGRES
from portico.db.postgres_url import check_postgres_url, with_password
from portico.db.sqlite.database import SQLite
from portico.settings.database import DatabaseSettings
from portico.settings.masking import without_credentials
from portico.settings.section import Secret

FILE_NAME = "portico.db"
ENCRYPTED = "sqlite+sqlcipher"
ALLOWED = (
    f"Use sqlite:///absolute/path, {ENCRYPTED}:///absolute/path, postgres://… or postgresql://…"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=://)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SQLiteAddress:
    """An SQLite file. `password`: None = the file is not encrypted."""

    path: Path
    password: Secret | None = None

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A PostgreSQL database. `url` contains its password."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        return without_credentials(self.url)


def open_database(settings: DatabaseSettings, data_dir: Path) -> Database:
    """Return the configured database, not started yet; by default an SQLite file in `data_dir`.

    Raises: BadDatabase, whose text never contains the address, since that may contain a password.
    """
    address = find_database(settings, data_dir)
    if isinstance(address, PostgresAddress):
        direct_url = _direct_url(settings)
        return Postgres(address.url, msgspec.structs.replace(settings, direct_url=direct_url))
    return SQLite(address.path, settings, address.password)


def find_database(settings: DatabaseSettings, data_dir: Path) -> SQLiteAddress | PostgresAddress:
    """Return the address from the settings, given as a URL or in parts; by default a file in `data_dir`.

    Raises: BadDatabase, whose text never contains the address, since that may contain a password.
    """
    if settings.type in _POSTGRES and settings.host and settings.name:
        return PostgresAddress(_assembled(settings))
    scheme, path = _read_url(settings.url) if settings.url else ("", data_dir / FILE_NAME)
    kind: str = settings.type or scheme or "sqlite"
    # The URL of an encrypted file may look like that of a plain one: then the type and the password make the difference.
    if scheme and scheme not in ({kind} | (_POSTGRES if kind in _POSTGRES else {"sqlite"})):
        raise BadDatabase(
            f"DATABASE_TYPE is {kind} but the scheme of DATABASE_URL is {scheme}: set only one, or make them equal."
        )
    if kind in _POSTGRES:
        if not settings.url:
            raise BadDatabase(
                "DATABASE_TYPE is PostgreSQL: set DATABASE_HOST and DATABASE_NAME too, or DATABASE_URL."
            )
        return PostgresAddress(with_password(settings.url, database_password(settings).reveal()))
    if kind == ENCRYPTED:
        return SQLiteAddress(path, _file_password(settings))
    _refuse_password(settings)
    return SQLiteAddress(path)


def _direct_url(settings: DatabaseSettings) -> str:
    """Return the URL without a pooler, with its password; empty if none is set. Raises: BadDatabase."""
    url, variable = settings.direct_url, "DATABASE_DIRECT_URL"
    if url and _read_url(url, variable)[0] not in _POSTGRES:
        raise BadDatabase(f"{variable} names no PostgreSQL database.")
    return with_password(url, database_password(settings).reveal()) if url else ""


def find_file(settings: DatabaseSettings, data_dir: Path) -> Path:
    """Return the SQLite file of the settings, encrypted or not. The password is not read. Raises: BadDatabase."""
    scheme, path = _read_url(settings.url) if settings.url else ("", data_dir / FILE_NAME)
    if _POSTGRES & {scheme, settings.type}:
        raise BadDatabase("This command works on SQLite files, and the database is PostgreSQL.")
    return path.resolve()


def _read_url(url: str, variable: str = "DATABASE_URL") -> tuple[str, Path]:
    """Return the scheme, and the path of an SQLite file. Raises: BadDatabase."""
    word = url.partition(":")[0].lower()
    if word in _POSTGRES:
        check_postgres_url(url, variable)
        return word, Path()
    if word not in {"sqlite", ENCRYPTED}:
        # Only what is before :// is certainly no password.
        scheme = _SCHEME.match(url)
        raise BadDatabase(
            f"{variable}: unknown scheme {scheme[0]!r}. {ALLOWED}"
            if scheme
            else f"{variable} does not begin with a scheme and ://. {ALLOWED}"
        )
    try:
        address = urlsplit(url)
    except ValueError:
        raise BadDatabase(f"{variable} cannot be read. {ALLOWED}") from None
    path = unquote(address.path).lstrip("/")  # some tools write four slashes
    if address.netloc or address.query or not path or path == ":memory:" or "\0" in path:
        raise BadDatabase(f"{variable} does not name a file on this machine. {ALLOWED}")
    return address.scheme, Path("/") / path


def _file_password(settings: DatabaseSettings) -> Secret:
    if password := database_password(settings):
        return password
    raise BadDatabase(
        "An encrypted database needs a password that is not empty: set DATABASE_PASSWORD or DATABASE_PASSWORD_FILE."
    )


def _refuse_password(settings: DatabaseSettings) -> None:
    """Raises: BadDatabase if a password is set that would not be used."""
    if settings.password or settings.password_file:
        raise BadDatabase(
            "DATABASE_PASSWORD is set, and this SQLite database would not be encrypted with it: set "
            f"DATABASE_TYPE={ENCRYPTED}, or unset the password."
        )


def database_password(settings: DatabaseSettings) -> Secret:
    """Return the configured password, read from its file if one is set; empty if there is none. Raises: BadDatabase."""
    if settings.password and settings.password_file:
        raise BadDatabase("Set DATABASE_PASSWORD or DATABASE_PASSWORD_FILE, not both.")
    if settings.password_file:
        return read_password(Path(settings.password_file))
    return settings.password


def read_password(file: Path) -> Secret:
    """Return the text of a file without the line break at its end. Raises: BadDatabase."""
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise BadDatabase(f"The password file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadDatabase(f"The password file {file} is not text (UTF-8).") from None
    return Secret(text.removesuffix("\n").removesuffix("\r"))


def _assembled(settings: DatabaseSettings) -> str:
    """Return a PostgreSQL URL from the parts. A host that is a directory means a Unix socket."""
    user = quote(settings.user, safe="")
    if password := database_password(settings).reveal():
        user += f":{quote(password, safe='')}"
    host, query = settings.host, ""
    if host.startswith("/"):
        host, query = "", f"?host={quote(host, safe='')}"
    elif ":" in host:
        host = f"[{host.strip('[]')}]"
    port = f":{settings.port}" if settings.port else ""
    if query and port:
        query, port = f"{query}&port={settings.port}", ""
    at = f"{user}@" if user else ""
    return f"postgresql://{at}{host}{port}/{quote(settings.name, safe='')}{query}"
