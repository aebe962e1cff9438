"""Reads the credential of a request from its headers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

COOKIE = "token"
#: In an ASGI scope: the credential that has identified the caller, if it is not the one of `credential_from`.
USED_CREDENTIAL = "portico.used_credential"
_COOKIE_START = b"token="


class Credential(NamedTuple):
    """A token. `by_cookie`: a browser sent it by itself, so another site may have caused the request."""

    token: str
    by_cookie: bool


def credential_from(scope: Mapping[str, Any]) -> Credential | None:
    """Return the credential of an ASGI request: `Authorization: Bearer …`, else `x-api-key`, else the cookie `token`.

    A reverse proxy may have an `Authorization` of its own: `Basic` counts as none, for a bearer token see `key_beside`.

    Source: a header counts if it occurs once, in ASCII, with two parts and one blank between them (`x-api-key`: one
    part). Other headers are ignored; the reference answers 500.
    """
    authorization: list[bytes] = []
    keys: list[bytes] = []
    cookies: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization.append(value)
        elif name == b"cookie":
            cookies.append(value)
        elif name == b"x-api-key":
            keys.append(value)
    if len(authorization) == 1 and (token := _bearer(authorization[0])):
        return Credential(token, by_cookie=False)
    if len(keys) == 1 and keys[0].isascii() and keys[0]:
        return Credential(keys[0].decode(), by_cookie=False)
    for cookie in cookies:
        if token := _from_cookie(cookie):
            return Credential(token, by_cookie=True)
    return None


def key_beside(credential: Credential, scope: Mapping[str, Any]) -> Credential | None:
    """Return the token in `x-api-key` that an ASGI request has beside its bearer token, or None.

    It counts if the bearer token is neither valid nor begins as an API key does.
    """
    if credential.by_cookie:
        return None
    keys = [value for name, value in scope["headers"] if name == b"x-api-key"]
    if len(keys) != 1 or not keys[0].isascii() or keys[0].decode() in ("", credential.token):
        return None
    return Credential(keys[0].decode(), by_cookie=False)


def uses_cookie(scope: Mapping[str, Any]) -> bool:
    """Return whether the only credential of an ASGI request is the cookie `token`, valid or not."""
    credential = credential_from(scope)
    if credential is not None:
        return credential.by_cookie
    return any(
        pair.strip().startswith(_COOKIE_START)
        for name, value in scope["headers"]
        if name == b"cookie"
        for pair in value.split(b";")
    )


def token_from(scope: Mapping[str, Any]) -> str | None:
    """Return the token of an ASGI request, or None. See `credential_from`."""
    credential = credential_from(scope)
    return credential.token if credential else None


def _bearer(value: bytes) -> str | None:
    parts = value.split(b" ")
    if len(parts) != 2 or parts[0].lower() != b"bearer" or not parts[1].isascii():
        return None
    return parts[1].decode() or None


def _from_cookie(header: bytes) -> str | None:
    """Parsed by hand: `http.cookies` takes longer than the rest of the authentication."""
    for pair in map(bytes.strip, header.split(b";")):
        if pair.startswith(_COOKIE_START) and pair.isascii():
            return pair[len(_COOKIE_START) :].strip(b'"').decode() or None
    return None
