"""Cost of a search in an account with 20,000 chats, compared with scanning all texts, on the same rows.

    .venv/bin/python -m tests.benchmarks.search [--postgres] [--chats 20000 --messages 20]

Rows are written directly; then they are indexed, the first of them at the speed used next to requests and the rest at
full speed. Times are milliseconds of `Search.page`, without HTTP; the ratio is a scan with LIKE over the median.
"""

import asyncio
import contextlib
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from tests.plugins.chats.conftest import plugin_of
from tests.servers import fresh_database, postgres_server

from portico.db import current_database, execute, fetch_all, fetch_all_in_thread, transaction
from portico.identity import Actor
from portico.testing import SECRET, InProcessApp
from portico_chats.search.indexer import Indexer, reindex
from portico_chats.search.search import Search

ANN = Actor("0b3f2c86-ann", "Ann", "ann@example.org", "user", "", "")
ROUNDS = 40
SYLLABLES = [a + b for a in "bdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
LIKE = """
SELECT id, title, updated_at, created_at FROM chats_chat WHERE user_id = $1 AND archived = FALSE AND COALESCE((
    SELECT TRUE FROM chats_text t WHERE t.chat_id = chats_chat.id AND t.text LIKE $2 ESCAPE '\\' LIMIT 1
), FALSE) ORDER BY updated_at DESC, id LIMIT 60 OFFSET $3
"""


class Writer:
    """Generates texts with word frequencies as in a natural language; every tenth text is Chinese."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        words = {
            "".join(self.random.choices(SYLLABLES, k=n))
            for n in (1, 2, 2, 3, 4)
            for _ in range(8000)
        }
        self.words = sorted(words, key=lambda word: (len(word), word))
        self.weights = list(itertools.accumulate(1 / (n + 3) for n in range(len(self.words))))
        self.signs = [chr(0x4E00 + n) for n in range(3000)]
        self.sign_weights = list(itertools.accumulate(1 / (n + 5) for n in range(3000)))

    def text(self, number: int) -> str:
        if number % 10 == 0:
            length = self.random.randint(20, 200)
            return "".join(self.random.choices(self.signs, cum_weights=self.sign_weights, k=length))
        count = int(self.random.lognormvariate(3.6, 0.8)) + 1
        content = " ".join(self.random.choices(self.words, cum_weights=self.weights, k=count))
        if number % 80_000 == 1:
            content += " quixotic xylophone"
        if number % 200 == 3:
            content += " zigzag journey"
        return content + ("." if number % 2 else "?")


def phrases(writer: Writer) -> dict[str, tuple[str, int]]:
    """Return search texts and page numbers by name."""
    return {
        "a frequent word": (writer.words[5], 1),
        "a frequent word, page 100": (writer.words[5], 100),
        "two letters": (writer.words[5][:2], 1),
        "in every 200th message": ("zigzag journey", 1),
        "in every 200th message, page 20": ("zigzag journey", 20),
        "rare": ("quixotic", 1),
        "rare, of two words": ("quixotic xylo", 1),
        "absent": ("jacuzzi", 1),
        "absent, of frequent grams": (" ".join(writer.words[n] for n in (9, 3, 14, 7)) + " zz", 1),
        "absent, two letters": ("qz", 1),
        "absent, one sign": ("%", 1),
        "Chinese, frequent, one sign": (writer.signs[3], 1),
        "Chinese, rare, one sign": (writer.signs[2990], 1),
        "Chinese, two signs": (writer.signs[400] + writer.signs[900], 1),
        "Chinese, four signs": ("".join(writer.signs[n] for n in (40, 90, 50, 70)), 1),
        "200 characters": (" ".join(writer.words[50:85])[:200].strip(), 1),
        "1,000 times %": ("%" * 1000, 1),
        "250 times tag:": ("tag:" * 250, 1),
        "nothing": ("", 1),
    }


async def fill(chats: int, messages: int, writer: Writer, report: Callable[[int], object]) -> int:
    """Write an account with its chats and texts. Returns the number of characters."""
    await insert(
        "portico_account (id, email, role, name, profile_image_url, last_active_at, updated_at, created_at)",
        [(ANN.id, "ann@example.org", "user", "Ann", "", 0, 0, 0)],
    )
    characters = 0
    for start in range(0, chats, 200):
        numbers = range(start, min(chats, start + 200))
        texts = [
            (f"chat-{n}", f"m{m}", writer.text(n * messages + m))
            for n in numbers
            for m in range(messages)
        ]
        characters += sum(len(text) for _, _, text in texts)
        async with transaction():
            await insert(
                "chats_chat (id, user_id, title, chat, meta, created_at, updated_at)",
                [(f"chat-{n}", ANN.id, f"Chat {n}", "{}", "{}", n, n) for n in numbers],
            )
            await insert(
                "chats_text (owner_id, chat_id, part, text)",
                [(ANN.id, *text) for text in texts],
            )
        report(len(texts))
    return characters


async def insert(into: str, values: Sequence[tuple[Any, ...]]) -> None:
    width = len(values[0])
    for start in range(0, len(values), 900 // width):
        some = values[start : start + 900 // width]
        places = ", ".join(
            "(" + ", ".join(f"${row * width + column + 1}" for column in range(width)) + ")"
            for row in range(len(some))
        )
        await execute(f"INSERT INTO {into} VALUES {places}", *(v for one in some for v in one))


async def milliseconds(work: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        await work()
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)


async def gently(indexer: Indexer, seconds: float) -> str:
    """Index at the speed used next to requests. Returns the rate and the delays of the event loop as text."""
    lags: list[float] = []

    async def probe() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append((time.perf_counter() - start - 0.001) * 1e3)

    probing = asyncio.create_task(probe())
    before = await waiting()
    start = time.perf_counter()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await indexer.index_pending()
    rate = (before - await waiting()) / (time.perf_counter() - start)
    probing.cancel()
    lags.sort()
    return (
        f"next to requests: {rate:,.0f} texts/s; the loop lags {statistics.median(lags):.1f} ms (p50), "
        f"{lags[int(len(lags) * 0.99)]:.1f} ms (p99), {lags[-1]:.1f} ms at most"
    )


async def waiting() -> int:
    return int((await fetch_all("SELECT COUNT(*) AS n FROM chats_text WHERE state <> 1"))[0]["n"])


async def size(what: str) -> int:
    """Return the size of the index or of all data in bytes."""
    if current_database().dialect == "postgres":
        name = {
            "all": "pg_total_relation_size('chats_text')",
            "index": "pg_relation_size('chats_text_grams')",
        }
        return int((await fetch_all(f"SELECT {name[what]} AS n"))[0]["n"])
    pages = (
        await fetch_all(
            "SELECT page_count * page_size AS n FROM pragma_page_count(), pragma_page_size()"
        )
    )[0]["n"]
    if what == "all":
        return int(pages)
    kept = await fetch_all_in_thread("SELECT SUM(LENGTH(block)) AS n FROM chats_gram_data")
    return int(kept[0]["n"])


async def measure(app: InProcessApp, chats: int, messages: int) -> None:
    writer, plugin = Writer(), plugin_of(app)
    indexer = plugin.indexer
    await indexer.stop()
    with click.progressbar(length=chats * messages, label="writing ") as bar:
        characters = await fill(chats, messages, writer, bar.update)
    gentle = await gently(indexer, 10)
    start, done = time.perf_counter(), 0
    with click.progressbar(length=chats * messages, label="indexing") as bar:

        def progress(so_far: int, of: int) -> None:
            nonlocal done
            bar.update(so_far - done)
            done = so_far

        texts = await reindex(progress)
    spent = time.perf_counter() - start
    if current_database().dialect == "postgres":  # which it does by itself after a while
        await current_database().script("ANALYZE")
    click.echo(
        f"{texts:,} texts of {characters / texts:.0f} characters: {texts / spent:,.0f} texts/s, "
        f"{characters / spent / 1e6:.2f} million characters/s\n{gentle}\n"
        f"index {await size('index') / 1e6:,.0f} MB, everything {await size('all') / 1e6:,.0f} MB"
    )
    await compare(plugin.search, writer)


async def compare(search: Search, writer: Writer) -> None:
    click.echo(f"\n{'ms':34}{'p50':>9}{'p99':>9}{'LIKE':>10}{'ratio':>9}  found")
    for name, (text, page) in phrases(writer).items():
        found = await search.page(ANN, text, page)
        times = await milliseconds(
            lambda text=text, page=page: search.page(ANN, text, page), ROUNDS
        )
        escaped = text.translate({ord(c): f"\\{c}" for c in "%_\\"})
        args = (ANN.id, f"%{escaped}%", (page - 1) * 60)
        alike = statistics.median(
            await milliseconds(lambda args=args: fetch_all_in_thread(LIKE, *args), 3)
        )
        median = statistics.median(times)
        click.echo(
            f"{name:34}{median:>9.2f}{times[int(len(times) * 0.99)]:>9.2f}{alike:>10.1f}"
            f"{alike / median:>8.1f}x  {len(found)}"
        )


@contextlib.contextmanager
def application(url: str) -> Iterator[InProcessApp]:
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "DATA_DIR": str(Path(directory) / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "PORTICO_PLUGINS_ONLY": "accounts,password,chats",
        }
        app = InProcessApp(environment | ({"DATABASE_URL": url} if url else {}))
        try:
            yield app
        finally:
            app.close()


@click.command(help=__doc__)
@click.option("--postgres", is_flag=True, help="On PostgreSQL instead of SQLite.")
@click.option("--chats", default=20_000, show_default=True)
@click.option("--messages", default=20, show_default=True, help="In each chat.")
def main(postgres: bool, chats: int, messages: int) -> None:
    with contextlib.ExitStack() as opened:
        url = (
            opened.enter_context(fresh_database(opened.enter_context(postgres_server())))
            if postgres
            else ""
        )
        app = opened.enter_context(application(url))
        app.run(measure, app, chats, messages)


if __name__ == "__main__":
    main()
