"""Everything about who is who, put together once for an application."""

from collections.abc import Collection, Mapping
from typing import Any

from portico.brief import Brief
from portico.configuration import Configuration
from portico.errors import INVALID_CRED, Invalid
from portico.events import Bus, Listener
from portico.identity.account import Account
from portico.identity.actor import Actor
from portico.identity.cookies import Cookies
from portico.identity.credentials import Credential, credential_from, identify
from portico.identity.defaults import DefaultPermissions
from portico.identity.directory import Directory
from portico.identity.events import EVENTS, AccountLeaving
from portico.identity.papers import Papers
from portico.identity.passwords import Passwords
from portico.identity.permission_tree import Tree, allows
from portico.identity.presence import Presence
from portico.identity.roll import Roll
from portico.identity.sessions import Sessions
from portico.identity.tokens import TokenSigner
from portico.identity.welcome import Reception
from portico.settings.permissions import PermissionDefaults
from portico.settings.schema import IdentitySettings
from portico.settings.section import Secret


class Identity:
    """Accounts, sign-ins, passwords and permissions of one application.

    `secret` signs tokens. `pinned_permissions`: the fields of `permission_defaults` that the operator set, so that
    nothing stored changes them. Raises: BadSettings for a weak secret or a lifetime that cannot be read.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        secret: Secret,
        bus: Bus,
        permission_defaults: PermissionDefaults | None = None,
        *,
        configuration: Configuration | None = None,
        pinned_permissions: Collection[str] = (),
        secure_cookies: bool = False,
        cookie_same_site: str = "lax",
    ) -> None:
        self.settings = settings
        self.signer = TokenSigner(secret, settings.session_lifetime)
        self.sessions = Sessions(self.signer, bus, settings.recheck)
        self.directory = Directory(self.sessions, bus, settings.default_role)
        self.roll = Roll()
        self.papers = Papers(bus)
        self.presence = Presence()
        self.passwords = Passwords(settings.password_rounds)
        self.defaults = DefaultPermissions(
            permission_defaults or PermissionDefaults(),
            pinned_permissions,
            configuration or Configuration(bus, settings.recheck),
        )
        self.cookies = Cookies(secure=secure_cookies, same_site=cookie_same_site)
        self.reception = Reception(
            self.sessions, self.directory, self.defaults, self.cookies, settings.recheck
        )
        self._granted: Brief[str, tuple[str, ...]] = Brief(settings.recheck)
        bus.listen("portico", [Listener(event, self._forget) for event in EVENTS])
        bus.listen("portico", [Listener(AccountLeaving, self.directory.account_leaving)])

    async def identify(self, scope: Mapping[str, Any]) -> Actor:
        """Who sent this ASGI request. Raises: Unauthenticated."""
        actor = await identify(self.sessions, scope)
        self.presence.seen(actor.id)
        return actor

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
        return account

    async def permissions_of(self, account_id: str) -> Tree:
        """What somebody may do by the permission tree. Leave the result as it is: it is shared."""
        # What groups grant and what the defaults are is remembered apart: two moments do not add up.
        granted = await self._granted.get(account_id, self.directory.group_permissions)
        return (await self.defaults.trees()).of(granted or ()).tree

    def _forget(self, _: object) -> None:
        """Somebody or some group is not what it was."""
        for memory in (self.sessions, self.reception, self._granted):
            memory.forget()

    async def is_permitted(self, actor: Actor, permission: str) -> bool:
        """Whether the tree permits `workspace.models` or the like; an administrator needs no permission."""
        return actor.is_admin or allows(await self.permissions_of(actor.id), permission)
