"""The body that a provider is sent."""

import json
from typing import Any

import msgspec
import pytest
from tests.source_calls import source_request

from portico.api import InvalidRequest
from portico_openai.request_body import STRIPPED_KEYS, encode


def sent(model: str = "gpt-4o", *, is_openai: Any = False, params: Any = None, **body: Any) -> Any:
    completion = source_request("ignored", params=params, **body)
    return json.loads(encode(completion, model, is_openai=is_openai))


def test_unchanged_values_stay_byte_for_byte() -> None:
    completion = source_request("m", temperature=1)
    raw = dict(completion.body)
    encoded = encode(completion, "m", is_openai=True)
    assert bytes(raw["messages"]) in encoded and b'"temperature":1' in encoded


def test_model_and_stream_cannot_be_overridden() -> None:
    body = sent(
        "real", params={"model": "other", "stream": False}, stream_options={"include_usage": True}
    )
    assert body["model"] == "real" and body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.case("AB-43")
@pytest.mark.parametrize(
    "key", ["Model", "MODEL", " model", "Messages", "me\u017f\u017fages", "Stream", "Temperature"]
)
def test_other_spelling_of_a_set_key_is_left_out(key: str) -> None:
    limits = {"temperature": 0.5}
    body = sent("real", params=limits, **{key: "evil"})
    assert key not in body and body["model"] == "real" and body["temperature"] == 0.5
    assert key not in sent("real", params=limits | {key: "evil"})


def test_key_in_capitals_that_is_none_of_ours_is_kept() -> None:
    assert sent(dataSources=[1])["dataSources"] == [1]


@pytest.mark.parametrize("value", [b"1e400", b'{"5":1e400}'])
def test_bias_that_is_no_number_is_refused(value: bytes) -> None:
    completion = source_request("m")
    completion = msgspec.structs.replace(
        completion, body={**completion.body, "logit_bias": msgspec.Raw(value)}
    )
    with pytest.raises(InvalidRequest):
        encode(completion, "m", is_openai=False)


@pytest.mark.case("AB-43")
@pytest.mark.parametrize("key", sorted(STRIPPED_KEYS | {"API-Key", "Base_URL", "extra-headers"}))
def test_keys_that_choose_the_upstream_are_removed(key: str) -> None:
    body = sent(params={key: "http://evil.example"}, **{key: "http://evil.example"})
    assert set(body) == {"model", "stream", "messages"}


def test_parameters_override_the_body_and_are_cast() -> None:
    body = sent(
        params={
            "temperature": "0.5",
            "max_tokens": 7.0,
            "stop": "a\\n",
            "top_k": "5",
            "seed": None,
        },
        temperature=2,
        seed=3,
    )
    assert body["temperature"] == 0.5
    assert body["max_tokens"] == 7
    assert body["stop"] == ["a\n"]
    assert body["top_k"] == "5"
    assert body["seed"] == 3


@pytest.mark.parametrize(
    "params",
    [
        {"temperature": "hot"},
        {"max_tokens": []},
        {"top_p": "nan"},
        {"stop": 7},
        {"logit_bias": "5"},
        {"logit_bias": 1},
        {"logit_bias": {"5": "nan"}},
        {"logit_bias": {"5": "x"}},
    ],
)
def test_invalid_parameter_is_rejected(params: Any) -> None:
    with pytest.raises(InvalidRequest):
        sent(params=params)


@pytest.mark.parametrize("bias", ["5:200, 7:-3", {"5": 200, "7": -3}])
def test_logit_bias_may_be_text_or_object(bias: Any) -> None:
    assert sent(logit_bias=bias)["logit_bias"] == {"5": 100, "7": -3}
    assert sent(params={"logit_bias": bias})["logit_bias"] == {"5": 100, "7": -3}


def test_reasoning_models_get_renamed_keys_and_roles() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    body = sent("o3-mini", max_tokens=5, messages=messages)
    assert body["max_completion_tokens"] == 5 and "max_tokens" not in body
    assert [message["role"] for message in body["messages"]] == ["developer", "user"]
    assert sent("o1-mini", messages=messages)["messages"][0]["role"] == "user"


def test_compatible_providers_get_max_tokens() -> None:
    assert sent(max_completion_tokens=5)["max_tokens"] == 5
    body = sent(is_openai=True, max_completion_tokens=5, max_tokens=6)
    assert body["max_completion_tokens"] == 5 and "max_tokens" not in body


@pytest.mark.parametrize("messages", [[], [{"role": "user", "content": "the system"}]])
def test_messages_without_system_prompt_are_unchanged(messages: Any) -> None:
    assert sent("gpt-5", messages=messages)["messages"] == messages


@pytest.mark.parametrize(
    ("bias", "expected"),
    [
        ({"5": 1.5, "6": "-0.25", "7": False, "8": 3.0}, {"5": 1.5, "6": -0.25, "7": False, "8": 3}),
        ("5:0.5, 6:false,7:-250.5", {"5": 0.5, "6": False, "7": -100}),
        ({"5": None, "6": 1}, {"6": 1}),
        ([[15043, 1.5], ["Hello", -0.5], [7, False]], [[15043, 1.5], ["Hello", -0.5], [7, False]]),
    ],
)  # fmt: skip
def test_logit_bias_keeps_fractions_false_and_arrays(bias: Any, expected: Any) -> None:
    for body in (sent(logit_bias=bias), sent(params={"logit_bias": bias})):
        assert body["logit_bias"] == expected
        assert json.dumps(body["logit_bias"]) == json.dumps(expected)


@pytest.mark.parametrize("model", ["o3", "gpt-4o", "llama"])
@pytest.mark.parametrize("null", ["max_tokens", "max_completion_tokens"])
def test_null_does_not_erase_a_value_beside_it(model: str, null: str) -> None:
    other = {"max_tokens", "max_completion_tokens"}.difference({null}).pop()
    body = sent(model, **{null: None, other: 5})
    assert [body[key] for key in body if "tokens" in key] == [5]
    assert sent(model, temperature=None, params={"temperature": 0.5})["temperature"] == 0.5
    assert sent(model, temperature=0.5, params={"temperature": None})["temperature"] == 0.5
