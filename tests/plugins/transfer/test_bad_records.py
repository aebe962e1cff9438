"""A record that cannot be read or stored is rejected alone, with a reason; a setting as when an administrator sets it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.transfer.archives import account, group, write_archive

from portico.testing import Client, CommandLine

pytestmark = pytest.mark.both_databases
Import = Callable[..., dict[str, Any]]


def test_bad_accounts_are_rejected_alone(
    admin: Client, import_archive: Import, tmp_path: Path
) -> None:
    deep = b'{"id": "deep", "settings": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    archive = write_archive(
        tmp_path / "a",
        accounts=[
            account("good"),
            account("good", email="twice@example.org"),
            account("nul", name="a\0b"),
            account("types", email=5),
            account("time", created_at=-1),
            account("role", role="root"),
            account("address", email="no address"),
            account("alike", email="\u212aelvin@example.org"),
            account("*", email="all@example.org"),
            account("../up", email="up@example.org"),
            account("same", email="GOOD@example.org"),
            account("settings", settings=[1], info=5, profile_image_url="javascript:1"),
            account("long", name="n" * 300, timezone="Mars/Base", bio="b" * 5000),
            deep,
            b'{"id": "surrogate", "name": "\\ud800"}',
            b'{"id": "bytes", "name": "\xff"}',
            b"[]",
            b"oops",
        ],
        groups=[group("g", description="d" * 5000), group("ok", user_ids=["good", "nul", "good"])],
    )
    report = import_archive(archive, code=1)
    assert report["counts"]["accounts"] == {"imported": 3, "rejected": 14, "skipped": 1}
    assert report["accounts"]["good"] in ("imported", "another record has the same id")
    assert "U+0000" in report["accounts"]["nul"]
    assert "--link-accounts" in report["accounts"]["same"]
    assert report["groups"]["ok"] == "imported" and "4096" in report["groups"]["g"]
    assert {one["email"] for one in admin.get("/api/v1/users/all").json["users"]} == {
        "ada@example.org",
        "good@example.org",
        "settings@example.org",
        "long@example.org",
    }
    again = import_archive(archive, code=1)["counts"]["accounts"]
    assert (again["unchanged"], again.get("imported")) == (3, None)


def test_settings_are_validated_and_those_set_here_stay(
    admin: Client, import_archive: Import, tmp_path: Path
) -> None:
    here = {"config": {"ui": {"default_models": "here"}}}
    assert admin.post("/api/v1/configs/import", here).status == 200
    settings = [
        {"name": "ui.default_models", "value": "there"},
        {"name": "ui.enable_message_rating", "value": False},
        {"name": "ui.banners", "value": "no list"},
        {"name": "ui.enable_signup", "value": False},
        {"name": "rockets.fuel", "value": 1},
        {"name": "ui.default_group_id", "value": "gone"},
        {"value": 1},
    ]
    defaults = [{"id": "default", "permissions": {"chat": {"delete": False, "fly": True}, "x": 1}}]
    archive = write_archive(tmp_path / "a", settings=settings, default_permissions=defaults)
    report = import_archive(archive, code=1)
    assert report["settings"].pop("ui.banners").startswith("WEBUI_BANNERS"), report
    assert "the operator has set this" in report["settings"].pop("ui.enable_signup")
    assert report["settings"].pop("").startswith("a value does not fit")
    assert report["settings"] == {
        "ui.default_models": "an administrator has set it here, and that stays",
        "ui.enable_message_rating": "imported",
        "rockets.fuel": "no plugin here has this setting",
        "ui.default_group_id": "the group that it names was not taken",
    }
    assert admin.get("/api/v1/users/default/permissions").json["chat"]["delete"] is False
    exported = admin.get("/api/v1/configs/export").json
    assert exported["ui"] == {"default_models": "here", "enable_message_rating": False}
    assert import_archive(archive, code=1)["default_permissions"]["default"] == "unchanged"


def test_secrets_of_settings_leave_only_on_request(
    admin: Client, cli: CommandLine, elsewhere: Any, tmp_path: Path
) -> None:
    urls = {
        "api_base_urls": ["http://127.0.0.1:9/v1"],
        "api_keys": ["very-secret"],
        "api_configs": {},
    }
    assert admin.post("/api/v1/configs/import", {"config": {"openai": urls}}).status == 200
    cli("export", "plain")
    assert "very-secret" not in (tmp_path / "plain" / "settings.jsonl").read_text()
    cli("export", "secret", "--with-secrets")
    assert "very-secret" in (tmp_path / "secret" / "settings.jsonl").read_text()
    elsewhere.cli("import", "archive", "secret", "--keep-admins")
    elsewhere.cli("export", "again", "--with-secrets")
    texts = [(tmp_path / one / "settings.jsonl").read_text() for one in ("secret", "again")]
    assert texts[0] == texts[1]
