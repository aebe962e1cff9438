"""`portico chats …`, as somebody at the keyboard sees it."""

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


def people(portico: CommandLine) -> None:
    for name in ("ann", "bob"):
        portico("user", "add", f"{name}@example.org", "--password-stdin", said="long enough\n")


def test_chats_are_brought_in_and_taken_along(portico: CommandLine, tmp_path: Path) -> None:
    people(portico)
    bring = ("chats", "import", "--user", "ann@example.org")
    (tmp_path / "in.json").write_text(json.dumps(exported("one", "two"), indent=1))

    would = portico(*bring, "in.json", "--dry-run", "--json")
    assert [one["title"] for one in json.loads(would.stdout)["chats"]] == ["one", "two"]
    assert json.loads(portico("chats", "export", "--all").stdout) == []

    done = portico(*bring, "in.json")
    assert done.stdout.split() == ["chats", "2", "messages", "2", "refused", "0"]
    assert "Importing" in done.stderr
    portico(*bring, "-", said=json.dumps({"chats": exported("three")}))

    portico("chats", "export", "all.json", "--all")
    found = json.loads((tmp_path / "all.json").read_text())
    assert {one["title"] for one in found} == {"one", "two", "three"}
    assert found[0]["chat"]["history"] == exported("")[0]["chat"]["history"]

    portico("chats", "import", "--user", "BOB@example.org", "all.json")
    printed = portico("chats", "export", "--user", "bob@example.org")
    assert "Exporting" in printed.stderr
    bobs = json.loads(printed.stdout)
    assert sorted(one["title"] for one in bobs) == ["one", "three", "two"]
    assert {one["user_id"] for one in bobs} != {one["user_id"] for one in found}
    assert len(json.loads(portico("chats", "export", "--all").stdout)) == 6


def test_a_file_with_a_fault_is_not_brought_in_at_all(portico: CommandLine) -> None:
    people(portico)
    bring = ("chats", "import", "--user", "ann@example.org", "-")
    said = json.dumps([*exported("one"), 5])

    assert "body.1" in portico(*bring, said=said, code=1).stderr
    rehearsed = portico(*bring, "--dry-run", said=said, code=1)
    assert rehearsed.stdout.split() == ["chats", "1", "messages", "1", "refused", "1"]
    assert "chats[1]: " in rehearsed.stderr
    assert "cut off" in portico(*bring, said=said[:-2], code=1).stderr
    assert "no export of chats" in portico(*bring, said="{}", code=1).stderr
    assert json.loads(portico("chats", "export", "--all").stdout) == []


def test_the_index_of_the_search_is_built_anew(portico: CommandLine) -> None:
    people(portico)
    said = json.dumps(exported("one", "two"))
    portico("chats", "import", "--user", "ann@example.org", "-", said=said)

    done = portico("chats", "reindex")

    assert done.stdout.split() == ["texts", "4"]
    assert "Indexing" in done.stderr


def test_what_goes_wrong_is_said_with_what_to_do(portico: CommandLine, tmp_path: Path) -> None:
    nobody = ("--user", "nobody@example.org")
    assert "Nobody is nobody@" in portico("chats", "export", "x.json", *nobody, code=1).stderr
    assert "Nobody is nobody@" in portico("chats", "import", "-", *nobody, said="[]", code=1).stderr
    assert not (tmp_path / "x.json").exists()
    assert "--user EMAIL, or --all" in portico("chats", "export", code=2).stderr
    assert "--user EMAIL, or --all" in portico("chats", "export", "--all", *nobody, code=2).stderr
    portico("chats", "import", "absent.json", *nobody, code=2)
