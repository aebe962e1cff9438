"""Export and import of accounts: profile, settings, picture, password hash and external identities."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final, get_args

import msgspec

from portico.api import AppContext, DomainError, InvalidRequest
from portico.api.auth import (
    Account,
    AccountRecord,
    ExistingAccount,
    Role,
    StoredAccount,
    account_record,
    email_key,
    imported_account,
    imported_hash,
    imported_links,
)
from portico.api.db import fetch_one, transaction
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    imported,
    rejected,
    skipped,
    unchanged,
)
from portico_accounts.redaction import without_secrets

ROLES: Final = get_args(Role)
KIND: Final = "accounts"
_COUNT: Final = "SELECT COUNT(*) AS n FROM portico_account WHERE CAST($1 AS TEXT) = '' OR id = $1"
ADDRESS_TAKEN: Final = (
    "another account here has this e-mail address; --link-accounts takes both for the same user"
)
ADDRESSES_COLLIDE: Final = "several accounts here have this e-mail address in other spellings"
OTHER_ADDRESS: Final = "the account with this id has another e-mail address here; --link-accounts takes both for the same user"
DEMOTED: Final = "it was an administrator and became a user; --keep-admins keeps administrators"
ADMIN_HERE: Final = (
    "external identities of an administrator here were left out; --keep-admins takes them"
)


class AccountTransfer(TransferKind):
    """Accounts. The first kind of all: it says who the accounts of a source are here."""

    name = KIND

    def __init__(self, app: AppContext) -> None:
        self._rows, self._links = app.identity.account_rows, app.identity.links
        self._reader = RecordReader(AccountRecord)

    async def count(self, scope: ExportScope) -> int:
        """Return the number of accounts."""
        found = await fetch_one(_COUNT, scope.account_id or "")
        return int(found["n"]) if found else 0

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield accounts by id. That of one account has no password hash, no external identity and no key."""
        async for block in self._rows.pages(scope.account_id):
            yield [_record(one, scope) for one in block]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import accounts with their external identities in one transaction."""
        read, outcomes = self._reader.read(records)
        for outcome in outcomes.values():
            run.accounts.refuse(outcome.id, outcome.reason)
        batch = _Batch(run)
        accounts: list[tuple[int, AccountRecord, Account]] = []
        for place, record in read:
            try:
                accounts.append((place, record, batch.account(record)))
            except InvalidRequest:
                run.accounts.refuse(record.id, "its e-mail address is not valid")
                outcomes[place] = rejected(record.id, "the e-mail address is not valid")
        async with transaction():
            batch.by_id = await self._rows.by_ids([one.id for _, one, _ in accounts])
            batch.by_key = await self._rows.by_email_keys(
                [email_key(account.email) for _, _, account in accounts]
            )
            for place, record, account in accounts:
                outcomes[place] = await self._import_one(record, account, batch)
        return [outcomes[place] for place in range(len(records))]

    async def _import_one(
        self, record: AccountRecord, account: Account, batch: "_Batch"
    ) -> Outcome:
        run = batch.run
        if record.role not in ROLES:
            run.accounts.refuse(record.id, "its role is unknown")
            return rejected(record.id, f"the role is none of {', '.join(ROLES)}")
        here = batch.same(record.id, account.email)
        if isinstance(here, str):
            run.accounts.refuse(record.id, here)
            return skipped(record.id, here)
        is_new = here is None
        if is_new and not await self._insert(record, account, batch):
            reason = "its id or its e-mail address was taken meanwhile; run the import again"
            run.accounts.refuse(record.id, reason)
            return skipped(record.id, reason)
        found = here or batch.add(account)
        run.accounts.add(record.id, found.id)
        if record.role == "admin":
            run.administrators.add(record.id)
        is_linked = await self._import_links(record, found, batch, is_new=is_new)
        if is_new:
            was_admin = record.role == "admin" and account.role != "admin"
            return imported(record.id, DEMOTED if was_admin else "")
        return imported(record.id) if is_linked else unchanged(record.id)

    async def _insert(self, record: AccountRecord, account: Account, batch: "_Batch") -> bool:
        password_hash = imported_hash(record, batch.noting(record))
        return batch.run.dry_run or await self._rows.insert(account, password_hash)

    async def _import_links(
        self, record: AccountRecord, here: ExistingAccount, batch: "_Batch", *, is_new: bool
    ) -> bool:
        """Link the external identities of a record. Returns whether one is new."""
        run, note = batch.run, batch.noting(record)
        links = imported_links(record, note)
        if links and not is_new and here.role == "admin" and not run.choices.keep_admins:
            note(ADMIN_HERE)
            return False
        added = False
        for provider, subject in links:
            try:
                if run.dry_run:
                    added |= await self._is_free(provider, subject, here.id)
                else:
                    added |= await self._links.add_imported(
                        provider, subject, here.id, record.created_at
                    )
            except DomainError:
                note(
                    "an external identity is not valid or that of another account, and was left out"
                )
        return added

    async def _is_free(self, provider: str, subject: str, account_id: str) -> bool:
        """Return whether a link would be new. Raises: InvalidRequest if it cannot be."""
        owner = await self._links.account_id(provider, subject)
        if owner not in (None, account_id):
            raise InvalidRequest
        return owner is None


class _Batch:
    """The accounts here that those of one batch may be."""

    def __init__(self, run: ImportRun) -> None:
        self.run = run
        self.by_id: dict[str, ExistingAccount] = {}
        self.by_key: dict[str, list[ExistingAccount]] = {}

    def noting(self, record: AccountRecord) -> Callable[[str], None]:
        """Return what counts that something of this record was left out."""
        return partial(self.run.notes.add, KIND, record_id=record.id)

    def account(self, record: AccountRecord) -> Account:
        """Return the account to store. Raises: InvalidRequest for its address."""
        account = imported_account(record, self.noting(record))
        if account.role == "admin" and not self.run.choices.keep_admins:
            return msgspec.structs.replace(account, role="user")
        return account

    def same(self, source_id: str, email: str) -> ExistingAccount | str | None:
        """Return the account here that this one is; None = there is none; a text = why it cannot be taken."""
        is_linking = self.run.choices.link_accounts
        if (found := self.by_id.get(source_id)) is not None:
            if email_key(found.email) == email_key(email) or is_linking:
                return found
            return OTHER_ADDRESS
        there = self.by_key.get(email_key(email), [])
        if len(there) > 1:
            return ADDRESSES_COLLIDE
        if there:
            return there[0] if is_linking else ADDRESS_TAKEN
        return None

    def add(self, account: Account) -> ExistingAccount:
        """Say that an account is stored now, for those that follow in the batch."""
        one = ExistingAccount(account.id, account.email, account.role)
        self.by_id[one.id] = one
        self.by_key.setdefault(email_key(one.email), []).append(one)
        return one


def _record(one: StoredAccount, scope: ExportScope) -> bytes:
    if scope.is_whole:
        return account_record(one.account, one.password_hash, one.links)
    settings, info = (
        bytes(without_secrets(text)).decode() for text in (one.account.settings, one.account.info)
    )
    public = msgspec.structs.replace(one.account, settings=settings, info=info)
    return account_record(public, None, {})
