"""Who may sign up, and signing in. No HTTP."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from portico.api import (
    ACTION_PROHIBITED,
    INCORRECT_PASSWORD,
    Account,
    Actor,
    AppContext,
    Forbidden,
    InvalidRequest,
    ProvisioningRules,
    SignInResult,
    client_address,
    email_key,
    json_error,
)
from portico_password.schemas import NewPassword, SignIn, SignUp
from portico_password.settings import PasswordSettings


class PasswordSignInDisabled(Forbidden):
    """The operator wants people to come in by other ways."""

    default = ACTION_PROHIBITED


class SignInAttempt(NamedTuple):
    """A form that was filled in, and the address it came from."""

    form: SignIn
    address: str


class PasswordSignIn:
    """Sign-up and sign-in of one house: the way called `password`. `scope`: the ASGI request."""

    name = "password"
    label = "Password"
    kind: Literal["form"] = "form"
    provisioning_rules = ProvisioningRules()

    def __init__(self, app: AppContext, settings: PasswordSettings) -> None:
        self._identity = app.identity
        self._limiter = app.limiter
        self._settings = settings
        self._adjusted = app.runtime_settings.of(settings)
        self._read = msgspec.json.Decoder(SignIn).decode

    def read_sign_in(self, body: bytes, scope: Mapping[str, Any]) -> SignInAttempt:
        """The form that was filled in at the shared door. Raises: Misshapen."""
        try:
            return SignInAttempt(self._read(body), client_address(scope))
        except msgspec.MsgspecError as error:
            raise json_error(error) from None

    async def authenticate(self, attempt: SignInAttempt) -> Account:
        """Whose address and password these are.

        Raises: PasswordSignInDisabled; Invalid for a wrong pair, the same whatever is wrong with it; RateLimited.
        """
        if not self._settings.enable_password_auth:
            raise PasswordSignInDisabled
        form = attempt.form
        async with await self._limiter.acquire("signin", attempt.address, email_key(form.email)):
            return await self._identity.check_password(form.email, form.password)

    async def sign_up(self, form: SignUp, scope: Mapping[str, Any]) -> SignInResult:
        """Make an account, and sign it in.

        Raises: PasswordSignInDisabled; Forbidden where sign-up is closed; Invalid for a malformed or taken e-mail address,
        a picture or a password that will not do; RateLimited.
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
                password_hash=await self._identity.passwords.hash(form.password),
                profile_image_url=form.profile_image_url,
                only_if_first=founding,
            )
        await self._identity.join_default_group(account.id)
        return await self._identity.auth.open_session(self, account, scope)

    async def change(self, actor: Actor, form: NewPassword, scope: Mapping[str, Any]) -> None:
        """Give the caller another password, which ends all their sign-ins but the one that asks.

        Raises: Invalid for a new password that will not do, said before anything is hashed, for a wrong old one, and
        where people have none of their own; PasswordSignInDisabled; Forbidden for an account that nobody has let in; RateLimited.
        """
        if not self._settings.enable_password_auth:
            raise PasswordSignInDisabled
        if not (actor.is_verified or self._settings.pending_may_change):
            raise Forbidden
        if not self._identity.auth.uses_passwords:
            raise InvalidRequest(ACTION_PROHIBITED)
        self._identity.passwords.check(form.new_password)
        try:
            async with await self._limiter.acquire(
                "password", client_address(scope), email_key(actor.email)
            ):
                account = await self._identity.check_password(actor.email, form.password)
            hashed = await self._identity.passwords.hash(form.new_password)
            await self._identity.accounts.set_password_hash(
                account.id, hashed, keep=actor.session_id, epoch=account.epoch
            )
        except InvalidRequest:
            raise InvalidRequest(INCORRECT_PASSWORD) from None

    async def _check_sign_up(self) -> bool:
        """Whether only the very first account may be made. Raises: Forbidden if none may.

        `enable_signup` unset means: open for the first account, closed from then on.
        """
        if not self._settings.enable_password_auth:
            raise PasswordSignInDisabled
        if not self._identity.auth.uses_passwords:
            # Who people are is said elsewhere: nobody takes an address here before its owner comes.
            raise Forbidden
        wanted = (await self._identity.current_settings()).enable_signup
        form = (await self._adjusted.current()).enable_login_form
        if wanted and form:
            return False
        first_may = self._settings.enable_initial_admin_signup or (wanted is None and form)
        if not first_may or await self._identity.accounts.any_exists():
            raise Forbidden
        return True
