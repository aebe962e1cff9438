"""Everything about who is who, put together once for an application."""

import functools
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import structlog

from portico.brief import Brief
from portico.configuration import Adjustments, Configuration
from portico.errors import (
    ACTION_PROHIBITED,
    API_KEY_OUT_OF_BOUNDS,
    INVALID_CRED,
    INVALID_TOKEN,
    USER_MISMATCH,
    Forbidden,
    Invalid,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from portico.events import Bus, Listener
from portico.identity.actor import Actor
from portico.identity.directory import Directory
from portico.identity.entering.admission import Admission
from portico.identity.entering.links import Links
from portico.identity.entering.passwords import Passwords
from portico.identity.entering.ways import (
    AtTheDoor,
    AuthProvider,
    Kind,
    Proof,
    SignsOutElsewhere,
    Switchable,
    TokenReader,
    Witness,
    arrival,
)
from portico.identity.entering.welcome import Reception, Welcome
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

log = structlog.get_logger("portico.identity")

#: Which ways are asked first at the door they share.
AT_THE_DOOR: tuple[Kind, ...] = ("open", "header", "form", "redirect")


class Identity:
    """Accounts, sign-ins, passwords and permissions of one application.

    `secret` signs tokens. `pinned` and `pinned_permissions`: the fields of `settings` and `permission_defaults` that
    the operator set, so that nothing stored changes them. Raises: BadSettings for a weak secret or a lifetime that cannot be read.
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
        self._limiter = limiter
        self.signer = TokenSigner(secret, settings.session_lifetime)
        self.sessions = Sessions(self.signer, bus, settings.recheck, self._keep_up)
        self.directory = Directory(self.sessions, bus, self._default_role)
        self.roll = Roll()
        self.papers = Papers(bus)
        self.personal = Personal(bus)
        self.presence = Presence()
        self.visits = Presence("portico_session", "last_seen_at")
        self.sign_ins = SignIns(self.sessions, self.directory, self.visits)
        self.passwords = Passwords(settings.password_rounds)
        self.defaults = DefaultPermissions(
            permission_defaults or PermissionDefaults(),
            pinned_permissions,
            configuration,
        )
        self.cookies = Cookies(secure=secure_cookies, same_site=cookie_same_site)
        self.reception = Reception(
            self.sessions, self.directory, self.defaults, self.cookies, settings.recheck
        )
        self.links = Links()
        self.admission = Admission(self.directory, self.links, self._default_group)
        self.ways: dict[str, AuthProvider] = {}
        self._readers: list[TokenReader] = []
        self._witnesses: list[Witness] = []
        self._granted: Brief[str, tuple[str, ...]] = Brief(settings.recheck)
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

    def adopt(
        self, ways: Collection[AuthProvider] = (), readers: Collection[TokenReader] = ()
    ) -> None:
        """People come in by these ways too, and carry these tokens too."""
        self.ways.update((way.name, way) for way in ways)
        self._witnesses += [way for way in ways if isinstance(way, Witness)]
        self._readers += readers

    def disown(
        self, ways: Collection[AuthProvider] = (), readers: Collection[TokenReader] = ()
    ) -> None:
        """Not any more."""
        for way in ways:
            self.ways.pop(way.name, None)
        self._witnesses = [way for way in self.ways.values() if isinstance(way, Witness)]
        self._readers[:] = [one for one in self._readers if one not in readers]

    async def open_ways(self) -> list[AuthProvider]:
        """The ways by which people come in now, sorted by name."""
        ways = [self.ways[name] for name in sorted(self.ways)]
        return [way for way in ways if not isinstance(way, Switchable) or await way.is_on()]

    @property
    def asks_for_passwords(self) -> bool:
        """Whether people have passwords of their own. Not where whoever comes is named by a header, or let in anyway."""
        return not any(way.kind in ("open", "header") for way in self.ways.values())

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

    async def identify(self, scope: Mapping[str, Any]) -> Actor:
        """Who sent this ASGI request.

        Raises: Unauthenticated, saying whether there was no credential or a bad one; Forbidden for one that may not
        be used, or not like this; TooMany for one of many that are nobody's.
        """
        credential = credential_from(scope)
        if credential is None:
            raise Unauthenticated
        reader = next((r for r in self._readers if credential.token.startswith(r.prefix)), None)
        if reader is None:
            actor = await self.sessions.resolve(credential.token)
        elif credential.by_cookie:
            # A browser sends cookies without being asked: only what a sign-in put there is good there.
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)
        else:
            actor = await self._read(reader, credential.token, scope)
        if actor is None:
            raise Unauthenticated(INVALID_TOKEN)
        if self._witnesses and not all(one.agrees(scope, actor) for one in self._witnesses):
            raise Unauthenticated(USER_MISMATCH)
        self.presence.seen(actor.id)
        if reader is None:
            self.visits.seen(actor.session_id)
        return actor

    async def at_the_door(self, body: bytes, scope: Mapping[str, Any]) -> Welcome:
        """Sign in whoever is at the door that ways share: the first of them that takes the request decides.

        Raises: as `enter`; Misshapen; Forbidden if none of them takes it.
        """
        ways = sorted(self.ways.values(), key=lambda one: (AT_THE_DOOR.index(one.kind), one.name))
        for way in ways:
            attempt = way.knock(body, scope) if isinstance(way, AtTheDoor) else None
            if attempt is not None:
                return await self.enter(way, attempt, scope)
        raise Forbidden(ACTION_PROHIBITED)

    async def _read(
        self, reader: TokenReader, token: str, scope: Mapping[str, Any]
    ) -> Actor | None:
        """Who stands behind a token that is no session's. One that is nobody's counts as a try to get in.

        Those that are good are not counted, so nobody is kept out by whoever guesses from the same address.
        """
        actor = await reader.resolve(token)
        if actor is None and self._limiter is not None:
            client = scope.get("client")
            async with await self._limiter.check(reader.kind, client[0] if client else "", None):
                raise Unauthenticated(INVALID_TOKEN)
        return actor

    async def visitor(self, scope: Mapping[str, Any]) -> Actor | None:
        """Who is signed in, where nobody has to be: a credential that is not good is as good as none, and so is a key."""
        credential = credential_from(scope)
        if credential is None:
            return None
        actor = await self.sessions.resolve(credential.token)
        if actor is None or not all(one.agrees(scope, actor) for one in self._witnesses):
            return None
        return actor

    async def enter(self, way: AuthProvider, attempt: Any, scope: Mapping[str, Any]) -> Welcome:
        """Sign somebody in: the one door behind every way.

        `attempt`: what the way's own `authenticate` takes; `scope`: the ASGI request. Raises: what that raises;
        Invalid and Forbidden as `Admission.admit`.
        """
        found = await way.authenticate(attempt)
        if isinstance(found, Proof):
            account = await self.admission.admit(way.name, found, way.terms)
            return await self.welcome(way, account, scope, found.provider_session)
        return await self.welcome(way, found, scope)

    async def welcome(
        self,
        way: AuthProvider,
        account: Account,
        scope: Mapping[str, Any],
        provider_session: str | None = None,
    ) -> Welcome:
        """Open a session for somebody who is known already, such as whoever just signed up."""
        came = arrival(scope, way.name, provider_session)
        return await self.reception.sign_in(account, came)

    async def leave(self, token: str) -> str | None:
        """Sign out whoever has this token. Returns where the browser should go next; None = nowhere.

        A way that cannot end what it began elsewhere does not keep anybody signed in here.
        """
        try:
            return await self._leave_elsewhere(token)
        finally:
            await self.sessions.end(token)

    async def _leave_elsewhere(self, token: str) -> str | None:
        """Asked before the session ends: what the way keeps of it goes with it."""
        arrived = await self.sessions.arrived(token)
        way = self.ways.get(arrived.method) if arrived else None
        if arrived is None or not isinstance(way, SignsOutElsewhere):
            return None
        try:
            return await way.leave(arrived.session_id)
        except Exception as error:  # noqa: BLE001 - a plugin's; the session ends whatever it does
            log.warning("a sign-out elsewhere failed", way=way.name, error=type(error).__name__)
            return None

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

    def _hear(self, account_id: str) -> None:
        """Another instance has ended something of this account."""
        self._forget(None)
        self.vigil.ask_about(account_id)

    def _forget(self, _: object) -> None:
        """Somebody or some group is not what it was."""
        for memory in (self.sessions, self.reception, self._granted):
            memory.forget()

    async def is_permitted(self, actor: Actor, permission: str) -> bool:
        """Whether the tree permits `workspace.models` or the like; an administrator needs no permission."""
        return actor.is_admin or allows(await self.permissions_of(actor.id), permission)
