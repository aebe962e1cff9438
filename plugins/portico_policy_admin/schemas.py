"""The JSON that goes in and out."""

from typing import Annotated, Literal

import msgspec

from portico.api import AllowedAccount

Origin = Literal["packaged", "plugin", "directory", "database"]


class ActiveFile(msgspec.Struct, frozen=True, kw_only=True):
    """A page of law. `place`: where it stands; `replaces`: places of pages of the same name that it lies over."""

    name: str
    place: str
    origin: Origin
    replaces: list[str]
    text: str


class ActiveRule(msgspec.Struct, frozen=True, kw_only=True):
    """A line of law. `origin`: place and number. `idle`: it is about things of a plugin that is not there now.

    `called`: what the groups and accounts that it names are called; None = there is no such group or account.
    """

    line: str
    origin: str
    place: str
    idle: bool
    called: dict[str, str | None]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of thing. `actions` are done to one of them, `general` to the kind as such.

    `vital`: what some administrator must always be allowed.
    """

    name: str
    actions: list[str]
    general: list[str]
    vital: list[str]


class ActivePolicies(msgspec.Struct, frozen=True, kw_only=True):
    """The whole law. `version`: the number of the last save; 0 = nothing was ever saved.

    `refused`: why the operator's latest pages are not in force, with file and line; empty = they are.
    """

    version: int
    pages: list[ActiveFile]
    refused: list[str]
    idle: list[ActiveRule]
    kinds: list[Kind]


class AccountsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Who may. Shape: at most 100 people on a page, by e-mail address; `total` of all pages."""

    total: int
    people: list[AllowedAccount]


class PageText(msgspec.Struct, frozen=True, kw_only=True):
    """A page to be saved."""

    text: str


class PolicyFilesDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Pages to be tried: texts by name; null = as if it were not saved."""

    pages: dict[str, str | None]


class AccessChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """What one person would gain or lose. Shape: `gained` and `lost` are the first 100 ids; `…_total` count them all.

    `in_general`: what changes for the kind as such, and for things they have nothing to do with.
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
    """What a change would do. Shape: `shifts` are the first 1000 of `total`; `people`: how many would notice."""

    shifts: list[AccessChangeView]
    total: int
    people: int


class SavedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of the saved pages is answered with: the number of the new version."""

    version: int


class PolicyVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One save. Units: `at` in epoch seconds. Shape: `pages` are the names of the pages it kept."""

    number: int
    at: int
    author: str
    author_name: str | None
    pages: list[str]


class PolicyVersionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Saves, newest first. `next`: ask for it as `before` to get older ones; null = there are none."""

    versions: list[PolicyVersionView]
    next: int | None


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The version to go back to; 0 = as if nothing had been saved."""

    version: Annotated[int, msgspec.Meta(ge=0)]
