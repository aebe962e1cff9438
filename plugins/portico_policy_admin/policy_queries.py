"""Queries about the active policies: which rules there are, why a decision is made, who is allowed an action."""

import asyncio

from portico.api import AppContext, NotFound
from portico.api.auth import Account
from portico.api.db import page_offset
from portico.api.policy import (
    AccessExplanation,
    PolicyFile,
    PolicyRule,
    PolicySet,
    RoleRule,
    explain_access,
    subject_names,
    take_access_snapshot,
)
from portico_policy_admin.schemas import (
    AccountsPage,
    ActiveFile,
    ActivePolicies,
    ActiveRule,
    Origin,
    PolicyKind,
)

#: Accounts on one page.
PAGE_SIZE = 100


class NoSuchAccount(NotFound):
    """No account has this id or e-mail address. Only for callers who may see all accounts."""

    def __init__(self, id_or_email: str) -> None:
        super().__init__(f"There is no account with the id or e-mail address {id_or_email}.")


async def active_policies(app: AppContext) -> ActivePolicies:
    """Return every active file, and why the latest ones are rejected if they are."""
    service, policies = app.policies, app.permissions.policies
    version, _ = await service.saved()
    return ActivePolicies(
        version=version,
        files=[_active_file(app, file) for file in service.files],
        rejected=list(service.rejected),
        inactive=[rule for rule in await rules_of(app, policies) if rule.inactive],
        kinds=[
            PolicyKind(
                name=kind.name,
                actions=list(kind.actions),
                collection_actions=list(kind.collection_actions),
                required_for_admins=list(kind.required_for_admins),
            )
            for kind in policies.kinds.values()
        ],
    )


async def rules_of(app: AppContext, policies: PolicySet) -> list[ActiveRule]:
    """Return every rule of a policy set, in the order of the active files."""
    rules: tuple[PolicyRule | RoleRule, ...] = (
        *policies.rules,
        *policies.roles,
        *policies.inactive,
    )
    names = await subject_names(rule.subject for rule in rules)
    inactive = set(policies.inactive)
    order = {file.location: number for number, file in enumerate(app.policies.files)}

    def position(rule: PolicyRule | RoleRule) -> tuple[int, str, int]:
        location, number = split(rule.origin)
        return order.get(location, len(order)), location, number

    return [
        ActiveRule(
            rule=str(rule),
            origin=rule.origin,
            location=split(rule.origin)[0],
            inactive=rule in inactive,
            names={rule.subject: names[rule.subject]} if rule.subject in names else {},
        )
        for rule in sorted(rules, key=position)
    ]


def split(origin: str) -> tuple[str, int]:
    """Return the location and the line of a rule; a rule that a plugin registers in code has the line 0."""
    location, _, number = origin.rpartition(":")
    return (location, int(number)) if location and number.isdecimal() else (origin, 0)


def origin_of(app: AppContext, file: PolicyFile) -> Origin:
    """Return where a file comes from."""
    if file.location.startswith("database/"):
        return "database"
    if file.location not in {packaged.location for packaged in app.policies.builder.packaged}:
        return "directory"
    return "packaged" if file.location.startswith("portico_policies/") else "plugin"


def overridden_files(app: AppContext, file: PolicyFile) -> list[str]:
    """Return the locations of the files that this one overrides."""
    origin, directory = origin_of(app, file), app.policies.builder.directory
    overridden = []
    if origin in ("directory", "database"):
        packaged = app.policies.builder.packaged
        overridden = [one.location for one in packaged if one.name == file.name]
    if origin == "database" and directory and (directory / file.name).is_file():
        overridden.append(str(directory / file.name))
    return overridden


def _active_file(app: AppContext, file: PolicyFile) -> ActiveFile:
    return ActiveFile(
        name=file.name,
        location=file.location,
        origin=origin_of(app, file),
        replaces=overridden_files(app, file),
        text=file.text,
    )


async def find_account(app: AppContext, id_or_email: str) -> Account:
    """Return the account with this id or e-mail address. Raises: NoSuchAccount."""
    found = await app.identity.accounts.by_email_or_id(id_or_email)
    if found is None:
        raise NoSuchAccount(id_or_email)
    return found


async def explain(
    app: AppContext, id_or_email: str, action: str, kind: str, resource_id: str = ""
) -> AccessExplanation:
    """Explain whether an account is allowed an action on a resource, or on the collection if it is empty.

    Raises: NoSuchAccount; ValidationError for an unknown kind or action.
    """
    account = await find_account(app, id_or_email)
    return await explain_access(app.permissions, account.id, action, kind, resource_id)


async def allowed_accounts(
    app: AppContext, action: str, kind: str, resource_id: str = "", page: int = 1
) -> AccountsPage:
    """Return the accounts that are allowed an action, 100 a page; page 0 = all.

    Raises: NotFound for a resource that does not exist; ValidationError for an unknown kind or action.
    """
    policies = app.permissions.policies
    snapshot = await take_access_snapshot(app.permissions, [kind] if resource_id else [])
    resources = snapshot.resources.get(kind)
    if resource_id and resources is not None and resource_id not in resources.ids:
        raise NotFound(f"There is no such {kind}.")
    # In a thread: it reads all accounts, and must not delay other requests.
    accounts = await asyncio.to_thread(
        lambda: list(snapshot.allowed_accounts(policies, action, kind, resource_id))
    )
    start = page_offset(page, PAGE_SIZE)
    return AccountsPage(
        total=len(accounts), accounts=accounts[start : start + PAGE_SIZE] if page else accounts
    )
