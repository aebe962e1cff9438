"""The structure of the repository: rules that no single package can check."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from portico import hookspecs

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("core", "plugins", "policies")
MODULES = [
    path
    for root in SOURCE_ROOTS
    for path in sorted((ROOT / root).rglob("*.py"))
    if path.stem != "__main__"
]
SERVE = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/portico serve"
TEST = (
    "python3 -m venv .venv && .venv/bin/pip install -q -r requirements/test.lock"
    " && .venv/bin/pip install -q --no-deps --no-build-isolation -e . && .venv/bin/pytest"
)
LONGEST_FILE = 400
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
MAY_READ_ENVIRONMENT = {
    "core/portico/settings/load.py",
    "core/portico/testing/command_line.py",  # lays the environment of a command over that of the tests
    "core/portico/testing/processes.py",  # hands a bare environment to the servers it starts
}

#: The one session for the operator's addresses, the guarded client for all others, and what speaks something else.
MAY_CONNECT = {
    "core/portico/cli/health.py",
    "core/portico/http_client/safe_client.py",
    "core/portico/http_client/outgoing.py",
    "core/portico/http_client/http1/connection.py",
    "core/portico/http_client/http1/opening.py",
    "core/portico/server/server_process.py",  # asks itself whether it is ready
    "core/portico/testing/client.py",
    "core/portico/testing/websockets.py",
    "plugins/portico_ldap/protocol/connection.py",  # a directory is named by administrators
}
CONNECTING = r"\b(ClientSession\(|urlopen|create_connection|open_connection|HTTPS?Connection\(|import (httpx|requests)\b)"

# Imports what it is given and prints what our own modules did meanwhile. What a library does while
# it is imported is not ours: the innermost module on the stack is the one that acts.
WATCHED_IMPORT = """
import importlib, json, os, sys, threading

roots, names, seen = tuple(sys.argv[1].split(os.pathsep)), sys.argv[2:], []
deeds = ("socket.", "sqlite3.", "subprocess.", "os.mkdir", "os.rename", "os.remove")

def note(deed):
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_name != "<module>":
        if frame.f_code.co_filename.endswith("gettext.py"):
            return  # click looks up the language of help texts where they are declared
        frame = frame.f_back
    if frame.f_code.co_filename.startswith(roots):
        seen.append(f"{frame.f_code.co_filename}: {deed}")

def watch(event, args):
    is_module = event == "open" and str(args[0]).endswith((".py", ".pyc", ".so"))
    if event.startswith(deeds) or (event == "open" and not is_module):
        note(f"{event} {args!r}")

def watch_calls(owner, *names):
    def watched(deed, method):
        def call(self, *args):
            note(f"{deed} {args!r}")
            return method(self, *args)
        return call
    for name in names:
        setattr(owner, name, watched(f"{owner.__name__}.{name}", getattr(owner, name)))

sys.path[:0] = roots
watch_calls(type(os.environ), "__getitem__", "__iter__", "__len__", "__setitem__", "__delitem__")
watch_calls(threading.Thread, "start")
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
print(json.dumps(seen))
"""


def name_of(module: Path) -> str:
    """The name a module is imported by."""
    parts = module.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def deeds_of_importing(*names: str, roots: tuple[Path, ...]) -> list[str]:
    """What the modules below `roots` do when they are imported, in a process of their own."""
    path = ":".join(map(str, roots))
    # -B: no bytecode is written, so that every file that is opened means something.
    command = [sys.executable, "-B", "-c", WATCHED_IMPORT, path, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    deeds: list[str] = json.loads(done.stdout.splitlines()[-1])
    return deeds


def test_import_has_no_side_effects() -> None:
    names = ["portico.api", *(name_of(module) for module in MODULES)]
    assert deeds_of_importing(*names, roots=tuple(ROOT / root for root in SOURCE_ROOTS)) == []


@pytest.mark.parametrize(
    ("program", "deed"),
    [
        ("import os; os.environ.get('HOME')", "_Environ."),
        ("import os; 'HOME' in os.environ", "_Environ."),
        ("import os; dict(os.environ)", "_Environ."),
        ("open('/dev/null')", "open"),
        ("import socket; socket.socket()", "socket"),
        ("import threading; threading.Thread(target=object).start()", "Thread.start"),
        ("import asyncio, ssl, logging", ""),
    ],
)
def test_import_side_effect_detector_detects_side_effects(
    tmp_path: Path, program: str, deed: str
) -> None:
    (tmp_path / "suspect.py").write_text(program)
    deeds = deeds_of_importing("suspect", roots=(tmp_path,))
    assert any(deed in seen for seen in deeds) if deed else deeds == []


def test_module_is_not_importable_through_its_source_root() -> None:
    twice = [name for name in sys.modules if name.split(".")[0] in SOURCE_ROOTS]
    assert twice == []


def test_environment_is_read_by_settings_only() -> None:
    readers = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            match node:
                case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in ENVIRONMENT:
                    readers.add(module.relative_to(ROOT).as_posix())
                case ast.ImportFrom(module="os", names=names):
                    assert ENVIRONMENT.isdisjoint(alias.name for alias in names), module
    assert readers == MAY_READ_ENVIRONMENT


@pytest.mark.parametrize(
    "name", sorted(name for name, hook in vars(hookspecs).items() if hasattr(hook, "portico_spec"))
)
def test_hook_docstring_says_when_it_is_called(name: str) -> None:
    assert re.search(r"\bCalled\b", getattr(hookspecs, name).__doc__ or "")


def test_hookspecs_has_hooks() -> None:
    assert any(hasattr(hook, "portico_spec") for hook in vars(hookspecs).values())


def test_file_is_below_the_length_limit() -> None:
    files = [path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("*") if path.is_file()]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in files
        if path.suffix not in (".pyc", ".png")
    }
    assert {name: lines for name, lines in lengths.items() if lines >= LONGEST_FILE} == {}


def test_readme_has_one_command_to_serve_and_one_to_test() -> None:
    blocks = re.findall(r"^```sh\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.M | re.S)
    assert [block for block in blocks if "python3 -m venv" in block] == [SERVE, TEST]


def test_ci_script_runs_the_test_command_of_the_readme() -> None:
    assert TEST in map(str.strip, (ROOT / ".ci" / "run").read_text().splitlines())


def test_contributing_has_the_test_command_of_the_readme() -> None:
    assert TEST in (ROOT / "CONTRIBUTING.md").read_text().splitlines()


@pytest.mark.case("AB-45")
def test_only_the_http_clients_open_connections() -> None:
    connecting = {
        str(module.relative_to(ROOT))
        for module in MODULES
        if re.search(CONNECTING, module.read_text())
    }
    assert connecting <= MAY_CONNECT


#: In lines of their own `$` is meant; the default rule of passwords is what clients of this API know.
MAY_END_WITH_DOLLAR = {
    "core/portico/db/migration_files.py",
    "plugins/portico_password/settings.py",
}


def test_pattern_ends_with_the_end_of_the_text() -> None:
    """`$` also matches before a line end, so a header, an id or a key could have one."""
    ending = {
        str(module.relative_to(ROOT))
        for module in MODULES
        if re.search(r"""\br[bf]?(["'])[^"'\n]*(?<!\\)\$\1""", module.read_text())
    }
    assert ending == MAY_END_WITH_DOLLAR


def test_class_has_a_name_of_its_own() -> None:
    places: dict[str, set[str]] = {}
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, set()).add(module.relative_to(ROOT).as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
