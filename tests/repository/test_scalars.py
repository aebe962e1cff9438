"""On every route, flags and numbers of a body or a query are read as scripts and SQLite write them.

Which there are is taken from the description of the API; requests that would succeed come from `scene.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.api_keys import ON
from tests.effort import databases
from tests.repository.fixtures import PROVIDER, Scene, ask, options
from tests.repository.test_route_access import routes
from tests.upstream import Upstream

from portico.testing import InProcessApp

FLAGS = (0, 1, "true", "false", "0", "1", 1.0)
#: Fields of open objects that the description names, which are checked by rules of their own.
FLAGS_OF_RIGHTS = ("/api/v1/users/default/permissions",)


@pytest.fixture
def scene(env: dict[str, str], upstream: Upstream, complete_schema: Any) -> Iterator[Scene]:
    app = InProcessApp(env | upstream.environment | ON | PROVIDER, complete_schema)
    yield Scene(app)
    app.close()


def kinds(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema and those of which it may be one."""
    if reference := schema.get("$ref"):
        yield from kinds(document["components"]["schemas"][reference.rsplit("/", 1)[-1]], document)
        return
    yield schema
    for one in [*schema.get("oneOf", ()), *schema.get("anyOf", ())]:
        yield from kinds(one, document)


def scalars(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of an object that are flags or whole numbers: name and type."""
    for kind in kinds(schema, document):
        for name, field in kind.get("properties", {}).items():
            for one in kinds(field, document):
                if one.get("type") in ("boolean", "integer"):
                    yield name, one["type"]


def spelled(value: int, name: str) -> list[Any]:
    found: list[Any] = [str(value), float(value), f"{value}.0"]
    return [*found, value + 0.5, f"{value}.5"] if name.endswith("_at") else found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("database_url", databases(), indirect=True)
def test_bodies_accept_scalars_in_equivalent_forms(scene: Scene) -> None:
    document = scene.admin.get("/openapi.json").json
    tried, wrong = 0, []
    for method, path in routes(scene.app):
        operation = document["paths"].get(path, {}).get(method.lower(), {})
        content = operation.get("requestBody", {}).get("content", {})
        found = scalars(content.get("application/json", {}).get("schema", {}), document)
        for name, kind in sorted(set(found)) if path not in FLAGS_OF_RIGHTS else ():
            values = FLAGS if kind == "boolean" else None
            for value in values or spelled(_good(scene, method, path, name), name):
                target, body = ask(scene, method, path)
                answer = scene.admin.request(method, target, json=body | {name: value})
                tried += 1
                if answer.status in (422, 500):
                    wrong.append(f"{method} {path} {name}={value!r}: {answer.body[:200]!r}")
    assert tried > 60
    assert not wrong, "\n".join(wrong)


def _good(scene: Scene, method: str, path: str, name: str) -> int:
    _, body = ask(scene, method, path)
    given = (body or {}).get(name)
    return given if isinstance(given, int) else 40


@pytest.mark.timeout(120)
@pytest.mark.parametrize("database_url", databases(), indirect=True)
def test_queries_accept_scalars_in_equivalent_forms(scene: Scene) -> None:
    document = scene.admin.get("/openapi.json").json
    tried, wrong = 0, []
    for method, path in routes(scene.app):
        operation = document["paths"].get(path, {}).get(method.lower(), {})
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "query":
                continue
            types = {one.get("type") for one in kinds(parameter["schema"], document)}
            name, words = parameter["name"], ["true", "0"]
            if "integer" in types:
                words = ["2", "2.0"] if name not in ("since", "until") else ["1.5", "1700000000.0"]
            elif name not in (
                "dry_run",
                "refresh",
                "templates",
                "delete_contents",
                "share",
                "replace",
            ):
                continue
            for word in words:
                target, body = ask(scene, method, path)
                base, _, query = target.partition("?")
                kept = [one for one in query.split("&") if one and not one.startswith(f"{name}=")]
                asked = f"{base}?{'&'.join([*kept, f'{name}={word}'])}"
                answer = scene.admin.request(method, asked, **options(body))
                tried += 1
                if answer.status in (422, 500):
                    wrong.append(f"{method} {asked}: {answer.body[:200]!r}")
    assert tried > 30
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("database_url", databases(), indirect=True)
@pytest.mark.parametrize("value", [1, 0, "true", "false", "1", 1.0, "yes"])
def test_access_rights_accept_json_booleans_only(scene: Scene, value: Any) -> None:
    tree = {"chat": {"delete": value}}
    group = {"name": scene.name(), "description": "", "permissions": tree}
    defaults = scene.defaults()
    defaults["chat"]["delete"] = value
    group_id = scene.group()
    sharing = scene.model_form(access_control={"read": {"group_ids": value}})
    refused = [
        scene.admin.post("/api/v1/groups/create", group),
        scene.admin.post("/api/v1/groups/import", group),
        scene.admin.post(f"/api/v1/groups/id/{group_id}/update", group),
        scene.admin.post("/api/v1/users/default/permissions", defaults),
        scene.admin.post("/api/v1/models/create", sharing),
        scene.admin.post("/api/v1/models/create", scene.model_form(access_control=value)),
        scene.admin.post("/api/v1/auths/api_keys", {"name": "k", "scopes": value}),
        scene.admin.post("/api/v1/auths/api_keys", {"name": "k", "endpoints": "null"}),
        scene.admin.post("/api/v1/auths/api_keys", {"name": "k", "expires_at": "null"}),
        scene.admin.request("PUT", "/api/v1/policies/files/x.csv", json={"text": value})
        if not isinstance(value, str)
        else scene.admin.post("/api/v1/policies/preview", {"files": value}),
    ]
    assert {answer.status for answer in refused} == {422}
    assert scene.defaults()["chat"]["delete"] is True
