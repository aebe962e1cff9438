"""JSON bodies of the policy routes."""

from typing import Annotated, Literal

import msgspec

from portico.api.policy import AllowedAccount

Origin = Literal["packaged", "plugin", "directory", "database"]


class ActiveFile(msgspec.Struct, frozen=True, kw_only=True):
    """An active policy file. `location`: where it is; `replaces`: locations of files of the same name it overrides."""

    name: str
    location: str
    origin: Origin
    replaces: list[str]
    text: str


class ActiveRule(msgspec.Struct, frozen=True, kw_only=True):
    """A policy rule. `origin`: location and line. `inactive`: it is for a kind that no active plugin has.

    `names`: the names of the groups and accounts in it; None = there is no such group or account.
    """

    rule: str
    origin: str
    location: str
    inactive: bool
    names: dict[str, str | None]


class PolicyKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of resource. `actions` are done to one resource, `collection_actions` to the collection.

    `required_for_admins`: actions that some administrator must always be allowed.
    """

    name: str
    actions: list[str]
    collection_actions: list[str]
    required_for_admins: list[str]


class ActivePolicies(msgspec.Struct, frozen=True, kw_only=True):
    """All active policies. `version`: the number of the latest saved version; 0 = nothing was ever saved.

    `rejected`: why the operator's latest files are not active, with file and line; empty = they are.
    """

    version: int
    files: list[ActiveFile]
    rejected: list[str]
    inactive: list[ActiveRule]
    kinds: list[PolicyKind]


class AccountsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Allowed accounts. Shape: at most 100 on a page, by e-mail address; `total` of all pages."""

    total: int
    accounts: list[AllowedAccount]


class PolicyFileText(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a policy file to save."""

    text: str


class PolicyFilesDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Policy files to preview: texts by name; null = as if it were not saved."""

    files: dict[str, str | None]


class AccessChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """What one account would gain or lose. Shape: `gained`, `lost` are the first 100 ids; `…_total` count them all.

    `in_general`: what changes for the collection, and for resources the account has no relation to.
    """

    account_id: str
    account_name: str
    email: str
    kind: str
    action: str
    in_general: Literal["gained", "lost"] | None
    gained: list[str]
    gained_total: int
    lost: list[str]
    lost_total: int


class PreviewResult(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of changed files. Shape: `changes` are the first 1000 of `total`; `accounts`: how many are affected."""

    changes: list[AccessChangeView]
    total: int
    accounts: int


class SavedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The number of the new version, after a change of the saved files."""

    version: int


class PolicyVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A saved version. Units: `at` in epoch seconds. Shape: `files` are the names of its files."""

    number: int
    at: int
    author: str
    author_name: str | None
    files: list[str]


class PolicyVersionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Saved versions, newest first. `next`: the value of `before` for older ones; null = there are none."""

    versions: list[PolicyVersionView]
    next: int | None


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The version to go back to; 0 = as if nothing had been saved."""

    version: Annotated[int, msgspec.Meta(ge=0)]
