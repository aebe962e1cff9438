"""Administrators change the connections while the server runs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.edited_connections import assert_refused, save_connections
from tests.one_database import on_sqlite
from tests.upstream import Upstream

from portico.api import OperatorError
from portico.boot import Application
from portico.settings.problems import BadSettings
from portico.testing import Client, InProcessApp

CONFIG = "/openai/config"
UPDATE = f"{CONFIG}/update"
MASK = "********"
#: As the web client sends a connection.
OPTIONS: dict[str, Any] = {
    "enable": True, "tags": [], "prefix_id": "", "model_ids": [], "connection_type": "external", "auth_type": "bearer",
}  # fmt: skip


save = partial(save_connections, CONFIG)
assert_not_saved = partial(assert_refused, CONFIG)


def form(*connections: tuple[str, str], **configs: Any) -> dict[str, Any]:
    """All connections, as pairs of URL and key; `c0`: options of the first one."""
    return {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [url for url, _ in connections],
        "OPENAI_API_KEYS": [key for _, key in connections],
        "OPENAI_API_CONFIGS": {name[1:]: OPTIONS | given for name, given in configs.items()},
    }


def ids(who: Client) -> list[str]:
    models = who.get("/api/models").json["data"]
    return [one["id"] for one in models if "arena" not in one]


def keys_sent(admin: Client, upstream: Upstream, model: str = "good") -> str:
    """Return the key that a completion is sent with."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": False}
    assert admin.post("/api/chat/completions", body).status == 200
    return upstream.completions()[-1].headers["authorization"]


def test_connection_is_in_force_at_once_without_a_restart(
    admin: Client, upstream: Upstream
) -> None:
    assert admin.get(CONFIG).json == form() | {"pinned": []}
    assert ids(admin) == []
    shown = save(admin, form((upstream.url + "/", " sk-new \n"), c0={"prefix_id": "lab"}))
    assert shown["OPENAI_API_BASE_URLS"] == [upstream.url]
    assert shown["OPENAI_API_KEYS"] == [MASK]
    assert shown["OPENAI_API_CONFIGS"] == {"0": OPTIONS | {"prefix_id": "lab"}}
    assert ids(admin) == ["lab.good"]
    assert keys_sent(admin, upstream, "lab.good") == "Bearer sk-new"
    save(admin, shown | {"ENABLE_OPENAI_API": False})
    assert ids(admin) == []
    del shown["ENABLE_OPENAI_API"]
    assert save(admin, shown)["ENABLE_OPENAI_API"] is False, "left out means unchanged"


def test_masked_secrets_that_come_back_stay_as_they_are(admin: Client, upstream: Upstream) -> None:
    headers = {"X-Team": "blue-secret"}
    shown = save(admin, form((upstream.url, "sk-first"), c0={"headers": headers}))
    assert shown["OPENAI_API_CONFIGS"]["0"]["headers"] == {"X-Team": MASK}
    assert "blue-secret" not in str(shown) and "sk-first" not in str(shown)
    again = save(admin, shown)
    assert again == shown
    assert keys_sent(admin, upstream) == "Bearer sk-first"
    assert upstream.completions()[-1].headers["x-team"] == "blue-secret"


def test_mask_belongs_to_its_key_wherever_the_connection_is(
    admin: Client, upstream: Upstream
) -> None:
    url, elsewhere = upstream.url, "https://other.example/v1"
    off = {"enable": False}
    connections = ((elsewhere, "sk-other"), (url, "sk-1"), (url, "sk-2"), (url, "sk-3"))
    shown = save(admin, form(*connections, c0=off, c2=off, c3=off))
    other, first, second, third = shown["OPENAI_API_KEYS"]
    assert other == MASK and len({first, second, third}) == 3
    assert all(mask.startswith(MASK) and "sk-" not in mask for mask in (first, second, third))
    assert keys_sent(admin, upstream) == "Bearer sk-1"
    # A web client that has removed one goes on with the masks that it has.
    save(admin, form((url, second), (elsewhere, other), (url, third), c1=off, c2=off))
    assert keys_sent(admin, upstream) == "Bearer sk-2"
    save(admin, form((url, third), (elsewhere, other), c1=off))
    assert keys_sent(admin, upstream) == "Bearer sk-3"
    assert_not_saved(admin, form((url, first)), "OPENAI_API_KEYS.0", "send it again")


