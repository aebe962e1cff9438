"""Parameters of the chat and of the model."""

from typing import Any

import pytest

from portico_completions.params import merged, wants_stream


def test_model_parameters_override_chat_parameters() -> None:
    assert merged({"temperature": 1, "seed": 1}, {"temperature": 0, "top_p": None}) == {
        "temperature": 0,
        "seed": 1,
    }


@pytest.mark.parametrize("value", [-1, -2, -1.0])
@pytest.mark.parametrize("key", ["max_tokens", "num_ctx", "num_predict", "max_completion_tokens"])
def test_unlimited_values_are_not_sent(key: str, value: float) -> None:
    assert merged({}, {key: value, "seed": -1}) == {"seed": -1}
    assert merged({key: 100}, {key: value}) == {}
    assert merged({key: value}, {key: 100}) == {key: 100}
    assert merged({"custom_params": {key: str(value)}}, {}) == {}


def test_custom_parameters_are_merged_deeply_and_parsed() -> None:
    chat = {
        "top_k": 1,
        "extra": {"a": 1},
        "custom_params": {"top_k": "5", "extra": '{"b": [2]}', "word": "plain"},
    }
    assert merged(chat, {}) == {"top_k": 5, "extra": {"a": 1, "b": [2]}, "word": "plain"}


def test_deeply_nested_json_text_stays_text() -> None:
    deep = "[" * 100_000
    assert merged({"custom_params": {"x": deep}}, {}) == {"x": deep}


@pytest.mark.parametrize("of", ["chat", "model"])
@pytest.mark.parametrize(
    "key",
    [
        "system",
        "stream_response",
        "function_calling",
        "messages",
        "model",
        "stream",
        "metadata",
        "bypass_filter",
    ],
)
@pytest.mark.case("AB-37")
def test_parameters_cannot_set_portico_keys(of: str, key: str) -> None:
    for params in ({key: "x"}, {"custom_params": {key: "x"}}):
        assert merged(*((params, {}) if of == "chat" else ({}, params))) == {}


@pytest.mark.parametrize(
    ("said", "asked", "streams"),
    [(None, True, True), (False, True, False), (True, False, True), ("no", True, True)],
)
def test_model_record_decides_streaming(said: Any, asked: bool, streams: bool) -> None:
    assert wants_stream({"stream_response": said}, asked) is streams
