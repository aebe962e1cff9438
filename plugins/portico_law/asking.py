"""Questions to the law in force: which lines there are, why it decides as it does, who may."""

import asyncio

from portico.api import (
    Account,
    Explanation,
    House,
    Law,
    NotFound,
    Page,
    RoleLine,
    Rule,
    explain,
    names_in,
    survey,
)
from portico_law.schemas import Kind, LawInForce, LineInForce, Origin, PageInForce, People

#: People on one page.
PAGE = 100


class NoSuchPerson(NotFound):
    """Nobody has this id or e-mail address. Said only to whoever may know everybody."""

    def __init__(self, who: str) -> None:
        super().__init__(f"Nobody has the id or e-mail address {who}.")


async def law_in_force(house: House) -> LawInForce:
    """Every page as it is in force, and what is wrong with those that are not."""
    keeper, law = house.policies, house.permissions.law
    version, _ = await keeper.saved()
    return LawInForce(
        version=version,
        pages=[_page(house, page) for page in keeper.pages],
        refused=list(keeper.refused),
        idle=[line for line in await lines_of(house, law) if line.idle],
        kinds=[
            Kind(
                name=kind.name,
                actions=list(kind.actions),
                general=list(kind.general),
                vital=list(kind.vital),
            )
            for kind in law.kinds.values()
        ],
    )


async def lines_of(house: House, law: Law) -> list[LineInForce]:
    """Every line of a law, in the order in which its pages stand."""
    lines: tuple[Rule | RoleLine, ...] = (*law.rules, *law.roles, *law.idle)
    called = await names_in(line.who for line in lines)
    idle = set(law.idle)
    order = {page.place: number for number, page in enumerate(house.policies.pages)}

    def position(line: Rule | RoleLine) -> tuple[int, str, int]:
        place, number = split(line.origin)
        return order.get(place, len(order)), place, number

    return [
        LineInForce(
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


def origin_of(house: House, page: Page) -> Origin:
    """Whose page it is."""
    if page.place.startswith("database/"):
        return "database"
    if page.place not in {packaged.place for packaged in house.policies.drafts.packaged}:
        return "directory"
    return "packaged" if page.place.startswith("portico_policies/") else "plugin"


def replaced_by(house: House, page: Page) -> list[str]:
    """The places of the pages of the same name that this one lies over."""
    origin, directory = origin_of(house, page), house.policies.drafts.directory
    below = []
    if origin in ("directory", "database"):
        below = [one.place for one in house.policies.drafts.packaged if one.name == page.name]
    if origin == "database" and directory and (directory / page.name).is_file():
        below.append(str(directory / page.name))
    return below


def _page(house: House, page: Page) -> PageInForce:
    return PageInForce(
        name=page.name,
        place=page.place,
        origin=origin_of(house, page),
        replaces=replaced_by(house, page),
        text=page.text,
    )


async def person(house: House, who: str) -> Account:
    """The account of an id or an e-mail address. Raises: NoSuchPerson."""
    directory = house.identity.directory
    found = await directory.by_email(who) if "@" in who else await directory.find(who)
    if found is None:
        raise NoSuchPerson(who)
    return found


async def why(house: House, who: str, action: str, kind: str, thing: str = "") -> Explanation:
    """Whether and why somebody may do something. `who`: an id or an e-mail address; `thing`: empty = in general.

    Raises: NoSuchPerson; Misshapen for a kind or an action that there is not.
    """
    account = await person(house, who)
    return await explain(house.permissions, account.id, action, kind, thing)


async def who_may(house: House, action: str, kind: str, thing: str = "", page: int = 1) -> People:
    """Who may do something, 100 people a page; page 0 = everybody.

    Raises: NotFound for a thing that is not there; Misshapen for a kind or an action that there is not.
    """
    law = house.permissions.law
    seen = await survey(house.permissions, [kind] if thing else [])
    if thing and (found := seen.things.get(kind)) is not None and thing not in found.ids:
        raise NotFound(f"There is no such {kind}.")
    # Everybody is looked at: not where other requests wait.
    people = await asyncio.to_thread(lambda: list(seen.who(law, action, kind, thing)))
    start = (max(page, 1) - 1) * PAGE
    return People(total=len(people), people=people[start : start + PAGE] if page else people)
