"""How many tokens are reserved for a call."""

from typing import Any

import msgspec
import pytest
from tests.source_calls import source_request

from portico_budgets.estimate import estimate

DEFAULT = 1000


def reserved(operation: Any = "chat", **body: Any) -> int:
    request = msgspec.structs.replace(source_request("m", **body), operation=operation)
    return estimate(request, DEFAULT).output_tokens


@pytest.mark.parametrize(
    ("operation", "body", "tokens"),
    [
        ("chat", {"max_tokens": 5}, 5),
        ("chat", {"max_completion_tokens": 5}, 5),
        ("chat", {"max_completion_tokens": 5, "max_tokens": 900}, 900),
        ("chat", {"max_output_tokens": 5}, DEFAULT),
        ("chat", {"num_predict": 5}, DEFAULT),
        ("chat", {"max_tokens": 5, "n": 4}, 20),
        ("chat", {"n": 10**8}, 128 * DEFAULT),
        ("responses", {"max_output_tokens": 5}, 5),
        ("responses", {"max_tokens": 5}, DEFAULT),
        ("messages", {"max_tokens": 5}, 5),
        ("messages", {"max_tokens": 5, "max_completion_tokens": 1}, 5),
        ("embeddings", {"max_tokens": 5}, 0),
    ],
)
def test_answer_is_as_long_as_its_endpoint_lets_it_be(
    operation: str, body: Any, tokens: int
) -> None:
    assert reserved(operation, **body) == tokens


@pytest.mark.parametrize("value", [-1, 0, 0.5, "5", True, None, [], {}, 10**30])
def test_limit_that_is_none_is_ignored(value: Any) -> None:
    assert reserved(max_tokens=value, n=value) == DEFAULT


@pytest.mark.parametrize("text", [b"1e400", b"-1e999"])
def test_number_that_is_too_large_is_ignored(text: bytes) -> None:
    request = source_request("m")
    body = {**request.body, "max_tokens": msgspec.Raw(text), "n": msgspec.Raw(text)}
    assert estimate(msgspec.structs.replace(request, body=body), DEFAULT).output_tokens == DEFAULT
