"""Bodies made to hurt: what they cost, and what is made of texts that are cut in the middle of a character."""

import json
from typing import Any

import pytest
from tests.upstream import Upstream

from portico.testing import Client

COMPLETIONS = "/api/chat/completions"
MESSAGES = rb'"messages":[{"role":"user","content":"hi"}]'


@pytest.fixture
def environment(environment: dict[str, str], upstream: Upstream) -> dict[str, str]:
    """As everywhere, with one provider, open to everybody."""
    return environment | upstream.environment


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        (rb'"stop":"\ud800"', {"stop": "\ufffd"}),
        (rb'"stop":["\udc00","\u0000x"]', {"stop": ["\ufffd", "x"]}),
        (rb'"user":"a\ud83d"', {"user": "a\ufffd"}),
        (
            rb'"tools":[{"type":"function","function":{"name":"\ud83d"}}]',
            {"tools": [{"type": "function", "function": {"name": "\ufffd"}}]},
        ),
        (rb'"\ud83d":1', {"\ufffd": 1}),
        (rb'"x\u0000":1', {"x": 1}),
        (rb'"metadata":{"a":"\udfff"}', {}),
        (rb'"chat_id":null,"session_id":"\u0000"', {}),
        (rb'"params":{"stop":["\ud83d\ud83d\ude00"]}', {"stop": ["\ufffd\U0001f600"]}),
        (rb'"variables":{"{{X}}":"\ud83d"}', {}),
    ],
)
def test_half_a_character_anywhere_in_a_completion_reaches_the_model_mended(
    admin: Client, upstream: Upstream, field: bytes, sent: dict[str, Any]
) -> None:
    body = b'{"model":"good",' + field + b"," + MESSAGES + b"}"

    assert admin.post(COMPLETIONS, body=body).status == 200

    received = upstream.completions()[-1].json
    assert {key: received.get(key) for key in sent} == sent


def test_half_an_emoji_and_nul_in_a_message_reach_the_model_mended(
    person: Client, upstream: Upstream
) -> None:
    body = rb'{"model":"good","messages":[{"role":"user","content":"Trip \ud83d\u0000 \\ud83d"}]}'

    assert person.post(COMPLETIONS, body=body).status == 200

    (message,) = upstream.completions()[-1].json["messages"]
    assert message["content"] == "Trip \ufffd \\ud83d"


def test_half_an_emoji_in_the_name_of_a_model_is_a_model_that_is_not_there(person: Client) -> None:
    body = b'{"model":"\\ud83d",' + MESSAGES + b"}"
    assert person.post(COMPLETIONS, body=body).status == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v1/groups/create", rb'{"name":"N\ud83d\u0000","description":""}', ("name",)),
        ("/api/v1/folders/", rb'{"name":"N\ud83d\u0000"}', ("name",)),
        ("/api/v1/users/user/settings/update", rb'{"ui":{"a":"N\ud83d\u0000"}}', ("ui", "a")),
        ("/api/v1/users/user/info/update", rb'{"a":"N\ud83d\u0000"}', ("a",)),
        (
            "/api/v1/auths/update/profile",
            rb'{"name":"N\ud83d\u0000","profile_image_url":"/user.png"}',
            ("name",),
        ),
        (
            "/api/v1/models/create",
            rb'{"id":"m","name":"N\ud83d\u0000","base_model_id":"good","meta":{},"params":{}}',
            ("name",),
        ),
        (
            "/api/v1/models/templates/create",
            rb'{"name":"N\ud83d\u0000","meta":{},"params":{}}',
            ("name",),
        ),
        (
            "/api/v1/auths/signup",
            rb'{"name":"N\ud83d\u0000","email":"n@example.org","password":"correct horse battery"}',
            ("name",),
        ),
    ],
)
def test_a_text_that_is_cut_in_a_character_is_taken_mended_wherever_texts_are_taken(
    admin: Client, path: str, body: bytes, field: tuple[str, ...]
) -> None:
    answer = admin.post(path, body=body)

    assert answer.status == 200, answer.body
    found = json.loads(answer.body)
    for step in field:
        found = found[step]
    assert found == "N\ufffd"
