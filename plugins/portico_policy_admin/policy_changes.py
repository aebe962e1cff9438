"""Changes of the policies: preview, save, roll back."""

import asyncio
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from portico.api import AppContext, InvalidRequest, NotFound, TooLarge
from portico.api.policy import (
    MAX_POLICY_FILE_BYTES,
    AccessChange,
    InvalidPolicy,
    PolicyVersion,
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

#: Of one preview.
MAX_CHANGES = 1000
#: Ids that one change names for each of gained and lost.
MAX_IDS = 100

_NAME = re.compile(r"[a-z0-9._-]{1,64}\.csv")


class InvalidPolicyRequest(InvalidRequest):
    """The files are not valid. Shape: one fault a line, each beginning with the location and number of the line."""

    def __init__(self, error: InvalidPolicy) -> None:
        super().__init__("\n".join(error.faults))


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking a policy directory. No faults = it could be activated."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    files: int = 0
    rules: int = 0


async def preview(app: AppContext, files: Mapping[str, str | None]) -> PreviewResult:
    """Return what would change if these files were saved. Raises: InvalidPolicyRequest, InvalidRequest, TooLarge."""
    for name, text in files.items():
        check_file(name, text)
    try:
        after = await app.policies.builder.compile_with_changes(files)
    except InvalidPolicy as error:
        raise InvalidPolicyRequest(error) from error
    before = app.permissions.policies
    snapshot = await take_access_snapshot(app.permissions, changed_kinds(before, after))

    def count() -> PreviewResult:
        shown: list[AccessChangeView] = []
        total, accounts = 0, set[str]()
        for change in snapshot.changes(before, after):
            total += 1
            accounts.add(change.account_id)
            if len(shown) < MAX_CHANGES:
                shown.append(_change_view(change))
        return PreviewResult(changes=shown, total=total, accounts=len(accounts))

    # In a thread: it compares all accounts, and must not delay other requests.
    return await asyncio.to_thread(count)


async def compare_directory(
    app: AppContext, directory: Path, progress: Callable[[int, int], object]
) -> list[AccessChange]:
    """Return what would change if this were the directory of the operator's files. Raises: InvalidPolicy."""
    before = app.permissions.policies
    after = await app.policies.builder.compile_directory(directory)
    snapshot = await take_access_snapshot(app.permissions, changed_kinds(before, after))
    return list(snapshot.changes(before, after, progress))


async def check(app: AppContext, directory: Path) -> CheckResult:
    """Check whether the files of a directory could be activated."""
    try:
        policies = await app.policies.builder.compile_directory(directory)
    except InvalidPolicy as error:
        return CheckResult(faults=error.faults)
    names = _file_names(directory)
    rules = [
        rule for rule in await rules_of(app, policies) if Path(rule.location).parent == directory
    ]
    saved = (await app.policies.saved())[1]
    # A file without rules that replaces another one takes away what that one allows.
    replaced = {*saved, *(file.name for file in app.policies.builder.packaged)}
    if not rules and not any(name in replaced for name in names):
        found = "none of its files has a rule" if names else "it has no file *.csv"
        return CheckResult((f"{directory}: {found}. Name the directory of your policy files.",))
    unknown = [
        f"{rule.origin}: {subject}: there is no such "
        f"{'group' if subject.startswith('group:') else 'account'}"
        for rule in rules
        for subject, name in rule.names.items()
        if name is None
    ]
    return CheckResult(
        warnings=(*_override_warnings(app, directory, names, saved), *unknown),
        files=len(names),
        rules=len(rules),
    )


def _file_names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("[!.]*.csv"))


def _override_warnings(
    app: AppContext, directory: Path, names: Sequence[str], saved: Container[str]
) -> list[str]:
    """Return which files override which."""
    packaged = {file.name: file.location for file in app.policies.builder.packaged}
    return [
        *(f"{directory / n} replaces all of {packaged[n]}" for n in names if n in packaged),
        *(f"{directory / n} is not used: database/{n} replaces it" for n in names if n in saved),
    ]


async def save(app: AppContext, name: str, text: str | None, author: str) -> int:
    """Save a policy file, active from now on; None = delete it. Returns the number of the version.

    Raises: NotFound for deleting a file that is not saved; InvalidPolicyRequest, InvalidRequest, TooLarge; then nothing
    was changed.
    """
    check_file(name, text)
    if text is None and name not in (await app.policies.saved())[1]:
        raise NotFound
    try:
        return await app.policies.save({name: text}, author)
    except InvalidPolicy as error:
        raise InvalidPolicyRequest(error) from error


async def roll_back(app: AppContext, number: int, author: str) -> int:
    """Save the files of an earlier version as the latest; 0 = none. Raises: NotFound, InvalidPolicyRequest."""
    try:
        return await app.policies.roll_back(number, author)
    except InvalidPolicy as error:
        raise InvalidPolicyRequest(error) from error


async def versions(app: AppContext, before: int | None = None) -> PolicyVersionsPage:
    """Return the saved versions, 20 at a time, newest first."""
    found = await app.policies.versions(before)
    shown = [_version_view(version) for version in found]
    # The first version has the number 1, and none is ever deleted.
    return PolicyVersionsPage(
        versions=shown, next=found[-1].number if found and found[-1].number > 1 else None
    )


def check_file(name: str, text: str | None) -> None:
    """Check the name and the size of a file.

    Raises: InvalidRequest for a name that a file cannot have; TooLarge for a text of more than 256 KiB.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            "[ERROR: name: use 1 to 64 of a-z, 0-9, '.', '_' and '-', followed by '.csv']"
        )
    if text is not None and len(text.encode()) > MAX_POLICY_FILE_BYTES:
        raise TooLarge(f"A policy file has at most {MAX_POLICY_FILE_BYTES} bytes")


def _change_view(change: AccessChange) -> AccessChangeView:
    return AccessChangeView(
        account_id=change.account_id,
        account_name=change.account_name,
        email=change.email,
        kind=change.kind,
        action=change.action,
        in_general=change.in_general,
        gained=change.gained[:MAX_IDS],
        gained_total=len(change.gained),
        lost=change.lost[:MAX_IDS],
        lost_total=len(change.lost),
    )


def _version_view(version: PolicyVersion) -> PolicyVersionView:
    return PolicyVersionView(
        number=version.number,
        at=version.at,
        author=version.author,
        author_name=version.author_name,
        files=sorted(version.files),
    )
