"""Pending sign-ins at providers: state, nonce and code verifier, in an encrypted cookie.

The cookie binds the provider's response to the browser that started the sign-in: without it, a state is worthless.
Several sign-ins may be pending in one browser, in several windows.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from portico.api.auth import OAUTH_STATE_COOKIE
from portico.api.db import DecryptionError, Encryptor, now

#: Time for the user to sign in at the provider.
PENDING_LOGIN_SECONDS = 600
#: In one browser; a further one replaces the oldest.
MAX_PENDING_LOGINS = 5
#: Browsers store 4096 characters of name, value and attributes.
MAX_COOKIE_CHARS = 3800
#: By which the clocks of two instances may differ.
CLOCK_SKEW_SECONDS = 600
# Associated data of the encryption: never change it.
_ENCRYPTION_CONTEXT = "oauth:begun"
_COOKIE_START = f"{OAUTH_STATE_COOKIE}=".encode()


class PendingLogin(msgspec.Struct, frozen=True, array_like=True):
    """One pending sign-in. `expires_at`: epoch seconds."""

    state: str
    provider: str
    nonce: str
    verifier: str
    redirect_uri: str
    expires_at: int


def new_pending_login(provider: str, redirect_uri: str) -> PendingLogin:
    """Return a pending sign-in with new random values."""
    return PendingLogin(
        state=secrets.token_urlsafe(24),
        provider=provider,
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri,
        expires_at=now() + PENDING_LOGIN_SECONDS,
    )


class PendingLoginCookie:
    """Reads and writes the cookie with the pending sign-ins."""

    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor
        self._decode = msgspec.json.Decoder(list[PendingLogin]).decode

    def read(self, scope: Mapping[str, Any]) -> list[PendingLogin]:
        """Return the pending sign-ins of the browser that sent this ASGI request, oldest first."""
        by_state: dict[str, PendingLogin] = {}
        for value in _cookies(scope):
            try:
                pending = self._decode(self._encryptor.decrypt(value, _ENCRYPTION_CONTEXT))
            except (DecryptionError, msgspec.MsgspecError):
                continue
            # An expiry beyond the maximum comes from a wrong clock.
            by_state |= {
                login.state: login
                for login in pending
                if 0 < login.expires_at - now() <= PENDING_LOGIN_SECONDS + CLOCK_SKEW_SECONDS
            }
        return list(by_state.values())

    def write(self, pending_logins: Iterable[PendingLogin]) -> str:
        """Return the value of the cookie: the newest sign-ins that fit into it. Empty for none."""
        pending = list(pending_logins)[-MAX_PENDING_LOGINS:]
        while pending:
            value = self._encryptor.encrypt(
                msgspec.json.encode(pending).decode(), _ENCRYPTION_CONTEXT
            )
            if len(value) <= MAX_COOKIE_CHARS:
                return value
            pending.pop(0)
        return ""


def find(
    pending_logins: Iterable[PendingLogin], provider: str, state: str | None
) -> PendingLogin | None:
    """Return the pending sign-in with this state at this provider; None if there is none."""
    if not state:
        return None
    wanted = state.encode("utf-8", "surrogatepass")
    for pending in pending_logins:
        if hmac.compare_digest(pending.state.encode(), wanted) and pending.provider == provider:
            return pending
    return None


def _cookies(scope: Mapping[str, Any]) -> list[str]:
    """Return all cookies of this name: another site of the same domain may have set one too."""
    cookies: list[str] = []
    for name, value in scope["headers"]:
        if name == b"cookie":
            for pair in map(bytes.strip, value.split(b";")):
                if (
                    pair.startswith(_COOKIE_START)
                    and pair.isascii()
                    and len(cookies) < MAX_PENDING_LOGINS
                ):
                    cookies.append(pair[len(_COOKIE_START) :].strip(b'"').decode())
    return cookies
