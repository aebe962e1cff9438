"""Checks the URL of a PostgreSQL database before the driver reads it.

A password with a character that ends it in a URL, such as `?`, is taken for a host or a port, and the driver's error quotes
it. No text of this module contains any part of a URL that may be a password.
"""

import re
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlsplit

from portico.db.errors import BadDatabase

SCHEMES = frozenset({"postgres", "postgresql"})
FORM = "postgresql://user:password@host:5432/name"
_HOST = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]*)(:(?P<port>.*))?", re.DOTALL)
#: Parameters whose value may contain an @.
_FREE_TEXT = frozenset({"user", "password", "options", "application_name"})
_MAX_PORT = 65535


def check_postgres_url(url: str, variable: str) -> None:
    """Check the parts of a URL whose scheme is one of `SCHEMES`. `variable`: what it is called in errors.

    Raises: BadDatabase, whose text says what to change and contains no part of the URL.
    """
    _, separator, rest = url.partition("://")
    if not separator:
        raise BadDatabase(f"{variable} lacks the two slashes behind its scheme. Use {FORM}.")
    authority = min((rest.partition(end)[0] for end in "/?#"), key=len)
    tail = rest.removeprefix(authority)
    path, _, query = tail.partition("?")
    found = _special_in_password(authority, path, query)
    if found:
        raise BadDatabase(
            f"{variable}: the user or the password contains {found}, which has another meaning in a URL. Percent-encode it "
            f"there ({quote(found, safe='')}), or leave the password out and set DATABASE_PASSWORD."
        )
    try:
        urlsplit(url)
        parameters = dict(parse_qsl(query, strict_parsing=True) if query else [])
    except ValueError:
        raise BadDatabase(
            f"{variable} cannot be read. Use {FORM}, with options such as ?sslmode=require behind it."
        ) from None
    user, _, hosts = authority.rpartition("@")
    ports = [_port(host) for host in hosts.split(",")] + parameters.get("port", "").split(",")
    if not all(not port or port.isdecimal() and 0 < int(port[:6]) <= _MAX_PORT for port in ports):
        raise BadDatabase(
            f"{variable}: the port is not a number from 1 to {_MAX_PORT}. Use {FORM}; in a password, percent-encode each "
            "of : / ? # @ [ ], or set DATABASE_PASSWORD."
        )
    try:
        unquote_to_bytes(user).decode()
    except UnicodeDecodeError:
        raise BadDatabase(
            f"{variable}: the user or the password is not UTF-8. Write each % in it as %25."
        ) from None


def with_password(url: str, password: str) -> str:
    """Return a checked URL that contains a password: its own, else `password`, else none."""
    address = urlsplit(url)
    names = {name for name, _ in parse_qsl(address.query)}
    if not password or address.password or "password" in names:
        return url
    return f"{url}{'&' if address.query else '?'}password={quote(password, safe='')}"


def _special_in_password(authority: str, path: str, query: str) -> str:
    """Return the character that probably belongs to a password and is not percent-encoded there; empty if there is none."""
    if "#" in path + query:
        return "#"
    if authority.count("@") > 1:
        return "@"
    user = authority.rpartition("@")[0]
    if bracket := next((one for one in user if one in "[]"), ""):
        return bracket
    if "@" in path:
        return "/"
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if "@" in value and name not in _FREE_TEXT or "@" in name:
            return "?"
    return ""


def _port(host: str) -> str:
    """Return the port of a host, a text that is no number if the host cannot be read."""
    found = _HOST.fullmatch(host)
    return unquote(found["port"] or "") if found else "?"
