"""Parsing of completion requests."""

import json
from typing import Any

import msgspec
import pytest

from portico.api import ValidationError
from portico.catalogue.own_keys import OWN_KEYS
from portico_completions.request import CompletionRequest, parse_request

MESSAGES = [{"role": "user", "content": "hi"}]


def read(**body: Any) -> CompletionRequest:
    document = json.dumps({"model": "m", "messages": MESSAGES, **body})
    return parse_request(msgspec.json.decode(document, type=dict[str, msgspec.Raw]))


def test_other_keys_are_forwarded_raw() -> None:
    turn = read(temperature=1.50, tools=[{}], unknown={"a": [1]})
    assert {key: bytes(value) for key, value in turn.body.items()} == {
        "temperature": b"1.5",
        "tools": b"[{}]",
        "unknown": b'{"a": [1]}',
    }


def test_options_are_read_by_filters_and_not_forwarded() -> None:
    turn = read(features={"memory": True}, files=[{"id": "f"}], tool_ids=["t"], temperature=1)
    assert {key: bytes(value) for key, value in turn.options.items()} == {
        "features": b'{"memory": true}',
        "files": b'[{"id": "f"}]',
    }
    assert list(turn.body) == ["temperature"]
    assert read().options == {}


#: Keys whose value is decoded.
OBJECTS = ("params", "variables", "model_item", "background_tasks")


@pytest.mark.parametrize(
    "key", sorted(OWN_KEYS | {"bypass_filter", "bypass_system_prompt", "__event_emitter__"})
)
@pytest.mark.case("AB-37")
def test_portico_keys_are_never_forwarded(key: str) -> None:
    value: Any = {} if key in OBJECTS else "abc"
    assert key not in read(**{key: value}).body


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_model_and_messages_are_required(missing: str) -> None:
    body = {"model": msgspec.Raw(b'"m"'), "messages": msgspec.Raw(b"[]")}
    del body[missing]
    with pytest.raises(ValidationError) as refusal:
        parse_request(body)
    assert refusal.value.faults == [
        {"type": "missing", "loc": ["body", missing], "msg": "Field required"}
    ]


NO_IDS: list[Any] = [[], {}, 7, True, "../x", "a/b", "a\x00b", "x" * 257, "a b", "local:../../x"]
MISFITS: list[tuple[str, Any]] = [
    ("model", None),
    ("model", ["m"]),
    ("messages", None),
    ("messages", "hi"),
    ("messages", {}),
    ("messages", ["hi"]),
    ("stream", "yes"),
    ("params", []),
    ("variables", "x"),
    ("model_item", 7),
    *[(key, value) for key in ("chat_id", "id", "session_id", "parent_id") for value in NO_IDS],
]


@pytest.mark.parametrize(("key", "value"), MISFITS)
@pytest.mark.case("AB-53")
def test_invalid_value_is_refused_without_echo(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        read(**{key: value})
    [fault] = refusal.value.faults
    assert fault["loc"][:2] == ["body", key] and set(fault) == {"type", "loc", "msg"}


def test_null_and_empty_values_are_ignored() -> None:
    turn = read(stream=None, params=None, variables=None, chat_id=None, id="", session_id=None)
    assert (
        not turn.stream and turn.params == {} and turn.chat_id is None and turn.message_id is None
    )


def test_variables_must_be_placeholders() -> None:
    turn = read(variables={"{{USER_NAME}}": "Mia", "e": "x", "{{N}}": 7, "": "y"})
    assert turn.variables == {"{{USER_NAME}}": "Mia", "{{N}}": "7"}


def test_temporary_chat_is_recognized_by_id() -> None:
    assert read(chat_id="local:Ab-_9").is_temporary
    assert not read(chat_id="a1").is_temporary
