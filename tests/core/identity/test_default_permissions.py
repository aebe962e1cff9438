"""Default permissions: stored, pinned and effective."""

import copy
from typing import Any

import pytest
from tests.core.identity.conftest import SECRET

from portico.db import Database, execute
from portico.errors import Forbidden, InvalidRequest, ValidationError
from portico.events import EventBus
from portico.identity import Identity, PermissionDefaults
from portico.identity.groups.default_permissions import DefaultPermissions
from portico.runtime_settings import SettingsStore
from portico.settings.identity import IdentitySettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def cached_identity(database: Database, bus: EventBus) -> Identity:
    """An `Identity` with caches."""
    return Identity(IdentitySettings(bcrypt_rounds=4, session_cache_seconds=1), SECRET, bus)


async def test_permission_checks_use_current_default_permissions(
    cached_identity: Identity, new_account: Any
) -> None:
    await new_account("Ann")
    ben = await new_account("Ben", role="user")
    actor = await cached_identity.sessions.resolve((await cached_identity.sessions.open(ben)).token)
    assert actor is not None
    group = await cached_identity.groups.create(
        name="G", description="", by="", permissions={"workspace": {"models": True}}
    )
    await cached_identity.groups.add_members(group.id, [ben.id])
    tree = copy.deepcopy(await cached_identity.defaults.tree())
    # There and back: what was worked out for the first defaults must not be taken for the second.
    for value in (True, False, True):
        tree["chat"]["delete"] = value
        await cached_identity.defaults.change(tree, "")
        assert await cached_identity.is_permitted(actor, "chat.delete") is value
        assert await cached_identity.is_permitted(actor, "workspace.models")
    assert not await cached_identity.is_permitted(actor, "workspace.tools")


async def test_pinned_permissions_are_neither_stored_nor_overridden(
    database: Database, bus: EventBus
) -> None:
    configuration = SettingsStore(bus)
    configured = PermissionDefaults(features_api_keys=True)
    pinned = DefaultPermissions(
        configured, {"features_api_keys", "chat_delete_message"}, configuration
    )
    tree = copy.deepcopy(await pinned.tree())
    tree["chat"]["delete"] = False
    other = copy.deepcopy(tree)
    other["features"]["api_keys"] = False
    with pytest.raises(InvalidRequest, match="features.api_keys"):
        await pinned.change(other, "")
    assert await configuration.get("permissions.") == {}
    now = await pinned.change(tree, "")
    assert (now["features"]["api_keys"], now["chat"]["delete_message"]) == (True, True)
    assert not now["chat"]["delete"]
    stored = await configuration.get("permissions.")
    assert stored["permissions.chat.delete"] is False
    assert not stored.keys() & {"permissions.features.api_keys", "permissions.chat.delete_message"}


async def test_stored_value_that_is_not_a_boolean_is_ignored(
    identity: Identity,
) -> None:
    before = copy.deepcopy(await identity.defaults.tree())
    insert = "INSERT INTO portico_configuration (name, value, updated_at, updated_by) VALUES ($1, $2, 0, '')"
    await execute(insert, "permissions.features.api_keys", '"yes"')
    await execute(insert, "permissions.features.shout", "true")
    assert await identity.defaults.tree() == before


async def test_refused_change_of_defaults_changes_nothing(identity: Identity) -> None:
    before = copy.deepcopy(await identity.defaults.tree())
    more = before | {"features": before["features"] | {"api_keys": True}}
    with pytest.raises(Forbidden):
        await identity.defaults.change(more, "", within=before)
    with pytest.raises(ValidationError):
        await identity.defaults.change(more | {"chat": {"tts": "no"}}, "")
    assert await identity.defaults.tree() == before
    assert (await identity.defaults.change(more, "", within=more))["features"]["api_keys"]
