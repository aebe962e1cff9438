"""Every command of the core and of all plugins, with wrong arguments and in broken surroundings.

The commands are found by walking the tree, so a new one is tried without being named here. What a caller may see: exit
code 0, 1 or 2, with 1 and 2 a sentence, and never a traceback, a secret, a control character or a message for API clients.
"""

import asyncio
import gc
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from tests.effort import SHARE, is_full
from tests.one_database import database_url  # noqa: F401 - a fixture

import portico.errors
from portico.cli.context import CLIContext
from portico.cli.error_messages import BUG
from portico.cli.main import command_line, run_command
from portico.cli.shared_options import OPTION
from portico.testing import CommandLine

SECRET = "s3cr3t-0f-the-0perat0r"
SETTINGS = {
    "OPENAI_API_KEYS": SECRET,
    "OPENAI_API_BASE_URLS": "http://127.0.0.1:9/v1",
    "OAUTH_CLIENT_ID": "portico",
    "OAUTH_CLIENT_SECRET": SECRET,
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9/",
    "WEBHOOK_URL": f"http://127.0.0.1:9/{SECRET}",
}
#: They only end with a signal.
ENDLESS = {("serve",), ("worker",)}
#: Commands that would end the others' work.
LAST = {("user", "delete"), ("secret", "replace")}

#: Arguments that a command accepts, so that each hostile one is the only wrong one.
PLAIN = {
    "email": "ada@example.org",
    "owner": "ada@example.org",
    "transfer_to": "ada@example.org",
    "users": "ada@example.org",
    "user": "ada@example.org",
    "name_or_id": "staff",
    "subject": "everyone",
    "limit": "5",
    "unit": "tokens",
    "period": "day",
    "provider": "oidc",
    "claims": '{"sub": "1"}',
    "role": "user",
    "resource": "model",
    "action": "read",
    "number": "1",
    "source": "export.json",
    "file": "written.json",
    "target": "written.json",
    "directory": "policies",
    "new_dir": "policies",
}
HOSTILE = (
    " ",
    "x" * 20_000,
    "-1",
    "9" * 30,
    "NaN",
    "1e999",
    "\u202e\x1b[31mred\ud7ff",
    "two\nlines",
    "no/such/folder/file.json",
    "policies",
    "garbage.json",
    "deep.json",
    "empty.json",
    "odd.json",
    "user:absent@example.org",
    "a:b:c",
    "'; DROP TABLE portico_account; --",
    "%s{0}$(id)",
    "0001-01-01",
    "--help-me",
)
#: Options without which a command asks for more.
FURTHER = {("user", "delete"): ["--yes"], ("chat", "export"): ["--all"]}
#: They work on settings or on a file, or say something else first.
WITHOUT_DATABASE = {
    *(("health",), ("config",), ("plugin", "list")),
    *(("db", "rekey"), ("db", "encrypt"), ("db", "decrypt")),
    *(("backup", "verify"), ("backup", "list"), ("backup", "restore")),
}
#: What clients of the API compare; on a terminal it says too little.
FOR_CLIENTS = [
    text for name, text in vars(portico.errors).items() if name.isupper() and isinstance(text, str)
] + ["[ERROR:", "body."]
#: Of a sentence.
MIN_WORDS = 3
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")

Words = tuple[str, ...]


class StartedContext(CLIContext):
    """Starts the application at the first command, and leaves it running for the others."""

    loop = asyncio.new_event_loop()
    is_started = False

    def run(self, work: Any, **_: Any) -> Any:
        """Await `work` in the running application."""
        return self.loop.run_until_complete(self._within(work))

    async def _within(self, work: Any) -> Any:
        application = self.application()
        if not StartedContext.is_started:
            await application.prepare()
            StartedContext.is_started = True
        with application.database.use():
            return await work(application.context)

    def stop(self) -> None:
        """Stop the application."""
        self.loop.run_until_complete(self.application().stop())


class Shell:
    """Runs commands in this process, and collects what is wrong with their output."""

    def __init__(self, started: StartedContext) -> None:
        self.root = command_line()
        self.started = started
        self.wrong: list[str] = []
        self._runner = CliRunner()
        self.commands = dict(self._walk(self.root, (), self.started))

    def _walk(
        self, command: click.Command, path: Words, obj: CLIContext
    ) -> Iterator[tuple[Words, click.Command]]:
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command, obj=obj)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from self._walk(found, (*path, name), obj)

    def run(self, *words: str, stdin: str = "") -> tuple[int, str]:
        """Run one command; return its exit code and its output. What is wrong with them is noted in `wrong`."""
        is_of_plugin = self.commands.get(words[:2]) and words[0] not in CORE
        context = self.started if is_of_plugin else CLIContext(None)
        with self._runner.isolation(input=stdin) as (out, err, _):
            code: Any = 0
            try:
                run_command(self.root, words, context)
            except SystemExit as ended:
                code = ended.code
            sys.stdout.flush()
            sys.stderr.flush()
            output, errors = out.getvalue().decode(), err.getvalue().decode()
        self.wrong += faults(words, code, output, errors)
        return code, output + errors


CORE = {"backup", "config", "db", "health", "migrate", "plugin", "secret", "serve", "worker"}


