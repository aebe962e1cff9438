"""Large imports from the command line: in short transactions that can be stopped and continued."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.plugins.chats.conftest import chat_import, document

from portico.api import Unavailable
from portico.api.db import execute
from portico.api.interfaces import ChatChanged
from portico.cli.main import command_line
from portico.events import Listener
from portico.server.logging import configure_logging
from portico.settings.schema import LogSettings
from portico.testing import Client, InProcessApp
from portico_chats.transfer import batches
from portico_chats.transfer.batches import BatchedImport
from portico_chats.transfer.importer import ChatImport

CHATS = "/api/v1/chats/"


def exported(*titles: str) -> bytes:
    return json.dumps([{"chat": document(title=title)} for title in titles]).encode()


def titles(user: Client) -> list[str]:
    return sorted(one["title"] for one in user.get(CHATS + "all").json)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_CHATS", 2)
    monkeypatch.setattr(batches, "PAUSE_SECONDS", 0.001)


@pytest.fixture
def batched(app: InProcessApp, ann: Client) -> Any:
    def make(text: bytes, owner: Client = ann) -> BatchedImport:
        return BatchedImport(chat_import(app, owner, text))

    return make


@pytest.mark.usefixtures("small")
def test_other_writes_succeed_between_batches(app: InProcessApp, ann: Client, batched: Any) -> None:
    command = batched(exported(*(str(n) for n in range(12))))

    async def work() -> int:
        running = asyncio.ensure_future(command.run())
        writes = 0
        while not running.done():
            await execute("UPDATE chats_chat SET pinned = pinned WHERE user_id = $1", "absent")
            writes += not running.done()
        await running
        return writes

    assert app.run(work) >= 4
    assert len(titles(ann)) == 12


def test_batch_ends_after_its_time(
    app: InProcessApp, batched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", -1)
    monkeypatch.setattr(batches, "PAUSE_SECONDS", 0.001)
    committed: list[int] = []
    command = batched(exported("a", "b", "c"))
    heard = Listener(ChatChanged, lambda _: committed.append(len(command.report.chats)))
    app.portico.events.subscribe("test", [heard])

    app.run(command.run)

    assert committed == [0, 1, 2]


@pytest.mark.usefixtures("small")
def test_second_run_continues_without_duplicates(
    app: InProcessApp, ann: Client, bob: Client, batched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = exported("a", "b", "same", "same", "c")
    write, count = ChatImport.write, iter(range(100))

    async def failing(*arguments: Any) -> None:
        if next(count) == 3:
            raise Unavailable("the disk is full")
        await write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(ChatImport, "write", failing)
        first = batched(text)
        with pytest.raises(Unavailable):
            app.run(first.run)
    assert [one.title for one in first.report.chats] == ["a", "b"] == titles(ann)

    second = batched(text)
    app.run(second.run)
    assert (len(second.report.chats), second.already_imported, second.found) == (3, 2, 5)
    assert titles(ann) == ["a", "b", "c", "same", "same"]

    third = batched(text)
    app.run(third.run)
    assert (third.report.chats, third.already_imported) == ([], 5)
    app.run(batched(text, bob).run)
    assert titles(bob) == titles(ann) == ["a", "b", "c", "same", "same"]


@pytest.mark.usefixtures("small")
def test_second_run_keeps_changed_chats(app: InProcessApp, ann: Client, batched: Any) -> None:
    (brought,) = app.run(batched(exported("a")).run).chats
    ann.post(CHATS + brought.id, {"chat": {"title": "mine now"}})

    app.run(batched(exported("a", "b")).run)

    assert titles(ann) == ["b", "mine now"]


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_stopped_import_prints_progress(
    env: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: signal.Signals,
    code: int,
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "in.json").write_bytes(exported("a", "b", "c"))
    add = ["user", "add", "ann@example.org", "--password-stdin"]
    CliRunner().invoke(command_line(), add, input="long enough\n", catch_exceptions=False)
    command = ["chat", "import", str(tmp_path / "in.json"), "--user", "ann@example.org"]
    sleep = asyncio.sleep

    async def stopped_in_the_pause(seconds: float) -> None:
        if seconds == batches.PAUSE_SECONDS:
            os.kill(os.getpid(), stop)
        await sleep(10 if seconds == batches.PAUSE_SECONDS else seconds)

    with monkeypatch.context() as patched:
        patched.setattr(batches, "BATCH_CHATS", 2)
        patched.setattr(batches.asyncio, "sleep", stopped_in_the_pause)
        # Where the tests run in the background of a shell, SIGINT is ignored.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        stopped = CliRunner().invoke(command_line(), command)
        signal.signal(signal.SIGINT, handler)
    done = CliRunner().invoke(command_line(), command, catch_exceptions=False)
    configure_logging(LogSettings())  # the streams of the runner are closed

    assert "Stopped: 2 of 3 chats are imported. Run the same command again" in stopped.output
    assert stopped.exit_code == code
    expected = ["chats", "1", "messages", "1", "rejected", "0", "skipped", "2"]
    assert done.stdout.split() == expected
