"""Nothing is left of a deleted account, also where it was being written to in that very moment."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from portico.db import current_database, fetch_all
from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.timeout(120)

#: Columns that keep ids of accounts that are gone: who did what, never a name or an address.
HISTORY = {
    ("portico_audit", "author"),
    ("portico_audit", "resource_id"),
    ("portico_audit", "old"),
    ("portico_audit", "new"),
    ("portico_policy_version", "author"),
    ("portico_configuration", "updated_by"),
    ("models_version", "author"),
    ("models_version", "owner_id"),
    ("models_version", "document"),
}
WRITERS = 4


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "ENABLE_API_KEYS": "true",
        "PORTICO_RATE_LIMITS_ENABLED": "false",
    }


async def columns() -> list[tuple[str, str]]:
    """Every column that holds text, of every table there is."""
    if current_database().dialect == "postgres":
        found = await fetch_all(
            "SELECT table_name AS t, column_name AS c FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND data_type = 'text'"
        )
    else:
        found = await fetch_all(
            "SELECT m.name AS t, c.name AS c FROM sqlite_master m, pragma_table_info(m.name) c "
            "WHERE m.type = 'table' AND c.type = 'TEXT'"
        )
    return sorted((one["t"], one["c"]) for one in found)


async def traces(word: str) -> set[tuple[str, str]]:
    """The columns in which a word stands anywhere."""
    found = set()
    for table, column in await columns():
        sql = f"SELECT 1 AS there FROM {table} WHERE {column} LIKE $1 LIMIT 1"
        if await fetch_all(sql, f"%{word}%"):
            found.add((table, column))
    return found


async def settled() -> None:
    """The search takes texts out of its index a moment after they are dropped."""
    from portico_chats.search.indexer import index_backend

    while await index_backend().index_pending():
        pass


def chat(text: str) -> dict[str, Any]:
    message = {"id": "m", "parentId": None, "childrenIds": [], "role": "user", "content": text}
    return {"title": text, "history": {"messages": {"m": message}, "currentId": "m"}}


def everything(who: Client, n: int, other: str) -> list[int]:
    """One of everything that belongs to an account. Returns the statuses."""
    account = who.account["id"]  # the beginning of it tells the models of a race apart
    made = who.post("/api/v1/chats/new", {"chat": chat(f"words {n}")})
    chat_id = made.json["id"] if made.status == 200 else "gone"
    imported = [{"chat": chat("brought"), "meta": {"tags": [f"brought {n}"]}, "pinned": False}]
    model = {
        "id": f"{account[:8]}-{n}",
        "name": f"M {n}",
        "base_model_id": None,
        "meta": {},
        "params": {},
    }
    access = {"read": {"user_ids": [other], "group_ids": []}}
    answers = [
        made,
        who.post("/api/v1/folders/", {"name": f"Folder {n}"}),
        who.post(f"/api/v1/chats/{chat_id}/tags", {"name": f"tag {n}"}),
        who.post(f"/api/v1/chats/{chat_id}/share"),
        who.post(f"/api/v1/chats/{chat_id}/clone", {}),
        who.post("/api/v1/chats/import", {"chats": imported}),
        who.post("/api/v1/auths/api_keys", {"name": f"Key {n}"}),
        who.post("/api/v1/models/create", model | {"access_control": access}),
        who.post("/api/v1/models/templates/create", {"name": model["id"], "params": {}, "meta": {}}),
        who.post("/api/v1/groups/create", {"name": f"Group {n}", "description": ""}),
        who.post("/api/v1/users/user/settings/update", {"ui": {"n": n}}),
    ]  # fmt: skip
    return [answer.status for answer in answers]


def both(first: Callable[[], None], second: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_deleted_account_leaves_only_ids_in_the_history(app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    leaves = ada.add_user("Leavesbehind", role="admin")
    account, address = leaves.account["id"], leaves.account["email"]
    assert everything(leaves, 1, ada.account["id"]) == [200] * 11
    shared = {"read": {"user_ids": [account], "group_ids": []}}
    model = {"id": "desk", "name": "Desk", "base_model_id": None, "meta": {}, "params": {}}
    assert ada.post("/api/v1/models/create", model | {"access_control": shared}).status == 200
    assert ("chats_chat", "user_id") in app.run(traces, account)

    assert ada.delete(f"/api/v1/users/{account}?delete_content=true").status == 200

    app.run(settled)
    assert app.run(traces, account) <= HISTORY
    assert app.run(traces, address) == set()
    assert app.run(traces, "Leavesbehind") == set()
    assert app.run(traces, "words 1") == set()


# On SQLite writers wait for each other, so both ways are the same race there.
@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("database_url", "keep"),
    [("sqlite", ""), ("postgres", ""), ("postgres", "?delete_content=true")],
    indirect=["database_url"],
)
def test_rows_written_during_account_deletion_are_deleted(app: InProcessApp, keep: str) -> None:
    ada = app.client.sign_up("Ada")
    leaving = [ada.add_user(f"Writer{n}", role="admin") for n in range(WRITERS)]
    statuses: list[int] = []

    def write(who: Client) -> Callable[[], None]:
        def work() -> None:
            for n in range(40):
                found = everything(who, n, leaving[0].account["id"])
                statuses.extend(found)
                started.release()
                if 401 in found:
                    return

        return work

    started = threading.Semaphore(0)
    writers = [threading.Thread(target=write(who)) for who in leaving for _ in range(2)]
    for thread in writers:
        thread.start()
    for _ in range(WRITERS * 2):
        started.acquire(timeout=60)
    answers = [ada.delete(f"/api/v1/users/{who.account['id']}{keep}") for who in leaving]
    for thread in writers:
        thread.join(timeout=60)

    assert [answer.status for answer in answers] == [200] * WRITERS
    assert 500 not in statuses
    app.run(settled)
    for who in leaving:
        assert app.run(traces, who.account["id"]) <= HISTORY


def test_grant_to_a_group_being_deleted_is_not_stored(app: InProcessApp) -> None:
    ada = app.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    names = [f"Group {n}" for n in range(6)]
    made = [ada.post("/api/v1/groups/create", {"name": n, "description": ""}) for n in names]
    ids = [answer.json["id"] for answer in made]
    model = {"id": "desk", "name": "Desk", "base_model_id": None, "meta": {}, "params": {}}
    assert ada.post("/api/v1/models/create", model | {"access_control": {}}).status == 200

    def share() -> None:
        for _ in range(8):
            for group_id in ids:
                access = {"read": {"user_ids": [], "group_ids": [group_id]}}
                body = model | {"access_control": access}
                statuses.add(ada.post("/api/v1/models/model/update", body).status)
                path = f"/api/v1/groups/id/{group_id}/users/add"
                statuses.add(ada.post(path, {"user_ids": [ben.account["id"]]}).status)

    def delete() -> None:
        for group_id in ids:
            statuses.add(ada.delete(f"/api/v1/groups/id/{group_id}/delete").status)

    statuses: set[int] = set()
    both(share, delete)
    assert 500 not in statuses
    for group_id in ids:
        assert app.run(traces, group_id) <= HISTORY
