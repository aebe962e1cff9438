"""Policy files changed under running servers: they follow within a second, and an invalid file changes nothing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portico.testing import Client, CommandLine, InProcessApp, ServerProcess

pytestmark = pytest.mark.timeout(180)
Servers = Callable[..., ServerProcess]
DESK = {
    "id": "legal-desk",
    "base_model_id": "good",
    "name": "Legal desk",
    "meta": {},
    "params": {},
    "access_control": {},
}


@pytest.fixture
def policy_dir(tmp_path: Path) -> Path:
    """The operator's pages."""
    directory = tmp_path / "policy_dir"
    directory.mkdir()
    return directory


@pytest.fixture
def env(env: dict[str, str], policy_dir: Path) -> dict[str, str]:
    return env | {"PORTICO_ACCESS_POLICY_DIR": str(policy_dir)}


def until(what: Callable[[], Any], seconds: float = 30) -> None:
    """Ask again and again until it is so. It is so within a second; the deadline is for a machine that is busy."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def lists(who: Client) -> bool:
    return [m["id"] for m in who.get("/api/v1/models/list").json["items"]] == ["legal-desk"]


def opens(who: Client) -> bool:
    return who.get("/api/v1/models/model?id=legal-desk").status == 200


def sees(who: Client) -> bool:
    """Whether a user sees the model in the list and can open it; the two never differ for long."""
    return lists(who) and opens(who)


def sees_nothing(who: Client) -> bool:
    return not lists(who) and not opens(who)


def explained(by: Client) -> dict[str, Any]:
    query = "user=ben@example.org&action=read&kind=model&id=legal-desk"
    return by.get(f"/api/v1/policies/explain?{query}").json


def test_edited_policy_rule_changes_lists_and_access_without_a_restart(
    server: ServerProcess, cli: CommandLine, policy_dir: Path
) -> None:
    ada = server.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    assert ada.post("/api/v1/models/create", DESK).status == 200
    assert sees_nothing(ben)
    page, me = policy_dir / "desk.csv", f"user:{ben.account['id']}"
    allow, deny = f"p, model, *, {me}, allow", f"p, model, *, {me}, deny"
    page.write_text(f"# The desk is open.\n{allow}\n")
    until(lambda: sees(ben))

    found = explained(ada)
    assert found["allowed"] and found["because"][0]["rule"] == allow
    assert found["because"][0]["origin"] == f"{page}:2"
    why = ("policy", "explain", "ben@example.org", "read", "model:legal-desk")
    said = cli(*why)
    assert said.stderr == ""
    assert f"{allow}  ({page}:2)" in said.stdout

    page.write_text(page.read_text().replace(allow, deny))
    until(lambda: sees_nothing(ben))
    found = explained(ada)
    assert not found["allowed"] and found["because"][0]["rule"] == deny
    assert found["because"][0]["origin"] == f"{page}:2"
    assert f"denied by  {deny}  ({page}:2)" in cli(*why, code=1).stdout

    page.write_text("p, model, *, role:usr, allow\n")
    until(lambda: ada.get("/api/v1/policies").json["rejected"])
    (fault,) = ada.get("/api/v1/policies").json["rejected"]
    assert fault.startswith(f"{page}:1: there is no subject 'role:usr'; did you mean 'role:user'")
    assert f"{page}:1: " in server.log_text
    assert sees_nothing(ben) and explained(ada)["because"][0]["rule"] == deny

    page.unlink()
    until(lambda: not ada.get("/api/v1/policies").json["rejected"])
    assert sees_nothing(ben) and explained(ada)["because"] == []
    changes = ada.get("/api/v1/audit?event=policy.changed&resource_id=desk.csv").json["entries"]
    assert [(c["old"]["desk.csv"] is None, c["new"]["desk.csv"] is None) for c in changes] == [
        (False, True),
        (False, False),
        (True, False),
    ]


def test_policy_file_saved_on_one_instance_is_active_on_the_other(
    two_apps: tuple[InProcessApp, InProcessApp],
) -> None:
    one, other = two_apps
    ada = one.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    assert ada.post("/api/v1/models/create", DESK).status == 200
    ada_there, ben_there = (
        Client(other.client.transport, ada.token),
        Client(other.client.transport, ben.token),
    )
    assert sees_nothing(ben_there)
    text = "p, model, list, role:user, allow\np, model, read, role:user, allow\n"
    saved = ada.request("PUT", "/api/v1/policies/files/open.csv", json={"text": text})
    assert saved.json == {"version": 1}
    assert sees(ben)
    until(lambda: sees(ben_there))
    assert ada_there.post("/api/v1/policies/rollback", {"version": 0}).json == {"version": 2}
    assert sees_nothing(ben_there)
    until(lambda: sees_nothing(ben))
    assert (
        len(ada.get("/api/v1/audit?event=policy.changed&resource_id=open.csv").json["entries"]) == 2
    )


@pytest.mark.case("FT-31")
def test_restart_with_invalid_policy_files_keeps_the_last_valid_policies(
    server: ServerProcess, cli: CommandLine, policy_dir: Path
) -> None:
    ada = server.client.sign_up("Ada")
    ben = ada.add_user("Ben")
    assert ada.post("/api/v1/models/create", DESK).status == 200
    page = policy_dir / "desk.csv"
    good = "p, model, list, role:user, allow\np, model, read, role:user, allow\n"
    page.write_text(good)
    until(lambda: sees(ben))
    assert server.stop() == 0

    page.write_text(good + "p, model, read, role:user")
    server.start()
    assert sees(ben)
    assert "policies rejected, the active ones stay" in server.log_text
    fault = f"{page}:3: 4 fields where 5 are expected: p, kind, action, subject, effect"
    assert fault in server.log_text
    assert ada.get("/api/v1/policies").json["rejected"] == [fault]
    assert cli("policy", "check", code=1).stderr == f"{fault}\n"
    assert fault in cli("policy", "show", code=None).stderr

    page.write_text("# closed\n")
    until(lambda: sees_nothing(ben))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing of it is about it
@pytest.mark.case("FT-31")
def test_start_with_invalid_policy_files_fails_and_names_the_line(
    servers: Servers, cli: CommandLine, policy_dir: Path
) -> None:
    page = policy_dir / "desk.csv"
    server = servers()
    for text in (b"p, *, *, role:admin", b"\xff\xfe\x00", b"x, y\n", b"[policy]\np = 1\n"):
        page.write_bytes(text)
        assert str(page) in cli("policy", "check", code=1).stderr
    with pytest.raises(RuntimeError, match=str(page)):
        server.start()
    server.kill()
    page.write_text("p, model, use, role:admin, allow\n")
    cli("policy", "check")
    server.start()
