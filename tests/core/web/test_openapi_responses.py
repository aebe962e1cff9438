"""The OpenAPI document: responses of routes, and schemas of fields that stay bytes."""

from typing import Any

import pytest

from portico.testing import InProcessApp


@pytest.fixture
def described(app: InProcessApp) -> Any:
    return app.client.get("/openapi.json").json


def answers(described: Any, method: str, path: str) -> dict[str, str]:
    """Return the names of a route's response schemas by status; empty = a schema without name."""
    found = described["paths"][path][method]["responses"]
    kinds = {status: list((one.get("content") or {}).values()) for status, one in found.items()}
    return {
        status: kind[0]["schema"].get("$ref", "").rpartition("/")[2] if kind else ""
        for status, kind in kinds.items()
    }


def test_route_documents_its_error_responses(described: Any) -> None:
    refusals = dict.fromkeys(("400", "401", "403", "404", "413", "503"), "ErrorResponse")
    update = answers(described, "post", "/api/v1/models/model/update")
    assert update == {"200": "Model", "422": "ValidationErrorResponse", **refusals}


def test_route_without_parameters_documents_no_422(described: Any) -> None:
    assert set(answers(described, "get", "/api/v1/models/tags")) == {"200", "401", "403", "503"}


def test_public_route_documents_no_401_or_403(described: Any) -> None:
    assert not {"401", "403"} & set(answers(described, "get", "/health"))


def test_optional_body_is_not_required(described: Any) -> None:
    paths = described["paths"]
    assert not paths["/api/v1/models/export"]["post"]["requestBody"]["required"]
    assert paths["/api/v1/models/create"]["post"]["requestBody"]["required"]


def test_raw_json_fields_have_their_schema(described: Any) -> None:
    form = described["components"]["schemas"]["ModelForm"]["properties"]
    assert form["params"]["type"] == form["meta"]["type"] == "object"
    lists, nothing = form["access_control"]["oneOf"]
    assert lists == {"$ref": "#/components/schemas/AccessLists"}
    assert nothing == {"type": "null"}


@pytest.mark.parametrize("path", ["models/model/profile/image", "users/{user_id}/profile/image"])
def test_image_response_has_media_type_image(described: Any, path: str) -> None:
    found = described["paths"][f"/api/v1/{path}"]["get"]["responses"]
    assert list(found["200"]["content"]) == ["image/*"]
    assert "content" not in found["304"]
