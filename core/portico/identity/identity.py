"""Everything about who is who, put together once for an application."""

import functools
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from portico.cache import TTLCache
from portico.errors import (
    INVALID_CRED,
    InvalidRequest,
    RateLimited,
    Unavailable,
)
from portico.events import EventBus, Listener
from portico.identity.accounts.account import Account
from portico.identity.accounts.account_list import AccountList
from portico.identity.accounts.last_seen import LastSeenTracker
from portico.identity.accounts.profile import Profiles
from portico.identity.accounts.user_data import UserData
from portico.identity.actor import Actor
from portico.identity.directory import Directory
from portico.identity.events import EVENTS, AccountDeleting
from portico.identity.groups.default_permissions import DefaultPermissions
from portico.identity.groups.permission_tree import PermissionTree, allows
from portico.identity.sessions.cookies import Cookies
from portico.identity.sessions.credentials import Credential, credential_from
from portico.identity.sessions.live_connections import LiveConnections
from portico.identity.sessions.revocation_broadcast import RevocationBroadcaster
from portico.identity.sessions.sessions import Sessions
from portico.identity.sessions.tokens import TokenSigner
from portico.identity.sign_in.authenticator import Authenticator
from portico.identity.sign_in.identity_links import IdentityLinks
from portico.identity.sign_in.passwords import Passwords
from portico.identity.sign_in.provisioning import AccountProvisioner
from portico.identity.sign_in.session_list import SessionList
from portico.identity.sign_in.session_response import SessionResponder
from portico.rate_limits import RateLimiter
from portico.redis import RedisConnection
from portico.runtime_settings import RuntimeSettings, SettingsStore
from portico.settings.permissions import PermissionDefaults
from portico.settings.redis import RedisSettings
from portico.settings.schema import IdentitySettings
from portico.settings.section import Secret


