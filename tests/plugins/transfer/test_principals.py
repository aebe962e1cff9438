"""Whom imported accounts and groups are here, and that no account gets more rights by an import."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from tests.plugins.transfer.archives import account, api_key, group, write_archive

from portico.testing import Client, CommandLine

pytestmark = pytest.mark.both_databases
Import = Callable[..., dict[str, Any]]
KEY = "sk-0123456789abcdef0123456789abcdef"
OTHER_KEY = "sk-ffffffffffffffffffffffffffffffff"


def hashed(password: str) -> str:
    """A bcrypt hash of the lowest cost."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def listed(cli: CommandLine) -> dict[str, str]:
    """The roles of all accounts by address."""
    return {one["email"]: one["role"] for one in json.loads(cli("user", "list", "--json").stdout)}


def test_administrators_become_users_in_an_empty_database(
    client: Client, cli: CommandLine, import_archive: Import, tmp_path: Path
) -> None:
    records = [account("eve", role="admin"), account("new", role="pending")]
    settings = [{"name": "ui.default_user_role", "value": "admin"}]
    archive = write_archive(tmp_path / "a", accounts=records, settings=settings)
    report = import_archive(archive)
    assert listed(cli) == {"eve@example.org": "user", "new@example.org": "pending"}
    assert "--keep-admins" in report["accounts"]["eve"]
    assert "--keep-admins" in report["settings"]["ui.default_user_role"]
    assert "set-role" in report["output"]
    assert import_archive(archive, "--keep-admins")["accounts"]["eve"] == "unchanged"
    assert client.sign_up("Late").account["role"] == "user"
    assert set(listed(cli).values()) == {"user", "pending"}


def test_old_password_and_key_work_and_the_key_is_shown_again(
    admin: Client, import_archive: Import, tmp_path: Path
) -> None:
    accounts = [
        account("old", email="Old@Example.org", password=hashed("Secret-1"), role="user"),
        account("slow", password="$2b$31$" + "a" * 53),
        account("other", password="scrypt:1"),
    ]
    keys = [api_key("old", KEY), api_key("old", "sk-short"), api_key("gone", OTHER_KEY)]
    report = import_archive(write_archive(tmp_path / "a", accounts=accounts, api_keys=keys), code=1)
    old = admin.sign_in("Old", "Secret-1")
    assert old.account["id"] == "old"
    assert old.get("/api/v1/auths/api_key").json == {"api_key": KEY}
    assert sum("cost above" in note for note in report["notes"]) == 1
    assert sum("none of bcrypt" in note for note in report["notes"]) == 1
    assert sorted(report["api_keys"].values()) == [
        "imported",
        "it is no key of the form sk- and 32 hexadecimal digits",
        "the source has no such account",
    ]
    assert KEY not in report["output"]


def test_address_in_any_spelling_is_the_same_account_and_linked_only_on_request(
    admin: Client, ann: Client, import_archive: Import, tmp_path: Path
) -> None:
    mine = account(
        "src-ann", email="ANN@example.org", name="Impostor", role="admin", password=hashed("x")
    )
    groups = [group("staff", user_ids=["src-ann", "unknown"])]
    archive = write_archive(
        tmp_path / "a", accounts=[mine], groups=groups, api_keys=[api_key("src-ann", KEY)]
    )
    report = import_archive(archive)
    assert "--link-accounts" in report["accounts"]["src-ann"]
    (reason,) = report["api_keys"].values()
    assert "its account was not taken" in reason
    assert report["notes"]["a member whose account was not taken was left out"] == 2
    report = import_archive(archive, "--link-accounts", "--keep-admins")
    assert report["accounts"]["src-ann"] == "unchanged"
    assert list(report["api_keys"].values()) == ["imported"]
    unchanged = admin.sign_in("Ann").account
    assert (unchanged["role"], unchanged["name"]) == ("user", "Ann")


def test_credentials_of_an_administrator_here_are_taken_on_request_only(
    admin: Client, import_archive: Import, tmp_path: Path, cli: CommandLine
) -> None:
    here = admin.account
    mine = account(here["id"], email=here["email"], oauth={"oidc": {"sub": "evil"}})
    archive = write_archive(tmp_path / "a", accounts=[mine], api_keys=[api_key(here["id"], KEY)])
    report = import_archive(archive)
    assert report["accounts"][here["id"]] == "unchanged"
    (reason,) = report["api_keys"].values()
    assert "administrator" in reason
    assert "evil" not in cli("oauth", "list-links", here["email"]).stdout
    report = import_archive(archive, "--keep-admins")
    assert list(report["api_keys"].values()) == ["imported"]
    assert "evil" in cli("oauth", "list-links", here["email"]).stdout
    stolen = account(here["id"], email="mallory@example.org")
    report = import_archive(write_archive(tmp_path / "b", accounts=[stolen]))
    assert "another e-mail address" in report["accounts"][here["id"]]


def test_group_keeps_its_id_and_is_one_of_the_same_name_only_on_request(
    admin: Client, import_archive: Import, tmp_path: Path
) -> None:
    made = admin.post("/api/v1/groups/create", {"name": "Staff", "description": ""}).json
    permissions = {"workspace": {"models": True, "rockets": True}, "chat": {"delete": "yes"}}
    imported = group("g1", name="Staff", permissions=permissions, user_ids=["bo"], user_id="gone")
    archive = write_archive(tmp_path / "a", accounts=[account("bo")], groups=[imported])
    report = import_archive(archive, "--link-accounts")
    assert "its members were added" in report["groups"]["g1"]
    (found,) = admin.get("/api/v1/groups/").json
    assert (found["id"], found["member_count"], found["permissions"]) == (made["id"], 1, None)
    assert import_archive(archive, "--link-accounts")["groups"]["g1"] == "unchanged"
    report = import_archive(archive)
    assert report["groups"]["g1"] == "imported"
    assert report["notes"]["a permission that this server does not have was left out"] == 2
    found = {one["id"]: one for one in admin.get("/api/v1/groups/").json}
    assert found["g1"]["permissions"] == {"workspace": {"models": True}}
    assert found["g1"]["member_count"] == 1


def test_import_before_the_first_start_records_which_keys_it_encrypts_with(
    env: dict[str, str], cli: CommandLine, tmp_path: Path
) -> None:
    archive = write_archive(
        tmp_path / "a", accounts=[account("old")], api_keys=[api_key("old", KEY)]
    )
    cli("import", "archive", archive)
    other = env | {"WEBUI_SECRET_KEY": "another-secret-key-of-forty-characters-00"}
    refused = cli("import", "archive", archive, settings=other, code=1).stderr
    assert "secret" in refused
