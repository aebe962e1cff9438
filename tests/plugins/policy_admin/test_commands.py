"""`portico policy …` and `portico audit …`, on the command line."""

import json
from pathlib import Path

import pytest
from tests.plugins.policy_admin.conftest import AddGroup, add_model, put_policy_file

from portico.testing import Client, CommandLine, InProcessApp

DESK = "p, model, read, {who}, allow\n"


def test_show_prints_rules_by_file_with_names(
    cli: CommandLine, policy_dir: Path, admin: Client, user: Client, add_group: AddGroup
) -> None:
    staff = add_group("Staff\x1b[2J", user)
    (policy_dir / "desk.csv").write_text(
        f"# Ours.\n{DESK.format(who=f'group:{staff}')}g, user:gone, role:clerk\n"
    )
    said = cli("policy", "show").stdout
    assert f"{policy_dir / 'desk.csv'}\n     2  p, model, read, group:{staff}, allow    # " in said
    assert f"group:{staff} is Staff\\x1b[2J" in said
    assert "     3  g, user:gone, role:clerk    # user:gone does not exist" in said
    assert "portico_policies/chats.csv\n    11  p, chat, read, owner, allow" in said
    lines = {line["origin"]: line for line in json.loads(cli("policy", "show", "--json").stdout)}
    assert lines[f"{policy_dir / 'desk.csv'}:3"]["names"] == {"user:gone": None}


def test_show_marks_rules_of_failed_plugins_inactive(
    cli: CommandLine, env: dict[str, str], policy_dir: Path
) -> None:
    broken = policy_dir.parent / "broken"
    broken.mkdir()
    (broken / "portico_broken.py").write_text("raise ImportError('no luck')\n")
    info = broken / "portico_broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: portico-broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[portico]\nbroken = portico_broken\n")
    env |= {
        "PYTHONPATH": str(broken),
        "PORTICO_STRICT": "false",
        "PORTICO_PLUGINS_ONLY": f"{env['PORTICO_PLUGINS_ONLY']},broken",
    }
    (policy_dir / "wallets.csv").write_text("p, wallet, read, owner, allow\n")
    said = cli("policy", "show").stdout
    assert "p, wallet, read, owner, allow    # inactive: no active plugin has this kind" in said


def test_check_reports_faults_and_accepts_valid_files(
    cli: CommandLine, policy_dir: Path, tmp_path: Path
) -> None:
    assert "it has no file *.csv" in cli("policy", "check", code=1).stderr
    (policy_dir / "empty.csv").write_text("# p, model, read, role:user, allow\n")
    assert "none of its files has a rule" in cli("policy", "check", code=1).stderr
    (policy_dir / "empty.csv").unlink()
    (policy_dir / "bad.csv").write_text("# one\np, modl, read, role:user, allow\np, model\n")
    said = cli("policy", "check", code=1)
    first, second = said.stderr.splitlines()
    assert first.startswith(f"{policy_dir / 'bad.csv'}:2: ") or first.startswith(
        f"{policy_dir / 'bad.csv'}:3: "
    )
    assert {line.rpartition(".csv:")[2][0] for line in (first, second)} == {"2", "3"}
    # Another directory is judged by itself, although the configured one is bad.
    other = tmp_path / "other"
    other.mkdir()
    (other / "chats.csv").write_text("p, chat, *, owner, allow\n")
    (other / "desk.csv").write_text(DESK.format(who="group:absent"))
    said = cli.process("policy", "check", "other")  # this process logs, too
    assert said.stdout == "other: valid, 2 rules in 2 files.\n"
    assert said.stderr.splitlines() == [
        f"note: {other / 'chats.csv'} replaces all of portico_policies/chats.csv",
        f"note: {other / 'desk.csv'}:1: group:absent: there is no such group",
    ]
    assert "cannot be read" in cli("policy", "check", "nowhere", code=1).stderr


def test_check_without_directory_is_a_usage_error(cli: CommandLine, env: dict[str, str]) -> None:
    env["PORTICO_ACCESS_POLICY_DIR"] = ""
    assert "access.policy_dir" in cli("policy", "check", code=2).stderr


def test_check_notes_files_that_saved_ones_replace(
    cli: CommandLine, policy_dir: Path, admin: Client
) -> None:
    put_policy_file(admin, "desk.csv", "")
    (policy_dir / "desk.csv").write_text(DESK.format(who="role:user"))
    said = cli.process("policy", "check").stderr  # this process logs, too
    assert said == f"note: {policy_dir / 'desk.csv'} is not used: database/desk.csv replaces it\n"


