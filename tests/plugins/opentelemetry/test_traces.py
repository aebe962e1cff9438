"""Traces, as a collector receives them over its port and as an exporter in memory gets them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import structlog
from opentelemetry.sdk.trace.export import (
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.otlp_receiver import OTLPReceiver
from tests.upstream import KEY, Upstream

from portico.tasks import TaskRun, TaskType
from portico.testing import Client, InProcessApp
from portico.tracing import current_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
SERVER, CLIENT, CONSUMER = 2, 3, 5
#: A plugin that fails does not stop the start, as without these tests.
LENIENT = {"PORTICO_STRICT": "false"}
SECRET_TEXT = "What is my cholesterol"


def ask(user: Client, **options: Any) -> str:
    """Complete a chat with a text of the user, and return the answer."""
    body = {"model": "good", "messages": [{"role": "user", "content": SECRET_TEXT}], "stream": True}
    answer = user.post("/api/chat/completions?note=mine", body, **options)
    assert answer.status == 200
    return answer.body.decode()


@pytest.fixture
def exporter(app: InProcessApp) -> InMemorySpanExporter:
    """What keeps the spans of the application in memory, besides sending them."""
    [plugin] = [
        one.components for one in app.portico.contributions if one.plugin_name == "opentelemetry"
    ]
    found = InMemorySpanExporter()
    plugin.provider.add_span_processor(SimpleSpanProcessor(found))
    return found


@pytest.fixture
def other(app: InProcessApp, env: dict[str, str]) -> Iterator[InProcessApp]:
    another = InProcessApp(env)
    yield another
    another.close()


def test_trace_goes_from_the_request_to_the_source(
    admin: Client, collector: OTLPReceiver, upstream: Upstream
) -> None:
    ask(admin, headers=SENT)
    request, source, call = collector.wait_for(
        "POST /api/chat/completions", "chat good", "model call good"
    )
    assert {one.trace for one in (request, source, call)} == {TRACE}
    assert request.parent == SPAN and source.parent == call.parent == request.id
    assert (request.kind, source.kind) == (SERVER, CLIENT)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/chat/completions",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "portico.plugin": "completions",
    }
    assert source.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.usage.output_tokens"] > 0
    assert upstream.completions()[-1].headers["traceparent"] == f"00-{TRACE}-{source.id}-01"
    statements = [one for one in collector.spans if "db.system.name" in one.attributes]
    assert statements and {one.trace for one in collector.spans if one.parent == request.id} == {
        TRACE
    }
    assert collector.headers[0]["x-tenant"] == "acme inc"


def test_span_of_a_decision_and_of_a_statement_name_kinds_and_tables(
    admin: Client, exporter: InMemorySpanExporter
) -> None:
    chat = admin.post("/api/v1/chats/new", {"chat": {"title": "Secret title"}}).json
    exporter.clear()
    assert admin.get(f"/api/v1/chats/{chat['id']}").status == 200
    assert admin.get("/api/v1/chats/not-there").status in (401, 404)
    found: dict[str, Any] = {one.name: one.attributes for one in exporter.get_finished_spans()}
    assert "GET /api/v1/chats/{chat_id}" in found
    decisions = [one for name, one in found.items() if name.startswith("policy chat:")]
    assert decisions and all(one["portico.policy.kind"] == "chat" for one in decisions)
    assert any(one.get("db.collection.name", "").startswith("chats_") for one in found.values())


def test_no_span_has_a_text_an_id_or_a_secret(
    admin: Client, exporter: InMemorySpanExporter, collector: OTLPReceiver
) -> None:
    chat = admin.post("/api/v1/chats/new", {"chat": {"title": SECRET_TEXT}}).json
    ask(admin, headers={"user-agent": SECRET_TEXT, "x-request-id": "mine-12345678"})
    admin.get(f"/api/v1/chats/{chat['id']}?{SECRET_TEXT}".replace(" ", "+"))
    admin.request("BREW", "/api/v1/chats/")
    admin.get(f"/nowhere/{SECRET_TEXT}".replace(" ", "+"))
    shown = str([(one.name, dict(one.attributes)) for one in exporter.get_finished_spans()])
    assert "POST /api/chat/completions" in shown and "_OTHER" in shown
    account = admin.account
    for text in (
        SECRET_TEXT,
        "cholesterol",
        chat["id"],
        KEY,
        account["id"],
        account["email"],
        "mine",
    ):
        assert text not in shown
    assert "BREW" not in shown and "nowhere" not in shown


class Label(msgspec.Struct):
    """The arguments of a task."""

    word: str = ""


def test_task_and_messages_of_another_instance_join_the_trace(
    admin: Client, app: InProcessApp, other: InProcessApp, collector: OTLPReceiver
) -> None:
    seen: list[str] = []
    arrived = asyncio.Event()

    async def run(run: TaskRun, arguments: Label) -> None:
        seen.append(current_traceparent())

    for one in (app, other):
        kinds = [*one.portico.tasks.types.values(), TaskType("test:label", Label, run)]
        one.portico.tasks.set_types(kinds)

    def receive(_sender: str, payload: bytes) -> None:
        seen.append(current_traceparent())
        arrived.set()

    other.portico.instance_channel.subscribe("test", receive)

    async def create() -> str:
        await app.portico.instance_channel.find_peers()
        with app.portico.tracing.begin("test", "internal") as span:
            await app.portico.tasks.create("test:label", Label("x"))
            app.portico.instance_channel.publish("test", b"x")
            return span.traceparent

    app.portico.tasks.runner.min_age = lambda: 3600.0  # the other instance is to take it
    begun = app.run(create)
    other.run(other.portico.tasks.run_due)
    other.run(arrived.wait)
    assert sorted(one[3:35] for one in seen) == [begun[3:35]] * 2
    [task] = collector.wait_for("task test:label")
    assert (task.trace, task.parent, task.kind) == (begun[3:35], begun[36:52], CONSUMER)
    assert task.instance == other.portico.instance_channel.instance_id
    assert task.attributes == {"portico.task.type": "test:label", "portico.task.try": 1}


def test_socket_event_of_a_forwarded_request_joins_its_trace(
    admin: Client, app: InProcessApp, other: InProcessApp, collector: OTLPReceiver
) -> None:
    opened = app.client.get("/ws/socket.io/?EIO=4&transport=polling").body
    key = msgspec.json.decode(opened[1:])["sid"]
    body = b'40\x1e420["user-join",{"auth":{"token":"%s"}}]' % admin.token.encode()
    path = f"/ws/socket.io/?EIO=4&transport=polling&sid={key}"
    sent = Client(other.client.transport).request("POST", path, body=body, headers=SENT)
    assert sent.status == 200
    forwarded, event = collector.wait_for("forwarded socket", "socket user-join")
    assert forwarded.trace == event.trace == TRACE
    assert forwarded.instance == app.portico.instance_channel.instance_id
    assert event.parent == forwarded.id


def test_web_socket_that_reaches_another_instance_carries_its_trace(
    admin: Client, app: InProcessApp, other: InProcessApp, collector: OTLPReceiver
) -> None:
    opened = app.client.get("/ws/socket.io/?EIO=4&transport=polling").body
    key = msgspec.json.decode(opened[1:])["sid"]
    path = f"/ws/socket.io/?EIO=4&transport=websocket&sid={key}"
    with other.client.websocket(path, headers=SENT) as upgraded:
        upgraded.send("2probe")
        assert upgraded.receive() == "3probe"
        # While it is open: it may last for hours.
        forwarded, handshake = collector.wait_for("forwarded socket", "web socket")
    assert forwarded.trace == handshake.trace == TRACE
    assert (handshake.parent, forwarded.parent) == (SPAN, handshake.id)
    assert forwarded.attributes["portico.transport"] == "websocket"
    mine = app.portico.instance_channel.instance_id
    assert (forwarded.instance == mine, handshake.instance == mine) == (True, False)


@pytest.mark.parametrize(
    "sent",
    [
        f"00-{TRACE}-{SPAN}-0", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", "x" * 55,
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", "",
    ],
)  # fmt: skip
def test_malformed_traceparent_begins_a_new_trace(
    client: Client, exporter: InMemorySpanExporter, sent: str
) -> None:
    client.get("/health", headers={"traceparent": sent})
    [span] = [one for one in exporter.get_finished_spans() if one.name == "GET /health"]
    assert span.parent is None


class TestSettings:
    """What the operator chooses."""

    @pytest.fixture
    def env(self, env: dict[str, str], choice: dict[str, str]) -> dict[str, str]:
        return env | choice

    @pytest.mark.parametrize("choice", [{"PORTICO_OPENTELEMETRY_CONTINUE_TRACES": "false"}])
    def test_trace_of_a_client_is_not_continued_where_that_is_off(
        self, client: Client, exporter: InMemorySpanExporter
    ) -> None:
        client.get("/health", headers=SENT)
        assert all(one.parent is None for one in exporter.get_finished_spans())

    @pytest.mark.parametrize("choice", [{"OTEL_TRACES_SAMPLER": "always_off"}])
    def test_trace_that_is_not_sampled_is_passed_on_as_such(
        self, admin: Client, collector: OTLPReceiver, upstream: Upstream
    ) -> None:
        ask(admin)
        sent = upstream.completions()[-1].headers["traceparent"]
        assert int(sent[53:], 16) & 1 == 0  # the flag of a sampled trace
        assert collector.spans == []

    @pytest.mark.parametrize(
        ("choice", "reason"),
        [
            (LENIENT | {"OTEL_OTLP_SPAN_EXPORTER": "grpc"}, "4318"),
            (LENIENT | {"OTEL_EXPORTER_OTLP_HEADERS": "a=b,hunter2"}, "item 2"),
            (LENIENT | {"OTEL_RESOURCE_ATTRIBUTES": "nonsense"}, "name=value"),
        ],
    )
    def test_plugin_says_which_setting_cannot_work(
        self, app: InProcessApp, admin: Client, reason: str, upstream: Upstream
    ) -> None:
        record = app.portico.registry["opentelemetry"]
        assert record.state == "failed" and reason in record.reason
        assert "hunter2" not in record.reason
        ask(admin)
        assert "traceparent" not in upstream.completions()[-1].headers

    @pytest.mark.parametrize("choice", [{"ENABLE_OTEL": "false"}, {"ENABLE_OTEL_TRACES": "false"}])
    def test_nothing_is_recorded_while_it_is_off(
        self, app: InProcessApp, admin: Client, upstream: Upstream
    ) -> None:
        assert app.portico.tracing.tracer is None
        ask(admin, headers=SENT)
        assert "traceparent" not in upstream.completions()[-1].headers


def test_missing_packages_fail_the_plugin_with_a_sentence(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico_opentelemetry.components.find_spec", lambda _: None)
    app = InProcessApp(env | LENIENT)
    try:
        record = app.portico.registry["opentelemetry"]
        assert record.state == "failed" and "install portico[opentelemetry]" in record.reason
    finally:
        app.close()


BROKEN = """
    from portico.api import PluginInfo, hookimpl

    PLUGIN = PluginInfo(api_version=1, summary="Records traces, badly.")

    class Loud:
        continues_traces = True

        def start(self, name, kind, parent, attributes, *, is_remote):
            raise RuntimeError("no")

    @hookimpl
    def register_tracer():
        return Loud()
