"""Facade of everything about accounts and sessions, built once for an application."""

import functools
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from portico.cache import TTLCache
from portico.db import now
from portico.errors import INVALID_CRED, InvalidRequest, RateLimited, Unavailable
from portico.events import EventBus, Listener
from portico.identity.accounts.account import Account
from portico.identity.accounts.account_list import AccountList
from portico.identity.accounts.account_rows import AccountRows
from portico.identity.accounts.accounts import Accounts
from portico.identity.accounts.events import (
    AccountChanged,
    AccountCreated,
    AccountDeleted,
    AccountDeleting,
)
from portico.identity.accounts.last_seen import ACTIVE_SECONDS, LastSeenTracker
from portico.identity.accounts.profile import Profiles
from portico.identity.accounts.user_data import UserData
from portico.identity.groups.default_permissions import DefaultPermissions
from portico.identity.groups.events import GroupChanged
from portico.identity.groups.group_rows import GroupRows
from portico.identity.groups.groups import Groups
from portico.identity.groups.permission_tree import PermissionTree, allows
from portico.identity.sessions.actor import Actor
from portico.identity.sessions.cookies import Cookies
from portico.identity.sessions.credentials import USED_CREDENTIAL, Credential, credential_from
from portico.identity.sessions.events import SessionRevoked
from portico.identity.sessions.live_connections import LiveConnections
from portico.identity.sessions.revocation_broadcast import RevocationBroadcaster
from portico.identity.sessions.sessions import Sessions
from portico.identity.sessions.tokens import TokenSigner
from portico.identity.sign_in.authenticator import Authenticator, IsolateFn, call_directly
from portico.identity.sign_in.identity_links import IdentityLinks
from portico.identity.sign_in.passwords import PasswordRule, Passwords
from portico.identity.sign_in.providers import ExternalIdentity, ProvisioningRules
from portico.identity.sign_in.provisioning import AccountProvisioner
from portico.identity.sign_in.session_list import SessionList
from portico.identity.sign_in.session_response import SessionResponder, SignInResult
from portico.instances import ChangedElsewhere
from portico.rate_limits import RateLimiter
from portico.redis import RedisConnection
from portico.runtime_settings import RuntimeSettings, SettingsStore
from portico.settings.identity import IdentitySettings
from portico.settings.permissions import PermissionDefaults
from portico.settings.redis import RedisSettings
from portico.settings.section import Secret

#: The events after which cached data of accounts and groups is out of date.
INVALIDATING_EVENTS = (
    AccountCreated,
    AccountChanged,
    AccountDeleted,
    SessionRevoked,
    GroupChanged,
    ChangedElsewhere,
)


