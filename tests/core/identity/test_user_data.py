"""User data: settings, info and status of an account."""

import asyncio
from typing import Any

import msgspec
import pytest

from portico.db import execute
from portico.errors import NotFound, TooLarge
from portico.identity import MAX_USER_DATA_BYTES, AccountChanged, Identity

pytestmark = pytest.mark.anyio


def parts(**values: str) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(text.encode()) for name, text in values.items()}


async def test_update_replaces_top_level_keys(identity: Identity, new_account: Any) -> None:
    ann, ben = await new_account("Ann"), await new_account("Ben")
    user_data = identity.user_data
    assert bytes(await user_data.read(ann.id, "settings")) == b"null"
    huge = "1" * 400
    await user_data.update(ann.id, "settings", parts(ui='{"a": [1,  2]}', odd=huge))
    stored = await user_data.update(ann.id, "settings", parts(ui="{}", more="1e400"))
    assert bytes(stored) == f'{{"ui":{{}},"odd":{huge},"more":1e400}}'.encode()
    assert await user_data.read(ann.id, "settings") == stored
    assert bytes(await user_data.read(ann.id, "info")) == b"null"
    assert bytes(await user_data.read(ben.id, "settings")) == b"null"


@pytest.mark.case("AB-28")
async def test_concurrent_updates_lose_nothing(identity: Identity, new_account: Any) -> None:
    ann = await new_account("Ann")
    await asyncio.gather(
        *(identity.user_data.update(ann.id, "info", parts(**{f"k{n}": str(n)})) for n in range(20))
    )
    kept = msgspec.json.decode(await identity.user_data.read(ann.id, "info"))
    assert kept == {f"k{n}": n for n in range(20)}


@pytest.mark.case("AB-28")
async def test_oversized_user_data_is_refused_and_changes_nothing(
    identity: Identity, new_account: Any
) -> None:
    ann = await new_account("Ann")
    half = '"' + "a" * (MAX_USER_DATA_BYTES // 2) + '"'
    first = await identity.user_data.update(ann.id, "info", parts(a=half))
    with pytest.raises(TooLarge, match="info"):
        await identity.user_data.update(ann.id, "info", parts(b=half))
    assert await identity.user_data.read(ann.id, "info") == first


async def test_damaged_user_data_is_replaced(identity: Identity, new_account: Any) -> None:
    ann = await new_account("Ann")
    await execute("UPDATE portico_account SET info = '[1'")
    assert bytes(await identity.user_data.update(ann.id, "info", parts(a="1"))) == b'{"a":1}'


async def test_status_keeps_missing_fields_and_is_published(
    identity: Identity, new_account: Any, published: list[Any]
) -> None:
    ann = await new_account("Ann")
    published.clear()
    await identity.user_data.set_status(ann.id, "🏖", "away", 7)
    await identity.user_data.set_status(ann.id, None, "back", None)
    account = await identity.accounts.by_id(ann.id)
    assert (account.status_emoji, account.status_message, account.status_expires_at) == (
        "🏖",
        "back",
        7,
    )
    assert published == [AccountChanged(ann.id)] * 2


async def test_user_data_of_a_missing_account_is_not_found(identity: Identity) -> None:
    for work in (
        identity.user_data.read("x", "info"),
        identity.user_data.update("x", "info", {}),
        identity.user_data.set_status("x", None, None, None),
    ):
        with pytest.raises(NotFound):
            await work
