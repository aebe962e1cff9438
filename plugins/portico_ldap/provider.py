"""The auth provider for sign-in with an LDAP password. No HTTP."""

from typing import Literal, NamedTuple

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import ExternalIdentity, ProvisioningRules, Role
from portico.api.messages import ACTION_PROHIBITED, INVALID_CRED
from portico_ldap.client import FAILED, LdapClient
from portico_ldap.identity_mapping import identity_of, is_administrator, subject_of
from portico_ldap.protocol import SearchEntry
from portico_ldap.runtime_config import LdapConfig
from portico_ldap.schemas import LdapForm
from portico_ldap.server import LdapServerConfig
from portico_ldap.settings import LdapSettings

MAX_USER_CHARS, MAX_PASSWORD_CHARS = 256, 1024


class NotEnabled(InvalidRequest):
    """Sign-in with LDAP is disabled."""

    default = "LDAP authentication is not enabled"


class LdapSignInAttempt(NamedTuple):
    """The body of a sign-in request and the address of the client."""

    form: LdapForm
    address: str


class LdapSignIn:
    """The auth provider `ldap`."""

    name = "ldap"
    kind: Literal["form"] = "form"

    def __init__(self, app: AppContext, settings: LdapSettings, config: LdapConfig) -> None:
        self._identity = app.identity
        self._config = config
        self._client = LdapClient(settings)
        self._limiter = app.limiter

    @property
    def label(self) -> str:
        """The title of the sign-in form."""
        return self._config.cached.label

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """The rules for new accounts. The first account is always created."""
        settings = self._config.cached
        return ProvisioningRules(
            create_accounts=settings.create_accounts,
            create_first_account=True,
            link_by_email=settings.link_by_email,
            create_groups=settings.group_creation,
        )

    async def is_enabled(self) -> bool:
        """Whether users can sign in with LDAP."""
        settings = await self._config.current()
        return settings.enable and settings.enable_password_auth

    async def authenticate(self, attempt: LdapSignInAttempt) -> ExternalIdentity:
        """Return the identity of the user with this name and password.

        Raises: NotEnabled; Forbidden; InvalidRequest, the same for all wrong credentials; SourceFailed and
        SourceTimedOut if the LDAP server fails; RateLimited.
        """
        settings = await self._config.current()
        if not settings.enable:
            raise NotEnabled
        if not settings.enable_password_auth:
            raise Forbidden(ACTION_PROHIBITED)
        form = attempt.form
        async with await self._limiter.acquire("ldap", attempt.address, form.user):
            if not _is_valid_input(form):
                raise InvalidRequest(INVALID_CRED)
            server = await self._config.server()
            entry = await self._client.authenticate(server, form.user, form.password)
            if entry is None:
                raise InvalidRequest(INVALID_CRED)
            identity = identity_of(entry, server, form.user, await self._role(entry, server))
            if identity is None:
                raise InvalidRequest(FAILED)
            return identity

    def close(self) -> None:
        """Stop the threads that resolve host names."""
        self._client.close()

    async def _role(self, entry: SearchEntry, server: LdapServerConfig) -> Role | None:
        """Return the role that `admin_groups` gives the user; None = leave the role as it is.

        The first account and the last administrator keep their role.
        """
        if not server.settings.admin_groups:
            return None
        if is_administrator(entry, server):
            return "admin"
        account_id = await self._identity.links.account_id(self.name, subject_of(entry, server))
        account = await self._identity.accounts.find(account_id) if account_id else None
        loses_admin_role = account is not None and account.role == "admin"
        return self._identity.settings.default_role if loses_admin_role else None


def _is_valid_input(form: LdapForm) -> bool:
    """Whether the form may be sent to the server. An empty password would be an anonymous bind that succeeds."""
    return (
        0 < len(form.user) <= MAX_USER_CHARS
        and 0 < len(form.password) <= MAX_PASSWORD_CHARS
        and "\x00" not in form.user + form.password
    )
