"""No request breaks what the description of the API promises, however odd: Schemathesis makes them up from it.

Valid and invalid requests for each operation of an area, without credentials, of a user and of an administrator. A line in `AREAS`
adds the routes of another plugin; the ids of existing resources that they need are in `fixtures.py`.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from tests.api_keys import ON
from tests.effort import databases, examples
from tests.repository.fixtures import PROVIDER, Scene, ask
from tests.upstream import Upstream

from portico.testing import InProcessApp, Response

AREAS = {
    "models": r"^/api(/v1)?/models",
    "ldap": r"^/api/v1/auths/admin/config/ldap",
    "oauth": r"^/oauth",
    "generation": r"^/api/v1/tasks",
    "openai": r"^/openai",
    "endpoints": r"^/api(/v1)?/(embeddings|messages|responses)",
}
CALLERS = ("anonymous", "user", "admin")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: After these nothing is left to ask about.
LAST = ("/api/v1/models/sync", "/api/v1/models/delete/all")
#: Keys by which a body says what it is about.
REFERENCES = ("id", "template", "number", "base_model_id")
#: What has no id in it is passed over there, whatever else is wrong with it.
PASSES_OVER = ("/api/v1/models/import",)

#: The same requests in every run; nothing is kept between two. Shrinking would repeat what destroys.
STEADY = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WELL, BADLY, ABOUT_SOMETHING = examples(8), examples(10), examples(12)


@pytest.fixture
def scene(env: dict[str, str], upstream: Upstream, complete_schema: Any) -> Iterator[Scene]:
    app = InProcessApp(env | upstream.environment | ON | PROVIDER, complete_schema)
    yield Scene(app)
    app.close()


def operations(scene: Scene, paths: str) -> list[APIOperation]:
    """Every operation of an area, the ruinous ones last."""
    document = scene.app.client.get("/openapi.json").json
    del document["security"]  # who is asking is said by `CALLERS`
    area = schemathesis.openapi.from_dict(document).include(path_regex=paths)
    return sorted((found.ok() for found in area.get_all_operations()), key=lambda o: o.path in LAST)


def prepared(case: Case) -> requests.PreparedRequest:
    given = case.as_transport_kwargs(base_url="http://testserver")
    names = ("method", "url", "headers", "params", "json", "data", "cookies")
    return requests.Request(**{name: given[name] for name in names if name in given}).prepare()


def about_something(scene: Scene, case: Case) -> requests.PreparedRequest:
    """The request of a case, with what it is about replaced by something that exists."""
    target, body = ask(scene, case.method, case.path)
    wanted = urlsplit(target)
    said = {key: value for key, value in (case.query or {}).items() if key not in REFERENCES}
    case.query = {**said, **dict(parse_qsl(wanted.query))}
    if isinstance(case.body, dict) and isinstance(body, dict):
        case.body = aimed(case.body, body)
    request = prepared(case)
    request.url = urlsplit(str(request.url))._replace(path=wanted.path).geturl()
    return request


def aimed(made: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    references = {key: value for key, value in asked.items() if key in REFERENCES}
    lists = {
        key: [*made[key], *value]
        for key, value in asked.items()
        if isinstance(value, list) and isinstance(made.get(key), list)
    }
    return {**asked, **made, **references, **lists}


#: Headers of a request that are about how it is sent. This one is sent by another client, which decompresses nothing.
OWN_HEADERS = ("content-length", "accept-encoding")


def send(scene: Scene, caller: str, request: requests.PreparedRequest) -> Response:
    body = request.body or b""
    return scene.callers[caller].request(
        str(request.method),
        request.path_url,
        body=body.encode() if isinstance(body, str) else body,
        headers=[(n, v) for n, v in request.headers.items() if n.lower() not in OWN_HEADERS],
    )


class Faults(dict[str, str]):
    """What was wrong, each kind once."""

    def check(
        self, caller: str, case: Case, request: requests.PreparedRequest, answer: Response
    ) -> None:
        headers = {name: [value] for name, value in answer.headers.items()}
        response = schemathesis.Response(
            answer.status, headers, answer.body, request, elapsed=0, verify=False
        )
        # A dry run reports errors in a response with 200.
        tolerant = "dry_run=" in str(request.url) or case.path in PASSES_OVER
        try:
            case.validate_response(
                response,
                checks=CHECKS,
                excluded_checks=[negative_data_rejection] if tolerant else [],
            )
        except FailureGroup as group:
            for failure in group.exceptions:
                kind = (
                    f"{caller}: {case.method} {case.path} {answer.status} {type(failure).__name__}"
                )
                told = f"{request.path_url} {request.body!r:.500}\n{failure}\n{answer.body!r:.500}"
                self.setdefault(kind, told)


def try_out(scene: Scene, operation: APIOperation, faults: Faults) -> None:
    def trying(mode: GenerationMode, count: int, *, existing: bool) -> None:
        @settings(STEADY, max_examples=count)
        @given(operation.as_strategy(mode))
        def run(case: Case) -> None:
            for caller in CALLERS:
                request = about_something(scene, case) if existing else prepared(case)
                faults.check(caller, case, request, send(scene, caller, request))

        # There may be no way to get a request wrong, such as one without anything in it.
        with contextlib.suppress(Unsatisfiable):
            run()

    trying(GenerationMode.POSITIVE, WELL, existing=False)
    trying(GenerationMode.NEGATIVE, BADLY, existing=False)
    trying(GenerationMode.POSITIVE, ABOUT_SOMETHING, existing=True)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("database_url", databases(), indirect=True)
@pytest.mark.parametrize("paths", AREAS.values(), ids=AREAS)
def test_generated_requests_get_documented_responses(scene: Scene, paths: str) -> None:
    faults = Faults()
    found = operations(scene, paths)
    assert found
    for operation in found:
        try_out(scene, operation, faults)
    assert not faults, "\n\n".join(f"{kind}\n{told}" for kind, told in faults.items())
