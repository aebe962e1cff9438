"""`/metrics`: who may read it, and what it says."""

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from tests.api_keys import ON, with_key
from tests.one_database import on_sqlite
from tests.upstream import Upstream

from portico.api import Metric
from portico.boot import core_metrics
from portico.metrics import MAX_LABEL_CHARS, MAX_SERIES
from portico.tasks import TaskRun, TaskType
from portico.testing import Client, InProcessApp, Response
from portico_metrics import exposition, processes

MONITORING = "10.7.0.3"
PLUGIN = """
import asyncio
from portico.api import Metric, PluginInfo, hookimpl
PLUGIN = PluginInfo(summary="measures", api_version=1)

async def broken():
    raise ValueError("secret")

async def hanging():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def waiting():
    return {("large",): 2, ("small",): 5}

HOSTILE = {
    ('"} 1\\nportico_open_streams 9\\r\\x00\\u2028', "\\\\"): 1,
    ("x" * 10_000_000, "\\ud800"): 2,
    ("x" * 10_000_000 + "y", "\\ud800"): 3,
}

@hookimpl
def register_metrics():
    return [
        Metric("hostile", "Labels \\n of any \\\\ kind.", "counter", lambda: HOSTILE, ("one", "other")),
        Metric("many", "Too many.", "gauge", lambda: {(f"m{n}",): 1 for n in range(100_000)}, ("model",)),
        Metric("text", "No number.", "gauge", lambda: "secret"),
        Metric("unlabelled", "No tuple.", "gauge", lambda: {"secret": 1}, ("size",)),
        Metric("odd", "No histogram.", "histogram", lambda: 1),
        Metric("hostile_total", "The same name.", "gauge", lambda: 1),
        Metric("infinite", "No number of JSON.", "gauge", lambda: float("nan")),
        Metric("broken", "Never readable.", "gauge", broken),
        Metric("hanging", "Never readable.", "gauge", hanging),
        Metric("waiting", "Who waits.", "gauge", waiting, ("size",)),
    ]
"""


class Nothing(msgspec.Struct):
    """The arguments of a task that has none."""


async def endless(_: TaskRun, __: Nothing) -> None:
    await asyncio.Event().wait()


Starting = Callable[[dict[str, str]], InProcessApp]
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | ON | {"PORTICO_METRICS_ALLOW": "10.7.0.0/16, 192.0.2.1"}


@pytest.fixture
def starting(env: dict[str, str], complete_schema: Any) -> Iterator[Starting]:
    """Starts an application with further settings."""
    with ExitStack() as stack:

        def start(settings: dict[str, str]) -> InProcessApp:
            app = InProcessApp(env | settings, complete_schema)
            stack.callback(app.close)
            return app

        yield start


def figures(answer: Response) -> Figures:
    assert answer.status == 200, answer
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def responses(found: Figures, route: str, status: str) -> float:
    return found.get(("portico_responses_total", (("route", route), ("status", status))), 0)


@pytest.mark.parametrize("address", [MONITORING, "192.0.2.1", "::ffff:10.7.0.3"])
def test_monitoring_is_answered(app: InProcessApp, address: str) -> None:
    answer = app.client_at(address).get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("address", ["10.8.0.1", "192.0.2.2", "127.0.0.1", "::1"])
def test_others_find_no_such_path(app: InProcessApp, address: str) -> None:
    client = app.client_at(address)
    forwarded = {"x-forwarded-for": MONITORING}
    for method in ("GET", "HEAD"):
        unknown = client.request(method, "/no-such-path", headers=forwarded)
        answer = client.request(method, "/metrics", headers=forwarded)
        assert (answer.status, answer.body) == (404, unknown.body)
        for one in (answer, unknown):
            del one.headers["x-request-id"], one.headers["x-process-time"]
        assert answer.headers == unknown.headers


@pytest.mark.case("AB-13")
@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "198.51.100.7"},
        {"x-forwarded-for": "198.51.100.7", "forwarded": "for=10.7.0.4"},
        {"x-forwarded-for": "no address"},
        {"x-real-ip": "198.51.100.7"},
        {"forwarded": "for=_hidden"},
    ],
    ids=str,
)
def test_client_of_a_proxy_in_the_network_of_the_monitoring_is_not_answered(
    starting: Starting, headers: dict[str, str]
) -> None:
    proxy = starting({"FORWARDED_ALLOW_IPS": "10.7.0.0/16"}).client_at(MONITORING)
    assert proxy.get("/metrics", headers=headers).status == 404
    assert proxy.get("/metrics").status == 200


def test_only_administrators_are_answered_elsewhere(admin: Client, user: Client) -> None:
    assert admin.get("/metrics").status == with_key(admin).get("/metrics").status == 200
    assert (
        user.get("/metrics").status
        == Client(admin.transport, "no token").get("/metrics").status
        == 404
    )


