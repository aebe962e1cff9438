"""Everything about who is who, put together once for an application."""

from collections.abc import Mapping
from typing import Any

from portico.errors import INVALID_CRED, Invalid
from portico.events import Bus, Listener
from portico.identity.account import Account
from portico.identity.actor import Actor
from portico.identity.brief import Brief
from portico.identity.cookies import Cookies
from portico.identity.credentials import Credential, credential_from, identify
from portico.identity.directory import Directory
from portico.identity.events import EVENTS
from portico.identity.passwords import Passwords
from portico.identity.permission_tree import PermissionTrees, Tree, allows
from portico.identity.sessions import Sessions
from portico.identity.tokens import TokenSigner
from portico.identity.welcome import Reception
from portico.settings.permissions import PermissionDefaults
from portico.settings.schema import IdentitySettings
from portico.settings.section import Secret


class Identity:
    """Accounts, sign-ins, passwords and permissions of one application.

    `secret` signs tokens. Raises: BadSettings for a weak secret or a lifetime that cannot be read.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        secret: Secret,
        bus: Bus,
        permission_defaults: PermissionDefaults | None = None,
        *,
        secure_cookies: bool = False,
        cookie_same_site: str = "lax",
    ) -> None:
        self.settings = settings
        self.signer = TokenSigner(secret, settings.session_lifetime)
        self.sessions = Sessions(self.signer, bus, settings.recheck)
        self.directory = Directory(self.sessions, bus, settings.default_role)
        self.passwords = Passwords(settings.password_rounds)
        self.permissions = PermissionTrees(permission_defaults or PermissionDefaults())
        self.cookies = Cookies(secure=secure_cookies, same_site=cookie_same_site)
        self.reception = Reception(
            self.sessions, self.directory, self.permissions, self.cookies, settings.recheck
        )
        self._trees: Brief[str, Tree] = Brief(settings.recheck)
        bus.listen("portico", [Listener(event, self._forget) for event in EVENTS])

    async def identify(self, scope: Mapping[str, Any]) -> Actor:
        """Who sent this ASGI request. Raises: Unauthenticated."""
        return await identify(self.sessions, scope)

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
        return await self._trees.get(account_id, self._tree) or {}

    async def _tree(self, account_id: str) -> Tree:
        return self.permissions.of(await self.directory.group_permissions(account_id)).tree

    def _forget(self, _: object) -> None:
        """Somebody or some group is not what it was."""
        for memory in (self.sessions, self.reception, self._trees):
            memory.forget()

    async def is_permitted(self, actor: Actor, permission: str) -> bool:
        """Whether the tree permits `workspace.models` or the like; an administrator needs no permission."""
        return actor.is_admin or allows(await self.permissions_of(actor.id), permission)
