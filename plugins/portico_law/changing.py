"""Changing the law: trying it first, saving it, going back."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portico.api import (
    LARGEST_PAGE,
    BadPolicy,
    House,
    Invalid,
    NotFound,
    Shift,
    TooLarge,
    Version,
    differing,
    survey,
)
from portico_law.asking import lines_of
from portico_law.schemas import Outcome, ShiftShown, Versions, VersionShown

#: Of one answer.
MOST_SHIFTS = 1000
#: Ids that one shift names for each of gained and lost.
MOST_IDS = 100

_NAME = re.compile(r"[a-z0-9._-]{1,64}\.csv")


class Refused(Invalid):
    """The pages are no good law. Shape: one fault a line, each beginning with the place and number of the line."""

    def __init__(self, error: BadPolicy) -> None:
        super().__init__("\n".join(error.faults))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say of a directory of pages. No faults = it could be in force."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pages: int = 0
    lines: int = 0


async def try_out(house: House, pages: Mapping[str, str | None]) -> Outcome:
    """What would change for whom if these pages were saved. Raises: Refused, Invalid, TooLarge."""
    for name, text in pages.items():
        check_page(name, text)
    try:
        after = await house.policies.drafts.with_changes(pages)
    except BadPolicy as error:
        raise Refused(error) from error
    before = house.permissions.law
    seen = await survey(house.permissions, differing(before, after))

    def count() -> Outcome:
        shown: list[ShiftShown] = []
        total, people = 0, set[str]()
        for shift in seen.shifts(before, after):
            total += 1
            people.add(shift.account_id)
            if len(shown) < MOST_SHIFTS:
                shown.append(_shown(shift))
        return Outcome(shifts=shown, total=total, people=len(people))

    # Everybody is looked at: not where other requests wait.
    return await asyncio.to_thread(count)


async def compare(
    house: House, directory: Path, progress: Callable[[int, int], object]
) -> list[Shift]:
    """What would change for whom if this were the directory of the operator's pages. Raises: BadPolicy."""
    before = house.permissions.law
    after = await house.policies.drafts.of_directory(directory)
    seen = await survey(house.permissions, differing(before, after))
    return list(seen.shifts(before, after, progress))


async def check(house: House, directory: Path) -> Verdict:
    """Whether the pages of a directory could be in force in this house."""
    try:
        law = await house.policies.drafts.of_directory(directory)
    except BadPolicy as error:
        return Verdict(faults=error.faults)
    names = _names(directory)
    lines = [one for one in await lines_of(house, law) if Path(one.place).parent == directory]
    strangers = [
        f"{line.origin}: {word}: there is no such {'group' if word.startswith('member') else 'account'}"
        for line in lines
        for word, name in line.called.items()
        if name is None
    ]
    return Verdict(
        warnings=(*await _shadows(house, directory, names), *strangers),
        pages=len(names),
        lines=len(lines),
    )


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("[!.]*.csv"))


async def _shadows(house: House, directory: Path, names: list[str]) -> list[str]:
    """Which pages lie over which."""
    packaged = {page.name: page.place for page in house.policies.drafts.packaged}
    _, saved = await house.policies.saved()
    return [
        *(f"{directory / n} replaces {packaged[n]}, all of it" for n in names if n in packaged),
        *(f"{directory / n} is not read: database/{n} replaces it" for n in names if n in saved),
    ]


async def save(house: House, name: str, text: str | None, author: str) -> int:
    """Keep a page in the database, in force from now on; None = take it back. Returns the number of the version.

    Raises: NotFound for taking back what is not there; Refused, Invalid, TooLarge; then nothing was changed.
    """
    check_page(name, text)
    if text is None and name not in (await house.policies.saved())[1]:
        raise NotFound
    try:
        return await house.policies.save({name: text}, author)
    except BadPolicy as error:
        raise Refused(error) from error


async def roll_back(house: House, number: int, author: str) -> int:
    """Make an earlier version count; 0 = as if nothing had been saved. Raises: NotFound, Refused."""
    try:
        return await house.policies.roll_back(number, author)
    except BadPolicy as error:
        raise Refused(error) from error


async def versions(house: House, before: int | None = None) -> Versions:
    """What was saved and when, 20 at a time."""
    found = await house.policies.versions(before)
    shown = [_version(one) for one in found]
    # The first version has the number 1, and none is ever deleted.
    return Versions(
        versions=shown, next=found[-1].number if found and found[-1].number > 1 else None
    )


def check_page(name: str, text: str | None) -> None:
    """Raises: Invalid for a name that no page can have; TooLarge for a text of more than 256 KiB."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "[ERROR: name: a page is called by 1 to 64 of a-z, 0-9, '.', '_' and '-', then '.csv']"
        )
    if text is not None and len(text.encode()) > LARGEST_PAGE:
        raise TooLarge(f"A page has at most {LARGEST_PAGE} bytes")


def _shown(shift: Shift) -> ShiftShown:
    return ShiftShown(
        account_id=shift.account_id,
        account_name=shift.account_name,
        email=shift.email,
        kind=shift.kind,
        action=shift.action,
        in_general=shift.in_general,
        gained=shift.gained[:MOST_IDS],
        gained_total=len(shift.gained),
        lost=shift.lost[:MOST_IDS],
        lost_total=len(shift.lost),
    )


def _version(version: Version) -> VersionShown:
    return VersionShown(
        number=version.number,
        at=version.at,
        author=version.author,
        author_name=version.author_name,
        pages=sorted(version.pages),
    )