def faults(words: Sequence[str], code: Any, output: str, errors: str) -> list[str]:
    """Return what no command may do, whatever its arguments are."""
    found = []
    if code not in (0, 1, 2):
        found.append(f"exit code {code}")
    if code and len((errors or output).split()) < MIN_WORDS:
        found.append("no sentence")
    if code == 2 and "--help" not in errors and "Error:" not in errors and words[0] != "policy":
        found.append("no usage")
    found += [text for text in (BUG, "Traceback", SECRET) if text in output + errors]
    found += [f"for API clients: {text}" for text in FOR_CLIENTS if text in errors]
    if code and _CONTROL.search(errors):
        found.append("control characters")
    if len(errors) > 8000:
        found.append(f"{len(errors)} characters of errors")
    shown = " ".join(word if len(word) < 50 else f"{word[:50]}…" for word in words)
    return [f"portico {shown!r}: {one}: {errors[-600:]!r}" for one in found]


@pytest.fixture
def shell(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: CommandLine
) -> Iterator[Shell]:
    for name, value in (env | SETTINGS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    for name, data in {
        "policies/own.csv": b"p, model, read, role:user, allow\n",
        "export.json": b"[]",
        "empty.json": b"",
        "garbage.json": b"\xff\xfe\x00{[nonsense",
        "deep.json": b"[" * 100_000,
        "odd.json": b'[1, null, "x", {"id": 1e999, "name": "\\u0000"}]',
    }.items():
        (tmp_path / name).write_bytes(data)
    cli("user", "add", "ada@example.org", "--password-stdin", stdin="long enough\n")
    cli("group", "create", "staff")
    started = StartedContext(None)
    yield Shell(started)
    started.stop()


def valid_words(path: Words, command: click.Command, *further: str, **changed: str) -> list[str]:
    """Return the words of a command with arguments that it accepts, apart from those in `changed`."""
    words = [*path, *further]
    for one in command.params:
        if isinstance(one, click.Option) and (one.required or one.name in changed):
            words += [one.opts[0], changed.get(one.name or "", PLAIN.get(one.name or "", "x"))]
    arguments = [one.name or "" for one in command.params if isinstance(one, click.Argument)]
    return [
        *words,
        *(["--"] if arguments else []),
        *(changed.get(n, PLAIN.get(n, "x")) for n in arguments),
    ]


# Click closes the files of arguments only once all arguments are valid; here the process goes on.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_no_argument_of_any_command_shows_a_traceback_a_secret_or_no_sentence(shell: Shell) -> None:
    tried = itertools.count()
    paths = sorted(shell.commands.keys() - ENDLESS, key=lambda path: path in LAST)
    for path in paths:
        command = shell.commands[path]
        shell.run(*path, "--no-such-option")
        if command.hidden:
            continue
        code, shown = shell.run(*path, "--help")
        if code or OPTION not in shown and not isinstance(command, click.Group):
            shell.wrong.append(f"{path}: its help has no {OPTION}")
        if all(one.nargs == 1 for one in command.params):
            shell.run(*valid_words(path, command), "one", "too", "many")
        for one in command.params:
            if isinstance(one, click.Option) and (one.is_flag or one.name == "data_dir"):
                continue
            for value in HOSTILE:
                if next(tried) % (2 if is_full() else SHARE) == 0:
                    shell.run(*valid_words(path, command, **{one.name or "": value}))
    gc.collect()
    assert not shell.wrong, "\n".join(shell.wrong[:20])
    assert len(paths) > 60


#: Surroundings in which no command can work. Shape: settings, and what the message names.
BROKEN = (
    ({"DATABASE_URL": f"postgresql://u:{SECRET}?x@127.0.0.1:1/db"}, "%3F"),
    ({"DATABASE_URL": f"postgres:u:{SECRET}@127.0.0.1:1/db"}, "DATABASE_URL"),
    ({"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:1/db"}, "refuses connections"),
    ({"REDIS_URL": f"redis://u:{SECRET}/x@127.0.0.1:1"}, "REDIS_URL"),
    ({"DATA_DIR": "/dev/null/data"}, "/dev/null/data"),
    ({"PORTICO_CONFIG": "no.toml"}, "no.toml"),
    ({"PORTICO_CONFIG": "bad.toml"}, "bad.toml"),
    ({"PORT": f"postgres:u:{SECRET}@h"}, "server.port"),
)


def test_every_command_says_what_is_wrong_with_its_surroundings(
    shell: Shell, cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text(f'[database]\nurl = "postgresql://u:{SECRET}@h\n')
    wrong: list[str] = []
    paths = [p for p, one in shell.commands.items() if not one.hidden and p not in ENDLESS]
    surroundings = itertools.cycle(BROKEN)
    for path in paths:
        words = valid_words(path, shell.commands[path], *FURTHER.get(path, ()))
        settings, named = next(surroundings)
        done = cli(*words, settings=SETTINGS | settings, stdin="password\npassword\n", code=None)
        wrong += faults(words, done.returncode, done.stdout, done.stderr)
        if path not in WITHOUT_DATABASE and (not done.returncode or named not in done.stderr):
            wrong.append(f"{words} with {settings} does not name {named}: {done.stderr}")
    assert not wrong, "\n".join(wrong[:20])
