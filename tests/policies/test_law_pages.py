"""The law as it is shipped: read as a table of who may do what."""

import pytest

from portico.permissions import Permissions, PolicyFile, ResourceKind
from portico.permissions.relations import Facts, Grant

MODEL = ResourceKind("model", "models_model", ("list", "read", "write", "delete"))
CHAT = ResourceKind("chat", "chats_chat", ("read", "write", "delete"))
LAW = (PolicyFile("portico_policies", "models.csv"), PolicyFile("portico_policies", "chats.csv"))

OWNER = Facts("ann", "user", "ann")
STRANGER = Facts("ann", "user", "bob")
READER = Facts("ann", "user", "bob", frozenset({Grant.READ}))
WRITER = Facts("ann", "user", "bob", frozenset({Grant.WRITE}))
OF_EVERYONE = Facts("ann", "user", "bob", frozenset({Grant.PUBLIC}))
ADMIN = Facts("ann", "admin", "bob")
PENDING_OWNER = Facts("ann", "pending", "ann", frozenset(Grant))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (OWNER, {"list", "read", "write", "delete"}),
        (STRANGER, set()),
        (READER, {"read"}),
        (WRITER, {"list", "write", "delete"}),
        (OF_EVERYONE, {"list", "read"}),
        (ADMIN, {"list", "read", "write", "delete"}),
        (PENDING_OWNER, set()),
    ],
)
def test_who_may_do_what_with_a_model(facts: Facts, expected: set[str]) -> None:
    law = Permissions().enact([MODEL, CHAT], LAW)

    assert {
        action for action in MODEL.actions if law.plan("model", action).decide(facts)
    } == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (OWNER, {"read", "write", "delete"}),
        (STRANGER, set()),
        (READER, set()),
        (WRITER, set()),
        (OF_EVERYONE, set()),
        (ADMIN, set()),
        (PENDING_OWNER, set()),
    ],
)
def test_AB_48_chats_are_their_owners_alone_also_to_administrators(
    facts: Facts, expected: set[str]
) -> None:
    law = Permissions().enact([MODEL, CHAT], LAW)

    assert {action for action in CHAT.actions if law.plan("chat", action).decide(facts)} == expected


def test_every_line_tells_where_it_stands() -> None:
    law = Permissions().enact([MODEL, CHAT], LAW)

    assert law.rules[0].origin.startswith("portico_policies/roles.csv:")
    assert all(rule.origin.rpartition(":")[2].isdigit() for rule in law.rules)
