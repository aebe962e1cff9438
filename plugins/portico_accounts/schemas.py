"""The JSON that goes in and out. Source: the clients' contract; field names are theirs."""

from typing import Annotated, Any

import msgspec

#: Ids in one list of members.
MOST_IDS = 10_000


class NewAccount(msgspec.Struct, kw_only=True):
    """Somebody an administrator adds. What else is sent, such as an id, is passed over."""

    name: str
    email: str
    password: str
    profile_image_url: str = "/user.png"
    role: str = "pending"


class AddedAccount(msgspec.Struct, kw_only=True):
    """Shape: as after a sign-in, but `token` is empty: adding somebody is not signing in as them."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str = ""
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme


class NewGroup(msgspec.Struct, kw_only=True):
    """Shape: `permissions` is (part of) the permission tree; nothing but true and false is understood."""

    name: str
    description: str
    permissions: dict[str, dict[str, bool]] | None = None
    data: dict[str, Any] | None = None


class GroupAnswer(msgspec.Struct, kw_only=True):
    """A group. Units: times in epoch seconds. `user_id` made it."""

    id: str
    user_id: str
    name: str
    description: str
    data: dict[str, Any] | None
    meta: dict[str, Any] | None
    permissions: dict[str, Any] | None
    created_at: int
    updated_at: int
    member_count: int


class NewMembers(msgspec.Struct, kw_only=True):
    """Whom to let into a group."""

    user_ids: Annotated[list[str], msgspec.Meta(max_length=MOST_IDS)] | None = None


class SignedOut(msgspec.Struct, kw_only=True):
    """The answer to a sign-out, whoever asked."""

    status: bool = True