@pytest.mark.both_databases
def test_key_that_is_limited_to_other_routes_is_not_answered(admin: Client) -> None:
    assert with_key(admin, scopes=["chats"]).get("/metrics").status == 404
    assert with_key(admin, endpoints=["/api/v1/chats"]).get("/metrics").status == 404
    assert with_key(admin, scopes=["metrics:read"]).get("/metrics").status == 200


def test_responses_are_counted_by_route_and_never_by_path(app: InProcessApp, user: Client) -> None:
    client = app.client_at(MONITORING)
    before = figures(client.get("/metrics"))
    for name in ("one", "two", "three"):
        user.get(f"/api/v1/chats/{name}")
        user.get(f"/nowhere/{name}")
        user.post(f"/nowhere/{name}", {})
    text = client.get("/metrics")
    after = figures(text)
    # `/{path}`: what the plugin of the web client answers; without a route there is none to name.
    for route, status in (("/api/v1/chats/{chat_id}", "404"), ("/{path}", "404"), ("", "404")):
        assert responses(after, route, status) == responses(before, route, status) + 3
    assert not re.search(rb"three|nowhere", text.body)


def test_no_figure_names_a_user(app: InProcessApp, admin: Client, user: Client) -> None:
    user.get("/api/v1/auths/")
    text = app.client_at(MONITORING).get("/metrics").body.decode()
    account = user.account
    assert account is not None
    for secret in (account["id"], account["email"], account["name"], user.token or "-"):
        assert secret not in text


def test_openmetrics_is_sent_to_whom_asks_for_it(app: InProcessApp, user: Client) -> None:
    user.get("/api/v1/auths/")
    accept = {"accept": "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"}
    answer = app.client_at(MONITORING).get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    text = answer.body.decode()
    families = {one.name: one for one in openmetrics(text)}
    lag = families["portico_event_loop_lag_seconds"]
    assert (lag.type, lag.unit) == ("histogram", "seconds")
    assert families["portico_responses"].type == "counter"
    assert all(one.documentation for one in families.values())


@pytest.mark.parametrize(
    "accept",
    ["version=abc", "version=99.0.0", "version=1.0.0é", "version=1.0.0; escaping=x", "version"],
)
def test_format_that_does_not_exist_is_not_sent(accept: str) -> None:
    family = exposition.Figure("a", "", "gauge", [exposition.Series("a", (), 1)])
    for name in ("application/openmetrics-text", "text/plain"):
        _, content_type = exposition.exposition([family], f"{name}; {accept}")
        assert re.search(rb"; version=(1\.0\.0|0\.0\.4); charset=utf-8", content_type)


def test_open_socket_is_counted(app: InProcessApp, admin: Client) -> None:
    with admin.connect_socket():
        found = figures(app.client_at(MONITORING).get("/metrics"))
    assert found["portico_open_sockets", ()] == found["portico_signed_in_sockets", ()] == 1


