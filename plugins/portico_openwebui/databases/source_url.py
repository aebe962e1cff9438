"""What `SOURCE` names: a SQLite file or a PostgreSQL database."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from portico.api import OperatorError

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_POSTGRES: Final = frozenset({"postgres", "postgresql"})
FORM: Final = "postgresql://USER@HOST:5432/NAME?schema=public"
#: Options of SQLAlchemy's drivers that asyncpg does not know.
_NOT_OURS: Final = frozenset({"schema", "connect_timeout", "prepared_statement_cache_size"})


@dataclass(frozen=True, slots=True)
class PostgresSource:
    """A PostgreSQL database. `url`: without a password. `shown`: host, port and name, for messages."""

    url: str = field(repr=False)
    password: str | None = field(repr=False)
    schema: str
    shown: str


def read_source(source: str, password: str | None = None) -> Path | PostgresSource:
    """Return what a source names. `password`: of `--password-file`, which wins over that of the URL.

    `sqlite:///path` and SQLAlchemy's `postgresql+driver://` are read as Open WebUI reads them. Raises: OperatorError, which
    contains no part of the source.
    """
    found = _URL.match(source)
    if found is None:
        return Path(source)
    scheme = found[1].lower().partition("+")[0]
    if scheme == "sqlite":
        return Path(unquote(source[found.end() :].partition("?")[0].removeprefix("/")))
    if scheme not in _POSTGRES:
        raise OperatorError(f"SOURCE is neither the path of a SQLite file nor {FORM}.")
    try:
        return _postgres(source, password)
    except ValueError:
        raise OperatorError(
            f"SOURCE cannot be read as a URL. Write {FORM}, and the password into a file for --password-file."
        ) from None


def has_password(source: str) -> bool:
    """Return whether a source is a URL with a password in it."""
    if _URL.match(source) is None:
        return False
    try:
        parts = urlsplit(source)
        return parts.password is not None or "password" in dict(parse_qsl(parts.query))
    except ValueError:
        return True


def _postgres(source: str, password: str | None) -> PostgresSource:
    parts = urlsplit(source)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    own = query.pop("password", None) or (unquote(parts.password) if parts.password else None)
    schema = query.get("schema") or "public"
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    hosts = parts.netloc.rpartition("@")[2]
    _ = parts.port if "," not in hosts else None
    rest = urlencode({name: value for name, value in query.items() if name not in _NOT_OURS})
    url = urlunsplit(("postgresql", user + hosts, parts.path, rest, ""))
    return PostgresSource(
        url, password or own, schema, f"PostgreSQL at {hosts or 'localhost'}{parts.path}"
    )
