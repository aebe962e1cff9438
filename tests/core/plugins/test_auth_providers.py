"""Auth providers and token authenticators of third-party plugins work like the built-in ones."""

from collections.abc import Callable, Iterator

import pytest

from portico.boot import Application, CannotStart
from portico.testing import Client, InProcessApp, Response

BADGES = """
    import msgspec
    from litestar.params import JSONBody
    from portico.api import InvalidRequest, PluginInfo, hookimpl
    from portico.api.auth import Actor, CredentialScope, ExternalIdentity, ProvisioningRules
    from portico.api.messages import INVALID_CRED
    from portico.api.web import JSONResponse, Request, get, post, sign_in_response
    PLUGIN = PluginInfo(api_version=1, summary="Sign-in with badges.")

    class Badge(msgspec.Struct):
        number: str

    class Badges:
        name, label, kind = "badges", "Badge", "form"
        provisioning_rules = ProvisioningRules(create_accounts=True)
        async def authenticate(self, attempt):
            if not attempt.number.isdigit():
                raise InvalidRequest(INVALID_CRED)
            return ExternalIdentity(subject=attempt.number, email=f"{attempt.number}@example.org", name="Badge")
        async def sign_out(self, session_id):
            return "https://badges.example/bye"
        def accepts(self, scope, actor):
            return (b"x-badge", b"lost") not in scope["headers"]

    class Tickets:
        kind, prefix = "ticket", "tk-"
        def __init__(self, app):
            self.identity = app.identity
        async def authenticate(self, token):
            account = await self.identity.accounts.by_email(token[3:] + "@example.org")
            bounds = CredentialScope(endpoints=("/api/x/badges",), scopes=frozenset(["badges:read"]))
            return account and Actor(
                id=account.id, email=account.email, name=account.name, role=account.role,
                profile_image_url="", session_id=token, credential="ticket", scope=bounds,
            )
        async def still_valid(self, session_ids):
            return set(session_ids)

    badges = Badges()

    @hookimpl
    def register_auth_providers():
        return [badges]

    @hookimpl
    def register_token_authenticators(app):
        return [Tickets(app)]

    @hookimpl
    def register_routes(app):
        @post("/api/x/badges/enter", access="public")
        async def enter(request: Request, data: JSONBody[Badge]) -> JSONResponse:
            return sign_in_response(await app.identity.auth.sign_in_with(badges, data, request.scope))
        @get("/api/x/badges/hello")
        async def hello(request: Request) -> str:
            return request.user.credential
        @post("/api/x/badges/change")
        async def change() -> str:
            return "done"
        @post("/api/x/badges/search", read_only=True)
        async def search() -> str:
            return "found"
        @get("/api/x/badges/own", session_only=True)
        async def own() -> str:
            return "mine"
        return [enter, hello, change, search, own]
"""
DUPLICATE_PROVIDER = """
    from portico.api import PluginInfo, hookimpl
    from portico.api.auth import ProvisioningRules
    PLUGIN = PluginInfo(api_version=1, summary="Twice.")
    class Same:
        name, label, kind, provisioning_rules = "password", "Mine", "form", ProvisioningRules()
        async def authenticate(self, attempt): ...
    @hookimpl
    def register_auth_providers():
        return [Same()]
"""


