"""Key rotation: complete, interruptible, and safe beside other writers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.database_templates import Templates, started_database

from portico.db import (
    Database,
    EncryptedColumn,
    execute,
    fetch_all,
    fetch_one,
)
from portico.encryption import (
    TABLES,
    Encryptor,
    WrongEncryptionKey,
    check_encryption_key,
    key_usage,
    make_key_ring,
    replace_encryption_key,
    rotate,
    stored_key_id,
)
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio

OLD, NEW = Secret("the-old-key-0123-zyxwvutsrqponmlk"), Secret("the-new-key-4567-abcdefghijklmnop")
TOKENS = EncryptedColumn(table="tokens", key="id", column="token", context="tokens:{id}")
NUMBERED = EncryptedColumn(
    table="numbered", key="number", column="token", context="numbered:{number}"
)
COUNT = 250


def encryptor(*secrets: Secret) -> Encryptor:
    return Encryptor(lambda: make_key_ring(secrets))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(
    database_url: str, templates: Templates, tmp_path: Path
) -> AsyncIterator[Database]:
    async with started_database(templates, database_url, tmp_path, {"vault": TABLES}) as database:
        await execute("CREATE TABLE tokens (id TEXT PRIMARY KEY, token TEXT)")
        await execute("CREATE TABLE numbered (number BIGINT PRIMARY KEY, token TEXT NOT NULL)")
        yield database


async def fill(one: Encryptor, count: int = COUNT) -> None:
    for number in range(count):
        key = f"id-{number:03}"
        await execute(
            "INSERT INTO tokens VALUES ($1, $2)", key, one.encrypt(f"t{number}", f"tokens:{key}")
        )


async def opened(one: Encryptor) -> list[str]:
    rows = await fetch_all("SELECT id, token FROM tokens WHERE token <> '' ORDER BY id")
    return [one.decrypt(r["token"], TOKENS.context_for(r["id"])) for r in rows]


async def test_rotation_encrypts_everything_with_the_new_key(database: Database) -> None:
    old, both, new = encryptor(OLD), encryptor(NEW, OLD), encryptor(NEW)
    await fill(old)
    await execute("INSERT INTO tokens VALUES ('empty', ''), ('null', NULL)")
    await execute("INSERT INTO numbered VALUES (7, $1)", old.encrypt("seven", "numbered:7"))
    blocks: list[int] = []
    done = await rotate(both, [TOKENS, NUMBERED], blocks.append)
    assert (done.reencrypted, done.undecryptable, sum(blocks)) == (COUNT + 1, {}, COUNT + 1)
    assert await opened(new) == [f"t{number}" for number in range(COUNT)]
    row = await fetch_one("SELECT token FROM numbered")
    assert row and new.decrypt(row["token"], "numbered:7") == "seven"
    assert (await rotate(both, [TOKENS, NUMBERED])).reencrypted == 0


async def test_interrupted_rotation_continues(database: Database) -> None:
    old, both = encryptor(OLD), encryptor(NEW, OLD)
    await fill(old)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotate(both, [TOKENS], stop)
    counted = {held.key_id: held.count for held in await key_usage([TOKENS])}
    assert counted == {both.current_id: 100, old.current_id: COUNT - 100}
    assert len(await opened(both)) == COUNT
    assert (await rotate(both, [TOKENS])).reencrypted == COUNT - 100
    assert len(await opened(encryptor(NEW))) == COUNT


async def test_rotation_does_not_overwrite_concurrent_writes(database: Database) -> None:
    both = encryptor(NEW, OLD)
    await fill(encryptor(OLD))
    fresh = both.encrypt("written meanwhile", "tokens:id-150")
    writing = []

    def write(_: int) -> None:
        text = "UPDATE tokens SET token = $1 WHERE id = 'id-150'"
        writing.append(asyncio.ensure_future(database.execute(text, fresh)))

    await rotate(both, [TOKENS], write)
    await asyncio.gather(*writing)
    await rotate(both, [TOKENS])
    assert (await opened(encryptor(NEW)))[150] == "written meanwhile"


async def test_concurrent_rotations_lose_nothing(database: Database) -> None:
    await fill(encryptor(OLD))
    both = encryptor(NEW, OLD)
    await asyncio.gather(*(rotate(both, [TOKENS]) for _ in range(3)))
    assert await opened(encryptor(NEW)) == [f"t{number}" for number in range(COUNT)]


async def test_undecryptable_values_are_counted_and_unchanged(database: Database) -> None:
    await fill(encryptor(OLD), 3)
    await execute("UPDATE tokens SET token = 'never encrypted' WHERE id = 'id-000'")
    await execute("UPDATE tokens SET id = 'moved' WHERE id = 'id-001'")
    stays = "SELECT id, token FROM tokens WHERE id <> 'id-002' ORDER BY id"
    before = await fetch_all(stays)
    done = await rotate(encryptor(NEW, OLD), [TOKENS])
    assert (done.reencrypted, done.undecryptable) == (1, {"tokens.token": 2})
    assert await fetch_all(stays) == before
    keys = {held.key_id: held.count for held in await key_usage([TOKENS])}
    assert keys == {"": 1, encryptor(OLD).current_id: 1, encryptor(NEW).current_id: 1}


@pytest.mark.case("AB-84")
async def test_instance_with_another_encryption_key_is_refused(
    database: Database,
) -> None:
    await check_encryption_key(encryptor(OLD))
    with pytest.raises(WrongEncryptionKey, match=encryptor(OLD).current_id):
        await check_encryption_key(encryptor(NEW))
    await check_encryption_key(encryptor(NEW, OLD))
    assert await stored_key_id() == encryptor(NEW).current_id
    with pytest.raises(WrongEncryptionKey):
        await check_encryption_key(encryptor(OLD))
    await replace_encryption_key(encryptor(OLD))
    await check_encryption_key(encryptor(OLD))


@pytest.mark.case("AB-84")
async def test_command_without_the_server_keys_encrypts_nothing(database: Database) -> None:
    await check_encryption_key(encryptor(OLD))
    other = encryptor(NEW)
    other.stored_key_id = await stored_key_id()  # as at the start of the application
    with pytest.raises(WrongEncryptionKey, match="PORTICO_ENCRYPTION_KEYS"):
        other.encrypt("text", "tokens:1")
    both = encryptor(NEW, OLD)
    both.stored_key_id = await stored_key_id()
    assert both.is_current(both.encrypt("text", "tokens:1"))


def test_context_of_a_column_names_the_row() -> None:
    assert TOKENS.context_for("7") == "tokens:7"
    with pytest.raises(ValueError, match="must contain {id}"):
        EncryptedColumn(table="tokens", key="id", column="token", context="tokens")
    with pytest.raises(ValueError, match="must contain {id}"):
        EncryptedColumn(table="tokens", key="id", column="token", context="tokens:{id}:{owner}")
