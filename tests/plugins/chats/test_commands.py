"""The commands of `portico chat`."""

import json
from pathlib import Path
from typing import Any

from portico.testing import CommandLine


def exported(*titles: str) -> list[dict[str, Any]]:
    message = {"id": "q", "parentId": None, "childrenIds": [], "role": "user", "content": "[{,\\é"}
    history = {"messages": {"q": message}, "currentId": "q"}
    return [
        {"chat": {"title": title, "history": history}, "updated_at": n, "meta": {"tags": ["a"]}}
        for n, title in enumerate(titles)
    ]


def add_users(portico: CommandLine) -> None:
    for name in ("ann", "bob"):
        portico("user", "add", f"{name}@example.org", "--password-stdin", stdin="long enough\n")


def test_commands_import_and_export_chats(cli: CommandLine, tmp_path: Path) -> None:
    add_users(cli)
    command = ("chat", "import", "--user", "ann@example.org")
    (tmp_path / "in.json").write_text(json.dumps(exported("one", "two"), indent=1))

    would = cli(*command, "in.json", "--dry-run", "--json")
    assert [one["title"] for one in json.loads(would.stdout)["chats"]] == ["one", "two"]
    assert json.loads(cli("chat", "export", "--all").stdout) == []

    done = cli(*command, "in.json")
    assert done.stdout.split() == ["chats", "2", "messages", "2", "rejected", "0"]
    assert "Importing" in done.stderr
    cli(*command, "-", stdin=json.dumps({"chats": exported("three")}))

    cli("chat", "export", "all.json", "--all")
    found = json.loads((tmp_path / "all.json").read_text())
    assert {one["title"] for one in found} == {"one", "two", "three"}
    assert found[0]["chat"]["history"] == exported("")[0]["chat"]["history"]

    cli("chat", "import", "--user", "BOB@example.org", "all.json")
    printed = cli("chat", "export", "--user", "bob@example.org")
    assert "Exporting" in printed.stderr
    bobs = json.loads(printed.stdout)
    assert sorted(one["title"] for one in bobs) == ["one", "three", "two"]
    assert {one["user_id"] for one in bobs} != {one["user_id"] for one in found}
    assert len(json.loads(cli("chat", "export", "--all").stdout)) == 6


def test_import_command_imports_nothing_from_invalid_file(cli: CommandLine) -> None:
    add_users(cli)
    command = ("chat", "import", "--user", "ann@example.org", "-")
    text = json.dumps([*exported("one"), 5])

    assert "input[1]" in cli(*command, stdin=text, code=1).stderr
    dry_run = cli(*command, "--dry-run", stdin=text, code=1)
    assert dry_run.stdout.split() == ["chats", "1", "messages", "1", "rejected", "1"]
    assert "chats[1]: " in dry_run.stderr
    assert "cut off" in cli(*command, stdin=text[:-2], code=1).stderr
    assert "not an export of chats" in cli(*command, stdin="{}", code=1).stderr
    assert json.loads(cli("chat", "export", "--all").stdout) == []


def test_reindex_command_rebuilds_index(cli: CommandLine) -> None:
    add_users(cli)
    text = json.dumps(exported("one", "two"))
    cli("chat", "import", "--user", "ann@example.org", "-", stdin=text)

    done = cli("chat", "reindex")

    assert done.stdout.split() == ["texts", "4"]
    assert "Indexing" in done.stderr


def test_command_errors_say_what_to_do(cli: CommandLine, tmp_path: Path) -> None:
    unknown = ("--user", "absent@example.org")
    assert (
        "No account has the e-mail address absent@"
        in cli("chat", "export", "x.json", *unknown, code=1).stderr
    )
    assert (
        "No account has the e-mail address absent@"
        in cli("chat", "import", "-", *unknown, stdin="[]", code=1).stderr
    )
    assert not (tmp_path / "x.json").exists()
    assert "--user EMAIL, or use --all" in cli("chat", "export", code=2).stderr
    assert "--user EMAIL, or use --all" in cli("chat", "export", "--all", *unknown, code=2).stderr
    cli("chat", "import", "absent.json", *unknown, code=2)
