"""A whole instance moves to another one, and a user exports one account."""

import json
from pathlib import Path

import pytest
from tests.plugins.transfer.archives import records_of, texts_of
from tests.plugins.transfer.conftest import Elsewhere

from portico.testing import PASSWORD, Client, CommandLine, InProcessApp

pytestmark = pytest.mark.both_databases
PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@pytest.fixture
def filled(app: InProcessApp, admin: Client, ann: Client, cli: CommandLine) -> str:
    """An instance with something of all kinds. Returns an API key of Ann."""
    profile = {"name": "Ann Ä", "profile_image_url": PICTURE, "bio": "a\nb"}
    assert ann.post("/api/v1/auths/update/profile", profile).status == 200
    settings = {"ui": {"theme": "dark", "directConnections": {"OPENAI_API_KEYS": ["hidden-1"]}}}
    assert ann.post("/api/v1/users/user/settings/update", settings).status == 200
    assert ann.post("/api/v1/users/user/info/update", {"note": "mine"}).status == 200
    made = admin.post("/api/v1/groups/create", {"name": "Staff", "description": "All of us"}).json
    update = made | {"permissions": {"workspace": {"models": True}}}
    assert admin.post(f"/api/v1/groups/id/{made['id']}/update", update).status == 200
    cli("group", "add-member", "Staff", ann.account["email"])
    cli("oauth", "link", ann.account["email"], "oidc", "subject-1")
    settings = {"config": {"ui": {"default_models": "gpt", "enable_message_rating": False}}}
    assert admin.post("/api/v1/configs/import", settings).status == 200
    permissions = admin.get("/api/v1/users/default/permissions").json
    permissions["chat"]["delete"] = not permissions["chat"]["delete"]
    assert admin.post("/api/v1/users/default/permissions", permissions).status == 200
    return cli("api-key", "create", ann.account["email"]).stdout.strip()


def test_instance_moves_whole_and_a_second_import_changes_nothing(
    app: InProcessApp,
    filled: str,
    ann: Client,
    admin: Client,
    cli: CommandLine,
    elsewhere: Elsewhere,
    tmp_path: Path,
) -> None:
    cli("export", "all.zip")
    assert (tmp_path / "all.zip").stat().st_mode & 0o777 == 0o600
    dry = elsewhere.cli("import", "archive", "all.zip", "--keep-admins", "--dry-run").stdout
    assert "Nothing was written" in dry
    first = elsewhere.cli("import", "archive", "all.zip", "--keep-admins").stdout
    assert dry.startswith(first)  # the same table
    again = elsewhere.cli(
        "import", "archive", "all.zip", "--keep-admins", "--report", "again"
    ).stdout
    lines = [json.loads(line) for line in (tmp_path / "again").read_text().splitlines()]
    assert {one["state"] for one in lines if "state" in one} == {"unchanged"}, again

    elsewhere.cli("export", "moved.zip")
    here, there = texts_of(tmp_path / "all.zip"), texts_of(tmp_path / "moved.zip")
    here.pop("manifest.json"), there.pop("manifest.json")
    assert here == there
    assert all(here[f"{kind}.jsonl"] for kind in ("accounts", "api_keys", "groups", "settings"))
    assert here["default_permissions.jsonl"]

    moved = elsewhere.open()
    signed_in = moved.client.sign_in("Ann", PASSWORD)
    assert signed_in.account["name"] == "Ann Ä"
    assert signed_in.get("/api/v1/users/user/settings").json["ui"]["theme"] == "dark"
    assert moved.client.sign_in("Ada", PASSWORD).account["role"] == "admin"
    listed = json.loads(elsewhere.cli("audit", "list", "--json").stdout)
    events = [one["event"] for one in listed["entries"] if one["event"].startswith("data.")]
    assert events == ["data.exported", "data.imported"]


def test_export_of_an_account_has_its_own_data_and_no_secret(
    filled: str, ann: Client, cli: CommandLine, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    cli("export", "ann.zip", "--user", ann.account["email"].upper())
    (record,) = records_of(tmp_path / "ann.zip", "accounts")
    assert (record["id"], record["info"]) == (ann.account["id"], {"note": "mine"})
    assert record["settings"]["ui"] == {"theme": "dark"}
    whole = b"".join(texts_of(tmp_path / "ann.zip").values())
    for absent in (b"$2b$", b"hidden-1", filled.encode()[:10], b"subject-1", b"ada@", b"Staff"):
        assert absent not in whole
    elsewhere.cli("import", "archive", "ann.zip")
    elsewhere.cli("export", "again.zip")
    assert records_of(tmp_path / "again.zip", "accounts") == [record]
    assert (
        "--user" in cli("export", "x.zip", "--user", "ann@x.org", "--with-secrets", code=2).stderr
    )
    assert "No account" in cli("export", "x.zip", "--user", "unknown@x.org", code=1).stderr
    assert not (tmp_path / "x.zip").exists()


def test_export_refuses_a_folder_that_is_not_empty(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "is there already" in cli("export", "full", code=1).stderr
    assert "no folder" in cli("export", "missing/all.zip", code=1).stderr
    cli("export", "new")
    assert sorted(one.name for one in (tmp_path / "new").iterdir())[:2] == [
        "accounts.jsonl",
        "api_keys.jsonl",
    ]
