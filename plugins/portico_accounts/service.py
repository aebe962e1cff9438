"""Listing, creating, changing and deleting accounts, with permission checks."""

from typing import Any

import msgspec

from portico.api import AppContext, Forbidden, NotFound
from portico.api.auth import (
    SESSION_CREDENTIAL,
    Account,
    AccountChanges,
    AccountQuery,
    AccountSummary,
    Actor,
    ProviderTokens,
    is_same_address,
)
from portico.api.interfaces import SHARED_ACCOUNT_PREFIX, SharedChats
from portico.api.messages import ACTION_PROHIBITED
from portico.api.policy import Resource
from portico_accounts.redaction import without_secrets
from portico_accounts.schemas import (
    AccountForm,
    CreatedAccountResponse,
    ListedUser,
    NewAccount,
    ProviderSessionResponse,
    PublicUser,
    User,
    UserInfo,
    UserInfoList,
    UserPage,
    UserWithPresence,
)
from portico_accounts.settings import AccountsSettings

KIND = "account"
#: The fields of the profile card that all users see.
_PUBLIC_FIELDS = (
    "id",
    "name",
    "profile_image_url",
    "bio",
    "status_emoji",
    "status_message",
    "status_expires_at",
)
_NULL = msgspec.Raw(b"null")


class AccountService:
    """The accounts of one application. Unknown ids raise NotFound."""

    def __init__(self, app: AppContext, settings: AccountsSettings) -> None:
        self._app = app
        self._identity = app.identity
        self._show_emails = settings.show_emails_in_search

    async def page(self, query: AccountQuery) -> UserPage:
        """Return one page of accounts with the ids of their groups."""
        accounts, total = await self._identity.account_list.accounts(query)
        groups = await self._identity.account_list.groups_of([one.id for one in accounts])
        users = [
            ListedUser(**self._columns(one, _NULL), group_ids=groups.get(one.id, []))
            for one in accounts
        ]
        return UserPage(users, total)

    async def list_all(self) -> UserInfoList:
        """Return all users in short, newest first."""
        found = await self._identity.account_list.all()
        return UserInfoList([_info(one, one.email) for one in found], len(found))

    async def may_see_emails(self, actor: Actor) -> bool:
        """Return whether a user may see the e-mail addresses of other users."""
        return self._show_emails or await self._app.permissions.allows_on_collection(
            actor, KIND, "read"
        )

    async def search(self, actor: Actor, query: AccountQuery) -> UserInfoList:
        """Return one page of users in short. Callers always see their own e-mail address."""
        found, total = await self._identity.account_list.summaries(query)
        users = [
            _info(one, one.email if query.with_emails or one.id == actor.id else "")
            for one in found
        ]
        return UserInfoList(users, total)

    async def get_for(self, actor: Actor, account_id: str) -> UserWithPresence | PublicUser:
        """Return all fields to the user and to callers who may read accounts, the profile card to others.

        For the alias in a shared chat: name and picture of the user who shared it, without the id of the account.
        """
        if account_id.startswith(SHARED_ACCOUNT_PREFIX):
            return await self._shared_by(account_id)
        account = await self._identity.accounts.by_id(account_id)
        active = self._identity.presence.is_active(account.id, account.last_active_at)
        resource = Resource(KIND, account.id, owner_id=account.id)
        if await self._app.permissions.allows(actor, "read", resource):
            columns = self._columns(account, self._settings_for(actor, account))
            return UserWithPresence(**columns, is_active=active)
        card = {name: getattr(account, name) for name in _PUBLIC_FIELDS}
        return PublicUser(**card, is_active=active)

    async def picture_of(self, account_id: str) -> str:
        """Return the URL of a user's picture. Accepts the alias in a shared chat, as `get_for`."""
        if account_id.startswith(SHARED_ACCOUNT_PREFIX):
            account_id = await self._owner_id_of_alias(account_id)
        return await self._identity.accounts.picture_of(account_id)

    async def get_own(self, actor: Actor) -> User:
        """Return the account of the caller."""
        return self._full_view(actor, await self._identity.accounts.by_id(actor.id))

    async def is_active(self, account_id: str) -> bool:
        """Return whether a user sent a request within the last three minutes."""
        stored = await self._identity.accounts.last_active(account_id)
        return stored is not None and self._identity.presence.is_active(account_id, stored)

    async def create(self, form: NewAccount, by: Actor | None = None) -> Account:
        """Create an account with a password. `by` None = the command line.

        Raises: InvalidRequest for an invalid or taken e-mail address, a refused password, an unknown role; Forbidden if
        a caller who is not an administrator creates one.
        """
        if by is not None and form.role == "admin":
            _require_session(by)
        accounts = self._identity.accounts
        await accounts.check_free(form.email)
        return await accounts.create(
            name=form.name,
            email=form.email,
            password_hash=await self._identity.hash_password(form.password),
            role=form.role,
            profile_image_url=form.profile_image_url,
            by=by.id if by else None,
        )

    async def update(self, actor: Actor, account_id: str, form: AccountForm) -> User:
        """Change an account, all fields or none. A lower role or another password ends its sessions.

        Raises: InvalidRequest and TooLarge, naming the field; Forbidden for the first administrator, for the role of
        the last one, and for changes of administrators by other users.
        """
        accounts = self._identity.accounts
        account = await accounts.find(account_id)
        if account is None:
            raise NotFound  # before the expensive hash
        if (
            form.password
            or not is_same_address(form.email, account.email)
            or form.role == "admin" != account.role
        ):
            _require_session(actor)
        hashed = await self._identity.hash_password(form.password) if form.password else None
        changes = AccountChanges(
            name=form.name,
            email=form.email,
            role=form.role,
            profile_image_url=form.profile_image_url,
            password_hash=hashed,
        )
        return self._full_view(actor, await accounts.update(account_id, changes, by=actor.id))

    async def delete(self, actor: Actor, account_id: str, *, delete_content: bool) -> None:
        """Delete an account. The caller becomes the owner of its shared content, unless that is deleted too.

        Raises: Forbidden for the caller's own account, for the first administrator, and for other administrators if the
        caller is not one.
        """
        await self._identity.accounts.delete(account_id, by=actor.id, delete_content=delete_content)

    async def provider_sessions(self, account_id: str) -> list[ProviderSessionResponse]:
        """Return the sessions of an account at OAuth providers. Raises: NotFound if there are none."""
        tokens = self._app.services.get(ProviderTokens)
        found = await tokens.of_account(account_id) if tokens else []
        if not found:
            raise NotFound
        return msgspec.convert(found, list[ProviderSessionResponse], from_attributes=True)

    async def _shared_by(self, alias: str) -> PublicUser:
        owner = await self._identity.accounts.by_id(await self._owner_id_of_alias(alias))
        picture = owner.profile_image_url
        return PublicUser(
            id=alias,
            name=owner.name,
            profile_image_url=picture.replace(owner.id, alias),
            bio=None,
            is_active=False,
            status_emoji=None,
            status_message=None,
            status_expires_at=None,
        )

    async def _owner_id_of_alias(self, alias: str) -> str:
        shared = self._app.services.get(SharedChats)
        owner_id = (
            await shared.owner_of(alias.removeprefix(SHARED_ACCOUNT_PREFIX)) if shared else None
        )
        if owner_id is None:
            raise NotFound
        return owner_id

    def _full_view(self, actor: Actor, account: Account) -> User:
        return User(**self._columns(account, self._settings_for(actor, account)))

    def _settings_for(self, actor: Actor, account: Account) -> msgspec.Raw:
        if actor.id == account.id:
            return msgspec.Raw((account.settings or "null").encode())
        return without_secrets(account.settings)

    def _columns(self, account: Account, settings: msgspec.Raw) -> dict[str, Any]:
        columns = {name: getattr(account, name) for name in User.__struct_fields__}
        return columns | {
            "info": msgspec.Raw((account.info or "null").encode()),
            "settings": settings,
            "oauth": None,
            "last_active_at": self._identity.presence.last_active(
                account.id, account.last_active_at
            ),
        }


def _require_session(actor: Actor) -> None:
    """Require a session. Raises: Forbidden.

    An API key of an administrator must not create access that outlasts the key: a password, an administrator, or an
    e-mail address by which a provider would link another user.
    """
    if actor.credential != SESSION_CREDENTIAL:
        raise Forbidden(ACTION_PROHIBITED)


def created_response(account: Account) -> CreatedAccountResponse:
    """Return a new account in the shape of a session."""
    return msgspec.convert(account, CreatedAccountResponse, from_attributes=True)


def _info(one: AccountSummary, email: str) -> UserInfo:
    return UserInfo(
        id=one.id,
        name=one.name,
        email=email,
        role=one.role,
        status_emoji=one.status_emoji,
        status_message=one.status_message,
        status_expires_at=one.status_expires_at,
    )
