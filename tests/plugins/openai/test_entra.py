"""Connections that authenticate as this server at Microsoft Entra ID."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.upstream import Connection, Received, Upstream

from portico.testing import Client

TOKEN_PATH = "/v1/tenant-1/oauth2/v2.0/token"


class Azure(Upstream):
    """Azure, with its sign-in below the same address."""

    status = 200
    lifetime = 3600

    async def _respond(self, connection: Connection, request: Received) -> None:
        if request.path == TOKEN_PATH:
            number = len(self.sign_ins())
            body = {"access_token": f"token-{number}", "expires_in": self.lifetime}
            if self.status != 200:
                body = {"error": "invalid_client", "error_description": "secret-1 at 10.1.2.3"}
            await connection.answer(json.dumps(body).encode(), self.status)
        else:
            await super()._respond(connection, request)

    def sign_ins(self) -> list[Received]:
        return [one for one in self.requests if one.path == TOKEN_PATH]


@pytest.fixture
def azure() -> Iterator[Azure]:
    with Azure() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], azure: Azure) -> dict[str, str]:
    config = {"azure": True, "model_ids": ["good"], "auth_type": "microsoft_entra_id"}
    return env | {
        "AZURE_TENANT_ID": "tenant-1",
        "AZURE_CLIENT_ID": "client-1",
        "AZURE_CLIENT_SECRET": "secret-1",
        "AZURE_AUTHORITY_HOST": azure.url,
        "OPENAI_API_BASE_URLS": azure.url,
        "OPENAI_API_CONFIGS": json.dumps({"0": config}),
    }


def complete(admin: Client) -> Any:
    body = {"model": "good", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    return admin.post("/api/chat/completions", body)


def tokens(azure: Azure) -> list[str]:
    calls = [one for one in azure.requests if "/deployments/" in one.path]
    return [one.headers["authorization"] for one in calls]


def test_token_of_the_server_is_sent_and_used_again(admin: Client, azure: Azure) -> None:
    assert complete(admin).status == complete(admin).status == 200
    assert tokens(azure) == ["Bearer token-1"] * 2
    [sign_in] = azure.sign_ins()
    assert parse_qs(sign_in.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": ["secret-1"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }
    assert "api-key" not in azure.requests[-1].headers


def test_token_that_expires_soon_is_renewed(admin: Client, azure: Azure) -> None:
    azure.lifetime = 299
    assert complete(admin).status == complete(admin).status == 200
    assert tokens(azure) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.case("AB-44")
def test_refused_credentials_are_told_without_details(
    admin: Client, azure: Azure, caplog: pytest.LogCaptureFixture
) -> None:
    azure.status = 401
    answer = complete(admin)
    assert answer.status == 502 and "Azure did not accept" in answer.detail
    assert "secret-1" not in answer.detail + caplog.text


def test_administrators_may_choose_it_for_further_connections(admin: Client, azure: Azure) -> None:
    form = {"url": azure.url, "key": "", "config": {"auth_type": "azure_ad"}}
    assert admin.post("/openai/verify", form).json["data"] == azure.models
    assert azure.requests[-1].headers["authorization"] == "Bearer token-1"
