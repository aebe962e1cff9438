"""Cost of adding a message to a chat, by the length of the chat.

    .venv/bin/python -m tests.benchmarks.chats [--messages 10 --messages 10000] [--only sqlite]

Prints, for each database, the CPU time of the process and the bytes of the write-ahead log for one message, by the route
for single messages and by an update of the whole document; then both relative to the shortest chat.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tests.plugins.chats.conftest import plugin_of
from tests.servers import fresh_database, postgres_server

from portico.testing import SECRET, Client, InProcessApp

LENGTHS = (10, 100, 1_000, 10_000)
CHATS = "/api/v1/chats/"
QUIET = {"prefer": "return=minimal"}


def tree(length: int) -> dict[str, Any]:
    """Return a conversation of that many messages, of sixty words each."""
    messages: dict[str, Any] = {}
    for n in range(length):
        messages[f"m{n}"] = {
            "id": f"m{n}",
            "parentId": f"m{n - 1}" if n else None,
            "childrenIds": [f"m{n + 1}"] if n + 1 < length else [],
            "role": "assistant" if n % 2 else "user",
            "content": " ".join(f"word{(n * k) % 97}" for k in range(60)),
            "timestamp": 1_700_000_000 + n,
        }
    return {"messages": messages, "currentId": f"m{length - 1}"}


@contextmanager
def app(database_url: str) -> Iterator[InProcessApp]:
    """An application on a fresh database."""
    with tempfile.TemporaryDirectory() as directory:
        opened = InProcessApp(
            {
                "DATA_DIR": directory,
                "WEBUI_SECRET_KEY": SECRET,
                "ENABLE_SIGNUP": "true",
                "GLOBAL_LOG_LEVEL": "ERROR",
                "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            }
            | ({"DATABASE_URL": database_url} if database_url else {})
        )
        try:
            yield opened
        finally:
            opened.close()


def written(opened: InProcessApp) -> int:
    """Return the bytes that the database has written to its write-ahead log so far."""
    database = opened.portico.database
    if database.dialect == "sqlite":
        return Path(f"{database.path}-wal").stat().st_size  # type: ignore[attr-defined]
    (found,) = opened.run(database.rows, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS n")
    return int(found["n"])


def settle(opened: InProcessApp) -> None:
    """Empty the write-ahead log, so that its growth is what was written."""
    if opened.portico.database.dialect == "sqlite":
        opened.run(opened.portico.database.rows, "PRAGMA wal_checkpoint(TRUNCATE)")


def measured(opened: InProcessApp, step: Callable[[int], None], times: int) -> tuple[float, float]:
    """Return CPU microseconds and bytes for one step, the median of several runs."""
    runs = []
    for run in range(5):
        settle(opened)
        bytes_before, before = written(opened), time.process_time()
        for n in range(times):
            step(run * times + n)
        runs.append(
            (
                (time.process_time() - before) / times * 1e6,
                (written(opened) - bytes_before) / times,
            )
        )
    costs, sizes = zip(*runs, strict=True)
    return sorted(costs)[2], sorted(sizes)[2]


def curve(
    opened: InProcessApp, lengths: Sequence[int]
) -> list[tuple[int, float, float, float, float]]:
    """Measure for each length: cost and bytes of a single message, cost and bytes of a whole document."""
    user: Client = opened.client.sign_up("Ada")
    lines = []
    for length in lengths:
        history = tree(length)
        chat_id = user.post(CHATS + "new", {"chat": {"history": history}}).json["id"]
        # Index the initial messages before measuring.
        opened.run(plugin_of(opened).indexer.index_pending)

        def append(n: int, chat_id: str = chat_id) -> None:
            path = f"{CHATS}{chat_id}/messages/new{n}"
            assert user.post(path, {"content": "word " * 60}, headers=QUIET).status == 204

        one = measured(opened, append, 20)

        def send(n: int, chat_id: str = chat_id, history: dict[str, Any] = history) -> None:
            history["messages"][f"whole{n}"] = {"id": f"whole{n}", "content": "word " * 60}
            body = json.dumps({"chat": {"history": history}}).encode()
            assert user.post(CHATS + chat_id, body=body).status == 200

        lines.append((length, *one, *measured(opened, send, 3)))
        click.echo(f"  {length} messages measured")
    return lines


def show(dialect: str, url: str, lengths: Sequence[int]) -> None:
    """Measure on one database and print the figures."""
    click.echo(dialect)
    with app(url) as opened:
        lines = curve(opened, lengths)
    first = lines[0]
    click.echo("  messages   one: CPU us  growth   bytes  growth   whole: CPU us   bytes  growth")
    for length, cost, size, whole_cost, whole_size in lines:
        click.echo(
            f"  {length:8} {cost:13.0f} {cost / first[1]:7.2f} {size:7.0f} {size / first[2]:7.2f}"
            f" {whole_cost:15.0f} {whole_size:7.0f} {whole_size / first[4]:7.2f}"
        )


@click.command(help=__doc__)
@click.option("--messages", multiple=True, type=int, default=LENGTHS, show_default=True)
@click.option("--only", type=click.Choice(["sqlite", "postgres"]), help="One database.")
def main(messages: tuple[int, ...], only: str | None) -> None:
    if only != "postgres":
        show("sqlite", "", messages)
    if only != "sqlite":
        with postgres_server() as server, fresh_database(server) as url:
            show("postgres", url, messages)


if __name__ == "__main__":
    main()
