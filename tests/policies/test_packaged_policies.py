"""The packaged policies, as a table of subjects and actions."""

import pytest

from portico.permissions import PackagedPolicy, Permissions, ResourceKind
from portico_models.records.resource_kind import COLLECTION_ACTIONS, ITEM_ACTIONS

MODEL = ResourceKind("model", "models_model", ITEM_ACTIONS, collection_actions=COLLECTION_ACTIONS)
CHAT = ResourceKind(
    "chat", "chats_chat", ("read", "write", "delete", "share"), collection_actions=("export",)
)
GROUP = ResourceKind(
    "group", "portico_group", ("read", "write", "create", "delete"), owner="account_id"
)
PERMISSION = ResourceKind("default_permissions", "", ("read", "write"))
ACCOUNT = ResourceKind(
    "account", "portico_account", ("read", "write", "create", "delete"), owner="id"
)
PACKAGED = (
    PackagedPolicy("portico_policies", "models.csv"),
    PackagedPolicy("portico_policies", "chats.csv"),
)
ACCOUNTS = (PackagedPolicy("portico_policies", "accounts.csv"),)

OWNER = frozenset({"role:user", "owner"})
OTHER_USER = frozenset({"role:user"})
READER = frozenset({"role:user", "reader"})
WRITER = frozenset({"role:user", "writer"})
OF_EVERYONE = frozenset({"role:user", "everyone"})
AUTHOR = frozenset({"role:user", "permission:workspace.models", "permission:sharing.models"})
ADMIN = frozenset({"role:admin", "switch:bypass_admin_access_control"})
PLAIN_ADMIN = frozenset({"role:admin"})
PENDING_OWNER = frozenset({"role:pending", "owner", "reader", "writer", "everyone"})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (OWNER, {"list", "read", "use", "write", "delete", "share"}),
        (OTHER_USER, set()),
        (READER, {"read", "use"}),
        (WRITER, {"list", "write", "delete", "share"}),
        (OF_EVERYONE, {"list", "read", "use"}),
        (AUTHOR, {"create", "share_with_users"}),
        (ADMIN, set(MODEL.all_actions)),
        (PLAIN_ADMIN, set(MODEL.all_actions) - {"list", "read", "use"}),
        (PENDING_OWNER, set()),
    ],
)
def test_model_access_follows_roles_and_grants(facts: frozenset[str], expected: set[str]) -> None:
    policies = Permissions().activate_packaged([MODEL, CHAT], PACKAGED)

    assert {
        action
        for action in MODEL.all_actions
        if policies.action_rules("model", action).allows(facts)
    } == expected


@pytest.mark.case("AB-48")
@pytest.mark.case("AB-52")
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (OWNER, {"read", "write", "delete", "share"}),
        (OTHER_USER, set()),
        (READER, set()),
        (WRITER, set()),
        (OF_EVERYONE, set()),
        (ADMIN, set()),
        (ADMIN | {"switch:enable_admin_chat_access"}, {"read"}),
        (ADMIN | {"switch:enable_admin_export"}, {"export"}),
        (PENDING_OWNER | {"switch:enable_admin_chat_access", "switch:enable_admin_export"}, set()),
    ],
)
def test_chats_are_visible_to_owners_and_at_most_readable_by_administrators(
    facts: frozenset[str], expected: set[str]
) -> None:
    policies = Permissions().activate_packaged([MODEL, CHAT], PACKAGED)

    assert {
        action for action in CHAT.all_actions if policies.action_rules("chat", action).allows(facts)
    } == expected


@pytest.mark.case("AB-29")
@pytest.mark.parametrize(
    ("facts", "is_allowed"),
    [(ADMIN, True), (OWNER, False), (OTHER_USER, False), (READER, False), (WRITER, False), (PENDING_OWNER, False)],
)  # fmt: skip
def test_groups_and_default_permissions_are_for_administrators_only(
    facts: frozenset[str], is_allowed: bool
) -> None:
    page = PackagedPolicy("portico_policies", "groups.csv")
    policies = Permissions().activate_packaged([GROUP, PERMISSION], [page])

    for kind in (GROUP, PERMISSION):
        assert {
            policies.action_rules(kind.name, action).allows(facts) for action in kind.all_actions
        } == {is_allowed}


@pytest.mark.case("AB-26")
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (OWNER, {"read"}),
        (OTHER_USER, set()),
        (READER, set()),
        (WRITER, set()),
        (OF_EVERYONE, set()),
        (ADMIN, {"read", "write", "create", "delete"}),
        (PENDING_OWNER, set()),
    ],
)
def test_account_is_readable_by_its_owner_and_writable_by_administrators(
    facts: frozenset[str], expected: set[str]
) -> None:
    policies = Permissions().activate_packaged([ACCOUNT], ACCOUNTS)

    assert {
        one for one in ACCOUNT.actions if policies.action_rules("account", one).allows(facts)
    } == expected


def test_policy_rule_knows_its_file_and_line() -> None:
    policies = Permissions().activate_packaged([MODEL, CHAT], PACKAGED)

    assert policies.rules[0].origin.startswith("portico_policies/base.csv:")
    assert all(rule.origin.rpartition(":")[2].isdigit() for rule in policies.rules)