def test_explain_prints_reasons_and_sets_the_exit_code(
    cli: CommandLine, admin: Client, user: Client, add_group: AddGroup
) -> None:
    staff = add_group("Staff", user)
    add_model(admin, read={"group_ids": [staff]})
    admin.add_user("Cas")
    said = cli("policy", "explain", "ben@example.org", "read", "model:legal-desk")
    verdict, line, how = said.stdout.splitlines()
    assert verdict == "✓ Ben may read model legal-desk"
    assert line.startswith("└─ allowed by  p, model, read, reader, allow  (portico_policies/models")
    assert how == f"   └─ the group Staff ({staff}) has read access, and the account is in it"
    said = cli("policy", "explain", "cas@example.org", "read", "model:legal-desk", code=1)
    assert said.stdout.splitlines()[:2] == [
        "✗ Cas may not read model legal-desk",
        "├─ no rule allows it",
    ]
    ben = user.account["id"]
    found = json.loads(cli("policy", "explain", ben, "create", "model", "--json", code=1).stdout)
    assert found["account_name"] == "Ben" and found["id"] == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "absent@example.org", "read", "model"), "absent@example.org"),
        (
            ("explain", "ada@example.org", "raed", "model"),
            "Expected one of create, delete, delete_all",
        ),
        (("explain", "ada@example.org", "read", "modl:x"), "Expected one of account, audit, chat"),
        (("who-can", "read", "modl"), "Expected one of account, audit, chat"),
        (("who-can", "read", "model:ghost"), "There is no such model"),
        (("diff", "nowhere"), "cannot be read"),
    ],
)
def test_invalid_question_exits_2_with_reason(
    cli: CommandLine, admin: Client, words: tuple[str, ...], said: str
) -> None:
    assert said in cli("policy", *words, code=2).stderr


def test_who_can_lists_accounts_with_a_rule(cli: CommandLine, admin: Client, user: Client) -> None:
    add_model(admin, read={"user_ids": [user.account["id"]]})
    said = cli("policy", "who-can", "read", "model:legal-desk").stdout.splitlines()
    assert [line.split()[:2] for line in said] == [
        ["admin", "ada@example.org"],
        ["user", "ben@example.org"],
    ]
    found = json.loads(cli("policy", "who-can", "write", "policy", "--json").stdout)
    assert [one["email"] for one in found] == ["ada@example.org"]
    assert cli("policy", "who-can", "write", "chat").stdout == "No account is allowed this.\n"


def test_versions_are_listed_and_rolled_back(cli: CommandLine, admin: Client, user: Client) -> None:
    assert cli("policy", "versions").stdout == "No version was ever saved.\n"
    put_policy_file(admin, "open.csv", "p, model, list, role:user, allow\n")
    said = cli("policy", "rollback", "0").stdout
    assert said == "Saved the files of version 0 as version 2.\n"
    two, one = cli("policy", "versions").stdout.splitlines()
    assert two.split()[0] == "2" and two.endswith("command line         no files")
    assert one.split()[0] == "1" and one.endswith("Ada                  open.csv")
    assert len(json.loads(cli("policy", "versions", "--json").stdout)) == 2
    assert "There is no version 9" in cli("policy", "rollback", "9", code=1).stderr
    (newest, *_) = admin.get("/api/v1/audit?event=policy.changed").json["entries"]
    assert newest["author"] == "" and newest["new"] == {"open.csv": None}


def test_saved_files_that_prevent_a_start_can_be_rolled_back(
    cli: CommandLine, env: dict[str, str], app: InProcessApp, admin: Client
) -> None:
    put_policy_file(admin, "chats.csv", "p, chat, read, owner, allow\n")
    app.close()
    # Chats are taken out, and with them the kind that the saved page speaks of.
    env["PORTICO_PLUGINS_ONLY"] = "accounts,password,models,policy_admin"
    assert "database/chats.csv:1: " in cli("policy", "show", code=1).stderr
    cli("policy", "rollback", "0")
    shown = cli("policy", "show").stdout
    assert "p, chat" not in shown


@pytest.mark.both_databases
def test_audit_log_is_listed_filtered_and_exported(
    cli: CommandLine, admin: Client, user: Client, tmp_path: Path
) -> None:
    add_model(admin, read={"user_ids": [user.account["id"]]})
    put_policy_file(admin, "a.csv", "# one\n")
    said = cli("audit", "list", "--actor", "ada@example.org").stdout.splitlines()
    assert [line.split()[3:5] for line in said] == [
        ["Ada", "policy.changed"],
        ["Ada", "grant.changed"],
        ["Ada", "model.created"],
        ["Ada", "account.created"],
    ]
    assert said[0].endswith('policy:a.csv  {"a.csv":null} → {"a.csv":"# one\\n"}')
    assert cli("audit", "list", "--until", "2001-01-01").stdout == ""
    found = json.loads(cli("audit", "list", "--resource-kind", "model", "--json").stdout)
    events = [entry["event"] for entry in found["entries"]]
    assert events == ["grant.changed", "model.created"]
    said = cli("audit", "export", "--event", "policy.changed", tmp_path / "out.ndjson")
    assert said.stderr.endswith("2 entries written.\n") and said.stdout == ""
    lines = (tmp_path / "out.ndjson").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["policy.changed"] * 2
    assert cli("audit", "export", "--event", "policy.changed", "-").stdout.splitlines() == lines