def test_open_stream_is_counted_until_it_ends(starting: Starting, upstream: Upstream) -> None:
    app = starting(upstream.environment)
    monitoring = app.client_at(MONITORING)
    user = app.client.sign_up("Ada")
    body = {"model": "slow", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with ThreadPoolExecutor(1) as thread:
        stream = thread.submit(user.post, "/api/chat/completions", body)
        upstream.wait_until_busy()
        assert figures(monitoring.get("/metrics"))["portico_open_streams", ()] == 1
        assert stream.result().status == 200
    assert figures(monitoring.get("/metrics"))["portico_open_streams", ()] == 0


@pytest.mark.both_databases
def test_tasks_are_counted(starting: Starting) -> None:
    app = starting({"PORTICO_TASKS_CONCURRENCY": "1"})
    app.portico.tasks.set_types([TaskType("test:endless", Nothing, endless)])
    client = app.client_at(MONITORING)
    for _ in range(2):
        app.run(app.portico.tasks.create, "test:endless")
    # One runs, and the other is due and waits for it.
    running = "portico_tasks", (("status", "running"), ("type", "test:endless"))
    pending = "portico_tasks", (("status", "pending"), ("type", "test:endless"))
    while not (found := figures(client.get("/metrics"))).get(running):
        pass
    assert (found[running], found[pending]) == (1, 1)
    while not figures(client.get("/metrics"))["portico_tasks_oldest_due_seconds", ()]:
        pass


def test_lag_of_the_event_loop_is_a_histogram(app: InProcessApp) -> None:
    client = app.client_at(MONITORING)
    while not figures(client.get("/metrics"))["portico_event_loop_lag_seconds_count", ()]:
        pass
    found = figures(client.get("/metrics"))
    counts = [
        v for (name, _), v in found.items() if name == "portico_event_loop_lag_seconds_bucket"
    ]
    assert counts == sorted(counts)
    assert counts[-1] == found["portico_event_loop_lag_seconds_count", ()]


def test_figure_of_a_plugin_is_shown_below_its_name(
    starting: Starting, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_metrics, "READ_LIMIT", 0.3)
    install("measuring", PLUGIN)
    text = starting({}).client_at(MONITORING).get("/metrics")
    found = figures(text)
    assert found["portico_measuring_waiting", (("size", "small"),)] == 5
    # One that cannot be read is left out, and the others are shown.
    assert not re.search(
        rb"portico_measuring_(broken|hanging|text|unlabelled|odd)|secret", text.body
    )


@on_sqlite
def test_labels_of_a_plugin_are_bounded(
    starting: Starting, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_metrics, "READ_LIMIT", 1.0)  # for 100,000 labels
    install("measuring", PLUGIN)
    app = starting({})
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        text = app.client_at(MONITORING).get("/metrics", headers={"accept": accept}).body.decode()
        read = openmetrics if accept else text_string_to_metric_families
        families = {one.name: one.samples for one in read(text)}
        hostile = {
            tuple(one.labels.values()): one.value for one in families["portico_measuring_hostile"]
        }
        assert hostile == {
            ('"} 1?portico_open_streams 9???', "\\"): 1,
            ("x" * MAX_LABEL_CHARS, "?"): 5,
        }
        many = families["portico_measuring_many"]
        assert len(many) == MAX_SERIES + 1
        assert sum(one.value for one in many) == 100_000
        assert families["portico_open_streams"][0].value == 0


def test_network_that_is_none_disables_the_plugin(starting: Starting) -> None:
    app = starting({"PORTICO_METRICS_ALLOW": "everywhere", "PORTICO_STRICT": "false"})
    assert "'everywhere' is not an address or network" in app.portico.registry["metrics"].reason
    assert app.client_at(MONITORING).get("/metrics").status == 404


def test_figures_are_read_over_plain_http_although_https_is_forced(starting: Starting) -> None:
    monitoring = starting({"FORCE_HTTPS": "true"}).client_at(MONITORING)
    assert monitoring.get("/metrics").status == 200
    assert monitoring.get("/api/config").status == 308


def test_name_of_a_metric_is_checked() -> None:
    with pytest.raises(ValueError, match="'Sizes of things'"):
        Metric("Sizes of things", "", "gauge", lambda: 1)
    for labels in (("a", "a"), ("le",)):
        with pytest.raises(ValueError, match="two labels of the metric 'sizes' are the same"):
            Metric("sizes", "", "histogram", lambda: 1, labels)


def test_one_of_several_processes_answers_for_all(starting: Starting) -> None:
    one, other = starting({"UVICORN_WORKERS": "2"}), starting({"UVICORN_WORKERS": "2"})
    for app in (one, other):
        app.run(app.portico.instance_channel.find_peers)
    for _ in range(5):
        other.client.get("/api/version")
    found = figures(one.client_at(MONITORING).get("/metrics"))
    again = figures(other.client_at(MONITORING).get("/metrics"))
    assert responses(found, "/api/version", "200") == responses(again, "/api/version", "200") == 5
    assert len([name for name, _ in found if name == "portico_instance_info"]) == 2
    # Both count the same rows.
    assert found["portico_tasks", (("status", "running"), ("type", ""))] == 0


def test_process_that_does_not_answer_is_said_to_be_silent(
    starting: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LIMIT_SECONDS", 0.1)
    found = figures(starting({"UVICORN_WORKERS": "2"}).client_at(MONITORING).get("/metrics"))
    assert found["portico_server_processes", (("state", "answered"),)] == 1
    assert found["portico_server_processes", (("state", "silent"),)] == 1


def test_counter_does_not_fall_when_a_process_ends(starting: Starting) -> None:
    def start() -> InProcessApp:
        started.append(starting({"UVICORN_WORKERS": "2"}))
        for app in started:
            app.run(app.portico.instance_channel.find_peers)
        return started[-1]

    def read(app: InProcessApp) -> tuple[float, float]:
        found = figures(app.client_at(MONITORING).get("/metrics"))
        version = responses(found, "/api/version", "200")
        return version, found["portico_server_processes", (("state", "silent"),)]

    started: list[InProcessApp] = []
    one, other = start(), start()
    for _ in range(5):
        other.client.get("/api/version")
    assert read(one) == (5, 0)
    started.remove(other)
    other.close()
    # The one in its place is asked first, and has never heard of the one that ended.
    assert read(start()) == (5, 0)
    assert read(one) == (5, 0)


def test_figures_of_processes_are_added_up() -> None:
    lag = exposition.Series("lag_bucket", (("le", "1"),), 2)
    one = [
        exposition.Figure("lag", "", "histogram", [lag]),
        exposition.Figure("rows", "", "gauge", [exposition.Series("rows", (), 7)], is_shared=True),
    ]
    silent = exposition.Figure("lag", "", "gauge", [exposition.Series("now", (), 9)])
    assert exposition.add_up([one, one], [[silent]]) == [
        exposition.Figure(
            "lag", "", "histogram", [exposition.Series("lag_bucket", (("le", "1"),), 4)]
        ),
        exposition.Figure("rows", "", "gauge", [exposition.Series("rows", (), 7)], is_shared=True),
    ]