def test_connection_keeps_its_own_options_whichever_key_is_replaced(
    admin: Client, upstream: Upstream
) -> None:
    url = upstream.url
    shown = save(admin, form((url, "sk-1"), (url, "sk-2"), c0={"name": "one"}, c1={"name": "two"}))
    masks = shown["OPENAI_API_KEYS"]

    def names(*connections: tuple[str, str]) -> list[str]:
        configs = save(admin, form(*connections))["OPENAI_API_CONFIGS"]
        return [configs[str(i)].get("name", "") for i in range(len(connections))]

    assert names((url, masks[0]), (url, "sk-9")) == ["one", "two"]
    assert names((url, "sk-0"), (url, "sk-9"), (url, masks[0])) == ["", "two", "one"]


@pytest.mark.case("AB-43")
def test_stored_secrets_are_not_sent_to_another_server(admin: Client, upstream: Upstream) -> None:
    headers = {"X-Team": "blue"}
    save(admin, form((upstream.url, "sk-1"), c0={"headers": headers}))
    moved = "https://evil.example/v1"
    masked = {"headers": {"X-Team": MASK}}
    assert_not_saved(admin, form((moved, MASK)), "OPENAI_API_KEYS.0", "send it again")
    assert_not_saved(admin, form((moved, "sk-2"), c0=masked), "OPENAI_API_CONFIGS.0.headers.X-Team")
    assert_not_saved(admin, form((upstream.url, f"{MASK}01234567")), "OPENAI_API_KEYS.0")
    assert_not_saved(admin, form((upstream.url, f"{MASK}x")), "OPENAI_API_KEYS.0")
    edited = upstream.url.replace("/v1", "/v2")
    assert save(admin, form((edited, MASK), c0=masked))["OPENAI_API_BASE_URLS"] == [edited]


def test_secrets_are_encrypted_at_rest_and_absent_from_the_audit_log(
    app: InProcessApp, admin: Client, upstream: Upstream
) -> None:
    save(admin, form((upstream.url, "sk-very-secret"), c0={"headers": {"X-Team": "blue-secret"}}))

    async def stored() -> list[Any]:
        from portico.db import fetch_all

        audit = await fetch_all("SELECT * FROM portico_audit")
        return [*audit, *await fetch_all("SELECT * FROM portico_configuration")]

    found = str(app.run(stored))
    assert "OPENAI_API_KEYS" in found and upstream.url in found
    assert "very-secret" not in found and "blue-secret" not in found


