"""Request and response bodies of the routes of API keys. Times are epoch seconds."""

from typing import Annotated

import msgspec

from portico_api_keys.api_key import ApiKey

#: One line of text.
Name = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
#: The upper limit only refuses mistakes.
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class KeyForm(msgspec.Struct, kw_only=True):
    """A new key. Fields that are null or missing set no restriction."""

    name: Name
    expires_at: Epoch | None = None
    endpoints: list[str] | None = None
    scopes: list[str] | None = None


class KeyChanges(msgspec.Struct, kw_only=True):
    """Changes of a key. Fields that are null or missing stay as they are. Restrictions cannot be changed."""

    name: Name | None = None
    enabled: bool | None = None


class NewKey(ApiKey, frozen=True, kw_only=True):
    """A key that was just created. `api_key`: the key itself, which no later response contains."""

    api_key: str


class KeyWithOwner(ApiKey, frozen=True, kw_only=True):
    """A key with the e-mail address of its owner."""

    owner: str


class KeyPage(msgspec.Struct):
    """At most 30 keys. `total`: the number of all keys."""

    keys: list[KeyWithOwner]
    total: int


class ClientKey(msgspec.Struct):
    """The one key that clients show."""

    api_key: str
