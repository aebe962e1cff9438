"""AB-08, AB-09 and AB-10: which passwords are taken, and how they are checked."""

import asyncio
import statistics
import threading
import time

import bcrypt
import pytest

from portico.errors import INVALID_PASSWORD, PASSWORD_TOO_LONG, InvalidRequest, RateLimited
from portico.identity.sign_in import passwords as module
from portico.identity.sign_in.passwords import Passwords

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(rounds=4, threads=2)


@pytest.mark.parametrize(
    "password", ["x", "correct horse", "ä" * 36, "a" * 72, "nul\x00inside", " "]
)
async def test_password_matches_only_itself(passwords: Passwords, password: str) -> None:
    hashed = await passwords.hash(password)
    assert await passwords.verify(password, hashed)
    assert not await passwords.verify(password[:-1], hashed)
    assert not await passwords.verify(password.upper() + "!", hashed)


@pytest.mark.case("AB-09")
@pytest.mark.parametrize("password", ["a" * 73, "a" * 100, "ä" * 37, "a" * 10_000_000])
async def test_password_over_72_bytes_is_refused(passwords: Passwords, password: str) -> None:
    started = time.process_time()
    with pytest.raises(InvalidRequest) as refused:
        await passwords.hash(password)
    assert refused.value.detail == PASSWORD_TOO_LONG
    assert time.process_time() - started < 0.05  # AB-08: ten megabytes cost no hashing time


async def test_empty_password_is_refused(passwords: Passwords) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await passwords.hash("")
    assert refused.value.detail == INVALID_PASSWORD


@pytest.mark.case("AB-09")
async def test_passwords_equal_in_the_first_72_bytes_do_not_match(passwords: Passwords) -> None:
    hashed = await passwords.hash("a" * 72)
    assert await passwords.verify("a" * 72, hashed)
    assert not await passwords.verify("a" * 73, hashed)
    assert not await passwords.verify("a" * 72 + "ä" * 100_000, hashed)


@pytest.mark.parametrize(
    "hashed", [None, "", "not-a-hash", "$2b$04$short", "0b9e1c52-1111-4222-8333-444455556666"]
)
async def test_account_without_password_matches_none(
    passwords: Passwords, hashed: str | None
) -> None:
    assert not await passwords.verify("", hashed)
    assert not await passwords.verify("anything", hashed)


async def test_imported_bcrypt_hash_is_verified(passwords: Passwords) -> None:
    elsewhere = bcrypt.hashpw(b"secret", bcrypt.gensalt(5, prefix=b"2a")).decode()
    assert await passwords.verify("secret", elsewhere)


@pytest.mark.case("AB-10")
async def test_every_mismatch_takes_equally_long() -> None:
    """Measured as work done by this process, so that a busy machine does not decide the test."""
    passwords = Passwords(rounds=8, threads=1)
    hashed = await passwords.hash("right")
    asked = {
        "wrong": ("wrong", hashed),
        "unknown": ("wrong", None),
        "no password": ("wrong", "not-a-hash"),
        "too long": ("a" * 80, hashed),
    }
    took: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(25):
        for name, (password, stored) in asked.items():
            started = time.process_time()
            assert not await passwords.verify(password, stored)
            took[name].append(time.process_time() - started)
    medians = {name: statistics.median(times) for name, times in took.items()}
    assert max(medians.values()) - min(medians.values()) < 0.005, medians


async def test_password_rule_applies_to_new_passwords_only(passwords: Passwords) -> None:
    hashed = await passwords.hash("short")

    def at_least_eight(password: str) -> None:
        if len(password) < 8:
            raise InvalidRequest(INVALID_PASSWORD)

    passwords.set_rule(at_least_eight)
    assert await passwords.verify("short", hashed)
    with pytest.raises(InvalidRequest):
        await passwords.hash("short")
    assert await passwords.hash("long enough")


async def test_event_loop_runs_while_passwords_are_hashed() -> None:
    passwords = Passwords(rounds=10, threads=2)
    turns = 0
    work = asyncio.gather(*(passwords.verify("x", None) for _ in range(8)))
    while not work.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 8  # a loop that hashes itself has one turn for each password at most


async def test_full_queue_is_refused_even_if_clients_disconnect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED_PER_THREAD", 3)
    passwords, gate = Passwords(rounds=4, threads=1), threading.Event()
    jobs = [asyncio.ensure_future(passwords._work(gate.wait)) for _ in range(4)]
    await asyncio.sleep(0.01)
    with pytest.raises(RateLimited) as refused:
        await passwords.verify("x", None)
    assert refused.value.retry_after > 0
    jobs[0].cancel()  # its thread goes on, so its slot is still in use
    await asyncio.sleep(0.01)
    with pytest.raises(RateLimited):
        await passwords.verify("x", None)
    gate.set()
    await asyncio.gather(*jobs, return_exceptions=True)
    assert not await passwords.verify("x", None)
