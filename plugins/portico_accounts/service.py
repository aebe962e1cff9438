"""What is done with accounts: listing, adding, changing, deleting. No HTTP, and no SQL: identity keeps both."""

from typing import Any

import msgspec

from portico.api import (
    ACTION_PROHIBITED,
    SESSION_CREDENTIAL,
    SHARED_ACCOUNT_PREFIX,
    Account,
    AccountChanges,
    AccountQuery,
    AccountSummary,
    Actor,
    AppContext,
    Forbidden,
    NotFound,
    ProviderTokens,
    Resource,
    SharedChats,
    is_same_address,
)
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
#: What everybody is told of everybody, besides whether they are here.
_FACTS = (
    "id",
    "name",
    "profile_image_url",
    "bio",
    "status_emoji",
    "status_message",
    "status_expires_at",
)
_NOTHING = msgspec.Raw(b"null")


class AccountService:
    """The people of one house. An account that is not there is NotFound, wherever one is named."""

    def __init__(self, app: AppContext, settings: AccountsSettings) -> None:
        self._app = app
        self._identity = app.identity
        self._open_directory = settings.directory_emails

    async def page(self, asked: AccountQuery) -> UserPage:
        """One page of accounts with the groups they are in."""
        accounts, total = await self._identity.account_list.accounts(asked)
        groups = await self._identity.account_list.groups_of([one.id for one in accounts])
        users = [
            ListedUser(**self._columns(one, _NOTHING), group_ids=groups.get(one.id, []))
            for one in accounts
        ]
        return UserPage(users, total)

    async def everybody(self) -> UserInfoList:
        """All there are, newest first."""
        found = await self._identity.account_list.all()
        return UserInfoList([_info(one, one.email) for one in found], len(found))

    async def may_see_emails(self, actor: Actor) -> bool:
        """Whether the e-mail addresses of others are for somebody to see."""
        return self._open_directory or await self._app.permissions.allows_on_collection(
            actor, KIND, "read"
        )

    async def search(self, actor: Actor, asked: AccountQuery) -> UserInfoList:
        """One page of whom the caller looks for. Their own e-mail address everybody sees."""
        found, total = await self._identity.account_list.summaries(asked)
        users = [
            _info(one, one.email if asked.with_emails or one.id == actor.id else "")
            for one in found
        ]
        return UserInfoList(users, total)

    async def get_for(self, actor: Actor, account_id: str) -> UserWithPresence | PublicUser:
        """Somebody: whole for themselves and for whoever may read accounts, a few facts for everybody else.

        Under the id that stands in a shared chat for whoever shared it: their name and picture, and no id of theirs.
        """
        if account_id.startswith(SHARED_ACCOUNT_PREFIX):
            return await self._author(account_id)
        account = await self._identity.accounts.by_id(account_id)
        active = self._identity.presence.is_active(account.id, account.last_active_at)
        resource = Resource(KIND, account.id, owner_id=account.id)
        if await self._app.permissions.allows(actor, "read", resource):
            columns = self._columns(account, self._settings_for(actor, account))
            return UserWithPresence(**columns, is_active=active)
        facts = {name: getattr(account, name) for name in _FACTS}
        return PublicUser(**facts, is_active=active)

    async def picture_of(self, account_id: str) -> str:
        """The address of somebody's picture; the author's of a shared chat, as in `view`."""
        if account_id.startswith(SHARED_ACCOUNT_PREFIX):
            account_id = await self._author_id(account_id)
        return await self._identity.accounts.picture_of(account_id)

    async def get_own(self, actor: Actor) -> User:
        """The caller's own account."""
        return self._full_view(actor, await self._identity.accounts.by_id(actor.id))

    async def is_active(self, account_id: str) -> bool:
        """Whether somebody was here a moment ago."""
        stored = await self._identity.accounts.last_active(account_id)
        return stored is not None and self._identity.presence.is_active(account_id, stored)

    async def create(self, form: NewAccount, by: Actor | None = None) -> Account:
        """Make an account with a password. `by` None = whoever sits at the server's own keyboard.

        Raises: Invalid for a malformed or taken e-mail address, a password that will not do, an unknown role;
        Forbidden for an administrator made by somebody who is none.
        """
        if by is not None and form.role == "admin":
            _require_sign_in(by)
        accounts = self._identity.accounts
        await accounts.check_free(form.email)
        return await accounts.create(
            name=form.name,
            email=form.email,
            password_hash=await self._identity.passwords.hash(form.password),
            role=form.role,
            profile_image_url=form.profile_image_url,
            by=by.id if by else None,
        )

    async def update(self, actor: Actor, account_id: str, form: AccountForm) -> User:
        """Change an account, all of it or nothing. A lower role or another password ends its sessions.

        Raises: Invalid and TooLarge, naming what will not do; Forbidden for the first administrator, for the last
        one who would be none, and for whoever is none and touches one.
        """
        accounts = self._identity.accounts
        account = await accounts.find(account_id)
        if account is None:
            raise NotFound  # before a password is hashed
        if (
            form.password
            or not is_same_address(form.email, account.email)
            or form.role == "admin" != account.role
        ):
            _require_sign_in(actor)
        hashed = await self._identity.passwords.hash(form.password) if form.password else None
        wanted = AccountChanges(
            name=form.name,
            email=form.email,
            role=form.role,
            profile_image_url=form.profile_image_url,
            password_hash=hashed,
        )
        return self._full_view(actor, await accounts.update(account_id, wanted, by=actor.id))

    async def delete(self, actor: Actor, account_id: str, *, delete_content: bool) -> None:
        """Delete an account. What others still use of it goes to the caller, or away.

        Raises: Forbidden for oneself, for the first administrator, and for any of them if the caller is none.
        """
        await self._identity.accounts.delete(account_id, by=actor.id, delete_content=delete_content)

    async def provider_sessions(self, account_id: str) -> list[ProviderSessionResponse]:
        """Sign-ins of somebody that came by other providers. Raises: NotFound where there are none."""
        tokens = self._app.services.get(ProviderTokens)
        found = await tokens.of_account(account_id) if tokens else []
        if not found:
            raise NotFound
        return msgspec.convert(found, list[ProviderSessionResponse], from_attributes=True)

    async def _author(self, alias: str) -> PublicUser:
        author = await self._identity.accounts.by_id(await self._author_id(alias))
        picture = author.profile_image_url
        return PublicUser(
            id=alias,
            name=author.name,
            profile_image_url=picture.replace(author.id, alias),
            bio=None,
            is_active=False,
            status_emoji=None,
            status_message=None,
            status_expires_at=None,
        )

    async def _author_id(self, alias: str) -> str:
        shared = self._app.services.get(SharedChats)
        author_id = (
            await shared.owner_of(alias.removeprefix(SHARED_ACCOUNT_PREFIX)) if shared else None
        )
        if author_id is None:
            raise NotFound
        return author_id

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


def _require_sign_in(actor: Actor) -> None:
    """Go on only with somebody who signed in.

    With the key of an administrator a program looks after accounts; it opens no way in that would outlast the key: no
    password, no administrator, no address under which a provider would vouch for somebody else. Raises: Forbidden.
    """
    if actor.credential != SESSION_CREDENTIAL:
        raise Forbidden(ACTION_PROHIBITED)


def created_response(account: Account) -> CreatedAccountResponse:
    """An account as its maker sees it."""
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
