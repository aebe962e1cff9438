"""From what a provider says about somebody to an account of this house: found, merged or made, and kept up to date."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from portico.db import rows, transaction
from portico.errors import ACCESS_PROHIBITED, EMAIL_TAKEN, Forbidden, Invalid
from portico.identity.directory import Directory
from portico.identity.entering.links import Links
from portico.identity.entering.ways import Proof, Terms
from portico.identity.groups.group import NoSuchGroup
from portico.identity.people.account import Account
from portico.identity.people.amendment import Amendment
from portico.identity.people.picture import DEFAULT_PICTURE
from portico.normalization import normalized

log = structlog.get_logger("portico.identity")

_NAMED = "SELECT g.id, g.name FROM portico_group g ORDER BY g.created_at, g.id"


class Admission:
    """Lets in whom providers vouch for.

    `default_group`: the id of the group that newcomers join, asked each time; empty = none.
    """

    def __init__(
        self, directory: Directory, links: Links, default_group: Callable[[], Awaitable[str]]
    ) -> None:
        self._directory = directory
        self._links = links
        self._default_group = default_group

    async def admit(self, provider: str, proof: Proof, terms: Terms) -> Account:
        """The account of somebody whom a provider vouches for.

        Raises: Forbidden for a newcomer where there shall be none; Invalid where an account has the e-mail address
        and may not be merged with, and for what cannot be stored.
        """
        account = await self._known(provider, proof, terms)
        if account is None:
            try:
                async with transaction():
                    account = await self._let_in(provider, proof, terms)
            except Invalid:
                # A newcomer who comes twice at the same time is let in once, and known by then.
                async with (
                    transaction()
                ):  # where what the other one wrote is seen before its commit
                    account = await self._known(provider, proof, terms)
                if account is None:
                    raise
        return await self._up_to_date(account, proof, terms)

    async def _known(self, provider: str, proof: Proof, terms: Terms) -> Account | None:
        if proof.subject is None:
            return await self._namesake(proof, terms)
        account_id = await self._links.account_id(provider, proof.subject)
        return None if account_id is None else await self._directory.by_id(account_id)

    async def _namesake(self, proof: Proof, terms: Terms) -> Account | None:
        """The account of the same e-mail address. Raises: Invalid if it may not be merged with."""
        account = await self._directory.by_email(proof.email)
        if account is not None and not _merges(account, proof, terms):
            raise Invalid(EMAIL_TAKEN)
        return account

    async def _let_in(self, provider: str, proof: Proof, terms: Terms) -> Account:
        account = await self._namesake(proof, terms)
        if account is not None and proof.subject is not None:
            others = await self._links.of(account.id)
            if any(known == provider for known, _ in others):
                # To this provider the account is somebody else, whose address it says this is as well.
                raise Invalid(EMAIL_TAKEN)
        if account is None:
            if not (terms.newcomers or terms.founder):
                raise Forbidden(ACCESS_PROHIBITED)
            account = await self._made(proof, founding=not terms.newcomers)
        if proof.subject is not None:
            await self._links.add(provider, proof.subject, account.id)
        return account

    async def _made(self, proof: Proof, *, founding: bool) -> Account:
        account = await self._directory.create_account(
            name=proof.name or proof.email,
            email=proof.email,
            password_hash=None,
            role=proof.role,
            profile_image_url=proof.picture or DEFAULT_PICTURE,
            founding=founding,
        )
        await self.join_default_group(account.id)
        return account

    async def join_default_group(self, account_id: str) -> None:
        """Put a newcomer into the group that the operator named; where there is none any more, say so and go on."""
        group_id = await self._default_group()
        if not group_id:
            return
        try:
            await self._directory.add_members(group_id, [account_id])
        except NoSuchGroup:
            log.warning("the group that newcomers join does not exist", group=group_id)

    async def _up_to_date(self, account: Account, proof: Proof, terms: Terms) -> Account:
        role = proof.role if proof.role != account.role else None
        picture = proof.picture if terms.new_picture else None
        if role or (picture and picture != account.profile_image_url):
            account = await self._amended(account, role, picture)
        if proof.groups is not None and account.role != "admin":
            await self._in_groups(account.id, proof.groups, terms)
        return account

    async def _amended(self, account: Account, role: str | None, picture: str | None) -> Account:
        try:
            return await self._directory.amend(
                account.id, Amendment(role=role, profile_image_url=picture)
            )
        except Forbidden:
            # Whoever founded the house, and the last administrator, stay what they are whatever a provider says.
            log.warning("a provider may not demote this administrator", account=account.id)
            wanted = Amendment(profile_image_url=picture)
            return await self._directory.amend(account.id, wanted)

    async def _in_groups(self, account_id: str, names: Sequence[str], terms: Terms) -> None:
        """Have somebody in exactly the groups of these names, but for those that are left alone.

        A name that several groups bear means the oldest of them. Names are compared in one form of Unicode; case counts.
        """
        composed = (normalized("NFC", name) for name in names)
        wanted = {name for name in composed if name and not terms.leaves_alone(name)}
        async with transaction():
            known: dict[str, str] = {}
            name_of = {}
            for found in await rows(_NAMED):
                known.setdefault(normalized("NFC", found["name"]), found["id"])
                name_of[found["id"]] = found["name"]
            if terms.new_groups:
                for name in sorted(wanted - known.keys()):
                    known[name] = await self._new_group(name, account_id)
            now_in = set(await self._directory.group_ids(account_id))
            to_be = {known[name] for name in wanted if name in known}
            for group_id in sorted(to_be - now_in):
                await self._directory.add_members(group_id, [account_id])
            for group_id in sorted(now_in - to_be):
                if not terms.leaves_alone(name_of.get(group_id, "")):
                    await self._directory.remove_members(group_id, [account_id])

    async def _new_group(self, name: str, account_id: str) -> str:
        by = await self._directory.primary() or account_id
        text = f"Group '{name}' created automatically at a sign-in."
        return (await self._directory.create_group(name=name, description=text, by=by)).id


def _merges(account: Account, proof: Proof, terms: Terms) -> bool:
    """Whether somebody who is new to the provider is given the account that has their e-mail address."""
    if not proof.vouched or terms.merge == "nobody":
        return False
    return terms.merge == "everybody" or account.role != "admin"
