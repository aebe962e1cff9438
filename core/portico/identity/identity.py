"""Everything about who is who, put together once for an application."""

import functools
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from portico.brief import Brief
from portico.configuration import Adjustments, Configuration
from portico.errors import (
    INVALID_CRED,
    Invalid,
    TooMany,
    Unavailable,
)
from portico.events import Bus, Listener
from portico.identity.actor import Actor
from portico.identity.directory import Directory
from portico.identity.entering.admission import Admission
from portico.identity.entering.doors import Doors
from portico.identity.entering.links import Links
from portico.identity.entering.passwords import Passwords
from portico.identity.entering.welcome import Reception
from portico.identity.events import EVENTS, AccountLeaving
from portico.identity.groups.defaults import DefaultPermissions
from portico.identity.groups.permission_tree import Tree, allows
from portico.identity.people.account import Account
from portico.identity.people.papers import Papers
from portico.identity.people.personal import Personal
from portico.identity.people.presence import Presence
from portico.identity.people.roll import Roll
from portico.identity.sessions.cookies import Cookies
from portico.identity.sessions.credentials import Credential, credential_from
from portico.identity.sessions.herald import Herald
from portico.identity.sessions.sessions import Sessions
from portico.identity.sessions.sign_ins import SignIns
from portico.identity.sessions.tokens import TokenSigner
from portico.identity.sessions.vigil import Vigil
from portico.limits import Limiter
from portico.redis import Redis
from portico.settings.permissions import PermissionDefaults
from portico.settings.redis import RedisSettings
from portico.settings.schema import IdentitySettings
from portico.settings.section import Secret


class Identity(Doors):
    """Accounts, sign-ins, passwords and permissions of one application.

    `secret` signs tokens. `pinned` and `pinned_permissions`: the fields of `settings` and `permission_defaults` that
    the operator set, so that nothing stored changes them. Raises: BadSettings for a weak secret, or a lifetime that
    cannot be read.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        secret: Secret,
        bus: Bus,
        permission_defaults: PermissionDefaults | None = None,
        *,
        configuration: Configuration | None = None,
        adjustments: Adjustments | None = None,
        limiter: Limiter | None = None,
        pinned: Collection[str] = (),
        redis: Redis | None = None,
        pinned_permissions: Collection[str] = (),
        secure_cookies: bool = False,
        cookie_same_site: str = "lax",
    ) -> None:
        configuration = configuration or Configuration(bus, settings.recheck)
        self._adjusted = (adjustments or Adjustments(configuration)).add(settings, pinned)
        self.signer = TokenSigner(secret, settings.session_lifetime)
        sessions = Sessions(self.signer, bus, settings.recheck, self._keep_up)
        self.directory = Directory(sessions, bus, self._default_role)
        self.roll = Roll()
        self.papers = Papers(bus)
        self.personal = Personal(bus)
        self.passwords = Passwords(settings.password_rounds)
        self.defaults = DefaultPermissions(
            permission_defaults or PermissionDefaults(),
            pinned_permissions,
            configuration,
        )
        self.cookies = Cookies(secure=secure_cookies, same_site=cookie_same_site)
        self.links = Links()
        super().__init__(
            sessions,
            Admission(self.directory, self.links, self._default_group),
            Reception(sessions, self.directory, self.defaults, self.cookies, settings.recheck),
            presence=Presence(),
            visits=Presence("portico_session", "last_seen_at"),
            limiter=limiter,
        )
        self.sign_ins = SignIns(sessions, self.directory, self.visits)
        self._granted: Brief[str, tuple[str, ...]] = Brief(settings.recheck)
        self._heads: Brief[None, int] = Brief(settings.recheck)
        self.vigil = Vigil(
            settings.blind_grace, self._readers, functools.partial(self._forget, None)
        )
        self._herald = Herald(redis or Redis(RedisSettings()), self._hear)
        bus.listen("portico", [Listener(event, self._forget) for event in EVENTS])
        bus.listen("portico", [*self.vigil.listeners(), *self._herald.listeners()])
        bus.listen("portico", [Listener(AccountLeaving, self.directory.account_leaving)])

    def start(self) -> None:
        """Begin to write down who is here, and to watch who stays. Needs the running loop, and the database in use."""
        self.presence.start()
        self.visits.start()
        self.vigil.start()
        self._herald.start()

    async def stop(self) -> None:
        """End what `start` began."""
        await self.vigil.stop()
        await self._herald.stop()
        await self.visits.stop()
        await self.presence.stop()

    @property
    def settings(self) -> IdentitySettings:
        """The settings as they were when `in_force` was last asked, which every sign-in and every request does."""
        return self._adjusted.latest

    async def in_force(self) -> IdentitySettings:
        """The settings of now: an administrator may have stored others than the operator's."""
        return await self._adjusted.now()

    async def _keep_up(self) -> None:
        self.signer.give((await self._adjusted.now()).session_lifetime)

    async def _default_role(self) -> str:
        return (await self._adjusted.now()).default_role

    async def _default_group(self) -> str:
        return (await self._adjusted.now()).default_group

    def credential(self, scope: Mapping[str, Any]) -> Credential | None:
        """The token this ASGI request carries, whatever it is worth, and how it came."""
        return credential_from(scope)

    async def prove(self, email: str, password: str) -> Account:
        """Whose e-mail address and password these are.

        Raises: Invalid, the same for every reason and after the same time; TooMany if too many are asking.
        """
        account, hashed = await self.directory.proof(email)
        if not await self.passwords.verify(password, hashed) or account is None:
            raise Invalid(INVALID_CRED)
        if hashed is not None and self.passwords.is_outdated(hashed):
            await self._renew_hash(account.id, password, hashed)
        return account

    async def _renew_hash(self, account_id: str, password: str, hashed: str) -> None:
        """Hash a password that was just proven as the operator wants it now. There is a next time if that fails."""
        with suppress(TooMany, Unavailable):
            renewed = await self.passwords.rehash(password)
            await self.directory.renew_hash(account_id, hashed, renewed)

    async def permissions_of(self, account_id: str) -> Tree:
        """What somebody may do by the permission tree. Leave the result as it is: it is shared."""
        # What groups grant and what the defaults are is remembered apart: two moments do not add up.
        granted = await self._granted.get(account_id, self.directory.group_permissions)
        return (await self.defaults.trees()).of(granted or ()).tree

    async def head_count(self) -> int:
        """How many accounts there are. One statement a moment, for it is asked with every page that is loaded."""
        return await self._heads.get(None, lambda _: self.directory.count()) or 0

    def _hear(self, account_id: str) -> None:
        """Another instance has ended something of this account."""
        self._forget(None)
        self.vigil.ask_about(account_id)

    def _forget(self, _: object) -> None:
        """Somebody or some group is not what it was."""
        for memory in (self.sessions, self.reception, self._granted, self._heads):
            memory.forget()

    async def is_permitted(self, actor: Actor, permission: str) -> bool:
        """Whether the tree permits `workspace.models` or the like; an administrator needs no permission."""
        return actor.is_admin or allows(await self.permissions_of(actor.id), permission)
