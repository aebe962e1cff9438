"""An application with groups, and what several tests of them do."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from portico.audit import AuditFilter, AuditLog
from portico.testing import Client, InProcessApp

GROUPS = "/api/v1/groups"
DEFAULTS = "/api/v1/users/default/permissions"

NewGroup = Callable[..., dict[str, Any]]
Audited = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,groups"}


@pytest.fixture
def new_group(admin: Client) -> NewGroup:
    """Make a group: `new_group("Staff", permissions={…})`."""

    def make(name: str = "Staff", **fields: Any) -> dict[str, Any]:
        answer = admin.post(f"{GROUPS}/create", {"name": name, "description": ""} | fields)
        assert answer.status == 200, answer
        return dict(answer.json)

    return make


@pytest.fixture
def audited(app: InProcessApp) -> Audited:
    """What was noted of some kind of thing, oldest first: `audited("group")`."""

    def read(kind: str) -> list[dict[str, Any]]:
        found = app.run(AuditLog().page, AuditFilter(resource_kind=kind))
        return [
            {
                "event": one.event,
                "author": one.author,
                "id": one.resource_id,
                "old": msgspec.json.decode(one.old),
                "new": msgspec.json.decode(one.new),
            }
            for one in reversed(found)
        ]

    return read
