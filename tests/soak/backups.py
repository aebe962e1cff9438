"""Backups of a server under load: each is one moment, and the server answers as it does otherwise.

    .venv/bin/python -m tests.soak.backups [--fill 2000] [--writers 4] [--backups 3] [--postgres]

Writers create chats and upload and delete files; each backup is verified, restored elsewhere, and compared with what was
acknowledged before it began and after it ended. Exits with 1 if one of them is wrong.
"""

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles

import click
from tests.plugins.files.uploads import upload
from tests.servers import fresh_database, postgres_server

from portico.testing import SECRET, Client, CommandLine, ServerProcess

#: Characters of a message.
MESSAGE_CHARS = 2000


class Writer:
    """One account that creates chats in the order of their numbers, with a file each. Every third file is deleted again."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.written = 0
        self.seconds: list[float] = []

    def write(self) -> None:
        """Write once. `written` counts what was acknowledged."""
        number = self.written
        begun = time.perf_counter()
        file = upload(self.client, f"{number}.txt", str(number).encode())["id"]
        message = {"role": "user", "content": f"{number} " * (MESSAGE_CHARS // 5)}
        chat = {"title": str(number), "history": {"messages": {"m": message | {"id": "m"}}}}
        answer = self.client.post("/api/v1/chats/new", {"chat": chat})
        assert answer.status == 200, answer
        self.written = number + 1
        if number % 3 == 0:
            assert self.client.delete(f"/api/v1/files/{file}").status == 200
        self.seconds.append(time.perf_counter() - begun)

    def numbers(self, client: Client) -> set[int]:
        """Return the numbers of the chats that another server has of this account."""
        answer = client.get("/api/v1/chats/all")
        return {int(one["title"]) for one in answer.json}


@contextlib.contextmanager
def writing(writers: list[Writer]) -> Iterator[Callable[[], None]]:
    """Have all writers write until the end of the block. Yields what raises the error of one that has failed."""
    is_done, failures = threading.Event(), list[Exception]()

    def work(writer: Writer) -> None:
        try:
            while not is_done.is_set():
                writer.write()
        except Exception as error:
            failures.append(error)

    def check() -> None:
        for failure in failures:
            raise failure

    threads = [threading.Thread(target=work, args=(one,)) for one in writers]
    for thread in threads:
        thread.start()
    try:
        yield check
    finally:
        is_done.set()
        for thread in threads:
            thread.join()
    check()


def wrong_in(
    number: int, server: ServerProcess, writers: list[Writer], before: list[int], after: list[int]
) -> list[str]:
    """Compare what was restored with what was acknowledged before the backup began, and after it ended."""
    found = []
    for index, writer in enumerate(writers):
        client = server.client.sign_in(f"Writer{index}")
        numbers = writer.numbers(client)
        if numbers != set(range(len(numbers))):
            found.append(f"backup {number}, writer {index}: chats are missing in between")
        if not before[index] <= len(numbers) <= after[index] + 1:
            found.append(
                f"backup {number}, writer {index}: {len(numbers)} chats, not {before[index]} to {after[index] + 1}"
            )
    return found


def spread(writers: list[Writer]) -> str:
    """Return how long writes took, and forget it."""
    found = [1000 * seconds for one in writers for seconds in one.seconds]
    for one in writers:
        one.seconds = []
    hundredths = quantiles(found, n=100)
    return f"{len(found)} writes: half {hundredths[49]:.0f} ms, 99 % {hundredths[98]:.0f} ms, longest {max(found):.0f} ms"


@click.command(help=__doc__, context_settings={"max_content_width": 130})
@click.option("--fill", default=2000, help="Chats of each account before the first backup.")
@click.option("--writers", "accounts", default=4, help="Accounts that write at once.")
@click.option("--backups", default=3, help="Backups, one after the other.")
@click.option("--postgres", is_flag=True, help="On PostgreSQL, instead of SQLite.")
def main(fill: int, accounts: int, backups: int, postgres: bool) -> None:
    """Run it once and report."""
    wrong: list[str] = []
    with contextlib.ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            "DATA_DIR": str(directory / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "GLOBAL_LOG_LEVEL": "error",
            "ENABLE_SIGNUP": "true",
            "PORTICO_FILES_MAX_FILES": "100000",
        }
        if postgres:
            server_url = opened.enter_context(postgres_server())
            environment["DATABASE_URL"] = opened.enter_context(fresh_database(server_url))
        server = ServerProcess(environment, directory).start()
        opened.callback(server.kill)
        admin = server.client.sign_up("Ada")
        writers = [Writer(admin.add_user(f"Writer{number}")) for number in range(accounts)]
        with writing(writers) as check:
            while min(one.written for one in writers) < fill:
                check()
                time.sleep(0.1)
        click.echo(f"without a backup: {spread(writers)}")
        cli, target = CommandLine(environment, directory), str(directory / "backups") + "/"
        for number in range(backups):
            with writing(writers):
                before, begun = [one.written for one in writers], time.monotonic()
                cli.process("backup", target)
                seconds, after = time.monotonic() - begun, [one.written for one in writers]
            click.echo(f"beside backup {number} of {seconds:.1f} s: {spread(writers)}")
            click.echo(cli.process("backup", "verify", target).stdout.strip())
            other = environment | {"DATA_DIR": str(directory / f"restored{number}")}
            if postgres:
                other["DATABASE_SCHEMA"] = f"restored{number}"
            restored = CommandLine(other, directory)
            restored.process("backup", "restore", target)
            with contextlib.ExitStack() as serving:
                again = ServerProcess(other, directory / f"restored{number}").start()
                serving.callback(again.kill)
                wrong += wrong_in(number, again, writers, before, after)
            checked = restored.process("file", "check", code=None)
            if "file without content" in checked.stdout:
                wrong.append(f"backup {number}: {checked.stdout}")
    click.echo("\n".join(wrong) or "each backup is one moment")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