class Identity:
    """Accounts, groups, sessions, authentication and default permissions of one application.

    Its parts are attributes: `accounts`, `account_list`, `account_rows`, `profiles`, `user_data`, `groups`, `sessions`, `session_list`,
    `group_rows`, `auth`, `links`, `defaults`, `cookies`, `live_connections`, `presence` and `session_presence`.

    `secret` signs tokens. `pinned`, `pinned_permissions`: fields of `settings` and `permission_defaults` that the
    operator set; stored values do not change them. `isolate`: calls ways of signing in. Raises: BadSettings for a weak secret or an unreadable lifetime.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        secret: Secret,
        bus: EventBus,
        permission_defaults: PermissionDefaults | None = None,
        *,
        store: SettingsStore | None = None,
        runtime_settings: RuntimeSettings | None = None,
        limiter: RateLimiter | None = None,
        pinned: Collection[str] = (),
        redis: RedisConnection | None = None,
        pinned_permissions: Collection[str] = (),
        secure_cookies: bool = False,
        cookie_same_site: str = "lax",
        cookie_path: str = "/",
        isolate: IsolateFn = call_directly,
    ) -> None:
        cache_seconds = settings.session_cache_seconds
        store = store or SettingsStore(bus, settings.base_cache_seconds)
        self._settings = (runtime_settings or RuntimeSettings(store)).add(settings, pinned)
        self.signer = TokenSigner(secret, settings.session_lifetime)
        self.sessions = Sessions(self.signer, bus, cache_seconds, self._refresh_token_lifetime)
        self.accounts = Accounts(self.sessions, bus, self._default_role)
        self.account_list = AccountList()
        self.account_rows = AccountRows()
        self.user_data = UserData(bus)
        self.profiles = Profiles(bus)
        self.groups = Groups(bus)
        self.group_rows = GroupRows()
        self._passwords = Passwords(settings.bcrypt_rounds)
        self.defaults = DefaultPermissions(
            permission_defaults or PermissionDefaults(), pinned_permissions, store
        )
        self.cookies = Cookies(secure=secure_cookies, same_site=cookie_same_site, path=cookie_path)
        self.links = IdentityLinks()
        self.presence = LastSeenTracker()
        self.session_presence = LastSeenTracker("portico_session", "last_seen_at")
        self._provisioner = AccountProvisioner(
            self.accounts, self.groups, self.links, self._default_group
        )
        self._responder = SessionResponder(
            self.sessions, self.groups, self.defaults, self.cookies, cache_seconds
        )
        self.auth = Authenticator(
            self.sessions,
            self._provisioner,
            self._responder,
            presence=self.presence,
            session_presence=self.session_presence,
            limiter=limiter,
            isolate=isolate,
        )
        self.session_list = SessionList(self.sessions, self.accounts, self.session_presence)
        self._group_permissions: TTLCache[str, tuple[str, ...]] = TTLCache(
            settings.base_cache_seconds
        )
        self._count_cache: TTLCache[None, int] = TTLCache(cache_seconds)
        self._active_cache: TTLCache[None, int] = TTLCache(settings.base_cache_seconds)
        self.caches: Mapping[str, TTLCache[Any, Any]] = {
            "sessions": self.sessions.cache,
            "profiles": self._responder.cache,
            "group_permissions": self._group_permissions,
        }
        self.live_connections = LiveConnections(
            settings.revocation_grace_seconds,
            self.auth.token_authenticators,
            functools.partial(self._clear_caches, None),
        )
        self._broadcaster = RevocationBroadcaster(
            redis or RedisConnection(RedisSettings()), self._on_remote_revocation
        )
        bus.subscribe(
            "portico", [Listener(event, self._clear_caches) for event in INVALIDATING_EVENTS]
        )
        bus.subscribe(
            "portico", [*self.live_connections.listeners(), *self._broadcaster.listeners()]
        )
        bus.subscribe("portico", [Listener(AccountDeleting, self.groups.on_account_deleting)])

    def start(self) -> None:
        """Start the background tasks. Needs a running event loop and an open database."""
        self.presence.start()
        self.session_presence.start()
        self.live_connections.start()
        self._broadcaster.start()

    async def stop(self) -> None:
        """Stop the background tasks and write pending last-seen times."""
        await self.live_connections.stop()
        await self._broadcaster.stop()
        await self.session_presence.stop()
        await self.presence.stop()

    @property
    def settings(self) -> IdentitySettings:
        """The settings that `current_settings` returned last. Every request and every sign-in refreshes them."""
        return self._settings.cached

    async def current_settings(self) -> IdentitySettings:
        """Return the settings, with those that an administrator changed at run time."""
        return await self._settings.current()

    async def _refresh_token_lifetime(self) -> None:
        self.signer.set_lifetime((await self._settings.current()).session_lifetime)

    async def _default_role(self) -> str:
        return (await self._settings.current()).default_role

    async def _default_group(self) -> str:
        return (await self._settings.current()).default_group

    def credential(self, scope: Mapping[str, Any]) -> Credential | None:
        """Return the token of this ASGI request and where it was, without verifying it.

        Of a request whose caller is known, it is the token that has identified them, never that of a proxy in front.
        """
        used: Credential | None = scope.get(USED_CREDENTIAL)
        return used or credential_from(scope)

    async def check_password(self, email: str, password: str) -> Account:
        """Return the account with this e-mail address and password.

        Raises: InvalidRequest, with the same text and after the same time for every reason; RateLimited if too many
        checks are queued.
        """
        account, hashed = await self.accounts.password_hash_of(email)
        if not await self._passwords.verify(password, hashed) or account is None:
            raise InvalidRequest(INVALID_CRED)
        if hashed is not None and self._passwords.is_outdated(hashed):
            await self._renew_hash(account.id, password, hashed)
        return account

    def check_new_password(self, password: str) -> None:
        """Validate a new password. Raises: InvalidRequest if it is empty, over 72 bytes or against the rule."""
        self._passwords.check(password)

    async def hash_password(self, password: str) -> str:
        """Return the hash of a new password, for `accounts.create` and `accounts.set_password_hash`.

        Raises: InvalidRequest as `check_new_password`; RateLimited if too many passwords are queued.
        """
        return await self._passwords.hash(password)

    def set_password_rule(self, rule: PasswordRule | None) -> None:
        """Set the rule for new passwords; None = no rule."""
        self._passwords.set_rule(rule)

    async def _renew_hash(self, account_id: str, password: str, hashed: str) -> None:
        """Store the hash of a verified password at the configured cost. A failure is ignored: the next sign-in retries."""
        with suppress(RateLimited, Unavailable):
            renewed = await self._passwords.rehash(password)
            await self.accounts.renew_hash(account_id, hashed, renewed)

    async def describe_session(self, actor: Actor, token: str) -> SignInResult:
        """Return the session of `token`; see `SessionResponder.describe_session`."""
        return await self._responder.describe_session(actor, token)

    async def provision(
        self, provider: str, external: ExternalIdentity, rules: ProvisioningRules
    ) -> Account:
        """Find, link or create the account of an external identity; see `AccountProvisioner.provision`."""
        return await self._provisioner.provision(provider, external, rules)

    async def join_default_group(self, account_id: str) -> None:
        """Add a new account to the default group, if one is configured and exists."""
        await self._provisioner.join_default_group(account_id)

    async def permissions_of(self, account_id: str) -> PermissionTree:
        """Return the effective permission tree of an account. The result is shared: do not change it."""
        # Group permissions and defaults are cached apart, so their delays do not add up.
        granted = await self._group_permissions.get_or_load(
            account_id, self.groups.permissions_of_account
        )
        return (await self.defaults.trees()).of(granted or ()).tree

    async def account_count(self) -> int:
        """Return the number of accounts, cached: every page load asks for it."""
        return await self._count_cache.get_or_load(None, lambda _: self.accounts.count()) or 0

    async def active_count(self) -> int:
        """Return the number of accounts that were seen within the last three minutes, cached for half a second.

        Other instances write within half a second who has become active, and about once a minute who still is.
        """
        return await self._active_cache.get_or_load(None, self._count_active) or 0

    async def _count_active(self, _: None) -> int:
        stored = await self.accounts.count_active(now() - ACTIVE_SECONDS)
        return max(stored, self.presence.active_count())

    def _on_remote_revocation(self, account_id: str) -> None:
        """Another instance ended sessions or keys of this account."""
        self._clear_caches(None)
        self.live_connections.recheck_account(account_id)

    def _clear_caches(self, _: object) -> None:
        """Drop everything that was cached about accounts and groups."""
        for cache in (self.sessions, self._responder, self._group_permissions, self._count_cache):
            cache.clear()

    async def is_permitted(self, actor: Actor, permission: str) -> bool:
        """Whether the tree grants a permission such as `workspace.models`. Administrators need none."""
        return actor.is_admin or allows(await self.permissions_of(actor.id), permission)
