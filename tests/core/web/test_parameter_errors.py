"""Errors of queries, paths, headers and cookies: FastAPI's shape, by the name that the client uses."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.one_database import on_sqlite

from portico.testing import Client, HandshakeRefused, InProcessApp

SOURCE = """
    from enum import StrEnum
    from typing import Annotated, Literal
    from uuid import UUID
    from litestar.di import NamedDependency, Provide
    from litestar.params import CookieParameter, FromQuery, HeaderParameter, PathParameter, QueryParameter
    from portico.api import PluginInfo, hookimpl
    from portico.api.web import Socket, get, websocket

    PLUGIN = PluginInfo(api_version=1, summary="Has parameters of all kinds.")

    class SecretName(StrEnum):
        ASC = "asc"
        DESC = "desc"

    @get("/api/x/params/odd/{number:int}/{id:uuid}", access="user")
    async def odd(
        number: Annotated[int, PathParameter(description="n", le=9)],
        id: Annotated[UUID, PathParameter(description="i")],
        page: FromQuery[int | None] = None,
        ratio: FromQuery[float] = 1.0,
        order: FromQuery[SecretName] = SecretName.ASC,
        form: Annotated[Literal["json", "csv"] | None, QueryParameter(name="format")] = None,
        size: Annotated[int, QueryParameter(name="page-size", ge=1, le=50)] = 1,
        name: Annotated[str, QueryParameter(max_length=3)] = "",
        tags: Annotated[list[int] | None, QueryParameter(max_items=2)] = None,
        turns: Annotated[int, HeaderParameter(name="x-turns")] = 0,
        theme: Annotated[int, CookieParameter(name="theme")] = 0,
    ) -> str:
        return "fine"

    async def paging(first: Annotated[int, QueryParameter(name="from")], last: FromQuery[int] = 0) -> int:
        return first + last

    @get("/api/x/params/needy", access="public", dependencies={"span": Provide(paging)})
    async def needy(
        span: NamedDependency[int],
        text: Annotated[str, QueryParameter(name="q")],
        page: FromQuery[int],
        turns: Annotated[int, HeaderParameter(name="x-turns")],
    ) -> str:
        return "fine"

    @websocket("/api/x/params/live/{number:int}", access="public")
    async def live(
        socket: Socket,
        number: Annotated[int, PathParameter(description="n")],
        page: Annotated[int, QueryParameter(name="page")],
    ) -> None:
        await socket.accept()

    @hookimpl
    def register_routes():
        return [odd, needy, live]