class Identity(Authenticator):
    """Accounts, sign-ins, passwords and permissions of one application.

    `secret` signs tokens. `pinned` and `pinned_permissions`: the fields of `settings` and `permission_defaults` that
    the operator set, so that nothing stored changes them. Raises: BadSettings for a weak secret, or a lifetime that
    cannot be read.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        secret: Secret,
        bus: EventBus,
        permission_defaults: PermissionDefaults | None = None,
        *,
        configuration: SettingsStore | None = None,
        adjustments: RuntimeSettings | None = None,
        limiter: RateLimiter | None = None,
        pinned: Collection[str] = (),
        redis: RedisConnection | None = None,
        pinned_permissions: Collection[str] = (),
        secure_cookies: bool = False,
        cookie_same_site: str = "lax",
    ) -> None:
        configuration = configuration or SettingsStore(bus, settings.recheck)
        self._adjusted = (adjustments or RuntimeSettings(configuration)).add(settings, pinned)
        self.signer = TokenSigner(secret, settings.session_lifetime)
        sessions = Sessions(self.signer, bus, settings.recheck, self._refresh_token_lifetime)
        self.directory = Directory(sessions, bus, self._default_role)
        self.account_list = AccountList()
        self.user_data = UserData(bus)
        self.profiles = Profiles(bus)
        self.passwords = Passwords(settings.password_rounds)
        self.defaults = DefaultPermissions(
            permission_defaults or PermissionDefaults(),
            pinned_permissions,
            configuration,
        )
        self.cookies = Cookies(secure=secure_cookies, same_site=cookie_same_site)
        self.links = IdentityLinks()
        super().__init__(
            sessions,
            AccountProvisioner(self.directory, self.links, self._default_group),
            SessionResponder(
                sessions, self.directory, self.defaults, self.cookies, settings.recheck
            ),
            presence=LastSeenTracker(),
            visits=LastSeenTracker("portico_session", "last_seen_at"),
            limiter=limiter,
        )
        self.sign_ins = SessionList(sessions, self.directory, self.session_presence)
        self._granted: TTLCache[str, tuple[str, ...]] = TTLCache(settings.recheck)
        self._count_cache: TTLCache[None, int] = TTLCache(settings.recheck)
        self.live_connections = LiveConnections(
            settings.blind_grace, self._readers, functools.partial(self._clear_caches, None)
        )
        self._herald = RevocationBroadcaster(
            redis or RedisConnection(RedisSettings()), self._on_remote_revocation
        )
        bus.subscribe("portico", [Listener(event, self._clear_caches) for event in EVENTS])
        bus.subscribe("portico", [*self.live_connections.listeners(), *self._herald.listeners()])
        bus.subscribe("portico", [Listener(AccountDeleting, self.directory.account_leaving)])

    def start(self) -> None:
        """Begin to write down who is here, and to watch who stays. Needs the running loop, and the database in use."""
        self.presence.start()
        self.session_presence.start()
        self.live_connections.start()
        self._herald.start()

    async def stop(self) -> None:
        """End what `start` began."""
        await self.live_connections.stop()
        await self._herald.stop()
        await self.session_presence.stop()
        await self.presence.stop()

    @property
    def settings(self) -> IdentitySettings:
        """The settings as they were when `current_settings` was last asked, which every sign-in and every request does."""
        return self._adjusted.cached

    async def current_settings(self) -> IdentitySettings:
        """The settings of now: an administrator may have stored others than the operator's."""
        return await self._adjusted.current()

    async def _refresh_token_lifetime(self) -> None:
        self.signer.set_lifetime((await self._adjusted.current()).session_lifetime)

    async def _default_role(self) -> str:
        return (await self._adjusted.current()).default_role

    async def _default_group(self) -> str:
        return (await self._adjusted.current()).default_group

    def credential(self, scope: Mapping[str, Any]) -> Credential | None:
        """The token this ASGI request carries, whatever it is worth, and how it came."""
        return credential_from(scope)

    async def check_password(self, email: str, password: str) -> Account:
        """Whose e-mail address and password these are.

        Raises: Invalid, the same for every reason and after the same time; RateLimited if too many are asking.
        """
        account, hashed = await self.directory.password_hash_of(email)
        if not await self.passwords.verify(password, hashed) or account is None:
            raise InvalidRequest(INVALID_CRED)
        if hashed is not None and self.passwords.is_outdated(hashed):
            await self._renew_hash(account.id, password, hashed)
        return account

    async def _renew_hash(self, account_id: str, password: str, hashed: str) -> None:
        """Hash a password that was just proven as the operator wants it now. There is a next time if that fails."""
        with suppress(RateLimited, Unavailable):
            renewed = await self.passwords.rehash(password)
            await self.directory.renew_hash(account_id, hashed, renewed)

    async def permissions_of(self, account_id: str) -> PermissionTree:
        """What somebody may do by the permission tree. Leave the result as it is: it is shared."""
        # What groups grant and what the defaults are is remembered apart: two moments do not add up.
        granted = await self._granted.get_or_load(account_id, self.directory.group_permissions)
        return (await self.defaults.trees()).of(granted or ()).tree

    async def account_count(self) -> int:
        """How many accounts there are. One statement a moment, for it is asked with every page that is loaded."""
        return await self._count_cache.get_or_load(None, lambda _: self.directory.count()) or 0

    def _on_remote_revocation(self, account_id: str) -> None:
        """Another instance has ended something of this account."""
        self._clear_caches(None)
        self.live_connections.recheck_account(account_id)

    def _clear_caches(self, _: object) -> None:
        """Somebody or some group is not what it was."""
        for memory in (self.sessions, self.reception, self._granted, self._count_cache):
            memory.clear()

    async def is_permitted(self, actor: Actor, permission: str) -> bool:
        """Whether the tree permits `workspace.models` or the like; an administrator needs no permission."""
        return actor.is_admin or allows(await self.permissions_of(actor.id), permission)
