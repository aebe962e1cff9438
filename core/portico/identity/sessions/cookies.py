"""Session cookies, as the text of `Set-Cookie` headers."""

from email.utils import formatdate
from functools import lru_cache

from portico.identity.sessions.credentials import COOKIE

#: Holds a pending sign-in at an external provider.
OAUTH_STATE_COOKIE = "owui-session"
_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


@lru_cache(maxsize=1024)
def _date(at: int) -> str:
    """Cached because formatting is slow and repeats for the same session."""
    return formatdate(at, usegmt=True)


class Cookies:
    """Writes `Set-Cookie` headers.

    `same_site`: `lax`, `strict` or `none`; `secure`: over HTTPS only; `path`: that below which browsers send them.
    """

    def __init__(self, *, secure: bool, same_site: str, path: str = "/") -> None:
        # Browsers drop a SameSite=None cookie that is not Secure.
        secure_attribute = "; Secure" if secure or same_site == "none" else ""
        self._readable_attributes = (
            f"; Path={path}; SameSite={same_site.capitalize()}{secure_attribute}"
        )
        self._attributes = f"; HttpOnly{self._readable_attributes}"
        # The redirect back from a provider is a cross-site request, where `Strict` cookies are not sent.
        same_site_of_redirect = "None" if same_site == "none" else "Lax"
        self._oauth_attributes = (
            f"; HttpOnly; Path={path}; SameSite={same_site_of_redirect}{secure_attribute}"
        )

    def session(self, token: str, expires_at: int | None) -> str:
        """Store a token until `expires_at` (epoch seconds), or until the browser closes if it is None."""
        expires = "" if expires_at is None else f"; Expires={_date(expires_at)}"
        return f"{COOKIE}={token}{expires}{self._attributes}"

    def readable_session(self, token: str) -> str:
        """Store a token that scripts of the page can read. The client replaces it by an HttpOnly cookie.

        Source: the client contract for a sign-in at an external provider, which ends with a redirect and no body.
        """
        return f"{COOKIE}={token}{self._readable_attributes}"

    def set(self, name: str, value: str) -> str:
        """Store an HttpOnly value until the browser closes. `value` must not need escaping."""
        return f"{name}={value}{self._attributes}"

    def oauth_state(self, value: str, seconds: int) -> str:
        """Store a pending sign-in for `seconds`; the browser sends it with the redirect back from the provider."""
        return f"{OAUTH_STATE_COOKIE}={value}; Max-Age={seconds}{self._oauth_attributes}"

    def delete(self, name: str) -> str:
        """Delete a cookie. Browsers require the attributes it was set with."""
        return f'{name}=""; Max-Age=0; Expires={_LONG_AGO}{self._attributes}'