"""
ID = "/0b7e1c1e-3f9d-4a53-9c3a-9d9f5d0b3a11"
INTEGER = "Input should be a valid integer, unable to parse string as an integer"


@pytest.fixture
def app(
    env: dict[str, str], install: Callable[..., None], complete_schema: Any
) -> Iterator[InProcessApp]:
    install("params", SOURCE)
    made = InProcessApp(env, complete_schema)
    yield made
    made.close()


@on_sqlite
def test_parameters_of_wrong_types_are_named_as_clients_name_them(app: InProcessApp) -> None:
    user = app.client.sign_up("Ada")
    cases: list[tuple[str, dict[str, str], list[tuple[str, list[str], str]]]] = [
        (f"5{ID}?page=x", {}, [("int_parsing", ["query", "page"], INTEGER)]),
        (f"5{ID}?ratio=x", {}, [("float_parsing", ["query", "ratio"], "Input should be a valid number, unable to parse string as a number")]),
        (f"5{ID}?order=up", {}, [("literal_error", ["query", "order"], "Input should be 'asc' or 'desc'")]),
        (f"5{ID}?format=xml", {}, [("literal_error", ["query", "format"], "Input should be 'json' or 'csv'")]),
        (f"5{ID}?page-size=0", {}, [("greater_than_equal", ["query", "page-size"], "Input should be greater than or equal to 1")]),
        (f"5{ID}?page-size=51", {}, [("less_than_equal", ["query", "page-size"], "Input should be less than or equal to 50")]),
        (f"5{ID}?name=long", {}, [("string_too_long", ["query", "name"], "String should have at most 3 characters")]),
        (f"5{ID}?tags=1&tags=x", {}, [("int_parsing", ["query", "tags"], INTEGER)]),
        (f"5{ID}?tags=1&tags=2&tags=3", {}, [("too_long", ["query", "tags"], "List should have at most 2 items")]),
        (f"5{ID}", {"x-turns": "x"}, [("int_parsing", ["header", "x-turns"], INTEGER)]),
        (f"5{ID}", {"cookie": "theme=x"}, [("int_parsing", ["cookie", "theme"], INTEGER)]),
        (f"x{ID}", {}, [("int_parsing", ["path", "number"], INTEGER)]),
        (f"10{ID}", {}, [("less_than_equal", ["path", "number"], "Input should be less than or equal to 9")]),
        ("5/x", {}, [("uuid_parsing", ["path", "id"], "Input should be a valid UUID")]),
        # All at once, in the order in which the route declares them.
        (f"5{ID}?format=xml&page=x", {}, [("int_parsing", ["query", "page"], INTEGER), ("literal_error", ["query", "format"], "Input should be 'json' or 'csv'")]),
    ]  # fmt: skip
    for target, headers, expected in cases:
        answer = user.get(f"/api/x/params/odd/{target}", headers=headers)
        said = [(one["type"], one["loc"], one["msg"]) for one in _faults(answer)]
        assert said == expected, target
    assert user.get(f"/api/x/params/odd/5{ID}?page=2&order=desc").status == 200
    # Who may not call the route does not learn that the path is wrong.
    assert app.client.get("/api/x/params/odd/x/x").status == 401

    _check_missing_ones(app)
    _check_handshakes(app)


def _check_missing_ones(app: InProcessApp) -> None:
    def missing(*loc: str) -> dict[str, Any]:
        return {"type": "missing", "loc": list(loc), "msg": "Field required"}

    faults = _faults(app.client.get("/api/x/params/needy?page=x"))
    assert faults[:3] == [
        missing("query", "q"),
        {"type": "int_parsing", "loc": ["query", "page"], "msg": INTEGER},
        missing("header", "x-turns"),
    ]
    assert faults[3:] == [missing("query", "from")]  # of a dependency
    rest = {"headers": {"x-turns": "1"}}
    wrong = _faults(app.client.get("/api/x/params/needy?q=a&page=1&from=x", **rest))
    assert wrong == [{"type": "int_parsing", "loc": ["query", "from"], "msg": INTEGER}]
    assert app.client.get("/api/x/params/needy?q=a&page=1&from=2", **rest).status == 200


def _check_handshakes(app: InProcessApp) -> None:
    for path, loc in (
        ("1", ["query", "page"]),
        ("1?page=x", ["query", "page"]),
        ("x?page=1", ["path", "number"]),
    ):
        with pytest.raises(HandshakeRefused) as refused:
            app.client.websocket(f"/api/x/params/live/{path}")
        answer = refused.value.answer
        assert (answer.status, answer.detail[0]["loc"]) == (422, loc), path


@on_sqlite
def test_every_route_names_its_wrong_parameters(app: InProcessApp) -> None:
    admin = app.client.sign_up("Ada")
    document = admin.get("/openapi.json").json
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", ())
            if path.startswith("/api/x/") or not parameters:
                continue
            for one in parameters:
                if one["in"] == "query":
                    target = f"{filled(path)}?{one['name']}=zz%FF"
                elif one["schema"].get("type") == "integer":
                    target = path.replace(f"{{{one['name']}}}", "zz%FF")
                else:
                    continue
                tried += _check(admin, method, target, one)
            tried += _check_missing(admin, method, path, parameters)
    assert tried > 50


def filled(path: str) -> str:
    """The path with a value for each parameter."""
    return re.sub(r"{[^}]*}", "1", path)


def _check(admin: Client, method: str, target: str, parameter: dict[str, Any]) -> int:
    answer = admin.request(method.upper(), target, json={} if method == "post" else None)
    must = "integer" in str(parameter["schema"]) and "anyOf" not in parameter["schema"]
    if answer.status != 422:
        assert not must or answer.status == 404, (target, answer)
        return 0
    faults = _faults(answer)
    where = [parameter["in"], parameter["name"]]
    others = [one for one in faults if one["loc"] != where]
    may_lack_body = method != "get"
    for one in others:
        assert one["type"] == "missing" or (may_lack_body and one["loc"][0] == "body"), target
    assert len(others) < len(faults) or not must, (target, faults)
    return 1


def _check_missing(admin: Client, method: str, path: str, parameters: list[dict[str, Any]]) -> int:
    needed = [one["name"] for one in parameters if one["in"] == "query" and one.get("required")]
    if not needed:
        return 0
    answer = admin.request(method.upper(), filled(path), json={} if method == "post" else None)
    faults = [one for one in _faults(answer) if one["loc"][0] == "query"]
    assert sorted(one["loc"][1] for one in faults) == sorted(needed), (path, faults)
    assert {(one["type"], one["msg"]) for one in faults} == {("missing", "Field required")}, path
    return 1


def _faults(answer: Any) -> list[dict[str, Any]]:
    assert answer.status == 422, answer
    assert not any(word in answer.body for word in (b"ParamType", b"SecretName", b"/api/", b"zz"))
    for one in answer.json["detail"]:
        assert set(one) == {"type", "loc", "msg"}
    found: list[dict[str, Any]] = answer.json["detail"]
    return found
