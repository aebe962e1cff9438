"""The cookies of signing in, as the text of `Set-Cookie` headers."""

from email.utils import formatdate
from functools import lru_cache

from portico.identity.sessions.credentials import COOKIE

#: Holds what a sign-in elsewhere began with.
OAUTH_STATE_COOKIE = "owui-session"
_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


@lru_cache(maxsize=1024)
def _date(at: int) -> str:
    """Asked again and again for the same sign-in, and slow to write."""
    return formatdate(at, usegmt=True)


class Cookies:
    """Writes `Set-Cookie` headers. `same_site`: `lax`, `strict` or `none`; `secure`: over HTTPS only."""

    def __init__(self, *, secure: bool, same_site: str) -> None:
        # Browsers drop a SameSite=None cookie that is not Secure.
        seal = "; Secure" if secure or same_site == "none" else ""
        self._readable_attributes = f"; Path=/; SameSite={same_site.capitalize()}{seal}"
        self._attributes = f"; HttpOnly{self._readable_attributes}"
        # Somebody who comes back from a provider comes from another site: `strict` would keep it from being sent.
        coming_back = "None" if same_site == "none" else "Lax"
        self._oauth_attributes = f"; HttpOnly; Path=/; SameSite={coming_back}{seal}"

    def session(self, token: str, expires_at: int | None) -> str:
        """Keep a token until it expires (epoch seconds), or until the browser closes if it never does."""
        expires = "" if expires_at is None else f"; Expires={_date(expires_at)}"
        return f"{COOKIE}={token}{expires}{self._attributes}"

    def readable_session(self, token: str) -> str:
        """Give a token to the page itself, which reads it and has it replaced by one it cannot read.

        Source: the clients' contract for a sign-in at another provider, which ends with a redirect and no body.
        """
        return f"{COOKIE}={token}{self._readable_attributes}"

    def set(self, name: str, value: str) -> str:
        """Keep something the page cannot read until the browser closes. `value`: nothing that has to be escaped."""
        return f"{name}={value}{self._attributes}"

    def oauth_state(self, value: str, seconds: int) -> str:
        """Keep a sign-in that has begun elsewhere for `lasts` seconds; sent when the browser comes back from there."""
        return f"{OAUTH_STATE_COOKIE}={value}; Max-Age={seconds}{self._oauth_attributes}"

    def delete(self, name: str) -> str:
        """Delete a cookie; with the attributes it was set with, else browsers keep it."""
        return f'{name}=""; Max-Age=0; Expires={_LONG_AGO}{self._attributes}'
