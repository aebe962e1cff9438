"""The JSON that goes in and out. Times are epoch seconds."""

from typing import Annotated

import msgspec

from portico_api_keys.api_key import ApiKey

#: One line.
Name = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
#: A year further away than any calendar reaches is a mistake.
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class KeyForm(msgspec.Struct, kw_only=True):
    """A new key. What is null or left out sets no limit. Whose it is, is not for this form to say."""

    name: Name
    expires_at: Epoch | None = None
    endpoints: list[str] | None = None
    scopes: list[str] | None = None


class KeyChanges(msgspec.Struct, kw_only=True):
    """What is null or left out stays as it was. What a key is good for never changes."""

    name: Name | None = None
    enabled: bool | None = None


class NewKey(ApiKey, frozen=True, kw_only=True):
    """A key that was just made. `api_key` is told this once."""

    api_key: str


class KeyWithOwner(ApiKey, frozen=True, kw_only=True):
    """A key with the e-mail address of its owner."""

    owner: str


class KeyPage(msgspec.Struct):
    """At most 30 keys; `total`: how many there are in all."""

    keys: list[KeyWithOwner]
    total: int


class ClientKey(msgspec.Struct):
    """The one key that clients show."""

    api_key: str