"""


def test_tracer_of_another_plugin_that_raises_is_not_used_again(
    env: dict[str, str], install: Callable[..., None]
) -> None:
    install("loud", BROKEN)
    app = InProcessApp(env | {"ENABLE_OTEL": "false"})
    try:
        assert app.client.get("/health").status == 200
        assert app.portico.tracing.tracer is None
        assert app.portico.counters.of("loud")["failures"] == 1
        assert app.client.get("/health").status == 200
    finally:
        app.close()


class TestLog:
    """The lines of the log name the trace that they belong to."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_REQUEST_LOG_ACCESS": "true", "PORTICO_LOG_FORMAT": "json"}

    def test_lines_name_the_trace(
        self, app: InProcessApp, client: Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def work() -> None:
            with app.portico.tracing.begin("work", "internal", SENT["traceparent"]):
                structlog.get_logger("test").warning("inside")
            structlog.get_logger("test").warning("outside")

        client.get("/health", headers=SENT)
        app.run(work)
        lines = [msgspec.json.decode(one) for one in capsys.readouterr().err.splitlines()]
        found = {one["event"]: one.get("trace") for one in lines}
        assert [found[one] for one in ("request", "inside", "outside")] == [TRACE, TRACE, None]


class CountingExporter(SpanExporter):
    """Fails as often as it is told."""

    def __init__(self, *results: SpanExportResult) -> None:
        self.results = list(results)

    def export(self, spans: Any) -> SpanExportResult:
        return self.results.pop(0)


def test_collector_that_does_not_answer_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    from portico_opentelemetry.export import ReportedExporter

    lost, sent = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    exporter = ReportedExporter(CountingExporter(lost, lost, sent, sent))
    for _ in range(4):
        exporter.export([object(), object()])  # type: ignore[list-item]
    said = capsys.readouterr()
    text = said.out + said.err
    assert text.count("cannot be sent") == text.count("sent again") == 1 and "4" in text
