"""Routes that are served directly, and the same ones served by Litestar because they have a hook."""

from collections.abc import Callable

from tests.one_database import on_sqlite

from portico.testing import Client, InProcessApp, Response

SOURCE = """
    import msgspec
    from litestar.exceptions import HTTPException, ImproperlyConfiguredException
    from litestar.params import FromPath, FromQuery, JSONBody
    from portico.api import Forbidden, NotFound, PluginInfo, RateLimited, hookimpl
    from portico.api.web import Request, get, json_response, post

    PLUGIN = PluginInfo(api_version=1, summary="Has each route twice.")

    class Note(msgspec.Struct):
        text: str
        size: int = 0

    async def hook(request: Request) -> None:
        pass

    def twins(decorator, path, **options):
        def decorate(function):
            return [
                decorator(f"/api/x/twins/direct{path}", **options)(function),
                decorator(f"/api/x/twins/litestar{path}", before_request=hook, **options)(function),
            ]
        return decorate

    @twins(post, "/notes/{number:int}")
    async def note(request: Request, number: FromPath[int], data: JSONBody[Note], page: FromQuery[int] = 1) -> dict:
        return {"by": request.user.name, "number": number, "text": data.text, "page": page}

    @twins(get, "/fail/{how:str}", access="public", errors="openai")
    async def fail(how: FromPath[str]) -> dict:
        raise {
            "forbidden": Forbidden,
            "missing": NotFound("There is none."),
            "often": RateLimited(7),
            "http": HTTPException("Short and stout", status_code=418),
            "odd": ImproperlyConfiguredException("secret"),
            "bug": RuntimeError("secret"),
        }[how]

    @twins(get, "/admin", access="admin")
    async def admin(request: Request) -> str:
        return request.user.role

    @hookimpl
    def register_routes():
        return [*note, *fail, *admin]
"""


@on_sqlite
def test_directly_served_routes_answer_as_litestar_does(
    env: dict[str, str], install: Callable[..., None]
) -> None:
    install("twins", SOURCE)
    app = InProcessApp(env)
    try:
        admin = app.client.sign_up("Ada")
        user = admin.add_user("Bob")
        _check_served_by(app)
        cases: list[tuple[Client, str, str, bytes | None, int]] = [
            (user, "POST", "/notes/3?page=2", b'{"text": "a"}', 200),
            (user, "POST", "//notes///3/", b'{"text": "a"}', 200),
            (user, "POST", "/notes/3", b'{"text": 5}', 422),
            (user, "POST", "/notes/3", b"{", 422),
            (user, "POST", "/notes/3", b"", 422),
            (user, "POST", "/notes/3?page=x", b'{"text": "a"}', 422),
            (user, "POST", "/notes/x", b'{"text": "a"}', 422),
            (user, "POST", "/notes/zz%FF", b'{"text": "a"}', 422),
            (user, "GET", "/notes/3", None, 405),
            (user, "OPTIONS", "/notes/3", None, 204),
            (user, "GET", "/notes", None, 404),
            (app.client, "POST", "/notes/3", b'{"text": "a"}', 401),
            (user, "GET", "/admin", None, 403),
            (admin, "GET", "/admin", None, 200),
            *(
                (app.client, "GET", f"/fail/{how}", None, status)
                for how, status in (
                    ("forbidden", 403), ("missing", 404), ("often", 429), ("http", 418), ("odd", 500), ("bug", 500),
                )
            ),
        ]  # fmt: skip
        for client, method, path, body, status in cases:
            answers = [
                client.request(method, f"/api/x/twins/{way}{path}", body=body)
                for way in ("direct", "litestar")
            ]
            assert answers[0].status == status, (method, path, answers[0].body)
            seen = [(one.status, one.body, _headers(one)) for one in answers]
            assert seen[0] == seen[1], (method, path)
    finally:
        app.close()


def _check_served_by(app: InProcessApp) -> None:
    routes = app.asgi.routes
    assert routes is not None
    direct = routes.direct_routes._routes  # type: ignore[attr-defined]
    assert ("/api/x/twins/direct/admin", "GET") in direct
    assert ("/api/x/twins/litestar/admin", "GET") not in direct


def _headers(answer: Response) -> dict[str, str]:
    own = ("x-request-id", "x-process-time")
    return {name: value for name, value in answer.headers.items() if name not in own}
