"""Every benchmark runs, with numbers so small that its figures mean nothing."""

from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

#: Programs that benchmarks start.
PROGRAMS = {"paced_provider", "relay"}
#: Arguments by benchmark, and a text that its output has when it has come to its end.
BENCHMARKS = {
    "access": ("--models 20 --only sqlite", "many groups"),
    "bodies": (
        "--sizes 1K --kinds text --routes sign-in --at-once 2 --size 64K --streams 2 --seconds 0.5",
        "unread streams",
    ),
    "changes": ("--rounds 1 --only sqlite --change groups --way 'no Redis'", "groups"),
    "chat_import": ("--messages 40 --only sqlite", "longest wait"),
    "chats": ("--messages 3 --only sqlite", "growth"),
    "instances": (
        "--seconds 0.5 --rounds 1 --processes 2 --only sqlite",
        "milliseconds per request",
    ),
    "openwebui_import": (
        "--accounts 3 --models 5 --chats 36 --messages 150 --only sqlite --version 0.12.4",
        "0 differences",
    ),
    "paced_streams": ("--streams 3 --seconds 0.2 --rounds 1", "end of the figures"),
    "models": ("--models 20 --seconds 0.01 --only sqlite", "one, few"),
    "replies": (
        "--replies 4 --rounds 2 --deltas 8 --chars 1000 --settle 0.1",
        "last fifth over first fifth",
    ),
    "revocation": ("--setup 'one instance' --way sign-out", "sign-out"),
    "search": ("--chats 12 --messages 2", "ratio"),
    "sizing": ("--requests 10 --streams 2 --seconds 0.1 --sockets 5", "end of the figures"),
    "sockets": ("--sockets 20 --rounds 1 --seconds 0.2", "idle, CPU %"),
    "tasks": ("--tasks 5 --rounds 1 --idle 0.1 --only sqlite", "idle runner, CPU %"),
    "sign_in": ("--rounds 4 --attempts 3 --at-once 2 --seconds 0.2", "sign-ins by status"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_runs_to_its_end(name: str) -> None:
    arguments, last = BENCHMARKS[name]
    main = import_module(f"tests.benchmarks.{name}").main
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert last in done.output


def test_every_benchmark_is_run_and_documented() -> None:
    modules = (
        {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")}
        - {"test_benchmarks"}
        - PROGRAMS
    )
    assert set(BENCHMARKS) == modules
    readme = Path(__file__).parent.parent.joinpath("README.md").read_text()
    assert {name for name in modules if f"python -m tests.benchmarks.{name}`" in readme} == modules
