"""A plugin of its own distribution adds a kind and a format; the same command continues an import that was killed."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.database_templates import Templates
from tests.plugins.transfer.archives import account, records_of

from portico.testing import CommandLine

#: Notes without a table: they are lines of a file. The format reads accounts and notes from one JSON file.
PLUGIN = """
    import json, os, pathlib, signal
    from contextlib import asynccontextmanager
    import click, msgspec
    from portico.api import PluginInfo, hookimpl, OperatorError
    from portico.api.transfer import (
        ImportFormat, RecordReader, TransferKind, imported, rejected, skipped, unchanged
    )

    PLUGIN = PluginInfo(api_version=1, summary="Notes.")
    STORE = pathlib.Path({store!r})

    class Note(msgspec.Struct):
        id: str
        user_id: str
        text: str

    class Notes(TransferKind):
        name, after = "notes", ("accounts", "missing")
        reader = RecordReader(Note)

        async def export(self, scope):
            lines = STORE.read_bytes().splitlines() if STORE.exists() else []
            if any(b'"unreadable"' in one for one in lines):
                raise LookupError("a text of a user")
            yield [one for one in lines if scope.is_whole or scope.account_id.encode() in one]

        async def export_files(self, scope):
            async def contents():
                yield b"con"
                yield b"tent"
            yield "note-1", contents()

        async def import_batch(self, records, run):
            read, outcomes = self.reader.read(records)
            for _, note in read:
                if note.text == "raise":
                    raise KeyError(note.text)
            stored = STORE.read_text() if STORE.exists() else ""
            for place, note in read:
                owner = run.accounts.get(note.user_id)
                if owner is None:
                    outcomes[place] = skipped(note.id, run.accounts.reason(note.user_id))
                elif f'"{{note.id}}"' in stored:
                    outcomes[place] = unchanged(note.id)
                else:
                    outcomes[place] = imported(note.id)
                    if not run.dry_run:
                        with STORE.open("ab") as file:
                            file.write(msgspec.json.encode(note) + b"\\n")
            return [outcomes[place] for place in range(len(records))]

    class Source:
        def __init__(self, content, kill_after):
            self.content, self.kill_after, self.files = content, kill_after, self

        async def open(self, name):
            return None

        def describe(self):
            return "notes"

        async def counts(self):
            return {{kind: len(records) for kind, records in self.content.items()}}

        async def records(self, kind):
            for number, record in enumerate(self.content.get(kind, ())):
                if number == self.kill_after:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield [json.dumps(record).encode()]

        def left_out(self):
            return ()

    class Format(ImportFormat):
        name, summary = "notebook", "Import a notebook."

        @property
        def options(self):
            return [click.Option(["--kill-after"], type=int)]

        @asynccontextmanager
        async def open(self, source, options):
            path = pathlib.Path(source)
            if not path.exists():
                raise OperatorError(f"There is no notebook {{path}}.")
            yield Source(json.loads(path.read_text()), options["kill_after"])

    @hookimpl
    def register_transfer_kinds():
        return [Notes()]

    @hookimpl
    def register_import_formats():
        return [Format()]
"""


@pytest.fixture(autouse=True)
def schema(env: dict[str, str], templates: Templates) -> None:
    templates.create_for(env)


def test_plugin_adds_a_kind_and_a_format(
    install: Callable[..., None], cli: CommandLine, tmp_path: Path
) -> None:
    install("notes", PLUGIN.format(store=str(tmp_path / "store")))
    texts = ("one", "raise", "two", "three")
    notes: list[Any] = [
        {"id": f"n{number}", "user_id": "ann", "text": text} for number, text in enumerate(texts)
    ]
    notes += [{"id": "lost", "user_id": "gone", "text": "x"}, {"id": "odd"}]
    notebook = {"accounts": [account("ann")], "notes": notes, "rockets": [1, 2]}
    (tmp_path / "book").write_text(json.dumps(notebook))
    assert "There is no notebook" in cli("import", "notebook", "none", code=1).stderr
    assert "--kill-after" in cli("import", "notebook", "--help").stdout
    done = cli("import", "notebook", "book", "--report", "report", code=1).stdout
    assert "rockets: 2 × no plugin here takes records of this kind" in done
    assert "plugin 'notes' failed: KeyError at made_up_notes.py" in done
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert lines[-1]["counts"]["notes"] == {"imported": 3, "rejected": 2, "skipped": 1}
    assert "notes" in cli("plugin", "list", "--json").stdout

    cli("export", "all.zip")
    assert [one["id"] for one in records_of(tmp_path / "all.zip", "notes")] == ["n0", "n2", "n3"]
    (tmp_path / "store").write_text('{"id": "unreadable"}\n')
    (tmp_path / "all.zip").rename(tmp_path / "first.zip")
    refused = cli("export", "all.zip", code=1).stderr
    assert "Plugin 'notes' cannot export its notes: LookupError at made_up_notes.py" in refused
    assert "a text of a user" not in refused
    assert not [one for one in tmp_path.iterdir() if one.name.startswith((".portico", "all"))]
    (tmp_path / "store").unlink()
    again = cli("import", "archive", "first.zip", "--report", "report").stdout
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert lines[-1]["counts"]["notes"] == {"imported": 3}, again


@pytest.mark.slow
def test_killed_import_is_continued_by_the_same_command(
    install: Callable[..., None], cli: CommandLine, tmp_path: Path
) -> None:
    install("notes", PLUGIN.format(store=str(tmp_path / "store")))
    accounts = [account(f"a{number}") for number in range(450)]
    (tmp_path / "book").write_text(json.dumps({"accounts": accounts}))
    path = {"PYTHONPATH": str(tmp_path / "site")}
    words = ("import", "notebook", "book", "--report", "report")
    cli.process(*words, "--kill-after", "410", code=-signal.SIGKILL, settings=path)
    assert not (tmp_path / "report").exists()
    cli(*words)
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert lines[-1]["counts"]["accounts"] == {"imported": 50, "unchanged": 400}
    assert len(json.loads(cli("user", "list", "--json").stdout)) == 450
