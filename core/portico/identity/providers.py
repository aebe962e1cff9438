"""Ways to sign in: what a plugin that offers one is, and what it says about somebody.

A way finds out who somebody is; everything after that is the same for all of them: `Identity.enter` finds or makes
the account, opens the session and answers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from portico.identity.accounts.account import Account, Role
from portico.identity.actor import Actor

#: Bytes of a subject. OpenID Connect allows 255; directories name people at greater length.
MAX_SUBJECT_BYTES = 1024


ProviderKind = Literal["form", "redirect", "header", "none"]


class ExternalIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, as their provider vouches for it.

    `subject`: the provider's own name for them, never given to anybody else; compared byte by byte. None = it has none
    but the e-mail address, by which the account is found each time. `vouched`: the provider asserts that the e-mail address is theirs. `picture`: a picture as accounts keep it. `role` None = the
    default one for a newcomer, else as it was. `groups`: names; None = as they were. `provider_session_id`: the
    provider's name for this sign-in, such as `sid` of OpenID Connect.
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
    """On which terms a way lets people in.

    `newcomers`: whoever has no account is given one; `founder`: the very first one is, at least. `merge`: whoever has one of the same e-mail address is given
    that, if the provider vouches for the address: nobody, all but administrators, everybody. `create_groups`: groups
    that are named and missing are made. `is_ignored_group`: groups, by name, that are neither joined nor left.
    `replace_picture`: a picture replaces the one an account has already.
    """

    create_accounts: bool = False
    create_first_account: bool = False
    link_by_email: Literal["never", "non_admins", "always"] = "never"
    create_groups: bool = False
    is_ignored_group: Callable[[str], bool] = lambda name: False
    replace_picture: bool = False


class SessionOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody came in. `method`: the name of the way; `address` and `user_agent`: as far as they are known."""

    method: str = "password"
    address: str | None = None
    user_agent: str | None = None
    provider_session: str | None = None


#: Characters of a `User-Agent` that are kept.
MAX_USER_AGENT_CHARS = 256


def session_origin(
    scope: Mapping[str, Any], method: str, provider_session: str | None = None
) -> SessionOrigin:
    """How the sender of an ASGI request comes in."""
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), None)
    text = agent.decode("latin-1").replace("\x00", "")[:MAX_USER_AGENT_CHARS] if agent else None
    client = scope.get("client")
    return SessionOrigin(
        method=method,
        address=client[0] if client else None,
        user_agent=text,
        provider_session=provider_session,
    )


@runtime_checkable
class AuthProvider(Protocol):
    """A way to sign in, offered by a plugin with `register_auth_providers`.

    Its routes are the plugin's own; they call `Identity.sign_in_with(provider, attempt, scope)`.
    """

    @property
    def name(self) -> str:
        """Unique in the house, part of addresses and of what is stored, such as `password` or `github`."""
        ...

    @property
    def label(self) -> str:
        """What the button or the form is called."""
        ...

    @property
    def kind(self) -> "ProviderKind":
        """How a client goes about it: asks for a name and a password, follows a link, or need not ask, because a header
        says who it is or because everybody is let in.
        """
        ...

    @property
    def provisioning_rules(self) -> ProvisioningRules:
        """Asked at each sign-in, so that they may change while the house runs."""
        ...

    async def authenticate(self, attempt: Any) -> Account | ExternalIdentity:
        """Who this is. `attempt` is what the plugin's own route made of the request.

        Raises: Invalid for whoever it is not, with the same words whatever the reason.
        """
        ...


@runtime_checkable
class SharedSignInProvider(Protocol):
    """An `AuthProvider` that lets people in at `POST /api/v1/auths/signin`, the door that ways share.

    Whoever need not ask is asked first: `open`, `header`, then the forms; among equals, by name.
    """

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> Any | None:
        """What `authenticate` takes, made of a request at the door; None = it is for another way.

        `body`: JSON, of any shape. Raises: Misshapen.
        """
        ...


@runtime_checkable
class ToggleableProvider(Protocol):
    """An `AuthProvider` that an administrator can close and open while the house runs."""

    async def is_enabled(self) -> bool:
        """Whether it lets anybody in now."""
        ...


@runtime_checkable
class ProviderSignOut(Protocol):
    """An `AuthProvider` that also has something to end when a session of its own making ends."""

    async def sign_out(self, session_id: str) -> str | None:
        """Let go of what belongs to a session, while it is still there.

        Nobody waits long to be signed out: what has to be known is kept. Returns where the browser should go next;
        None = nowhere.
        """
        ...


@runtime_checkable
class RequestVerifier(Protocol):
    """An `AuthProvider` that is asked about every request of somebody who is signed in."""

    def accepts(self, scope: Mapping[str, Any], actor: Actor) -> bool:
        """Whether nothing in this ASGI request speaks against it being this person's."""
        ...


@runtime_checkable
class TokenAuthenticator(Protocol):
    """Who stands behind tokens of one kind, other than sessions; from `register_token_authenticators`."""

    @property
    def kind(self) -> str:
        """Its name, the `credential` of the actors it finds, such as `key`."""
        ...

    @property
    def prefix(self) -> str:
        """What its tokens, and no others, begin with, such as `sk-`."""
        ...

    async def authenticate(self, token: str) -> Actor | None:
        """Who this token stands for now; None = nobody. Asked with each request, so it has to be quick.

        Raises: Forbidden for a good token that may not be used at all.
        """
        ...

    async def still_valid(self, session_ids: list[str]) -> set[str]:
        """Those of its actors' `session_id`s that are still good: asked for connections that stay open."""
        ...
