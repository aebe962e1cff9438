"""Renamed words of policy files: operators' files are rejected with the new word, stored versions are rewritten."""

import importlib
from pathlib import Path

import msgspec
import pytest
from tests.core.permissions.test_policy_service import MODEL, PolicyService

from portico.db import Database, now
from portico.permissions import InvalidPolicy, PackagedPolicy, Permissions, PolicyFile
from portico.permissions.policies import versions
from portico.permissions.policies.former_words import renamed_files, rewritten
from portico.permissions.resource import ResourceKind

API_KEY = ResourceKind("api_key", "", ("read",))
SETTINGS = ResourceKind("settings", "", ("read",))
DEFAULTS = ResourceKind("default_permissions", "", ("read",))
KINDS = [MODEL, API_KEY, SETTINGS, DEFAULTS]

#: A rule with former words, and the same with present ones.
RULES = [
    ("p, model, read, member:g1, allow", "p, model, read, group:g1, allow"),
    (
        "p, model, read, bypass:admin, allow",
        "p, model, read, switch:bypass_admin_access_control, allow",
    ),
    (
        "p,model,  use , bypass:models, allow",
        "p,model,  use , switch:bypass_model_access_control, allow",
    ),
    (
        "p, model, read, bypass:chats, allow",
        "p, model, read, switch:enable_admin_chat_access, allow",
    ),
    ("p, model, read, bypass:export, allow", "p, model, read, switch:enable_admin_export, allow"),
    ("p, key, read, owner, allow", "p, api_key, read, owner, allow"),
    ("p, setting, read, role:user, allow", "p, settings, read, role:user, allow"),
    ("p, permission, read, role:user, allow", "p, default_permissions, read, role:user, allow"),
    ("p, model, clear, role:user, allow", "p, model, delete_all, role:user, allow"),
    ("p, *, clear, role:user, allow", "p, *, delete_all, role:user, allow"),
    ("p, model, invite, role:user, allow", "p, model, share_with_users, role:user, allow"),
    ("p, model, publish, role:user, allow", "p, model, share_publicly, role:user, allow"),
    ("g, member:g1, role:auditor", "g, group:g1, role:auditor"),
]


def compile_text(text: str, *, allow_unknown_kinds: bool = False) -> None:
    Permissions().compile(
        KINDS,
        [PolicyFile("ours.csv", "ours.csv", text)],
        allow_unknown_kinds=allow_unknown_kinds,
    )


@pytest.mark.parametrize(("former", "present"), RULES)
@pytest.mark.parametrize("allow_unknown_kinds", [False, True])
def test_former_word_is_rejected_with_line_and_new_word(
    former: str, present: str, allow_unknown_kinds: bool
) -> None:
    with pytest.raises(InvalidPolicy) as rejected:
        compile_text(f"# ours\n{former}\n", allow_unknown_kinds=allow_unknown_kinds)
    (fault,) = rejected.value.faults
    (new_word,) = set(present.replace(",", " ").split()) - set(former.replace(",", " ").split())
    assert fault.startswith("ours.csv:2: ") and f"is now called {new_word!r}" in fault
    compile_text(present)


@pytest.mark.parametrize(("former", "present"), RULES)
def test_rewritten_rule_has_the_present_words(former: str, present: str) -> None:
    text = f"# member: bypass:admin\r\n{former}\r\n\r\n  not a rule, member:x\n"
    assert rewritten(text) == text.replace(former, present)


def test_renamed_files_keep_what_they_override() -> None:
    files = {
        "roles.csv": "p, *, *, role:pending, deny\n",
        "keys.csv": "p, key, *, owner, allow\n",
        "access.csv": "# ours\np, policy, *, role:admin, allow\np, audit, read, member:g, allow\n",
        "audit.csv": "p, audit, read, role:user, allow\n",
        "own.csv": "g, member:g, role:clerk\n",
    }
    assert renamed_files(files) == {
        "base.csv": "p, *, *, role:pending, deny\n",
        "api_keys.csv": "p, api_key, *, owner, allow\n",
        "policies.csv": "# ours\np, policy, *, role:admin, allow\n",
        "audit.csv": "p, audit, read, group:g, allow\n",
        "own-audit.csv": "p, audit, read, role:user, allow\n",
        "own.csv": "g, group:g, role:clerk\n",
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("access.csv", "policies.csv and audit.csv"),
        ("roles.csv", "base.csv"),
        ("keys.csv", "api_keys.csv"),
    ],
)
async def test_former_name_of_a_packaged_file_is_rejected(
    database: Database, tmp_path: Path, name: str, new: str
) -> None:
    service = PolicyService(Permissions(), tmp_path)
    models = PackagedPolicy("portico_policies", "models.csv")
    service.builder.set_plugin_policies([([MODEL], [models])])
    (tmp_path / name).write_text("")
    with pytest.raises(InvalidPolicy) as rejected:
        await service.load()
    assert rejected.value.faults == (
        f"{tmp_path / name}: {name} is now called {new}; rename the file",
    )
    (tmp_path / name).unlink()
    with pytest.raises(InvalidPolicy, match=f"database/{name}: {name} is now called {new}"):
        await service.save({name: ""}, "")


@pytest.mark.anyio
async def test_migration_renames_tables_and_rewrites_saved_and_active_files(
    database: Database,
) -> None:
    step = importlib.import_module("portico.permissions.migrations.0003_policy_words")
    for statement in (
        "ALTER TABLE portico_policy_version RENAME COLUMN files TO pages",
        "ALTER TABLE portico_policy_version RENAME TO portico_policy",
        "ALTER TABLE portico_policy_active RENAME COLUMN files TO pages",
        "ALTER TABLE portico_policy_active RENAME TO portico_policy_seen",
    ):
        await database.execute(statement)
    saved = [{"keys.csv": "p, key, read, member:g1, allow\n"}, {}]
    for pages in saved:
        await database.execute(
            "INSERT INTO portico_policy (at, author, pages) VALUES ($1, 'ada', $2)",
            now(),
            msgspec.json.encode(pages).decode(),
        )
    active = [
        ["roles.csv", "portico_policies/roles.csv", "p, *, *, role:pending, deny\n"],
        ["audit.csv", "portico_policies/audit.csv", "p, audit, read, role:admin, allow\n"],
        ["line", "line `p, key, read, owner, allow`", "p, key, read, owner, allow"],
        ["keys.csv", "/etc/portico/keys.csv", "p, key, read, bypass:admin, allow\n"],
    ]
    await database.execute(
        "UPDATE portico_policy_seen SET digest = 'x', pages = $1 WHERE id = 1",
        msgspec.json.encode(active).decode(),
    )

    await step.forwards(database)

    assert [(v.number, v.author, v.files) for v in await versions.versions()] == [
        (2, "ada", {}),
        (1, "ada", {"api_keys.csv": "p, api_key, read, group:g1, allow\n"}),
    ]
    switch = "switch:bypass_admin_access_control"
    expected = [
        PolicyFile("base.csv", "portico_policies/base.csv", "p, *, *, role:pending, deny\n"),
        PolicyFile(
            "audit.csv", "portico_policies/audit.csv", "p, audit, read, role:admin, allow\n"
        ),
        PolicyFile("line", "line `p, key, read, owner, allow`", "p, api_key, read, owner, allow"),
        PolicyFile(
            "api_keys.csv", "/etc/portico/api_keys.csv", f"p, api_key, read, {switch}, allow\n"
        ),
    ]
    assert await versions.last_active() == expected
    assert not await versions.mark_active(expected)
