"""Sign-up, sign-in and change of password."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import (
    Account,
    Actor,
    ProvisioningRules,
    SignInResult,
    client_address,
    email_key,
)
from portico.api.json import json_error
from portico.api.messages import ACTION_PROHIBITED, INCORRECT_PASSWORD
from portico_password.schemas import NewPassword, SignIn, SignUp
from portico_password.settings import PasswordSettings


class PasswordSignInDisabled(Forbidden):
    """Passwords are switched off."""

    default = ACTION_PROHIBITED


class PasswordSignInAttempt(NamedTuple):
    """A sign-in form and the address of the client that sent it."""

    form: SignIn
    address: str


class PasswordSignIn:
    """The auth provider `password`, and sign-up. `scope`: the ASGI request."""

    name = "password"
    label = "Password"
    kind: Literal["form"] = "form"
    provisioning_rules = ProvisioningRules()

    def __init__(self, app: AppContext, settings: PasswordSettings) -> None:
        self._identity = app.identity
        self._limiter = app.limiter
        self._settings = settings
        self._runtime_settings = app.runtime_settings.section(PasswordSettings)
        self._read = msgspec.json.Decoder(SignIn).decode

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> PasswordSignInAttempt:
        """Decode the form that was sent to the shared sign-in endpoint. Raises: ValidationError."""
        try:
            return PasswordSignInAttempt(self._read(body), client_address(scope))
        except msgspec.MsgspecError as error:
            raise json_error(error) from None

    async def authenticate(self, attempt: PasswordSignInAttempt) -> Account:
        """Return the account with this e-mail address and password.

        Raises: PasswordSignInDisabled; InvalidRequest, the same for an unknown address and a wrong password;
        RateLimited.
        """
        if not self._settings.enable_password_auth:
            raise PasswordSignInDisabled
        form = attempt.form
        async with await self._limiter.acquire("signin", attempt.address, email_key(form.email)):
            return await self._identity.check_password(form.email, form.password)

    async def sign_up(self, form: SignUp, scope: Mapping[str, Any]) -> SignInResult:
        """Create an account and sign it in.

        Raises: PasswordSignInDisabled; Forbidden if sign-up is closed; InvalidRequest for an invalid or taken e-mail
        address, a refused picture or password; RateLimited.
        """
        founding = await self._check_sign_up()
        accounts = self._identity.accounts
        async with await self._limiter.acquire(
            "signup", client_address(scope), email_key(form.email)
        ):
            await accounts.check_free(form.email)
            account = await accounts.create(
                name=form.name,
                email=form.email,
                password_hash=await self._identity.hash_password(form.password),
                profile_image_url=form.profile_image_url,
                only_if_first=founding,
                is_sign_up=True,
            )
        await self._identity.join_default_group(account.id)
        return await self._identity.auth.open_session(self, account, scope)

    async def change(self, actor: Actor, form: NewPassword, scope: Mapping[str, Any]) -> None:
        """Change the password of the caller, and end all their sessions but the current one.

        Raises: InvalidRequest for a refused new password (before anything is hashed), for a wrong current one, and
        where accounts have no passwords; PasswordSignInDisabled; Forbidden for a pending account; RateLimited.
        """
        if not self._settings.enable_password_auth:
            raise PasswordSignInDisabled
        if not (actor.is_verified or self._settings.allow_pending_password_change):
            raise Forbidden
        if not self._identity.auth.uses_passwords:
            raise InvalidRequest(ACTION_PROHIBITED)
        self._identity.check_new_password(form.new_password)
        try:
            async with await self._limiter.acquire(
                "password", client_address(scope), email_key(actor.email)
            ):
                account = await self._identity.check_password(actor.email, form.password)
            hashed = await self._identity.hash_password(form.new_password)
            await self._identity.accounts.set_password_hash(
                account.id, hashed, keep=actor.session_id, epoch=account.epoch
            )
        except InvalidRequest:
            raise InvalidRequest(INCORRECT_PASSWORD) from None

    async def _check_sign_up(self) -> bool:
        """Return whether only the first account may be created. Raises: Forbidden if sign-up is closed.

        `enable_signup` unset means: open for the first account, closed afterwards.
        """
        if not self._settings.enable_password_auth:
            raise PasswordSignInDisabled
        if not self._identity.auth.uses_passwords:
            # Another provider identifies the users: no account may take the address of one of them.
            raise Forbidden
        is_open = (await self._identity.current_settings()).enable_signup
        has_form = (await self._runtime_settings.current()).enable_login_form
        if is_open and has_form:
            return False
        first_allowed = self._settings.enable_initial_admin_signup or (is_open is None and has_form)
        if not first_allowed or await self._identity.accounts.any_exists():
            raise Forbidden
        return True
