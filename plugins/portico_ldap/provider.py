"""The way in by the directory's password. No HTTP."""

from typing import Literal, NamedTuple

from portico.api import (
    ACTION_PROHIBITED,
    INVALID_CRED,
    Forbidden,
    House,
    Invalid,
    Proof,
    Role,
    Terms,
)
from portico_ldap.configured import Configured
from portico_ldap.directory import FAILED, Directory
from portico_ldap.person import is_administrator, proof_of, subject_of
from portico_ldap.schemas import LdapForm
from portico_ldap.server import Server
from portico_ldap.settings import Settings
from portico_ldap.wire import Entry

#: Characters; no directory names anybody at greater length, and no person types more.
LONGEST_USER, LONGEST_PASSWORD = 256, 1024


class NotEnabled(Invalid):
    """Nobody comes in by the directory now."""

    default = "LDAP authentication is not enabled"


class Try(NamedTuple):
    """A form that was filled in, and the address it came from."""

    form: LdapForm
    address: str


class LdapSignIn:
    """The way called `ldap`, of one house."""

    name = "ldap"
    kind: Literal["form"] = "form"

    def __init__(self, house: House, settings: Settings) -> None:
        self._identity = house.identity
        self._configured = Configured(house, settings)
        self._directory = Directory(settings)
        self._limiter = house.limiter

    @property
    def label(self) -> str:
        """What the form is called."""
        return self._configured.latest.label

    @property
    def terms(self) -> Terms:
        """The operator's. The first account of a house is always made."""
        settings = self._configured.latest
        return Terms(
            newcomers=settings.newcomers,
            founder=True,
            merge=settings.merge,
            new_groups=settings.group_creation,
        )

    async def is_on(self) -> bool:
        """Whether it lets anybody in now."""
        settings = await self._configured.now()
        return settings.enable and settings.enable_password_auth

    async def authenticate(self, attempt: Try) -> Proof:
        """What the directory says about whoever has this name and password.

        Raises: NotEnabled; Forbidden; Invalid, the same for every wrong pair; SourceFailed and SourceTimedOut if the
        directory cannot be asked; TooMany.
        """
        settings = await self._configured.now()
        if not settings.enable:
            raise NotEnabled
        if not settings.enable_password_auth:
            raise Forbidden(ACTION_PROHIBITED)
        form = attempt.form
        async with await self._limiter.check("ldap", attempt.address, form.user):
            if not _can_be_typed(form):
                raise Invalid(INVALID_CRED)
            server = await self._configured.server()
            entry = await self._directory.prove(server, form.user, form.password)
            if entry is None:
                raise Invalid(INVALID_CRED)
            proof = proof_of(entry, server, form.user, await self._role(entry, server))
            if proof is None:
                raise Invalid(FAILED)
            return proof

    def close(self) -> None:
        """Let go of what it holds."""
        self._directory.close()

    async def _role(self, entry: Entry, server: Server) -> Role | None:
        """Administrators are those in the groups that the operator named, if any was, and nobody else of the directory.

        The founder of the house and its last administrator stay what they are.
        """
        if not server.settings.admin_groups:
            return None
        if is_administrator(entry, server):
            return "admin"
        account_id = await self._identity.links.account_id(self.name, subject_of(entry, server))
        account = await self._identity.directory.find(account_id) if account_id else None
        demoted = account is not None and account.role == "admin"
        return self._identity.settings.default_role if demoted else None


def _can_be_typed(form: LdapForm) -> bool:
    """Whether this may go to a directory at all. An empty password would be let in as nobody."""
    return (
        0 < len(form.user) <= LONGEST_USER
        and 0 < len(form.password) <= LONGEST_PASSWORD
        and "\x00" not in form.user + form.password
    )
