"""Users cannot name what is stored in a provider's account, which they share: files, conversations, responses."""

import json
from typing import Any

import msgspec
import pytest

from portico.api import InvalidRequest
from portico.api.auth import Actor
from portico.api.models import Operation, SourceRequest
from portico.gateway.account_objects import refuse_account_objects

USER = Actor("u", "u@x.y", "U", "user", "", "s")
FILE = {"type": "file", "file": {"file_id": "file-of-another"}}


def request(operation: Operation, raw: dict[str, bytes]) -> SourceRequest:
    body = {key: msgspec.Raw(value) for key, value in raw.items()}
    return SourceRequest(
        operation=operation, model="m", body=body, params={}, stream=False, actor=USER
    )


def check(operation: Operation, **body: Any) -> None:
    refuse_account_objects(
        request(operation, {key: json.dumps(value).encode() for key, value in body.items()})
    )


@pytest.mark.case("AB-47")
@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": [FILE]}]}),
        ("responses", {"input": "hi", "previous_response_id": "resp_1"}),
        ("responses", {"input": "hi", "conversation": {"id": "conv_1"}}),
        ("responses", {"input": "hi", "prompt": {"id": "pmpt_1"}}),
        ("responses", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        ("responses", {"input": [{"content": [{"type": "input_image", "file_id": "f"}]}]}),
        ("responses", {"input": "hi", "tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}),
        ("responses", {"input": "hi", "tools": [{"type": "code_interpreter", "container": "c"}]}),
        (
            "responses",
            {"input": "hi", "tools": [{"type": "x", "container": {"type": "auto", "file_ids": ["f"]}}]},
        ),
        ("messages", {"messages": [], "container": "c_1"}),
        ("messages", {"messages": [{"content": [{"source": {"type": "file", "file_id": "f"}}]}]}),
    ],
)  # fmt: skip
def test_reference_to_the_account_of_all_users_is_refused(
    operation: Operation, body: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="which all users share") as refused:
        check(operation, **body)
    assert refused.value.code == "unsupported_parameter"


def test_key_written_with_escapes_is_refused_too() -> None:
    raw = {"messages": b'[{"content":[{"file":{"f\\u0069le\\u005fid":"f"}}]}]'}
    with pytest.raises(InvalidRequest):
        refuse_account_objects(request("chat", raw))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": 'What is "file_id" in an API?'}]}),
        ("chat", {"messages": [{"content": [{"type": "file", "file": {"file_data": "data:,x"}}]}]}),
        ("chat", {"messages": [], "tools": [{"function": {"parameters": {"file_id": {}}}}]}),
        ("responses", {"input": "hi", "previous_response_id": None, "conversation": ""}),
        ("responses", {"input": "hi", "tools": [{"container": {"type": "auto"}}]}),
        ("messages", {"messages": [{"content": [{"type": "tool_use", "input": {"a": 1}}]}]}),
        ("embeddings", {"input": "file_id"}),
    ],
)
def test_everything_else_passes(operation: Operation, body: dict[str, Any]) -> None:
    check(operation, **body)
