"""Redis fails for a while: two servers go on, sockets stay connected, and events reach the other server.

    .venv/bin/python -m tests.soak.redis_outage [--seconds 60] [--suspend] [--postgres]

Two servers on one database. All the time, requests are sent to both, and a reply that one server generates is watched at the
other. `--suspend`: Redis accepts connections and answers nothing; else it is killed. Exits with 1 if a request failed with
a status of 5xx, a socket was closed, or an event needed more than five seconds after the return of Redis.
"""

import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click
from tests.redis_server import RedisServer
from tests.reply_requests import ask, start_chat, text_in
from tests.servers import fresh_database, postgres_server
from tests.upstream import Upstream

from portico.testing import PASSWORD, SECRET, Client, ServerProcess, SocketIOClient

#: Seconds after the return of Redis within which events reach the other server again.
LIMIT_SECONDS = 5.0


class Outage(NamedTuple):
    """What happened. `statuses`: of all requests. `longest_gap`: seconds without an event of the growing reply, at the other
    server; `first_events`: seconds from the return of Redis until the first event of a new reply, in both directions.
    """

    statuses: Counter[int]
    failed: Counter[str]
    longest_gap: float
    first_events: tuple[float, float]

    def text(self) -> str:
        """The report as text."""
        statuses = ", ".join(
            f"{status}: {count}" for status, count in sorted(self.statuses.items())
        )
        first = " and ".join(f"{seconds:.2f} s" for seconds in self.first_events)
        return (
            f"requests by status: {statuses}\nfailed: {dict(self.failed) or 'none'}\n"
            f"longest time without an event of the reply: {self.longest_gap:.2f} s\n"
            f"first event after the return: {first}"
        )


class Requests(threading.Thread):
    """Sends requests of all kinds to the servers, one after the other, until it is stopped. `pause`: seconds between two."""

    def __init__(self, users: list[Client], pause: float) -> None:
        super().__init__(daemon=True)
        self.users, self.pause = users, pause
        self.statuses: Counter[int] = Counter()
        self.failed: Counter[str] = Counter()
        self._stopped = threading.Event()

    def run(self) -> None:
        for user in itertools.cycle(self.users):
            for name, send in REQUESTS.items():
                if self._stopped.wait(self.pause):
                    return
                try:
                    status = send(user)
                except OSError as error:
                    self.failed[f"{name}: {type(error).__name__}"] += 1
                else:
                    self.statuses[status] += 1
                    if status >= 500:
                        self.failed[f"{name}: {status}"] += 1

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _sign_in(user: Client) -> int:
    form = {"email": user.account["email"], "password": PASSWORD}
    answer = Client(user.transport).post("/api/v1/auths/signin", form)
    if answer.status == 200:
        Client(user.transport, answer.json["token"]).get("/api/v1/auths/signout")
    return answer.status


def _complete(user: Client) -> int:
    form = {"model": "good", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    return user.post("/api/chat/completions", form).status


REQUESTS: dict[str, Callable[[Client], int]] = {
    "session": lambda user: user.get("/api/v1/auths/").status,
    "models": lambda user: user.get("/api/models").status,
    "chats": lambda user: user.get("/api/v1/chats/?page=1").status,
    "new chat": lambda user: user.post("/api/v1/chats/new", {"chat": {"title": "x"}}).status,
    "sign-in": _sign_in,
    "completion": _complete,
    "tasks": lambda user: user.get("/api/tasks").status,
}


def texts_of(socket: SocketIOClient, message_id: str) -> str:
    """Wait for the next text of a growing reply."""
    return text_in(
        socket.wait_for("events", lambda one: one["message_id"] == message_id and text_in(one))
    )


def growing_reply(user: Client) -> tuple[str, str]:
    """Start a reply without an end. Return the ids of its task and its message."""
    chat_id, message_id = start_chat(user)
    return ask(user, chat_id, message_id, model="endless").json["task_id"], message_id


def first_event(asking: Client, watching: SocketIOClient) -> float:
    """Start a reply and return the seconds until its first text has arrived at a socket."""
    began = time.monotonic()
    task_id, message_id = growing_reply(asking)
    texts_of(watching, message_id)
    seconds = time.monotonic() - began
    asking.post(f"/api/tasks/stop/{task_id}")
    return seconds


def outage(
    one: ServerProcess,
    two: ServerProcess,
    seconds: float,
    fail: Callable[[], Any],
    restore: Callable[[], Any],
    pause: float = 0.0,
) -> Outage:
    """Have Redis fail for some time, and return what happened. `pause`: seconds between two requests.

    Raises: SocketClosed if a socket was closed.
    """
    here = one.client.sign_up("Ada")
    there = Client(two.client.transport, here.token, here.account)
    requests = Requests([here, there], pause)
    with here.connect_socket() as own, there.connect_socket() as other:
        task_id, message_id = growing_reply(here)
        texts_of(other, message_id)
        requests.start()
        seen = time.monotonic()
        longest, ends = 0.0, seen + seconds
        fail()
        while seen < ends:
            text = texts_of(other, message_id)
            now = time.monotonic()
            while len(texts_of(own, message_id)) < len(text):
                pass  # a client that does not read would be disconnected
            longest, seen = max(longest, now - seen), now
        restore()
        first_events = first_event(here, other), first_event(there, own)
        here.post(f"/api/tasks/stop/{task_id}")
        for socket in (own, other):
            socket.call("heartbeat", {})
        requests.stop()
    return Outage(requests.statuses, requests.failed, longest, first_events)


@click.command()
@click.option("--seconds", default=60.0, help="For which Redis is away.", show_default=True)
@click.option("--suspend", is_flag=True, help="Redis answers nothing; else it is killed.")
@click.option("--postgres", is_flag=True, help="Use PostgreSQL instead of SQLite.")
def main(seconds: float, suspend: bool, postgres: bool) -> None:
    """Run the outage."""
    with ExitStack() as end:
        folder = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="portico-outage-")))
        redis = RedisServer().start()
        end.callback(redis.close)
        environment = end.enter_context(Upstream()).environment | {
            "DATA_DIR": str(folder / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "REDIS_URL": redis.url,
        }
        if postgres:
            server = end.enter_context(postgres_server())
            environment["DATABASE_URL"] = end.enter_context(fresh_database(server))
        servers = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            servers.append(ServerProcess(environment, folder / name).start())
            end.callback(servers[-1].kill)
        steps = (redis.stun, redis.wake) if suspend else (redis.stop, redis.start)
        found = outage(*servers, seconds, *steps)
    click.echo(found.text())
    sys.exit(1 if found.failed or max(found.first_events) > LIMIT_SECONDS else 0)


if __name__ == "__main__":
    main()
