"""Provisioning: finds, links or creates the account of an external identity, and keeps it up to date."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from portico.db import fetch_all, transaction
from portico.errors import ACCESS_PROHIBITED, EMAIL_TAKEN, Forbidden, InvalidRequest
from portico.identity.accounts.account import Account
from portico.identity.accounts.accounts import Accounts
from portico.identity.accounts.changes import AccountChanges
from portico.identity.accounts.picture import DEFAULT_PICTURE
from portico.identity.groups.group import NoSuchGroup
from portico.identity.groups.groups import Groups
from portico.identity.sign_in.identity_links import IdentityLinks
from portico.identity.sign_in.providers import ExternalIdentity, ProvisioningRules
from portico.normalization import normalized

log = structlog.get_logger("portico.identity")

_GROUPS_BY_AGE = "SELECT g.id, g.name FROM portico_group g ORDER BY g.created_at, g.id"


class AccountProvisioner:
    """Maps external identities to accounts.

    `default_group`: returns the id of the group that new accounts join; empty = none.
    """

    def __init__(
        self,
        accounts: Accounts,
        groups: Groups,
        links: IdentityLinks,
        default_group: Callable[[], Awaitable[str]],
    ) -> None:
        self._accounts = accounts
        self._groups = groups
        self._links = links
        self._default_group = default_group

    async def provision(
        self, provider: str, external: ExternalIdentity, rules: ProvisioningRules
    ) -> Account:
        """Return the account of an external identity: linked, found by e-mail address, or created.

        Raises: Forbidden if there is no account and none may be created; InvalidRequest if an account with the e-mail
        address may not be linked, and for values that cannot be stored.
        """
        account = await self._find_linked(provider, external, rules)
        if account is None:
            try:
                async with transaction():
                    account = await self._link_or_create(provider, external, rules)
            except InvalidRequest:
                # A concurrent first sign-in of the same user may have created the account.
                async with (
                    transaction()
                ):  # sees what a concurrent one wrote, also before its commit
                    account = await self._find_linked(provider, external, rules)
                if account is None:
                    raise
        return await self._synchronize(account, external, rules)

    async def _find_linked(
        self, provider: str, external: ExternalIdentity, rules: ProvisioningRules
    ) -> Account | None:
        if external.subject is None:
            return await self._find_by_email(external, rules)
        account_id = await self._links.account_id(provider, external.subject)
        return None if account_id is None else await self._accounts.by_id(account_id)

    async def _find_by_email(
        self, external: ExternalIdentity, rules: ProvisioningRules
    ) -> Account | None:
        """Return the account with the same e-mail address. Raises: InvalidRequest if it may not be linked."""
        account = await self._accounts.by_email(external.email)
        if account is not None and not _may_link(account, external, rules):
            raise InvalidRequest(EMAIL_TAKEN)
        return account

    async def _link_or_create(
        self, provider: str, external: ExternalIdentity, rules: ProvisioningRules
    ) -> Account:
        account = await self._find_by_email(external, rules)
        if account is not None and external.subject is not None:
            others = await self._links.of(account.id)
            if any(known == provider for known, _ in others):
                # The account is linked to another user of this provider.
                raise InvalidRequest(EMAIL_TAKEN)
        if account is None:
            if not (rules.create_accounts or rules.create_first_account):
                raise Forbidden(ACCESS_PROHIBITED)
            account = await self._create(external, only_if_first=not rules.create_accounts)
        if external.subject is not None:
            await self._links.add(provider, external.subject, account.id)
        return account

    async def _create(self, external: ExternalIdentity, *, only_if_first: bool) -> Account:
        account = await self._accounts.create(
            name=external.name or external.email,
            email=external.email,
            password_hash=None,
            role=external.role,
            profile_image_url=external.picture or DEFAULT_PICTURE,
            only_if_first=only_if_first,
            is_sign_up=True,
        )
        await self.join_default_group(account.id)
        return account

    async def join_default_group(self, account_id: str) -> None:
        """Add a new account to the default group. A missing group is logged and ignored."""
        group_id = await self._default_group()
        if not group_id:
            return
        try:
            await self._groups.add_members(group_id, [account_id])
        except NoSuchGroup:
            log.warning("default group does not exist", group=group_id)

    async def _synchronize(
        self, account: Account, external: ExternalIdentity, rules: ProvisioningRules
    ) -> Account:
        role = external.role if external.role != account.role else None
        picture = external.picture if rules.replace_picture else None
        if role or (picture and picture != account.profile_image_url):
            account = await self._update_account(account, role, picture)
        if external.groups is not None and account.role != "admin":
            await self._sync_groups(account.id, external.groups, rules)
        return account

    async def _update_account(
        self, account: Account, role: str | None, picture: str | None
    ) -> Account:
        try:
            return await self._accounts.update(
                account.id, AccountChanges(role=role, profile_image_url=picture)
            )
        except Forbidden:
            # A provider cannot demote the first administrator or the last one.
            log.warning("demotion of an administrator by a provider ignored", account=account.id)
            changes = AccountChanges(profile_image_url=picture)
            return await self._accounts.update(account.id, changes)

    async def _sync_groups(
        self, account_id: str, names: Sequence[str], rules: ProvisioningRules
    ) -> None:
        """Make the account a member of exactly the groups with these names, except ignored groups.

        If several groups have the same name, the oldest one is meant. Names are compared in NFC and by case.
        """
        composed = (normalized("NFC", name) for name in names)
        wanted = {name for name in composed if name and not rules.is_ignored_group(name)}
        async with transaction():
            known: dict[str, str] = {}
            name_of = {}
            for row in await fetch_all(_GROUPS_BY_AGE):
                known.setdefault(normalized("NFC", row["name"]), row["id"])
                name_of[row["id"]] = row["name"]
            if rules.create_groups:
                for name in sorted(wanted - known.keys()):
                    known[name] = await self._new_group(name, account_id)
            current = set(await self._groups.ids_of_account(account_id))
            target = {known[name] for name in wanted if name in known}
            for group_id in sorted(target - current):
                await self._groups.add_members(group_id, [account_id])
            for group_id in sorted(current - target):
                if not rules.is_ignored_group(name_of.get(group_id, "")):
                    await self._groups.remove_members(group_id, [account_id])

    async def _new_group(self, name: str, account_id: str) -> str:
        by = await self._accounts.first_admin_id() or account_id
        text = f"Group '{name}' created automatically at a sign-in."
        return (await self._groups.create(name=name, description=text, by=by)).id


def _may_link(account: Account, external: ExternalIdentity, rules: ProvisioningRules) -> bool:
    """Return whether an unlinked user may be linked to the account with the same e-mail address."""
    if not external.email_verified or rules.link_by_email == "never":
        return False
    return rules.link_by_email == "always" or account.role != "admin"
