"""Fixtures: an application with memories and a model source, and two users."""

import pytest
from tests.api_keys import ON
from tests.upstream import Upstream

from portico.testing import Client

MEMORIES = "/api/v1/memories"


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    plugins = "accounts,password,groups,api_keys,models,completions,openai,memories"
    return env | upstream.environment | ON | {"PORTICO_PLUGINS_ONLY": plugins}


def add(client: Client, content: str) -> str:
    """Add a memory. Returns its id."""
    answer = client.post(f"{MEMORIES}/add", {"content": content})
    assert answer.status == 200, answer
    return str(answer.json["id"])


def contents(client: Client) -> list[str]:
    return sorted(one["content"] for one in client.get(f"{MEMORIES}/").json)
