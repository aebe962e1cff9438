"""Questions to the law in force: which lines there are, why it decides as it does, who may."""

import asyncio

from portico.api import (
    AccessExplanation,
    Account,
    AppContext,
    NotFound,
    PolicyFile,
    PolicySet,
    RoleRule,
    Rule,
    explain_access,
    subject_names,
    take_access_snapshot,
)
from portico_policy_admin.schemas import (
    AccountsPage,
    ActiveFile,
    ActivePolicies,
    ActiveRule,
    Kind,
    Origin,
)

#: People on one page.
PAGE = 100


class NoSuchAccount(NotFound):
    """Nobody has this id or e-mail address. Said only to whoever may know everybody."""

    def __init__(self, who: str) -> None:
        super().__init__(f"Nobody has the id or e-mail address {who}.")


async def active_policies(app: AppContext) -> ActivePolicies:
    """Every page as it is in force, and what is wrong with those that are not."""
    keeper, law = app.policies, app.permissions.policies
    version, _ = await keeper.saved()
    return ActivePolicies(
        version=version,
        pages=[_page(app, page) for page in keeper.files],
        refused=list(keeper.rejected),
        idle=[line for line in await rules_of(app, law) if line.idle],
        kinds=[
            Kind(
                name=kind.name,
                actions=list(kind.actions),
                general=list(kind.collection_actions),
                vital=list(kind.required_for_admins),
            )
            for kind in law.kinds.values()
        ],
    )


async def rules_of(app: AppContext, law: PolicySet) -> list[ActiveRule]:
    """Every line of a law, in the order in which its pages stand."""
    lines: tuple[Rule | RoleRule, ...] = (*law.rules, *law.roles, *law.idle)
    called = await subject_names(line.who for line in lines)
    idle = set(law.idle)
    order = {page.location: number for number, page in enumerate(app.policies.files)}

    def position(line: Rule | RoleRule) -> tuple[int, str, int]:
        place, number = split(line.origin)
        return order.get(place, len(order)), place, number

    return [
        ActiveRule(
            line=str(line),
            origin=line.origin,
            place=split(line.origin)[0],
            idle=line in idle,
            called={line.who: called[line.who]} if line.who in called else {},
        )
        for line in sorted(lines, key=position)
    ]


def split(origin: str) -> tuple[str, int]:
    """The place of a line, and its number there; a single line that a plugin brings has none."""
    place, _, number = origin.rpartition(":")
    return (place, int(number)) if place and number.isdecimal() else (origin, 0)


def origin_of(app: AppContext, page: PolicyFile) -> Origin:
    """Whose page it is."""
    if page.location.startswith("database/"):
        return "database"
    if page.location not in {packaged.location for packaged in app.policies.drafts.packaged}:
        return "directory"
    return "packaged" if page.location.startswith("portico_policies/") else "plugin"


def overridden_files(app: AppContext, page: PolicyFile) -> list[str]:
    """The places of the pages of the same name that this one lies over."""
    origin, directory = origin_of(app, page), app.policies.drafts.directory
    below = []
    if origin in ("directory", "database"):
        below = [one.location for one in app.policies.drafts.packaged if one.name == page.name]
    if origin == "database" and directory and (directory / page.name).is_file():
        below.append(str(directory / page.name))
    return below


def _page(app: AppContext, page: PolicyFile) -> ActiveFile:
    return ActiveFile(
        name=page.name,
        place=page.location,
        origin=origin_of(app, page),
        replaces=overridden_files(app, page),
        text=page.text,
    )


async def find_account(app: AppContext, who: str) -> Account:
    """The account of an id or an e-mail address. Raises: NoSuchAccount."""
    accounts = app.identity.accounts
    found = await accounts.by_email(who) if "@" in who else await accounts.find(who)
    if found is None:
        raise NoSuchAccount(who)
    return found


async def explain(
    app: AppContext, who: str, action: str, kind: str, thing: str = ""
) -> AccessExplanation:
    """Whether and why somebody may do something. `who`: an id or an e-mail address; `thing`: empty = in general.

    Raises: NoSuchAccount; Misshapen for a kind or an action that there is not.
    """
    account = await find_account(app, who)
    return await explain_access(app.permissions, account.id, action, kind, thing)


async def allowed_accounts(
    app: AppContext, action: str, kind: str, thing: str = "", page: int = 1
) -> AccountsPage:
    """Who may do something, 100 people a page; page 0 = everybody.

    Raises: NotFound for a thing that is not there; Misshapen for a kind or an action that there is not.
    """
    law = app.permissions.policies
    seen = await take_access_snapshot(app.permissions, [kind] if thing else [])
    if thing and (found := seen.things.get(kind)) is not None and thing not in found.ids:
        raise NotFound(f"There is no such {kind}.")
    # Everybody is looked at: not where other requests wait.
    people = await asyncio.to_thread(lambda: list(seen.allowed_accounts(law, action, kind, thing)))
    start = (max(page, 1) - 1) * PAGE
    return AccountsPage(total=len(people), people=people[start : start + PAGE] if page else people)
