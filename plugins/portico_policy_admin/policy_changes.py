"""Changing the law: trying it first, saving it, going back."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portico.api import (
    MAX_POLICY_FILE_BYTES,
    AccessChange,
    AppContext,
    InvalidPolicy,
    InvalidRequest,
    NotFound,
    PolicyVersion,
    TooLarge,
    changed_kinds,
    take_access_snapshot,
)
from portico_policy_admin.policy_queries import rules_of
from portico_policy_admin.schemas import (
    AccessChangeView,
    PolicyVersionsPage,
    PolicyVersionView,
    PreviewResult,
)

#: Of one answer.
MOST_SHIFTS = 1000
#: Ids that one shift names for each of gained and lost.
MOST_IDS = 100

_NAME = re.compile(r"[a-z0-9._-]{1,64}\.csv")


class InvalidPolicyRequest(InvalidRequest):
    """The pages are no good law. Shape: one fault a line, each beginning with the place and number of the line."""

    def __init__(self, error: InvalidPolicy) -> None:
        super().__init__("\n".join(error.faults))


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What there is to say of a directory of pages. No faults = it could be in force."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pages: int = 0
    lines: int = 0


async def preview(app: AppContext, pages: Mapping[str, str | None]) -> PreviewResult:
    """What would change for whom if these pages were saved. Raises: Refused, Invalid, TooLarge."""
    for name, text in pages.items():
        check_page(name, text)
    try:
        after = await app.policies.drafts.compile_with_changes(pages)
    except InvalidPolicy as error:
        raise InvalidPolicyRequest(error) from error
    before = app.permissions.policies
    seen = await take_access_snapshot(app.permissions, changed_kinds(before, after))

    def count() -> PreviewResult:
        shown: list[AccessChangeView] = []
        total, people = 0, set[str]()
        for shift in seen.changes(before, after):
            total += 1
            people.add(shift.account_id)
            if len(shown) < MOST_SHIFTS:
                shown.append(_shown(shift))
        return PreviewResult(shifts=shown, total=total, people=len(people))

    # Everybody is looked at: not where other requests wait.
    return await asyncio.to_thread(count)


async def compare_directory(
    app: AppContext, directory: Path, progress: Callable[[int, int], object]
) -> list[AccessChange]:
    """What would change for whom if this were the directory of the operator's pages. Raises: InvalidPolicy."""
    before = app.permissions.policies
    after = await app.policies.drafts.compile_directory(directory)
    seen = await take_access_snapshot(app.permissions, changed_kinds(before, after))
    return list(seen.changes(before, after, progress))


async def check(app: AppContext, directory: Path) -> CheckResult:
    """Whether the pages of a directory could be in force in this house."""
    try:
        law = await app.policies.drafts.compile_directory(directory)
    except InvalidPolicy as error:
        return CheckResult(faults=error.faults)
    names = _names(directory)
    lines = [one for one in await rules_of(app, law) if Path(one.place).parent == directory]
    strangers = [
        f"{line.origin}: {word}: there is no such {'group' if word.startswith('member') else 'account'}"
        for line in lines
        for word, name in line.called.items()
        if name is None
    ]
    return CheckResult(
        warnings=(*await _override_warnings(app, directory, names), *strangers),
        pages=len(names),
        lines=len(lines),
    )


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("[!.]*.csv"))


async def _override_warnings(app: AppContext, directory: Path, names: list[str]) -> list[str]:
    """Which pages lie over which."""
    packaged = {page.name: page.location for page in app.policies.drafts.packaged}
    _, saved = await app.policies.saved()
    return [
        *(f"{directory / n} replaces {packaged[n]}, all of it" for n in names if n in packaged),
        *(f"{directory / n} is not read: database/{n} replaces it" for n in names if n in saved),
    ]


async def save(app: AppContext, name: str, text: str | None, author: str) -> int:
    """Keep a page in the database, in force from now on; None = take it back. Returns the number of the version.

    Raises: NotFound for taking back what is not there; Refused, Invalid, TooLarge; then nothing was changed.
    """
    check_page(name, text)
    if text is None and name not in (await app.policies.saved())[1]:
        raise NotFound
    try:
        return await app.policies.save({name: text}, author)
    except InvalidPolicy as error:
        raise InvalidPolicyRequest(error) from error


async def roll_back(app: AppContext, number: int, author: str) -> int:
    """Make an earlier version count; 0 = as if nothing had been saved. Raises: NotFound, Refused."""
    try:
        return await app.policies.roll_back(number, author)
    except InvalidPolicy as error:
        raise InvalidPolicyRequest(error) from error


async def versions(app: AppContext, before: int | None = None) -> PolicyVersionsPage:
    """What was saved and when, 20 at a time."""
    found = await app.policies.versions(before)
    shown = [_version(one) for one in found]
    # The first version has the number 1, and none is ever deleted.
    return PolicyVersionsPage(
        versions=shown, next=found[-1].number if found and found[-1].number > 1 else None
    )


def check_page(name: str, text: str | None) -> None:
    """Raises: Invalid for a name that no page can have; TooLarge for a text of more than 256 KiB."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            "[ERROR: name: a page is called by 1 to 64 of a-z, 0-9, '.', '_' and '-', then '.csv']"
        )
    if text is not None and len(text.encode()) > MAX_POLICY_FILE_BYTES:
        raise TooLarge(f"A page has at most {MAX_POLICY_FILE_BYTES} bytes")


def _shown(shift: AccessChange) -> AccessChangeView:
    return AccessChangeView(
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


def _version(version: PolicyVersion) -> PolicyVersionView:
    return PolicyVersionView(
        number=version.number,
        at=version.at,
        author=version.author,
        author_name=version.author_name,
        pages=sorted(version.pages),
    )
