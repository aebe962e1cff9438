"""Memories over HTTP: each account's own, searched, bounded."""

from pathlib import Path

import pytest
from tests.plugins.memories.conftest import MEMORIES, add, contents

from portico.testing import Client, InProcessApp


@pytest.mark.both_databases
def test_memories_live_as_the_client_expects(app: InProcessApp, ann: Client) -> None:
    made = ann.post(f"{MEMORIES}/add", {"content": "Likes tea", "id": "x", "user_id": "y"}).json
    assert list(made) == ["id", "user_id", "content", "updated_at", "created_at"]
    assert (made["user_id"], made["content"]) == (ann.account["id"], "Likes tea")
    assert made["id"] != "x" and made["updated_at"] == made["created_at"] > 1
    assert ann.get(f"{MEMORIES}/").json == [made]

    changed = ann.post(f"{MEMORIES}/{made['id']}/update", {"content": "Likes coffee"}).json
    assert changed == made | {"content": "Likes coffee", "updated_at": changed["updated_at"]}
    assert ann.post(f"{MEMORIES}/{made['id']}/update", {"content": None}).json == changed
    second = add(ann, "Lives in Lisbon")
    assert ann.delete(f"{MEMORIES}/{made['id']}").json is True
    assert contents(ann) == ["Lives in Lisbon"]
    assert ann.delete(f"{MEMORIES}/{second}").json is True
    assert ann.delete(f"{MEMORIES}/{second}").status == 404
    add(ann, "One"), add(ann, "Two")
    assert ann.delete(f"{MEMORIES}/delete/user").json is True
    assert contents(ann) == []


@pytest.mark.case("AB-48")
def test_memories_of_others_are_neither_seen_nor_changed(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    memory = add(ann, "Ann's secret")
    for other in (bob, admin):  # administrators too: a memory is as private as a chat
        absent = other.delete(f"{MEMORIES}/00000000-0000-4000-8000-000000000000")
        for answer in (
            absent,
            other.delete(f"{MEMORIES}/{memory}"),
            other.post(f"{MEMORIES}/{memory}/update", {"content": "Changed"}),
            other.post(f"{MEMORIES}/%00/update", {"content": "Changed"}),
        ):
            assert (answer.status, answer.body) == (404, absent.body)
        assert other.post(f"{MEMORIES}/query", {"content": "secret"}).status == 404
        assert other.delete(f"{MEMORIES}/delete/user").json is True
        assert contents(other) == []
    assert contents(ann) == ["Ann's secret"]
    assert admin.delete(f"/api/v1/users/{ann.account['id']}").json is True
    left = app.run(app.portico.database.rows, "SELECT COUNT(*) AS n FROM memories_memory")
    assert [dict(row) for row in left] == [{"n": 0}]


def test_search_finds_words_in_any_case_best_first(ann: Client) -> None:
    both = add(ann, "Grüne Äpfel und 100% Tee")
    one = add(ann, "Tee am Abend")
    add(ann, "Nothing of this")

    found = ann.post(f"{MEMORIES}/query", {"content": "TEE grüne", "k": 5}).json
    assert found["ids"] == [[both, one]]
    assert found["documents"] == [["Grüne Äpfel und 100% Tee", "Tee am Abend"]]
    assert found["distances"] == [[1.0, 0.5]]
    assert [list(one) for one in found["metadatas"][0]] == [["created_at", "updated_at"]] * 2
    assert ann.post(f"{MEMORIES}/query", {"content": "tee grüne"}).json["ids"] == [[both]]
    for text in ("0%", "100%", "%"):
        assert ann.post(f"{MEMORIES}/query", {"content": text, "k": 9}).json["ids"] == [[both]]
    for text in ("_", "", "'; DROP TABLE memories_memory; --", "x " * 40_000):
        answer = ann.post(f"{MEMORIES}/query", {"content": text, "k": 10**9})
        assert (answer.status, answer.json["ids"]) == (200, [[]])


@pytest.mark.case("AB-58")
def test_hostile_memories_are_refused(ann: Client) -> None:
    for content in ("", " \n ", "x" * 4097, "ä" * 2049):
        answer = ann.post(f"{MEMORIES}/add", {"content": content})
        assert (answer.status, answer.detail[:16]) == (400, "[ERROR: content ")
    for body in ({}, {"content": 5}, {"content": None}, {"content": ["a"]}, []):
        assert ann.post(f"{MEMORIES}/add", body).status == 422
    assert ann.post(f"{MEMORIES}/query", {"content": "a", "k": "many"}).status == 422
    assert ann.post(f"{MEMORIES}/add", {"content": "x" * 1_000_000}).status == 413
    assert contents(ann) == []


class TestLimit:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_MEMORIES_MAX_MEMORIES": "2"}

    def test_number_of_memories_is_limited(self, ann: Client, bob: Client) -> None:
        add(ann, "One"), add(ann, "Two"), add(bob, "Bob's")
        refused = ann.post(f"{MEMORIES}/add", {"content": "Three"})
        assert refused.status == 400
        assert refused.detail == "[ERROR: An account has at most 2 memories; delete some first]"
        assert contents(ann) == ["One", "Two"]


class TestOperatorsRule:
    @pytest.fixture
    def env(self, env: dict[str, str], tmp_path: Path) -> dict[str, str]:
        rules = tmp_path / "rules"
        rules.mkdir()
        (rules / "ours.csv").write_text("p, memory, *, role:admin, allow\n")
        return env | {"PORTICO_ACCESS_POLICY_DIR": str(rules)}

    @pytest.mark.both_databases
    def test_rule_for_administrators_does_not_mix_memories(
        self, admin: Client, ann: Client
    ) -> None:
        memory, own = add(ann, "Ann's"), add(admin, "Admin's")
        assert contents(admin) == ["Admin's"]
        found = admin.post(f"{MEMORIES}/query", {"content": "ann's admin's", "k": 9}).json
        assert found["ids"] == [[own]]
        assert admin.delete(f"{MEMORIES}/delete/user").json is True
        assert contents(ann) == ["Ann's"]
        assert admin.delete(f"{MEMORIES}/{memory}").json is True  # by its id, as the rule says
