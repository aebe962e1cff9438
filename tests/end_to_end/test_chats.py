"""One chat, written to by many: in several processes, through whole documents, under kill -9."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.end_to_end.kill_processes import acknowledged_under_kill_9

from portico.testing import Client, HTTPTransport, ServerProcess

pytestmark = pytest.mark.timeout(180)
Servers = Callable[..., ServerProcess]

CHATS = "/api/v1/chats/"
QUIET = {"prefer": "return=minimal"}


def new_chat(person: Client) -> str:
    root = {"id": "root", "parentId": None, "childrenIds": [], "role": "user", "content": "Hi"}
    history = {"messages": {"root": root}, "currentId": "root"}
    return str(person.post(CHATS + "new", {"chat": {"history": history}}).json["id"])


def messages(person: Client, chat_id: str) -> dict[str, Any]:
    return dict(person.get(CHATS + chat_id).json["chat"]["history"]["messages"])


def everywhere(person: Client, started: list[ServerProcess]) -> list[Client]:
    """The same sign-in at each of several processes."""
    return [Client(HTTPTransport(server.url), person.token, person.account) for server in started]


@pytest.mark.both_databases
@pytest.mark.case("FT-04")
def test_concurrent_message_writes_of_three_processes_are_all_kept(
    servers: Servers,
) -> None:
    first = servers().start()
    ada = first.client.sign_up("Ada")
    instances = everywhere(ada, [first, servers().start(), servers().start()])
    chat_id = new_chat(ada)

    def write(n: int) -> int:
        path = f"{CHATS}{chat_id}/messages/m{n}"
        return instances[n % 3].post(path, {"content": f"text {n}"}, headers=QUIET).status

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(write, range(200)))

    assert statuses == [204] * 200
    kept = messages(ada, chat_id)
    assert {f"m{n}": f"text {n}" for n in range(200)}.items() <= {
        one: body["content"] for one, body in kept.items()
    }.items()


@pytest.mark.case("FT-04")
def test_concurrent_whole_document_updates_lose_no_message(
    servers: Servers,
) -> None:
    first = servers().start()
    ada = first.client.sign_up("Ada")
    second = servers().start()
    chat_id = new_chat(ada)
    clients = [
        Client(HTTPTransport(server.url)).sign_in("Ada")
        for server in (first, second, first, second)
    ]

    def converse(n: int) -> None:
        """A client that reads once, and then sends its state of the chat again and again."""
        tree = messages(clients[n], chat_id)
        for k in range(10):
            child = f"c{n}-{k}"
            tree["root"]["childrenIds"].append(child)
            tree[child] = {"id": child, "parentId": "root", "childrenIds": [], "content": child}
            history = {"messages": tree, "currentId": child}
            answer = clients[n].post(CHATS + chat_id, {"chat": {"history": history}})
            assert answer.status == 200, answer

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(converse, range(4)))

    kept = messages(ada, chat_id)
    wanted = {f"c{n}-{k}" for n in range(4) for k in range(10)}
    assert set(kept) == {"root", *wanted}
    assert set(kept["root"]["childrenIds"]) == wanted


@pytest.mark.case("FT-01")
def test_acknowledged_messages_survive_kill_9(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    chat_id = new_chat(ada)

    def write(number: int) -> tuple[str, str]:
        path, text = f"{CHATS}{chat_id}/messages/m{number}", f"text {number}"
        answer = ada.post(path, {"content": text}, headers=QUIET)
        assert answer.status == 204, answer
        return f"m{number}", text

    acknowledged = acknowledged_under_kill_9(server, write)
    kept = {one: body["content"] for one, body in messages(ada, chat_id).items()}
    assert acknowledged.items() <= kept.items()
    assert kept.pop("root") == "Hi"
    # What was written and not answered may be there or not; nothing else is, and nothing is there by half.
    assert all(kept[one] == f"text {one[1:]}" for one in kept)


def test_message_seen_on_another_instance_is_deleted_by_leaving_it_out(
    servers: Servers,
) -> None:
    first, second = servers().start(), servers()
    ada = first.client.sign_up("Ada")
    second.start()
    there = Client(HTTPTransport(second.url)).sign_in("Ada")
    chat_id = new_chat(ada)
    there.post(f"{CHATS}{chat_id}/messages/m", {"content": "x"}, headers=QUIET)
    here = Client(HTTPTransport(first.url)).sign_in("Ada")
    tree = messages(here, chat_id)
    del tree["m"]
    elsewhere = Client(HTTPTransport(second.url), here.token)
    form = {"chat": {"history": {"messages": tree, "currentId": "root"}}}

    deadline = time.monotonic() + 10
    while "m" in messages(there, chat_id):
        assert time.monotonic() < deadline
        assert elsewhere.post(CHATS + chat_id, form).status == 200
