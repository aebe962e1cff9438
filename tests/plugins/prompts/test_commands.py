"""`portico prompt` on the command line."""

import json
from pathlib import Path

import pytest

from portico.testing import CommandLine


@pytest.mark.both_databases
def test_prompts_are_imported_listed_and_exported(cli: CommandLine, tmp_path: Path) -> None:
    assert "portico prompt import" in cli("prompt", "list").stdout
    for name in ("root", "ann"):
        cli("user", "add", f"{name}@example.org", "--password-stdin", stdin="long enough\n")
    ann = json.loads(cli("user", "show", "ann@example.org").stdout)["id"]
    # As the web client exports it, with an owner that exists here and one that does not.
    rows = [
        {"command": "/one", "title": "One", "content": "1", "timestamp": 5, "user_id": ann,
         "access_control": None, "user": {"name": "Ann"}},
        {"command": "/two", "title": "Two", "content": "2", "user_id": "gone",
         "access_control": {"read": {"user_ids": ["gone", ann]}, "write": {"group_ids": ["g"]}}},
    ]  # fmt: skip
    text = json.dumps(rows)

    planned = json.loads(cli("prompt", "import", "-", "--dry-run", "--json", stdin=text).stdout)
    assert planned["created"] == ["/one", "/two"]
    assert json.loads(cli("prompt", "list", "--json").stdout) == []
    result = cli("prompt", "import", "-", stdin=text)
    assert result.stdout.split() == ["created", "2", "updated", "0", "rejected", "0"]
    assert "/two: access_control: skipped users and groups" in result.stderr

    cli("prompt", "export", "all.json")
    one, two = json.loads((tmp_path / "all.json").read_text())
    assert (one["command"], one["user_id"], one["access_control"]) == ("/one", ann, None)
    assert two["user_id"] not in ("gone", ann)
    assert two["access_control"]["read"] == {"group_ids": [], "user_ids": [ann]}

    changed = [one | {"content": "new"}, {"command": "/a b", "content": "x"}, {"content": "y"}]
    refused = cli("prompt", "import", "-", stdin=json.dumps(changed), code=1)
    assert refused.stderr.splitlines() == [
        "prompts[1]  /a b: command must have 1 to 128 letters, digits and characters of -_.:",
        "prompts[2]  -: command: Field required",
    ]
    assert json.loads(cli("prompt", "export").stdout) == [one, two]
    both = json.dumps({"prompts": [changed[0], {"command": "/ONE", "content": "newer"}]})
    assert json.loads(cli("prompt", "import", "-", "--json", stdin=both).stdout)["updated"] == [
        "/one",
        "/one",
    ]
    (after, _) = json.loads(cli("prompt", "export").stdout)
    assert (after["id"], after["content"], after["user_id"]) == (one["id"], "newer", ann)

    as_ann = ("prompt", "import", "-", "--owner", "ann@example.org")
    private = json.dumps([{"command": "/two", "content": "Ann's"}])
    assert "prompts[0]  /two" in cli(*as_ann, stdin=private, code=1).stderr
