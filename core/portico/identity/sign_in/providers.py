"""Protocols of authentication plugins, and the external identity that a provider returns.

A provider only authenticates. `Identity.auth.sign_in_with` then finds, links or creates the account, opens the session
and builds the response, in the same way for all providers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from portico.errors import Forbidden
from portico.identity.accounts.account import Account, Role
from portico.identity.sessions.actor import Actor

#: OpenID Connect allows 255 bytes; distinguished names of LDAP are longer.
MAX_SUBJECT_BYTES = 1024


#: What a client shows: a form, a link, or nothing because a header or no check at all identifies the user.
ProviderKind = Literal["form", "redirect", "header", "none"]


class ExternalIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider states about a user.

    `subject`: the provider's permanent id of the user, compared byte by byte; None = it has none, and the account is
    found by e-mail address each time. `email_verified`: the provider asserts that the address belongs to the user.
    `picture`: a URL or `data:` URL as in `Account.profile_image_url`. `role` None = the default role for a new account,
    unchanged for an existing one. `groups`: names; None = unchanged. `provider_session_id`: the provider's id of this
    session, such as `sid` of OpenID Connect.
    """

    subject: str | None
    email: str
    name: str
    email_verified: bool = False
    picture: str | None = None
    role: Role | None = None
    groups: tuple[str, ...] | None = None
    provider_session_id: str | None = None


class ProvisioningRules(msgspec.Struct, frozen=True, kw_only=True):
    """How accounts are found, linked and created for the users of a provider.

    `create_accounts`: create an account for an unknown user; `create_first_account`: create at least the first account
    of the installation. `link_by_email`: link an unknown user to the account with the same verified e-mail address;
    `non_admins` = unless that account is an administrator. `create_groups`: create groups that are named but missing.
    `is_ignored_group`: names of groups whose membership is left unchanged. `replace_picture`: overwrite the picture of an
    existing account.
    """

    create_accounts: bool = False
    create_first_account: bool = False
    link_by_email: Literal["never", "non_admins", "always"] = "never"
    create_groups: bool = False
    is_ignored_group: Callable[[str], bool] = lambda name: False
    replace_picture: bool = False


@runtime_checkable
class AuthProvider(Protocol):
    """A method of signing in, registered with `register_auth_providers`.

    Its routes belong to the plugin; they call `identity.auth.sign_in_with(provider, attempt, scope)`.
    """

    @property
    def name(self) -> str:
        """Unique name such as `password` or `github`. It is part of URLs and of stored sessions and links."""
        ...

    @property
    def label(self) -> str:
        """Text of the button or form."""
        ...

    @property
    def kind(self) -> "ProviderKind":
        """How a client signs in: with a form, by following a link, or without a question because a header identifies
        the user (`header`) or no sign-in is needed (`none`).
        """
        ...

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """The rules for accounts. Read at each sign-in, so they may change at run time."""
        ...

    async def authenticate(self, attempt: Any) -> Account | ExternalIdentity:
        """Return the account or the external identity of a sign-in. `attempt`: what the plugin's route read.

        Called again if it returned an account whose sessions were all ended before the new one was opened.
        Raises: InvalidRequest if the sign-in fails, with the same text for every reason.
        """
        ...


@runtime_checkable
class SharedSignInProvider(Protocol):
    """An `AuthProvider` that accepts requests to `POST /api/v1/auths/signin`, which several providers share.

    Providers are asked by kind (`none`, `header`, `form`), and by name within a kind.
    """

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> Any | None:
        """Return what `authenticate` takes; None = the request is for another provider.

        `body`: any JSON. Raises: ValidationError.
        """
        ...


@runtime_checkable
class ToggleableProvider(Protocol):
    """An `AuthProvider` that an administrator can switch on and off at run time."""

    async def is_enabled(self) -> bool:
        """Return whether users can sign in with it now."""
        ...


@runtime_checkable
class ProviderSignOut(Protocol):
    """An `AuthProvider` that also ends the session at the external provider."""

    async def sign_out(self, session_id: str) -> str | None:
        """End the provider's part of a session. Called before the session is deleted; it must return quickly.

        Returns the URL that the browser should open next, or None.
        """
        ...


@runtime_checkable
class RequestVerifier(Protocol):
    """An `AuthProvider` that checks every request of a signed-in user."""

    def accepts(self, scope: Mapping[str, Any], actor: Actor) -> bool:
        """Return whether this ASGI request may come from this actor."""
        ...


class SignInNotAvailable(Forbidden):
    """The operator has configured a way of signing in with settings that cannot work."""

    default = (
        "This way of signing in is not available at the moment. Please contact your administrator."
    )


class UnusableProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An `AuthProvider` in place of one whose settings cannot work. Everything else of the server, and of its plugin, works.

    `reason`: for the operator; the log, `portico plugin list` and `GET /api/v1/plugins` show it. `kind`: of the provider
    that it replaces, so that passwords stay refused where a header should have identified the users.
    """

    name: str
    label: str
    kind: ProviderKind
    reason: str

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """The rules for accounts: none is created or linked."""
        return ProvisioningRules()

    async def is_enabled(self) -> bool:
        """Return False, so that no client offers it."""
        return False

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Accept each sign-in that would have needed no form, so that no other provider is asked."""
        return scope if self.kind in ("none", "header") else None

    async def authenticate(self, attempt: Any) -> ExternalIdentity:
        """Raise SignInNotAvailable."""
        raise SignInNotAvailable
