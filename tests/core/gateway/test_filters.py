"""Filters of plugins see, change and refuse the calls of models, in every kind of answer."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import Upstream

from portico.api import Forbidden
from portico.gateway import CallResult, GatewayCall
from portico.testing import Client, Response

WORDS = "word0 word1 word2 word3 word4 "
Results = list[tuple[GatewayCall, CallResult]]


class Upper:
    """Makes text upper case."""

    def feed(self, text: str) -> str:
        return text.upper()

    def close(self) -> str:
        return ""


class Held:
    """Holds all text back until the end."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, text: str) -> str:
        self.held += text
        return ""

    def close(self) -> str:
        return f"[{self.held}]"


class Careless:
    """Fails at the third piece."""

    def __init__(self) -> None:
        self.pieces = 0

    def feed(self, piece: Any) -> Any:
        self.pieces += 1
        if self.pieces == 3:
            raise KeyError("a secret")
        return piece

    def close(self) -> Any:
        raise KeyError("a secret")


def complete(user: Client, model: str = "good", *, stream: bool = False, **more: Any) -> Response:
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": model, "messages": messages, "stream": stream, **more}
    return user.post("/api/chat/completions", json=body)


def content(response: Response) -> str:
    text: str = response.json["choices"][0]["message"]["content"]
    return text


