"""`GET /api/v1/utils/db/download`: a copy of the database for administrators who may read everything."""

from pathlib import Path
from typing import Any

import pytest
from tests.engines import ENCRYPTED, PASSWORD, connect

from portico.errors import DB_NOT_SQLITE
from portico.settings.section import Secret
from portico.testing import Client, InProcessApp

PATH = "/api/v1/utils/db/download"
AUDIT = "/api/v1/audit?event=database.downloaded"


def is_postgres(env: dict[str, str]) -> bool:
    return env.get("DATABASE_URL", "").startswith("postgres")


@pytest.fixture
def env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "policies").mkdir()
    return env | {"PORTICO_ACCESS_POLICY_DIR": str(tmp_path / "policies")}


def test_administrator_downloads_a_consistent_copy(
    admin: Client, app: InProcessApp, env: dict[str, str], tmp_path: Path
) -> None:
    ben = admin.add_user("Ben")
    assert (ben.get(PATH).status, app.client.get(PATH).status) == (403, 401)
    if is_postgres(env):
        answer = admin.get(PATH)
        assert (answer.status, answer.detail) == (400, DB_NOT_SQLITE)
        assert admin.get(AUDIT).json["entries"] == []
        return
    for number in range(2):  # the first one is over
        answer = admin.get(PATH)
        assert answer.status == 200
        headers = answer.headers
        assert headers["content-disposition"] == 'attachment; filename="webui.db"'
        assert headers["content-length"] == str(len(answer.body))
        assert "no-store" in headers["cache-control"]
        path = tmp_path / f"webui-{number}.db"
        path.write_bytes(answer.body)
        copy = connect(path, Secret(PASSWORD) if ENCRYPTED else None)
        names = copy.execute("SELECT name FROM portico_account ORDER BY name").fetchall()
        assert names == [("Ada",), ("Ben",)]
        copy.close()
    entries = admin.get(AUDIT).json["entries"]
    assert [one["author_name"] for one in entries] == ["Ada", "Ada"]
    assert entries[0]["new"] == {"bytes": len(answer.body)}


def refused(admin: Client) -> Any:
    answer = admin.get(PATH)
    assert admin.get(AUDIT).json["entries"] == []
    return answer.status


class TestWithoutExport:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"ENABLE_ADMIN_EXPORT": "false"}

    def test_administrator_is_refused(self, admin: Client) -> None:
        assert refused(admin) == 403


class TestWithoutChatAccess:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"ENABLE_ADMIN_CHAT_ACCESS": "false"}

    @pytest.mark.case("AB-52")
    def test_administrator_is_refused(self, admin: Client) -> None:
        assert refused(admin) == 403
