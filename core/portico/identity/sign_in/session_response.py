"""The response to a sign-in and to a request for the current session: account, token and permissions.

All providers use it, so their responses have the same form.
"""

from typing import Any

import msgspec

from portico.cache import TTLCache
from portico.db import fetch_all
from portico.errors import INVALID_TOKEN, Unauthenticated
from portico.identity.accounts.account import Account
from portico.identity.groups.default_permissions import DefaultPermissions
from portico.identity.groups.groups import Groups
from portico.identity.sessions.actor import SESSION_CREDENTIAL, Actor
from portico.identity.sessions.cookies import Cookies
from portico.identity.sessions.session_origin import SessionOrigin
from portico.identity.sessions.sessions import Sessions, SessionToken

# One row for each group, or one without; the account is the same in all.
_PROFILE = (
    "SELECT a.bio, a.gender, a.date_of_birth, a.status_emoji, a.status_message, "
    "a.status_expires_at, g.permissions FROM portico_account a "
    "LEFT JOIN portico_group_member m ON m.account_id = a.id "
    "LEFT JOIN portico_group g ON g.id = m.group_id WHERE a.id = $1 ORDER BY g.id"
)


#: Additional columns of an account for its owner, and the permissions of its groups (JSON text each).
Profile = tuple[dict[str, Any], tuple[str, ...]]


class SessionUser(msgspec.Struct, kw_only=True):
    """The response to a sign-in. Units: `expires_at` in epoch seconds; None = never.

    `permissions`: the effective tree, the same for administrators as for others; clients look at `role` first.
    """

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_at: int | None
    permissions: Any  # a tree, already JSON: see `EffectivePermissions`


class SessionUserInfo(SessionUser, kw_only=True):
    """The response to a request for the current session. Shape: `date_of_birth` is `YYYY-MM-DD`."""

    bio: str | None
    gender: str | None
    date_of_birth: str | None
    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None


class SignInResult(msgspec.Struct, frozen=True):
    """A response as JSON, and its `Set-Cookie` header; None = no cookie."""

    body: bytes
    cookie: bytes | None
    session: SessionToken | None = None  # of a new sign-in


class SessionResponder:
    """Builds the responses that describe a session."""

    def __init__(
        self,
        sessions: Sessions,
        groups: Groups,
        defaults: DefaultPermissions,
        cookies: Cookies,
        cache_seconds: float = 0,
    ) -> None:
        self._sessions = sessions
        self._groups = groups
        self._defaults = defaults
        self._cookies = cookies
        self._encode = msgspec.json.Encoder().encode
        self.cache: TTLCache[str, Profile] = TTLCache(cache_seconds)

    async def sign_in(self, account: Account, origin: SessionOrigin | None = None) -> SignInResult:
        """Open a session for an account that was just authenticated, and describe it."""
        session = await self._sessions.open(account, origin)
        granted = await self._groups.permissions_of_account(account.id)
        user = SessionUser(
            id=account.id,
            name=account.name,
            role=account.role,
            email=account.email,
            profile_image_url=account.profile_image_url,
            token=session.token,
            expires_at=session.expires_at,
            permissions=await self._permissions(granted),
        )
        return self._result(user, session)

    async def describe_session(self, actor: Actor, token: str) -> SignInResult:
        """Describe the session of `token`. The profile is cached for `cache_seconds`.

        An API key is described without an expiry and never set as a cookie. Raises: Unauthenticated if the account was
        deleted meanwhile.
        """
        profile = await self.cache.get_or_load(actor.id, self._profile)
        if profile is None:
            raise Unauthenticated(INVALID_TOKEN)
        details, granted = profile
        by_session = actor.credential == SESSION_CREDENTIAL
        user = SessionUserInfo(
            id=actor.id,
            name=actor.name,
            role=actor.role,
            email=actor.email,
            profile_image_url=actor.profile_image_url,
            token=token,
            expires_at=self._sessions.expiry(token) if by_session else None,
            permissions=await self._permissions(granted),
            **details,
        )
        return self._result(user) if by_session else SignInResult(self._encode(user), None)

    async def _profile(self, account_id: str) -> Profile | None:
        rows = await fetch_all(_PROFILE, account_id)
        if not rows:
            return None
        granted = tuple(text for row in rows if (text := row.pop("permissions")) is not None)
        return rows[0], granted

    async def _permissions(self, granted: tuple[str, ...]) -> msgspec.Raw:
        return (await self._defaults.trees()).of(granted).json

    def clear(self) -> None:
        """Drop all cached profiles."""
        self.cache.clear()

    def _result(self, user: SessionUser, session: SessionToken | None = None) -> SignInResult:
        cookie = self._cookies.session(user.token, user.expires_at)
        return SignInResult(self._encode(user), cookie.encode(), session)
