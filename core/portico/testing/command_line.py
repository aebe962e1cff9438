"""Runs commands of the command line, in the process of the tests or in a separate one."""

import asyncio
import importlib
import io
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from portico.cli.error_messages import BUG
from portico.testing.processes import bare_environment

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class CommandLine:
    """Runs `portico …`: `cli("user", "list", stdin="standard input")`.

    `environment`: settings by environment name. `directory`: working directory of the command.
    """

    environment: Mapping[str, str]
    directory: Path

    def __call__(
        self,
        *words: str | Path,
        stdin: str = "",
        code: int | None = 0,
        settings: Mapping[str, str] | None = None,
    ) -> Done:
        """Run one command in this process, and wait for its end; `serve` and `worker` run in a separate process.

        `stdin`: standard input. `settings` override the environment. Fails the test at another exit code than `code`
        (None = any), and at a traceback, since errors must be reported in words.
        """
        arguments = [str(word) for word in words]
        run = self._as_process if arguments[:1] in (["serve"], ["worker"]) else self._inside
        return _checked(run(arguments, stdin, {**self.environment, **(settings or {})}), code)

    def process(
        self,
        *words: str | Path,
        stdin: str = "",
        code: int | None = 0,
        settings: Mapping[str, str] | None = None,
    ) -> Done:
        """Run one command in a separate process, which costs about a second of computing time. See `__call__`."""
        given = {**self.environment, **(settings or {})}
        return _checked(self._as_process([str(word) for word in words], stdin, given), code)

    def _as_process(self, words: list[str], stdin: str, environment: dict[str, str]) -> Done:
        return subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "portico", *words],
            env={**bare_environment(), **environment},
            cwd=self.directory,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def _inside(self, words: list[str], stdin: str, environment: dict[str, str]) -> Done:
        out, err = _stream(), _stream()
        bare = bare_environment()
        path = environment.get("PYTHONPATH", bare.get("PYTHONPATH", ""))
        with (
            _process_state({**bare, **environment}, self.directory, stdin, out, err),
            _on_path([entry for entry in path.split(os.pathsep) if entry]),
        ):
            if _loop_runs_here():
                with ThreadPoolExecutor(1) as thread:
                    code = thread.submit(_run, words).result()
            else:
                code = _run(words)
        return subprocess.CompletedProcess(words, code, _text(out), _text(err))


def _checked(done: Done, code: int | None) -> Done:
    assert code is None or done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert BUG not in done.stderr, done.stderr
    return done


def _run(words: list[str]) -> int:
    """Call the entry point as an interpreter does, and return the exit code."""
    from portico.cli import main

    try:
        main(words)
    except SystemExit as exit_:
        if isinstance(exit_.code, str):
            print(exit_.code, file=sys.stderr)  # noqa: T201 - as an interpreter does
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except Exception:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _process_state(
    environment: Mapping[str, str], directory: Path, stdin: str, out: TextIO, err: TextIO
) -> Iterator[None]:
    """Give the command its own environment, directory and streams, and restore those of the tests."""
    import click
    import structlog

    before, here, old_stdin = dict(os.environ), Path.cwd(), sys.stdin  # noqa: TID251 - restored below
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    hidden = click.termui.hidden_prompt_func
    os.chdir(directory)
    os.environ.clear()  # noqa: TID251
    os.environ.update(environment)  # noqa: TID251
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    click.termui.hidden_prompt_func = _hidden_prompt  # never read from a terminal
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield
    finally:
        click.termui.hidden_prompt_func = hidden
        sys.stdin = old_stdin
        os.environ.clear()  # noqa: TID251
        os.environ.update(before)  # noqa: TID251
        os.chdir(here)
        root.handlers, root.level = handlers, level
        structlog.configure(**configuration)


@contextmanager
def _on_path(entries: Sequence[str]) -> Iterator[None]:
    """Add folders to the module path, as PYTHONPATH does; their modules are unloaded afterwards."""
    added = [entry for entry in entries if entry not in sys.path]
    if not added:
        yield
        return
    before, there = set(sys.modules), list(sys.path)
    sys.path[:0] = added
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = there
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(tuple(added)):
                del sys.modules[name]


def _hidden_prompt(prompt: str) -> str:
    """Read a hidden answer from standard input, as without a terminal."""
    sys.stderr.write(prompt)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode().replace("\r\n", "\n").replace("\r", "\n")


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
