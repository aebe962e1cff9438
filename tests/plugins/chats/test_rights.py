"""Permissions to export and import chats, and the rate limit of copies."""

from typing import Any

import pytest
from tests.plugins.chats.conftest import document, new_chat

from portico.testing import Client

CHATS = "/api/v1/chats/"
EXPORTS = ("all", "all/archived", "all/db")


def exports(user: Client, folder_id: str) -> set[int]:
    return {user.get(CHATS + path).status for path in (*EXPORTS, f"folder/{folder_id}")}


def grant(admin: Client, user: Client, *words: str) -> None:
    """Create a group with permissions of the section `chat` for a user."""
    form = {
        "name": words[0],
        "description": "",
        "permissions": {"chat": dict.fromkeys(words, True)},
    }
    group_id = admin.post("/api/v1/groups/create", form).json["id"]
    ids = {"user_ids": [user.account["id"]]}
    assert admin.post(f"/api/v1/groups/id/{group_id}/users/add", ids).status == 200


class TestWithoutThePermissions:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        plugins = {"PORTICO_PLUGINS_ONLY": "accounts,password,chats,folders,groups"}
        off = ("USER_PERMISSIONS_CHAT_EXPORT", "USER_PERMISSIONS_CHAT_IMPORT")
        return env | plugins | dict.fromkeys(off, "false")

    def test_export_requires_permission(self, ann: Client, bob: Client, admin: Client) -> None:
        folder = ann.post("/api/v1/folders/", {"name": "F"}).json["id"]
        chat = new_chat(ann)
        assert exports(ann, folder) == {403}
        assert ann.get(CHATS + chat["id"]).status == 200
        assert ann.get(f"{CHATS}folder/{folder}/list").status == 200
        assert {admin.get(CHATS + path).status for path in EXPORTS} == {200}

        grant(admin, ann, "export")

        assert ann.get(f"{CHATS}all/db").status == 403  # that also needs a policy rule
        assert {ann.get(CHATS + path).status for path in ("all", f"folder/{folder}")} == {200}
        assert bob.get(CHATS + "all").status == 403

    def test_import_requires_permission(self, ann: Client, admin: Client) -> None:
        chats = [{"chat": document()}]
        for path in ("import", "import?dry_run=true"):
            assert ann.post(CHATS + path, chats).status == 403
        assert new_chat(ann)
        assert admin.post(CHATS + "import", chats).status == 200

        grant(admin, ann, "import")

        assert ann.post(CHATS + "import", chats).status == 200

    def test_config_reports_permissions(self, ann: Client) -> None:
        told = ann.get("/api/v1/auths/").json["permissions"]["chat"]
        assert (told["export"], told["import"], told["share"]) == (False, False, True)


class TestOneLimitForAllCopies:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {
            "PORTICO_RATE_LIMITS_COPIES": "5",
            "PORTICO_RATE_LIMITS_COPIES_WINDOW_SECONDS": "600",
        }

    def test_copy_limit_is_per_account(self, ann: Client, bob: Client) -> None:
        chat = new_chat(ann)
        share = ann.post(f"{CHATS}{chat['id']}/share")
        requests: list[tuple[str, str, Any]] = [
            ("POST", f"{chat['id']}/clone", {}),
            ("POST", "import", [{"chat": document()}]),
            ("POST", f"{share.json['id']}/clone/shared", None),
            ("DELETE", f"{chat['id']}/share", None),
        ]
        for method, path, body in requests:
            assert ann.request(method, CHATS + path, json=body).status == 200

        requests.append(("POST", f"{chat['id']}/share", None))
        for method, path, body in requests:
            refused = ann.request(method, CHATS + path, json=body)
            assert (refused.status, refused.detail) == (429, "API rate limit exceeded")
            assert 1 <= int(refused.headers["retry-after"]) <= 600
        assert len(ann.get(CHATS + "all").json) == 4
        assert ann.get(CHATS + chat["id"]).json["share_id"] is None

        assert bob.post(CHATS + "import", [{"chat": document()}]).status == 200

    def test_refused_copy_changes_nothing(self, ann: Client) -> None:
        for _ in range(5):
            assert ann.post(CHATS + "import?dry_run=true", []).status == 200
        assert ann.post(CHATS + "import", [{"chat": document()}]).status == 429
        assert ann.get(CHATS + "all").json == []
        assert new_chat(ann)


class TestWithoutLimits:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_RATE_LIMITS_COPIES": "1", "PORTICO_RATE_LIMITS_ENABLED": "false"}

    def test_copies_are_unlimited(self, ann: Client) -> None:
        assert {ann.post(CHATS + "import", []).status for _ in range(3)} == {200}
