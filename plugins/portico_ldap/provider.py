"""The way in by the directory's password. No HTTP."""

from typing import Literal, NamedTuple

from portico.api import (
    ACTION_PROHIBITED,
    INVALID_CRED,
    AppContext,
    ExternalIdentity,
    Forbidden,
    InvalidRequest,
    ProvisioningRules,
    Role,
)
from portico_ldap.client import FAILED, LdapClient
from portico_ldap.identity_mapping import is_administrator, proof_of, subject_of
from portico_ldap.protocol import SearchEntry
from portico_ldap.runtime_config import LdapConfig
from portico_ldap.schemas import LdapForm
from portico_ldap.server import LdapServerConfig
from portico_ldap.settings import LdapSettings

#: Characters; no directory names anybody at greater length, and no person types more.
LONGEST_USER, LONGEST_PASSWORD = 256, 1024


class NotEnabled(InvalidRequest):
    """Nobody comes in by the directory now."""

    default = "LDAP authentication is not enabled"


class SignInAttempt(NamedTuple):
    """A form that was filled in, and the address it came from."""

    form: LdapForm
    address: str


class LdapSignIn:
    """The way called `ldap`, of one house."""

    name = "ldap"
    kind: Literal["form"] = "form"

    def __init__(self, app: AppContext, settings: LdapSettings) -> None:
        self._identity = app.identity
        self._configured = LdapConfig(app, settings)
        self._directory = LdapClient(settings)
        self._limiter = app.limiter

    @property
    def label(self) -> str:
        """What the form is called."""
        return self._configured.cached.label

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """The operator's. The first account of a house is always made."""
        settings = self._configured.cached
        return ProvisioningRules(
            create_accounts=settings.newcomers,
            create_first_account=True,
            link_by_email=settings.merge,
            create_groups=settings.group_creation,
        )

    async def is_enabled(self) -> bool:
        """Whether it lets anybody in now."""
        settings = await self._configured.current()
        return settings.enable and settings.enable_password_auth

    async def authenticate(self, attempt: SignInAttempt) -> ExternalIdentity:
        """What the directory says about whoever has this name and password.

        Raises: NotEnabled; Forbidden; Invalid, the same for every wrong pair; SourceFailed and SourceTimedOut if the
        directory cannot be asked; RateLimited.
        """
        settings = await self._configured.current()
        if not settings.enable:
            raise NotEnabled
        if not settings.enable_password_auth:
            raise Forbidden(ACTION_PROHIBITED)
        form = attempt.form
        async with await self._limiter.acquire("ldap", attempt.address, form.user):
            if not _is_valid_input(form):
                raise InvalidRequest(INVALID_CRED)
            server = await self._configured.server()
            entry = await self._directory.authenticate(server, form.user, form.password)
            if entry is None:
                raise InvalidRequest(INVALID_CRED)
            proof = proof_of(entry, server, form.user, await self._role(entry, server))
            if proof is None:
                raise InvalidRequest(FAILED)
            return proof

    def close(self) -> None:
        """Let go of what it holds."""
        self._directory.close()

    async def _role(self, entry: SearchEntry, server: LdapServerConfig) -> Role | None:
        """Administrators are those in the groups that the operator named, if any was, and nobody else of the directory.

        The founder of the house and its last administrator stay what they are.
        """
        if not server.settings.admin_groups:
            return None
        if is_administrator(entry, server):
            return "admin"
        account_id = await self._identity.links.account_id(self.name, subject_of(entry, server))
        account = await self._identity.accounts.find(account_id) if account_id else None
        demoted = account is not None and account.role == "admin"
        return self._identity.settings.default_role if demoted else None


def _is_valid_input(form: LdapForm) -> bool:
    """Whether this may go to a directory at all. An empty password would be let in as nobody."""
    return (
        0 < len(form.user) <= LONGEST_USER
        and 0 < len(form.password) <= LONGEST_PASSWORD
        and "\x00" not in form.user + form.password
    )
