"""Writing to the log does not block, and lines that could not be written are counted."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from portico.server.log_writer import LogStream, LogWriter, sink_for

LINE = "x" * 99 + "\n"
#: More lines than the buffer of any pipe or socket holds.
MANY = 20_000


class Pipe:
    """A pipe or a pair of sockets. `reads`, `writes`: descriptors."""

    def __init__(self, reads: int, writes: int) -> None:
        self.reads, self.writes = reads, writes

    def read(self, until: Callable[[bytes], bool]) -> bytes:
        text = b""
        while not until(text):
            piece = os.read(self.reads, 65536)
            assert piece
            text += piece
        return text

    def close(self) -> None:
        for descriptor in (self.reads, self.writes):
            with suppress(OSError):
                os.close(descriptor)


@pytest.fixture(params=["pipe", "socket", "terminal", "blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    if request.param == "socket":
        made = Pipe(*(one.detach() for one in socket.socketpair()))
    elif request.param == "terminal":
        made = Pipe(*os.openpty())
    else:
        made = Pipe(*os.pipe())
    yield made
    made.close()


@pytest.fixture
def writer(pipe: Pipe, request: pytest.FixtureRequest) -> LogWriter:
    sink = sink_for(pipe.writes)
    if request.node.callspec.params["pipe"] == "blocking":  # as with a pipe of another user
        sink = sink_for.__globals__["_Descriptor"](pipe.writes, never_blocks=False)
    return LogWriter(sink, max_queued_bytes=50_000)


def accounted_for(text: bytes) -> int:
    """Count the lines that were written and those that are reported as dropped. Fails if one was cut."""
    whole, _, _ = text.replace(b"\r\n", b"\n").decode().rpartition("\n")
    found = 0
    for line in whole.splitlines():
        assert line == LINE.strip() or line.endswith(
            "log lines dropped: the output was not read in time"
        )
        found += 1 if line == LINE.strip() else int(line.split()[0])
    return found


def test_unread_writer_does_not_block_and_counts_dropped_lines(
    writer: LogWriter, pipe: Pipe
) -> None:
    for _ in range(MANY):
        writer.write(LINE)  # would never return
    text = pipe.read(lambda text: accounted_for(text) >= MANY)
    assert accounted_for(text) == MANY
    assert text.count(LINE.strip().encode()) < MANY / 2
    writer.write("after\n")
    assert pipe.read(lambda text: text.endswith(b"\n")).strip() == b"after"


def test_close_waits_for_the_reader_with_limit(writer: LogWriter, pipe: Pipe) -> None:
    for _ in range(MANY):
        writer.write(LINE)
    writer.close(0.01)  # returns
    reader = threading.Thread(
        target=pipe.read, args=(lambda text: accounted_for(text) >= MANY,), daemon=True
    )
    reader.start()
    writer.close(30)
    reader.join(30)
    assert not reader.is_alive()


def test_line_is_written_at_once_if_possible() -> None:
    reads, writes = os.pipe()
    pipe = Pipe(reads, writes)
    LogWriter(sink_for(writes)).write("last words\n")
    os.set_blocking(reads, False)
    assert os.read(reads, 100) == b"last words\n"  # written without a thread
    assert os.get_blocking(writes)  # other processes may share it
    pipe.close()


class Full:
    """A sink that accepts `space` further bytes and then fails, like a full disk."""

    never_blocks = True

    def __init__(self) -> None:
        self.text, self.space = b"", 1000

    def write(self, data: bytes) -> int:
        if not self.space:
            raise OSError(28, "No space left on device")
        taken = min(self.space, len(data))
        self.text += data[:taken]
        self.space -= taken
        return taken

    def wait(self) -> None: ...


def test_full_disk_raises_nothing_and_dropped_lines_are_reported() -> None:
    disk = Full()
    writer = LogWriter(disk)
    for _ in range(20):
        writer.write(LINE)
    writer.close(30)
    disk.space = 1000
    writer.write("after\n")
    assert disk.text.decode().splitlines() == [
        *[LINE.strip()] * 10,
        "10 log lines dropped: the output was not read in time",
        "after",
    ]
    disk.space = 50
    writer.write(LINE)
    writer.close(30)
    disk.space = 1000
    writer.write("after\n")
    *_, cut, note, after = disk.text.decode().splitlines()
    assert (cut, after) == (LINE[:50], "after")
    assert note.startswith("1 log lines dropped")


def test_closed_stream_accepts_writes() -> None:
    LogWriter(sink_for(None)).write(LINE)
    assert not LogStream(LogWriter(sink_for(None)), None).isatty()


def test_stream_passes_on_whole_lines() -> None:
    disk = Full()
    stream = LogStream(LogWriter(disk), None)
    print("a", "b", end="", file=stream)  # noqa: T201 - what a plugin does
    stream.flush()
    assert disk.text == b""
    print("\ud83d", file=stream)  # noqa: T201
    assert disk.text == b"a b\\ud83d\n"


def test_killed_process_has_written_its_last_line(tmp_path: Path) -> None:
    source = (
        "import os, sys; from portico.server.log_writer import take_over_streams as take; take();"
        "print('last', file=sys.stderr); print('words'); os._exit(3)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (3, "last\n", "words\n")


def test_exiting_process_waits_for_its_reader() -> None:
    source = (
        "import sys; from portico.server.log_writer import take_over_streams as take; take();"
        "[print('x' * 99) for _ in range(5000)]"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read().count(b"\n") == 5000