@on_sqlite
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"auth_type": "session"}, ("auth_type", "'session' is not supported")),
        ({"auth_type": "azure_ad"}, ("auth_type", "AZURE_CLIENT_ID")),
        ({"auth_type": "basic"}, ("auth_type", "'bearer'")),
        ({"api_type": "responses"}, ("api_type", "not supported")),
        ({"model_ids": [1]}, ("model_ids[0]", "expected `str`")),
        ({"model_ids": [""]}, ("model_ids",)),
        ({"azure": True}, ("model_ids", "deployments")),
        ({"api_version": "a b"}, ("api_version",)),
        ({"connection_type": "far"}, ("connection_type", "'local'")),
        ({"access": "private"}, ("access",)),
        ({"headers": {"Cookie": "a"}}, ("headers", "Cookie")),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, ("headers", "X-A")),
        ({"headers": {"X-A": 5}}, ("headers",)),
        ({"weight": 0}, ("weight",)),
        ({"order": "first"}, ("order",)),
        ({"operations": ["speech"]}, ("operations", "embeddings")),
        (
            {"azure": True, "model_ids": ["d"], "operations": ["messages"]},
            ("operations", "Azure"),
        ),
        ({"order": 10**30}, ("order",)),
        ({"timeout": -1}, ("timeout",)),
        ({"name": "a\nb"}, ("name",)),
    ],
)
def test_unsupported_option_is_refused_by_name(
    admin: Client, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    wanted = form(("https://api.example/v1", "sk-1"), c0=options)
    assert_not_saved(admin, wanted, "OPENAI_API_CONFIGS.0.", *words)


@on_sqlite
@pytest.mark.parametrize(
    "url",
    [
        "", "api.example/v1", "ftp://api.example", "https://", "https://ann:secret@api.example/v1", "https://a b/v1",
        "'https://api.example/v1'", "https://a.example,https://b.example", "https://api.example/v1?key=secret",
        "https://api.example:99999/v1", "https://bücher.example",
    ],
)  # fmt: skip
def test_url_that_is_none_is_refused_without_showing_it(admin: Client, url: str) -> None:
    answer = admin.post(UPDATE, form((url, "sk-1")))
    assert answer.status == 400 and "OPENAI_API_BASE_URLS.0" in answer.detail, answer
    assert "secret" not in answer.detail


@on_sqlite
@pytest.mark.parametrize("key", ["a\nb", "schlüssel", "x" * 5000])
def test_key_that_cannot_be_sent_is_refused_without_showing_it(admin: Client, key: str) -> None:
    answer = admin.post(UPDATE, form(("https://api.example/v1", key)))
    assert answer.status == 400 and "OPENAI_API_KEYS.0" in answer.detail
    assert key not in answer.detail


def test_options_that_web_clients_do_not_know_stay(admin: Client) -> None:
    own = {"name": "lab", "access": "public", "weight": 2.5, "order": 1, "timeout": 60}
    url = "https://api.example/v1"
    save(admin, form((url, "sk-1"), c0=own | {"operations": ["chat", "messages"]}))
    shown = save(admin, form((url, MASK), c0={"tags": [{"name": "fast"}]}))
    config = shown["OPENAI_API_CONFIGS"]["0"]
    assert own.items() <= config.items() and config["operations"] == ["chat", "messages"]
    assert config["tags"] == [{"name": "fast"}]
    shown = save(admin, form((url, MASK), c0=dict.fromkeys((*own, "operations"))))
    assert shown["OPENAI_API_CONFIGS"]["0"] == OPTIONS, "null sets the default"


def test_users_cannot_see_or_change_connections(admin: Client) -> None:
    user = admin.add_user("Ben")
    assert user.get(CONFIG).status == 403
    assert user.post(UPDATE, form()).status == 403


class TestPinned:
    """Connections that the operator has set in the environment."""

    @pytest.fixture
    def env(self, env: dict[str, str], upstream: Upstream) -> dict[str, str]:
        return env | {"OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "sk-operator"}

    def test_pinned_fields_accept_what_they_are(self, admin: Client, upstream: Upstream) -> None:
        shown = admin.get(CONFIG).json
        assert shown["pinned"] == ["OPENAI_API_BASE_URLS", "OPENAI_API_KEYS"]
        assert shown["OPENAI_API_KEYS"] == [MASK]
        shown["OPENAI_API_CONFIGS"]["0"]["prefix_id"] = "lab"
        assert save(admin, shown)["OPENAI_API_CONFIGS"]["0"]["prefix_id"] == "lab"
        assert ids(admin) == ["lab.good"]
        assert keys_sent(admin, upstream, "lab.good") == "Bearer sk-operator"

    def test_other_value_of_a_pinned_field_saves_nothing(
        self, admin: Client, upstream: Upstream
    ) -> None:
        assert_not_saved(admin, form((upstream.url, "sk-2")), "OPENAI_API_KEYS", "the operator")
        more = form((upstream.url, MASK), ("https://b.example", ""), c0={"prefix_id": "lab"})
        assert_not_saved(admin, more, "OPENAI_API_BASE_URLS", "the operator")


class TestAllPinned:
    """An operator who has set everything, in forms that the answer does not have."""

    @pytest.fixture
    def env(self, env: dict[str, str], upstream: Upstream) -> dict[str, str]:
        return env | upstream.environment | {"OPENAI_API_BASE_URLS": f"{upstream.url}/"}

    def test_form_as_it_was_shown_is_accepted(self, admin: Client) -> None:
        shown = admin.get(CONFIG).json
        assert len(shown["pinned"]) == 3
        assert save(admin, shown) == shown


@on_sqlite
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"OPENAI_API_CONFIGS": '{"0": {"auth_type": "session"}}'}, "0.auth_type"),
        ({"OPENAI_API_CONFIGS": '{"0": {"headers": {"Cookie": "a=secret"}}}'}, "0.headers"),
        ({"OPENAI_API_BASE_URLS": "https://a.example/v1?key=secret"}, "OPENAI_API_BASE_URLS"),
    ],
)
def test_server_does_not_start_with_connections_that_cannot_work(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
    variables: dict[str, str],
    words: str,
) -> None:
    given = {"OPENAI_API_BASE_URLS": "https://a.example/v1", **variables}
    with pytest.raises((OperatorError, BadSettings)) as refusal:
        InProcessApp(env | given, complete_schema)
    assert words in str(refusal.value) and "secret" not in str(refusal.value)
