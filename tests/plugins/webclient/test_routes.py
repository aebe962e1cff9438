"""Features that no plugin provides look as if nothing had been created yet."""

import pytest

from portico.testing import Client

USER_LISTS = (
    "configs/banners",
    "tools",
    "tools/list",
    "functions",
    "knowledge",
    "knowledge/list",
    "prompts",
    "prompts/list",
    "notes",
    "notes/list",
    "channels",
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,webclient"}


def test_lists_for_users_are_empty(user: Client) -> None:
    for path in (f"/api/v1/{name}{slash}" for name in USER_LISTS for slash in ("", "/")):
        answer = user.get(path)
        assert (answer.status, answer.json) == (200, []), path


def test_list_for_administrators_is_refused_to_users(admin: Client, user: Client) -> None:
    answer = admin.get("/api/v1/functions/list")
    assert (answer.status, answer.json) == (200, [])
    assert user.get("/api/v1/functions/list").status == 403


def test_changelog_has_no_releases_and_needs_no_sign_in(client: Client) -> None:
    answer = client.get("/api/changelog")
    assert (answer.status, answer.json) == (200, {})


def test_lists_are_refused_to_pending_accounts(admin: Client) -> None:
    pending = admin.add_user("Pia", role="pending")
    assert {pending.get(f"/api/v1/{name}/").status for name in USER_LISTS} == {403}
