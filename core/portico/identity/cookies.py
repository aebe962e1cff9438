"""The cookie that carries a session token, as the text of a `Set-Cookie` header."""

from email.utils import formatdate
from functools import lru_cache

from portico.identity.credentials import COOKIE

_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


@lru_cache(maxsize=1024)
def _date(at: int) -> str:
    """Asked again and again for the same sign-in, and slow to write."""
    return formatdate(at, usegmt=True)


class Cookies:
    """Writes `Set-Cookie` headers. `same_site`: `lax`, `strict` or `none`; `secure`: over HTTPS only."""

    def __init__(self, *, secure: bool, same_site: str) -> None:
        self._tail = f"; HttpOnly; Path=/; SameSite={same_site.capitalize()}"
        # Browsers drop a SameSite=None cookie that is not Secure.
        if secure or same_site == "none":
            self._tail += "; Secure"

    def keep(self, token: str, expires_at: int | None) -> str:
        """Keep a token until it expires (epoch seconds), or until the browser closes if it never does."""
        expires = "" if expires_at is None else f"; Expires={_date(expires_at)}"
        return f"{COOKIE}={token}{expires}{self._tail}"

    def drop(self, name: str) -> str:
        """Delete a cookie; with the attributes it was set with, else browsers keep it."""
        return f'{name}=""; Max-Age=0; Expires={_LONG_AGO}{self._tail}'