def wait_for(holds: Callable[[], object]) -> None:
    """Wait until this holds. Fails the test if it never does."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(results: Results) -> list[str]:
    return [result.outcome for _, result in results]


# -- inlet ------------------------------------------------------------------------------------------------------


def test_inlet_changes_what_the_source_is_asked(
    user: Client, upstream: Upstream, install_filter: Any
) -> None:
    async def inlet(call: GatewayCall) -> None:
        body = {**call.request.body, "messages": msgspec.Raw(b'[{"role":"user","content":"Bye"}]')}
        call.request = msgspec.structs.replace(call.request, body=body)

    install_filter(inlet=inlet)
    assert content(complete(user)) == WORDS
    assert upstream.completions()[-1].json["messages"] == [{"role": "user", "content": "Bye"}]


def test_inlet_that_refuses_decides_the_answer_and_asks_no_source(
    user: Client, upstream: Upstream, install_filter: Any, results: Results
) -> None:
    async def inlet(call: GatewayCall) -> None:
        raise Forbidden("Not on Sundays.")

    install_filter(inlet=inlet)
    answer = complete(user)
    assert (answer.status, answer.detail) == (403, "Not on Sundays.")
    assert upstream.completions() == []
    assert [(r.outcome, r.error) for _, r in results] == [("refused", "Not on Sundays.")]


def test_announced_keys_reach_the_client_before_the_answer(
    user: Client, upstream: Upstream, install_filter: Any, text_of: Any
) -> None:
    async def inlet(call: GatewayCall) -> None:
        call.announced["sources"] = [{"name": "a"}]

    install_filter(inlet=inlet, edit_text=lambda _: Upper())
    whole = complete(user)
    assert next(iter(whole.json.items())) == ("sources", [{"name": "a"}])
    assert content(whole) == WORDS.upper()
    streamed = complete(user, stream=True)
    assert msgspec.json.decode(streamed.events[0]) == {"sources": [{"name": "a"}]}
    assert (text_of(streamed), streamed.events[-1]) == (WORDS.upper(), "[DONE]")
    upstream.failures["good"] = 3
    failed = complete(user)
    assert (failed.status, "sources" in failed.json) == (502, False)


@pytest.mark.parametrize("fails", ["raises", "hangs"])
@pytest.mark.parametrize(("on_failure", "status"), [("abort", 502), ("skip", 200)])
def test_failing_inlet_aborts_or_is_skipped_as_declared(
    fails: str, on_failure: str, status: int, user: Client, upstream: Upstream, install_filter: Any
) -> None:
    async def inlet(call: GatewayCall) -> None:
        call.request = msgspec.structs.replace(call.request, body={})
        if fails == "hangs":
            await asyncio.Event().wait()
        raise KeyError("a secret")

    install_filter(name="careless", inlet=inlet, on_failure=on_failure, time_limit=0.05)
    answer = complete(user)
    assert answer.status == status
    assert b"secret" not in answer.body
    if status == 200:  # the request is as it was before
        assert upstream.completions()[-1].json["messages"][0]["content"] == "Hi"
    else:
        assert answer.detail == "The filter 'tests:careless' failed."


def test_filters_run_in_their_order_and_back(user: Client, install_filter: Any) -> None:
    seen: list[str] = []

    def put(name: str, order: int) -> None:
        async def inlet(call: GatewayCall) -> None:
            seen.append(f"in {name}")

        async def outlet(call: GatewayCall, text: str) -> str:
            seen.append(f"out {name}")
            return text + name

        install_filter(name=name, order=order, inlet=inlet, outlet=outlet)

    put("late", 200)
    put("second", 1)
    put("first", 1)
    assert content(complete(user)) == f"{WORDS}latesecondfirst"
    assert seen == ["in first", "in second", "in late", "out late", "out second", "out first"]


# -- the answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("editor", [Upper, Held])
def test_text_editor_changes_streamed_and_whole_answers_alike(
    editor: type[Any], user: Client, install_filter: Any, text_of: Callable[[Any], str]
) -> None:
    install_filter(edit_text=lambda _call: editor())
    wanted = WORDS.upper() if editor is Upper else f"[{WORDS}]"
    whole, streamed = complete(user), complete(user, stream=True)
    if editor is Held:  # one that is not streamed is one piece, and its end
        assert content(whole) == wanted
    assert text_of(streamed) == wanted
    assert streamed.events[-1] == "[DONE]"
    finish = msgspec.json.decode(streamed.events[-2])["choices"][0]
    assert finish["finish_reason"] == "stop"


def test_text_editor_leaves_reasoning_and_calls_of_tools(
    user: Client, install_filter: Any, text_of: Callable[[Any], str]
) -> None:
    install_filter(edit_text=lambda _call: Upper())
    reasoning = complete(user, "reasoning", stream=True)
    assert text_of(reasoning) == "THE ANSWER"
    assert any("first\\nsecond" in event for event in reasoning.events)
    tools = complete(user, "tools", stream=True)
    assert any("weather" in event for event in tools.events)


def test_text_held_back_is_sent_when_the_stream_has_no_end(
    user: Client, install_filter: Any, text_of: Callable[[Any], str], results: Results
) -> None:
    install_filter(edit_text=lambda _call: Held())
    answer = complete(user, "cut", stream=True)
    assert text_of_valid(answer).startswith("[word0 ")
    assert any("error" in event for event in answer.events)
    assert ended(results) == ["failed"]


def text_of_valid(response: Response) -> str:
    """The text of a stream with an error event in it."""
    chunks = [msgspec.json.decode(data) for data in response.events if data != "[DONE]"]
    found = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in found)


def test_event_editor_sees_the_data_of_each_event_and_may_drop_it(
    user: Client, install_filter: Any, text_of: Callable[[Any], str]
) -> None:
    class Without:
        def feed(self, data: bytes) -> bytes:
            return b"" if b"word3" in data else data

        def close(self) -> bytes:
            return b'{"note":1}'

    install_filter(edit_events=lambda _call: Without())
    answer = complete(user, stream=True)
    assert text_of(answer) == "word0 word1 word2 word4 "
    assert answer.events[-2:] == ['{"note":1}', "[DONE]"]


def test_block_editor_gets_the_bytes_as_they_are(user: Client, install_filter: Any) -> None:
    class Counted:
        def feed(self, block: bytes) -> bytes:
            return block.replace(b"word", b"WORD")

        def close(self) -> bytes:
            return b": the end\n\n"

    before = complete(user, stream=True).body
    install_filter(edit_blocks=lambda _call: Counted())
    after = complete(user, stream=True).body
    assert after == before.replace(b"word", b"WORD") + b": the end\n\n"


@pytest.mark.parametrize("kind", ["edit_blocks", "edit_events", "edit_text"])
@pytest.mark.parametrize("on_failure", ["abort", "skip"])
def test_failing_editor_ends_the_stream_or_is_skipped_and_loses_no_text(
    kind: str, on_failure: str, user: Client, install_filter: Any, results: Results
) -> None:
    install_filter(name="bad", on_failure=on_failure, **{kind: lambda _call: Careless()})
    answer = complete(user, "slow", stream=True)
    assert answer.status == 200
    assert b"secret" not in answer.body
    if on_failure == "skip":
        assert text_of_valid(answer) == WORDS
        assert ended(results) == ["completed"]
    else:
        assert text_of_valid(answer) == "word0 word1 "
        assert "The filter 'tests:bad' failed." in answer.events[-2]
        assert ended(results) == ["failed"]


@pytest.mark.parametrize("on_failure", ["abort", "skip"])
def test_editor_that_cannot_be_made_is_a_failure_of_its_filter(
    on_failure: str, user: Client, upstream: Upstream, install_filter: Any, results: Results
) -> None:
    def broken(call: GatewayCall) -> Any:
        raise KeyError("a secret")

    install_filter(edit_blocks=broken, on_failure=on_failure)
    answer = complete(user, stream=True)
    assert answer.status == (200 if on_failure == "skip" else 502)
    assert ended(results) == ["completed" if on_failure == "skip" else "failed"]
    upstream.wait_until_idle()


# -- outlet ---------------------------------------------------------------------------------------------------------


def footer(seen: list[str]) -> Any:
    async def outlet(call: GatewayCall, text: str) -> str:
        seen.append(text)
        return f"{text.strip()} (by {call.target.id})"

    return outlet


def test_outlet_runs_once_in_every_kind_of_answer(user: Client, install_filter: Any) -> None:
    seen: list[str] = []
    install_filter(outlet=footer(seen))
    assert content(complete(user)) == f"{WORDS.strip()} (by good)"
    complete(user, stream=True)
    assert seen == [WORDS, WORDS]


def test_outlet_decides_what_is_stored_of_a_reply_in_events_and_what_ends_it(
    user: Client, install_filter: Any
) -> None:
    seen: list[str] = []
    install_filter(outlet=footer(seen))
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, session_id=socket.id)
        events = until_end(socket, message_id)
    wanted = f"{WORDS.strip()} (by good)"
    assert events[-1][1]["content"] == wanted
    assert stored(user, chat_id, message_id)["content"] == wanted
    turn = {"model": "good", "chat_id": chat_id, "id": message_id, "session_id": "s"}
    messages = [{"id": message_id, "role": "assistant", "content": "shown"}]
    completed = user.post("/api/chat/completed", json={**turn, "messages": messages})
    assert completed.json["messages"][0]["content"] == wanted
    assert len(seen) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_outlet_decides_what_is_stored_of_a_plain_answer(
    stream: bool, user: Client, install_filter: Any
) -> None:
    seen: list[str] = []
    install_filter(outlet=footer(seen))
    chat_id, message_id = start_chat(user)
    complete(user, stream=stream, chat_id=chat_id, id=message_id)
    if stream:  # stored in the background, when the stream has ended
        wait_for(lambda: stored(user, chat_id, message_id).get("done"))
        assert stored(user, chat_id, message_id)["content"] == f"{WORDS.strip()} (by good)"
    assert len(seen) == 1


def test_failing_outlet_marks_the_reply_as_failed_and_keeps_its_text(
    user: Client, install_filter: Any
) -> None:
    async def outlet(call: GatewayCall, text: str) -> str:
        raise KeyError("a secret")

    install_filter(name="bad", outlet=outlet)
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, session_id=socket.id)
        until_end(socket, message_id)
    message = stored(user, chat_id, message_id)
    assert message["content"] == WORDS.strip()
    assert message["error"]["content"] == "The filter 'tests:bad' failed."


# -- how calls end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "stream", "outcome"),
    [
        ("good", False, "completed"),
        ("good", True, "completed"),
        ("reasoning", True, "completed"),
        ("cut", True, "failed"),
        ("status-500", True, "failed"),
        ("status-400", False, "failed"),
        ("error-inside", True, "failed"),
    ],
)
def test_end_of_a_call_is_told_once(
    model: str, stream: bool, outcome: str, user: Client, results: Results
) -> None:
    complete(user, model, stream=stream)
    assert ended(results) == [outcome]
    call, result = results[0]
    assert (call.target.id, call.source, call.request.stream) == (model, "openai", stream)
    assert result.seconds >= (result.first_byte_seconds or 0)
    assert bool(result.error) is (outcome == "failed")


def test_call_that_is_stopped_has_been_cancelled(
    user: Client, upstream: Upstream, results: Results
) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        task_id = ask(user, chat_id, message_id, "endless", socket.id).json["task_id"]
        socket.wait_for("events", lambda one: one["message_id"] == message_id)
        user.post(f"/api/tasks/stop/{task_id}")
        until_end(socket, message_id)
    upstream.wait_until_idle()
    assert ended(results) == ["cancelled"]


def test_failing_observer_hides_nothing_from_the_others(
    user: Client, install_filter: Any, results: Results
) -> None:
    def observer(call: GatewayCall, result: CallResult) -> None:
        raise KeyError("a secret")

    install_filter(name="a", ended=observer)
    assert complete(user).status == 200
    assert ended(results) == ["completed"]
