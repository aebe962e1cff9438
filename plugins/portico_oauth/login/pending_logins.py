"""Sign-ins that have begun and not come back: kept in a cookie that only this house can read, and used once.

What a browser carries is what binds the answer to it: without the cookie of the browser that set out, a state is
worth nothing. Several may be under way at once, in several windows.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from portico.api import OAUTH_STATE_COOKIE, DecryptionError, Encryptor, execute, fetch_all, now

#: Seconds somebody has to sign in at the provider.
PENDING_LOGIN_SECONDS = 600
#: Sign-ins under way in one browser; whoever begins another gives up the oldest.
MOST = 5
#: Characters of the cookie; browsers keep 4096 of name, value and attributes.
LONGEST_COOKIE = 3800
#: Seconds by which the clocks of two instances may differ, and between two sweeps of one process.
SKEW, SWEEP_EVERY = 600, 600
_ABOUT = "oauth:begun"
_COOKIE_START = f"{OAUTH_STATE_COOKIE}=".encode()
_SPEND = "INSERT INTO oauth_spent (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id"


class PendingLogin(msgspec.Struct, frozen=True, array_like=True):
    """One sign-in under way. `until`: epoch seconds."""

    state: str
    provider: str
    nonce: str
    verifier: str
    redirect_uri: str
    until: int


def new_pending_login(provider: str, redirect_uri: str) -> PendingLogin:
    """A new one, with everything in it that nobody can guess."""
    return PendingLogin(
        state=secrets.token_urlsafe(24),
        provider=provider,
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri,
        until=now() + PENDING_LOGIN_SECONDS,
    )


class PendingLoginCookie:
    """Reads and writes the cookie."""

    def __init__(self, vault: Encryptor) -> None:
        self._vault = vault
        self._decode = msgspec.json.Decoder(list[PendingLogin]).decode

    def read(self, scope: Mapping[str, Any]) -> list[PendingLogin]:
        """The sign-ins under way in the browser that sent this ASGI request, oldest first."""
        found: dict[str, PendingLogin] = {}
        for value in _cookies(scope):
            try:
                kept = self._decode(self._vault.decrypt(value, _ABOUT))
            except (DecryptionError, msgspec.MsgspecError):
                continue
            # One that lasts longer than any was not made by a clock like ours.
            found |= {
                one.state: one
                for one in kept
                if 0 < one.until - now() <= PENDING_LOGIN_SECONDS + SKEW
            }
        return list(found.values())

    def write(self, under_way: Iterable[PendingLogin]) -> str:
        """The value of the cookie; as many of the newest as it may hold. Empty for none."""
        kept = list(under_way)[-MOST:]
        while kept:
            value = self._vault.encrypt(msgspec.json.encode(kept).decode(), _ABOUT)
            if len(value) <= LONGEST_COOKIE:
                return value
            kept.pop(0)
        return ""


def find(
    under_way: Iterable[PendingLogin], provider: str, state: str | None
) -> PendingLogin | None:
    """The sign-in of this state at this provider."""
    if not state:
        return None
    wanted = state.encode("utf-8", "surrogatepass")
    for one in under_way:
        if hmac.compare_digest(one.state.encode(), wanted) and one.provider == provider:
            return one
    return None


def _cookies(scope: Mapping[str, Any]) -> list[str]:
    """Every cookie of the name: another site of our domain may have set one too."""
    found: list[str] = []
    for name, value in scope["headers"]:
        if name == b"cookie":
            for pair in map(bytes.strip, value.split(b";")):
                if pair.startswith(_COOKIE_START) and pair.isascii() and len(found) < MOST:
                    found.append(pair[len(_COOKIE_START) :].strip(b'"').decode())
    return found


class UsedTokens:
    """What can be used once, on all instances together. Kept as a hash, for as long as the thing would be good."""

    def __init__(self) -> None:
        self._sweep_at = 0

    async def use(self, kind: str, thing: str, until: int) -> bool:
        """Use it. Returns whether that was the first time. `until`: epoch seconds."""
        await self._sweep()
        digest = hashlib.sha256(f"{kind}:{thing}".encode("utf-8", "surrogatepass")).hexdigest()
        return bool(await fetch_all(_SPEND, digest, until + SKEW))

    async def _sweep(self) -> None:
        if now() >= self._sweep_at:
            self._sweep_at = now() + SWEEP_EVERY
            await execute("DELETE FROM oauth_spent WHERE expires_at < $1", now())
