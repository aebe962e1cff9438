"""Sign-in of the user that a trusted proxy names in a header."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.one_database import on_sqlite

from portico.api.messages import INVALID_CRED
from portico.boot import Application
from portico.testing import Client, InProcessApp, Response
from portico.testing.client import PASSWORD

NOT_NAMED = "Your provider has not provided a trusted header. Please contact your administrator for assistance."
MISMATCH = "User mismatch. Please sign in again."
#: The kit's requests come from 127.0.0.1.
BEHIND_A_PROXY = {
    "WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X-Forwarded-Email",
    "WEBUI_AUTH_TRUSTED_NAME_HEADER": "X-Forwarded-Name",
    "WEBUI_AUTH_TRUSTED_GROUPS_HEADER": "X-Forwarded-Groups",
    "PORTICO_TRUSTED_PROXIES": "127.0.0.1",
}
StartApp = Callable[..., InProcessApp]
Pairs = dict[str, str] | list[tuple[str, str]]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | BEHIND_A_PROXY


@pytest.fixture
def start_app(env: dict[str, str], complete_schema: Any) -> Iterator[StartApp]:
    apps: list[InProcessApp] = []

    def start_app(**changes: str) -> InProcessApp:
        apps.append(InProcessApp(env | changes, complete_schema))
        return apps[-1]

    yield start_app
    for app in apps:
        app.close()


def post_sign_in(client: Client, headers: Pairs, body: object = None) -> Response:
    return client.post("/api/v1/auths/signin", body or {}, headers=headers)


def headers_of(user: str, **more: str) -> dict[str, str]:
    return {"x-forwarded-email": f"{user}@example.org"} | {
        f"x-forwarded-{key}": value for key, value in more.items()
    }


def sign_in(client: Client, user: str, **more: str) -> Client:
    answer = post_sign_in(client, headers_of(user, **more))
    assert answer.status == 200, answer
    return Client(client.transport, answer.json["token"], answer.json)


def count_accounts(app: InProcessApp) -> int:
    count: int = app.run(app.portico.identity.accounts.count)
    return count


def test_user_in_the_header_is_signed_in_and_the_first_is_administrator(
    client: Client,
) -> None:
    ada = post_sign_in(client, headers_of("Ada", name="Ada L%C3%B6velace")).json
    assert (ada["email"], ada["name"], ada["role"]) == ("ada@example.org", "Ada Lövelace", "admin")
    ben = post_sign_in(
        client, headers_of("ben"), {"email": "ada@example.org", "password": "anything"}
    ).json
    assert (ben["email"], ben["name"], ben["role"]) == (
        "ben@example.org",
        "ben@example.org",
        "user",
    )
    assert post_sign_in(client, headers_of("ADA")).json["id"] == ada["id"]


@pytest.mark.both_databases
def test_concurrent_sign_ins_create_one_account(app: InProcessApp) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post_sign_in(app.client, headers_of("ada")), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert count_accounts(app) == 1


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-forwarded-email", "")],
        [("x-forwarded-email", "   ")],
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-email", "eve@example.org")],
        [("x-forwarded-email", "ada@example.org"), ("X-Forwarded-Email", "ada@example.org")],
        [("x_forwarded_email", "ada@example.org")],
        [("x-forwarded_email", "ada@example.org")],
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-name", "A"), ("x-forwarded-name", "B")],
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-groups", "a"), ("x-forwarded-groups", "b")],
        [("x-forwarded-name", "Ada"), ("x-forwarded-groups", "staff")],
    ],
)  # fmt: skip
@pytest.mark.case("AB-18")
def test_missing_or_repeated_header_is_refused(
    app: InProcessApp, headers: list[tuple[str, str]]
) -> None:
    answer = post_sign_in(app.client, headers)
    assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert count_accounts(app) == 0


@on_sqlite
@pytest.mark.parametrize(
    "address",
    ["ada", "ada@", "@example.org", "ada@example.org, eve@example.org", "ada @example.org", "a\x00@example.org",
     "ada@example.org\x00", "ada@\xe9", "a" * 300 + "@example.org", "ada@example.org\tx", "<ada@example.org>@"],
)  # fmt: skip
@pytest.mark.case("AB-18")
def test_invalid_address_creates_no_account(app: InProcessApp, address: str) -> None:
    answer = post_sign_in(app.client, {"x-forwarded-email": address})
    assert answer.status == 400
    assert count_accounts(app) == 0


@pytest.mark.case("AB-18")
def test_header_of_an_unknown_proxy_is_ignored(start_app: StartApp) -> None:
    app = start_app(PORTICO_TRUSTED_PROXIES="10.0.0.0/8")
    for headers in (headers_of("ada"), headers_of("ada") | {"x-forwarded-for": "10.0.0.1"}):
        answer = post_sign_in(app.client, headers)
        assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert count_accounts(app) == 0


@pytest.mark.case("AB-18")
def test_header_is_ignored_without_trusted_proxies(start_app: StartApp) -> None:
    app = start_app(PORTICO_TRUSTED_PROXIES="")
    answer = post_sign_in(app.client, headers_of("ada"))
    assert (answer.status, answer.detail) == (400, NOT_NAMED)
    assert count_accounts(app) == 0


@pytest.mark.case("AB-18")
def test_header_is_ignored_without_the_setting(start_app: StartApp) -> None:
    off = {name: "" for name in BEHIND_A_PROXY if "HEADER" in name}
    app = start_app(**off)
    ada = app.client.sign_up("Ada")
    form = {"email": "ada@example.org", "password": "wrong"}
    refused = post_sign_in(app.client, headers_of("ada"), form)
    assert (refused.status, refused.detail) == (400, INVALID_CRED)
    let_in = post_sign_in(app.client, headers_of("eve"), form | {"password": PASSWORD})
    assert (let_in.status, let_in.json["id"]) == (200, ada.account["id"])
    assert ada.get("/api/v1/auths/", headers=headers_of("eve")).status == 200
    assert count_accounts(app) == 1


@pytest.mark.case("AB-18")
def test_header_of_another_user_refuses_the_request_and_keeps_the_session(
    client: Client,
) -> None:
    ada = sign_in(client, "ada")
    for headers in (
        headers_of("eve"),
        [("x-forwarded-email", "ada@example.org"), ("x-forwarded-email", "eve@example.org")],
        {"x-forwarded-email": ""},
    ):
        answer = ada.get("/api/v1/auths/", headers=headers)
        assert (answer.status, answer.detail) == (401, MISMATCH)
    assert ada.get("/api/v1/auths/", headers=headers_of("ADA")).status == 200
    assert ada.get("/api/v1/auths/").status == 200


@pytest.mark.case("AB-18")
def test_public_route_ignores_the_session_of_another_user(client: Client) -> None:
    ada = sign_in(client, "ada")
    anonymous = client.get("/api/config").json
    assert "permissions" not in anonymous
    assert "permissions" in ada.get("/api/config", headers=headers_of("ada")).json
    assert ada.get("/api/config", headers=headers_of("eve")).json == anonymous


@pytest.mark.case("AB-18")
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socket_with_the_session_of_another_user_is_not_signed_in(
    client: Client, transport: Any
) -> None:
    ada = sign_in(client, "ada")
    for headers, answer in (
        (headers_of("ada"), None),
        ({}, None),
        (headers_of("eve"), {"error": "Not authenticated"}),
    ):
        with ada.connect_socket(transport=transport, headers=headers) as socket:
            assert socket.call("heartbeat", {}) == answer
            joined = socket.call("user-join", {"auth": {"token": ada.token}})
            assert ("error" in joined) == (answer is not None)


def test_passwords_and_sign_up_are_refused(app: InProcessApp) -> None:
    form = {"name": "Eve", "email": "ada@example.org", "password": "correct horse"}
    assert app.client.post("/api/v1/auths/signup", form, headers=headers_of("eve")).status == 403
    assert app.portico.identity.auth.uses_passwords is False
    sign_in(app.client, "ada")
    assert post_sign_in(app.client, [], form).status == 400


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"ENABLE_SIGNUP": "false"}, 403),
        ({"ENABLE_SIGNUP": "false", "PORTICO_TRUSTED_HEADER_CREATE_ACCOUNTS": "true"}, 200),
        ({"PORTICO_TRUSTED_HEADER_CREATE_ACCOUNTS": "false"}, 403),
    ],
)
def test_create_accounts_setting_decides_about_new_users(
    start_app: StartApp, settings: dict[str, str], status: int
) -> None:
    app = start_app(**settings)
    assert post_sign_in(app.client, headers_of("ada")).status == status
    assert count_accounts(app) == (status == 200)


def test_only_the_first_account_is_created_by_default(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    del env["ENABLE_SIGNUP"]
    app = InProcessApp(env, complete_schema)
    try:
        ada = sign_in(app.client, "ada")
        assert post_sign_in(app.client, headers_of("ben")).status == 403
        form = {
            "name": "Ben",
            "email": "ben@example.org",
            "password": "correct horse",
            "role": "user",
        }
        assert ada.post("/api/v1/auths/add", form).status == 200
        assert post_sign_in(app.client, headers_of("ben")).status == 200
    finally:
        app.close()


def groups_of(app: InProcessApp, client: Client) -> set[str]:
    found = app.run(app.portico.identity.groups.of_account, client.account["id"])
    return {group.name for group in found}


def test_groups_in_the_header_replace_memberships_except_administrators(
    app: InProcessApp,
) -> None:
    ada = sign_in(app.client, "ada")
    for name in ("red", "blue", "Grün"):
        form = {"name": name, "description": ""}
        assert ada.post("/api/v1/groups/create", form).status == 200
    ben = sign_in(app.client, "ben", groups="red, Gr%C3%BCn,unheard of,,")
    assert groups_of(app, ben) == {"red", "Grün"}
    sign_in(app.client, "ben", groups="blue")
    assert groups_of(app, ben) == {"blue"}
    for nothing in ({}, {"groups": ""}, {"groups": " , "}):
        sign_in(app.client, "ben", **nothing)
        assert groups_of(app, ben) == {"blue"}
    sign_in(app.client, "ada", groups="red")
    assert groups_of(app, ada) == set()


@on_sqlite
def test_names_and_groups_are_read_as_proxies_write_them(start_app: StartApp) -> None:
    app = start_app()
    ada = sign_in(app.client, "ada")
    for name in ("red", "blue", "Grün", "a,b", "c|d", "long" * 64):
        form = {"name": name, "description": ""}
        assert ada.post("/api/v1/groups/create", form).status == 200
    ben = sign_in(app.client, "ben")
    for header, groups in {
        "red|blue": {"red", "blue"},
        " red | Gr%C3%BCn |": {"red", "Grün"},
        "a,b|red": {"a,b", "red"},
        "a%2Cb,red": {"a,b", "red"},
        "c%7Cd|blue": {"c|d", "blue"},
        '["red", "a,b"]': {"red", "a,b"},
        "[red, blue]": {"red", "blue"},
        "=?UTF-8?B?R3LDvG4=?=,red": {"Grün", "red"},
        "=?UTF-8?B?cmVkLEdyw7xu?= =?UTF-8?Q?,_blue?=": {"red", "Grün", "blue"},
        "=?UTF-8?Q?red|a,b?=": {"red", "a,b"},
        "=?unknown?Q?red?=": set(),
        # Other groups than "red": what cannot be printed, or is too long, is not cut away.
        "red%E2%80%8B|blue": {"blue"},
        "red%00": set(),
        '["red\\u200b", "blue"]': {"blue"},
        f"{'long' * 64}er, blue": {"blue"},
        "=?raw_unicode_escape?Q?blue,red=5Cud800?=": {"blue"},
    }.items():
        sign_in(app.client, "ben", groups=header)
        assert groups_of(app, ben) == groups, header
    for number, (header, name) in enumerate(
        {
            "=?UTF-8?B?R3LDvG4=?=": "Grün",
            "=?utf-8?q?Gr=C3=BCn_Ada?=": "Grün Ada",
            "=?iso-8859-1?Q?Gr=FCn?= =?UTF-8?Q?er?=": "Grüner",
            "Ada =?UTF-8?Q?Gr=C3=BCn?= Jr": "Ada Grün Jr",
            "=?unknown?B?R3LDvG4=?=": "=?unknown?B?R3LDvG4=?=",
            "=?UTF-8?B?*?=": "=?UTF-8?B?*?=",
            "=?UTF-8?B?YQBiCg==?=": "ab",
            "a=?b": "a=?b",
            "100%": "100%",
        }.items()
    ):
        assert sign_in(app.client, f"user{number}", name=header).account["name"] == name, header


@on_sqlite
def test_separator_of_groups_can_be_chosen(start_app: StartApp) -> None:
    app = start_app(PORTICO_TRUSTED_HEADER_GROUPS_SEPARATOR=",")
    ada = sign_in(app.client, "ada")
    for name in ("a|b", "red"):
        ada.post("/api/v1/groups/create", {"name": name, "description": ""})
    assert groups_of(app, sign_in(app.client, "ben", groups="a|b,red")) == {"a|b", "red"}


@pytest.mark.case("AB-79")
def test_headers_never_make_an_administrator(client: Client) -> None:
    sign_in(client, "ada")
    eve = post_sign_in(
        client, headers_of("eve", groups="admin,Admin", role="admin"), {"role": "admin"}
    ).json
    assert eve["role"] == "user"


@pytest.mark.parametrize(
    "change",
    [
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X_Email"},
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "Authorization"},
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "x email"},
        {"WEBUI_AUTH_TRUSTED_NAME_HEADER": "x-forwarded-email"},
        {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": ""},
        {"PORTICO_TRUSTED_HEADER_GROUPS_SEPARATOR": ";"},
        {"PORTICO_TRUSTED_HEADER_CREATE_ACCOUNTS": "perhaps"},
    ],
)
@pytest.mark.case("AB-18")
@on_sqlite
def test_bad_setting_disables_the_header_and_opens_nothing(
    start_app: StartApp, change: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    app = start_app(**change, PORTICO_STRICT="false")
    assert "auth provider disabled" in capsys.readouterr().err
    assert app.portico.registry["trusted_header"].unusable["trusted_header"]
    [fault] = app.client.get("/ready").json["reasons"]
    assert (fault["provider"], fault["reason"]) == ("trusted_header", "disabled")
    refused = post_sign_in(app.client, headers_of("ada"))
    assert refused.status == 403 and "not available" in refused.detail
    form = {"name": "Eve", "email": "eve@example.org", "password": "correct horse"}
    assert app.client.post("/api/v1/auths/signup", form).status == 403
    assert app.client.get("/api/config").json["features"]["enable_signup"] is False
    assert count_accounts(app) == 0


@pytest.mark.case("AB-18")
@on_sqlite
def test_failure_of_the_plugin_opens_nothing(start_app: StartApp) -> None:
    app = start_app(PORTICO_TRUSTED_HEADER_EMAIL="X-Email", PORTICO_STRICT="false")
    assert app.portico.registry["trusted_header"].state == "failed"
    form = {"name": "Eve", "email": "eve@example.org", "password": "correct horse"}
    assert app.client.post("/api/v1/auths/signup", form).status == 403
    assert post_sign_in(app.client, headers_of("ada")).status >= 400
    assert count_accounts(app) == 0


@pytest.mark.case("AB-18")
def test_similar_address_is_another_account(start_app: StartApp) -> None:
    app = start_app()
    sign_in(app.client, "ada")
    before = count_accounts(app)
    for email in ("ad\u00aa@example.org", "ada\u200b@example.org", "ａda@example.org"):
        answer = post_sign_in(app.client, {"x-forwarded-email": email.encode().decode("latin-1")})
        assert answer.status == 400, email
    assert count_accounts(app) == before