@pytest.fixture
def app(
    install: Callable[..., None],
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> Iterator[InProcessApp]:
    install("badges", BADGES)
    opened = InProcessApp(env, complete_schema)
    yield opened
    opened.close()


def enter(client: Client, number: str = "7") -> Client:
    answer = client.post("/api/x/badges/enter", {"number": number})
    assert answer.status == 200, answer
    assert "token=" in answer.headers["set-cookie"]
    return Client(client.transport, answer.json["token"], answer.json)


def test_external_identity_gets_the_same_account_at_each_sign_in(admin: Client) -> None:
    first, second = enter(admin), enter(admin)
    assert first.account["id"] == second.account["id"]
    assert first.get("/api/x/badges/hello").body == b"session"
    assert admin.post("/api/x/badges/enter", {"number": "x"}).status == 400


def test_sign_out_ends_the_session_and_returns_the_url_of_the_provider(admin: Client) -> None:
    seven = enter(admin)
    answer = seven.get("/api/v1/auths/signout")
    assert answer.json == {"status": True, "redirect_url": "https://badges.example/bye"}
    assert seven.get("/api/x/badges/hello").status == 401
    assert admin.get("/api/v1/auths/signout").json == {"status": True}


def test_request_that_the_provider_does_not_accept_is_refused(admin: Client) -> None:
    seven = enter(admin)
    answer = seven.get("/api/x/badges/hello", headers={"x-badge": "lost"})
    assert (answer.status, answer.detail) == (401, "User mismatch. Please sign in again.")


def test_token_authenticates_its_account_within_its_scope(admin: Client) -> None:
    enter(admin)
    ticket = Client(admin.transport, "tk-7")
    assert ticket.get("/api/x/badges/hello").body == b"ticket"
    assert ticket.post("/api/x/badges/search").status == 200
    outside = "API key not allowed to access this endpoint."
    for answer in (ticket.post("/api/x/badges/change"), ticket.get("/api/v1/chats/")):
        assert (answer.status, answer.detail) == (403, outside)
    assert ticket.get("/api/x/badges/own").status == 403
    assert Client(admin.transport, "tk-8").get("/api/x/badges/hello").status == 401


@pytest.mark.case("AB-19")
def test_token_that_is_not_a_session_is_not_accepted_from_a_cookie(admin: Client) -> None:
    enter(admin)
    answer = Client(admin.transport).get("/api/x/badges/hello", headers={"cookie": "token=tk-7"})
    assert answer.status == 403


def test_second_provider_of_the_same_name_fails(
    install: Callable[..., None], env: dict[str, str]
) -> None:
    install("twice", DUPLICATE_PROVIDER)
    opened = InProcessApp(env | {"PORTICO_STRICT": "false"})
    try:
        record = opened.portico.registry["twice"]
        assert record.state == "failed"
        assert "auth provider password belongs to 'password'" in record.reason
        assert opened.client.sign_up("Ada").account["role"] == "admin"
    finally:
        opened.close()


HEADER_SIGN_IN = """
    from portico.api import InvalidRequest, OperatorError, PluginInfo, hookimpl
    from portico.api.auth import ExternalIdentity, ProvisioningRules
    PLUGIN = PluginInfo(api_version=1, summary="Sign-in with a header.")
    class HeaderSignIn:
        name, label, kind = "words", "Word", "header"
        provisioning_rules = ProvisioningRules(create_first_account=True, link_by_email="always")
        def read_sign_in(self, body, scope):
            return dict(scope["headers"]).get(b"x-word")
        async def authenticate(self, attempt):
            name = attempt.decode()
            return ExternalIdentity(subject=None, email=f"{name}@example.org", name=name, email_verified=True)
    @hookimpl
    def register_auth_providers():
        return [HeaderSignIn()]
    @hookimpl
    def startup(app):
        if app.settings.name == "Impossible":
            raise OperatorError("call the app something else")
"""


@pytest.fixture
def header_client(
    install: Callable[..., None],
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> Iterator[Client]:
    install("words", HEADER_SIGN_IN)
    opened = InProcessApp(env, complete_schema)
    yield opened.client
    opened.close()


def sign_in_by_header(client: Client, word: str, body: object = None) -> Response:
    return client.post("/api/v1/auths/signin", body or {}, headers={"x-word": word})


def test_header_provider_comes_before_the_form_at_the_shared_endpoint(
    header_client: Client,
) -> None:
    form = {"email": "ada@example.org", "password": "wrong"}
    assert sign_in_by_header(header_client, "ada", form).json["role"] == "admin"
    assert header_client.post("/api/v1/auths/signin", form).status == 400
    assert sign_in_by_header(header_client, "ada").status == 200


def test_first_account_is_created_where_other_new_users_are_refused(header_client: Client) -> None:
    assert sign_in_by_header(header_client, "ada").status == 200
    refused = sign_in_by_header(header_client, "ben")
    assert refused.status == 403


def test_sign_up_is_refused_where_no_provider_uses_passwords(header_client: Client) -> None:
    form = {"name": "Eve", "email": "ada@example.org", "password": "correct horse"}
    assert header_client.post("/api/v1/auths/signup", form).status == 403


def test_sign_in_endpoint_is_closed_without_a_provider_for_it(
    env: dict[str, str], install: Callable[..., None]
) -> None:
    opened = InProcessApp(env | {"PORTICO_PLUGINS_DISABLE": "password"})
    try:
        form = {"email": "ada@example.org", "password": "correct horse"}
        answer = opened.client.post("/api/v1/auths/signin", form)
        assert (answer.status, answer.detail) == (
            403,
            "The requested action has been restricted as a security measure.",
        )
    finally:
        opened.close()


def test_operator_error_at_startup_stops_the_start(
    install: Callable[..., None], env: dict[str, str]
) -> None:
    install("words", HEADER_SIGN_IN)
    with pytest.raises(CannotStart, match="call the app something else"):
        InProcessApp(env | {"WEBUI_NAME": "Impossible", "PORTICO_STRICT": "false"})
