"""Speed of `portico import` for chats, with their search index, while others write.

    .venv/bin/python -m tests.benchmarks.chat_import [--messages 100000] [--only sqlite] [--profile FILE]

Prints, for each database, messages per second until they are stored, until they are also indexed for searches, and of processor time; and how
long another writer waited at most.
"""

import asyncio
import cProfile
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from tests.benchmarks.chats import app
from tests.record_transfer import import_run, kind_of, notes_of
from tests.servers import fresh_database, postgres_server

from portico.api.db import execute
from portico.testing import Client, InProcessApp
from portico_chats.search.indexer import index_all

#: Messages of a chat, words of a message, records of a batch.
CHAT_MESSAGES, WORDS, BATCH = 20, 60, 100
#: Seconds between two statements of the other writer.
PAUSE = 0.005


def records(owner_id: str, messages: int) -> Iterator[bytes]:
    """Yield chats of that many messages together, with a branch in every third."""
    chosen = random.Random(1)  # noqa: S311 - texts of a benchmark
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chosen.choices(letters, k=chosen.randint(2, 9))) for _ in range(5000)]
    for n in range(messages // CHAT_MESSAGES):
        tree: dict[str, Any] = {}
        for m in range(CHAT_MESSAGES):
            parent = m - 2 if n % 3 == 0 and m == CHAT_MESSAGES - 1 else m - 1
            tree[f"{n}-{m}"] = {
                "id": f"{n}-{m}",
                "parentId": f"{n}-{parent}" if m else None,
                "childrenIds": [f"{n}-{m + 1}"] if m + 1 < CHAT_MESSAGES else [],
                "role": "assistant" if m % 2 else "user",
                "content": " ".join(chosen.choices(words, k=WORDS)),
                "timestamp": 1_700_000_000 + m,
                "models": ["mock-1"],
            }
        history = {"messages": tree, "currentId": f"{n}-{CHAT_MESSAGES - 1}"}
        chat = {"title": f"Chat {n}", "models": ["mock-1"], "history": history, "messages": []}
        yield json.dumps(
            {
                "id": f"00000000-0000-4000-8000-{n:012}",
                "user_id": owner_id,
                "title": f"Chat {n}",
                "chat": chat,
                "meta": {"tags": ["travel"]} if n % 5 == 0 else {},
                "pinned": n % 7 == 0,
                "archived": n % 11 == 0,
                "created_at": 1_700_000_000,
                "updated_at": 1_700_000_000 + n,
            }
        ).encode()


async def longest_wait(until: asyncio.Event) -> float:
    """Write again and again. Returns the seconds of the slowest statement."""
    longest = 0.0
    while not until.is_set():
        began = time.monotonic()
        await execute("UPDATE chats_chat SET pinned = pinned WHERE id = $1", "absent")
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(PAUSE)
    return longest


def run(opened: InProcessApp, admin: Client, messages: int, profile: Path | None) -> None:
    """Import, and print one line."""
    kind = kind_of(opened, "chats")
    lines = list(records("source", messages))
    importing = import_run({"source": admin})

    async def work() -> tuple[float, float, float, float]:
        ended = asyncio.Event()
        other = asyncio.create_task(longest_wait(ended))
        began, cpu = time.monotonic(), time.process_time()
        for at in range(0, len(lines), BATCH):
            outcomes = await kind.import_batch(lines[at : at + BATCH], importing)
            assert {one.state for one in outcomes} == {"imported"}, outcomes[0]
        stored = time.monotonic() - began
        await kind.finish(importing)
        await index_all()
        whole = time.monotonic() - began
        ended.set()
        used = time.process_time() - cpu
        return stored, whole, used, await other

    profiler = cProfile.Profile(time.thread_time)
    if profile is not None:
        opened.run(_call, profiler.enable)
    stored, whole, used, waited = opened.run(work)
    if profile is not None:
        opened.run(_call, profiler.disable)
        profiler.dump_stats(profile)
    assert notes_of(importing) == {}
    dialect = opened.portico.database.dialect
    click.echo(
        f"{dialect:9} stored {messages / stored:8,.0f}/s   with index {messages / whole:8,.0f}/s   "
        f"of processor time {messages / used:8,.0f}/s   "
        f"longest wait of another writer {waited * 1000:6.0f} ms"
    )


async def _call(function: Any) -> None:
    function()


@click.command()
@click.option("--messages", default=100_000, show_default=True)
@click.option("--only", type=click.Choice(["sqlite", "postgres"]))
@click.option("--profile", type=click.Path(path_type=Path), help="Write a profile to this file.")
def main(messages: int, only: str | None, profile: Path | None) -> None:
    """Measure the import of chats."""
    if only != "postgres":
        with app("") as opened:
            run(opened, opened.client.sign_up("Admin"), messages, profile)
    if only != "sqlite":
        with postgres_server() as server, fresh_database(server) as url, app(url) as opened:
            run(opened, opened.client.sign_up("Admin"), messages, profile)


if __name__ == "__main__":
    main()
