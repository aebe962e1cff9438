"""Why: a decision with the lines and the grants it rests on, in words an administrator can check.

It is made of the same facts and the same lines as the decision, and a test holds the two to the same answer.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from portico.db import fetch_all, fetch_one
from portico.errors import NotFound, ValidationError
from portico.identity import Actor
from portico.permissions.decisions import Permissions
from portico.permissions.policies.parser import Rule
from portico.permissions.policy_set import PolicySet
from portico.permissions.principals import words_of_group
from portico.permissions.resource import Resource
from portico.permissions.subjects import EVERYONE, OWNER, RELATION_BY_ACTION, RELATIONS, Subjects

_ACCOUNT = "SELECT id, email, name, role FROM portico_account WHERE id = $1"
_GROUPS = (
    "SELECT g.id, g.name, g.permissions FROM portico_group g "
    "JOIN portico_group_member m ON m.group_id = g.id WHERE m.account_id = $1 ORDER BY g.name, g.id"
)
_HELD = (
    "SELECT action, principal_kind, principal_id FROM portico_grant "
    "WHERE resource_kind = $1 AND resource_id = $2 AND (principal_kind = 'everyone' "
    "OR (principal_kind = 'user' AND principal_id = $3) OR (principal_kind = 'group' AND principal_id IN "
    "(SELECT group_id FROM portico_group_member WHERE account_id = $3))) ORDER BY position"
)


class AppliedRule(msgspec.Struct, frozen=True):
    """One line of the law that applies. `how`: why its word is true of this person, one sentence each."""

    line: str
    origin: str
    effect: str
    reasons: list[str]


class AccessExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A decision. `id`: empty = with the kind in general; `exists`: whether the kind's table has such a row.

    `summary`: the decision and its reason in a sentence. `casbin`: what Casbin says of the same lines and the same
    facts; anything but `allowed` is a fault of ours.
    `because`: the lines it rests on: those that deny, or else those that allow; none = no line allows it.
    `would_allow`: lines that allow it to others.
    """

    summary: str
    allowed: bool
    casbin: bool
    account_id: str
    account_name: str
    role: str
    action: str
    kind: str
    id: str
    exists: bool
    because: list[AppliedRule]
    would_allow: list[AppliedRule]


async def explain_access(
    permissions: Permissions, account_id: str, action: str, kind: str, resource_id: str = ""
) -> AccessExplanation:
    """Whether and why somebody may do something with a thing, or with a kind in general.

    Raises: NotFound if nobody has this account; Misshapen for a kind or an action that policies do not know.
    """
    law = permissions.policies
    check_words(law, action, kind)
    person = await fetch_one(_ACCOUNT, account_id)
    if person is None:
        raise NotFound
    actor = Actor(person["id"], person["email"], person["name"], person["role"], "", "")
    resource = None
    if resource_id and "\x00" not in resource_id:
        resource = await permissions.find(kind, resource_id)
    groups = await fetch_all(_GROUPS, actor.id)
    words = await permissions.principals.for_actor(actor)
    told = _explain_principals(law, words, actor, groups)
    if resource is not None:
        told |= await _explain_relations(actor, resource, groups)
    facts: Subjects = law.effective_principals(words) | {tie for tie in RELATIONS if tie in told}
    # Casbin adds the roles that lines give by itself.
    raw = frozenset(words) | facts & RELATIONS
    because, would_allow = _reasons(law, action, kind, facts, told)
    allowed = law.plan(kind, action).allows(facts)
    what = f"{action} {kind} {resource_id}" if resource_id else f"{action} {kind} in general"
    if resource_id and resource is None:
        what += f" (there is no such {kind}, so this is the answer in general)"
    return AccessExplanation(
        summary=_summary(actor.name, what, allowed, because),
        allowed=allowed,
        casbin=law.casbin_enforcer.enforce(kind, action, raw),
        account_id=actor.id,
        account_name=actor.name,
        role=actor.role,
        action=action,
        kind=kind,
        id=resource_id,
        exists=resource is not None,
        because=because,
        would_allow=would_allow,
    )


def _summary(name: str, what: str, allowed: bool, because: list[AppliedRule]) -> str:
    verdict = "may" if allowed else "may not"
    if not because:
        return f"{name} {verdict} {what}: no line allows it."
    first, more = because[0], len(because) - 1
    how = f": {'; '.join(first.reasons)}" if first.reasons else ""
    rest = f" {more} other {'lines say' if more > 1 else 'line says'} so too." if more else ""
    return f"{name} {verdict} {what}: `{first.line}` ({first.origin}){how}.{rest}"


def check_words(law: PolicySet, action: str, kind: str) -> None:
    """Raises: Misshapen for a kind or an action that policies do not know, with those that there are."""
    if kind not in law.kinds:
        raise _unknown("kind", law.kinds)
    if action not in law.kinds[kind].all_actions:
        raise _unknown("action", law.kinds[kind].all_actions)


def _unknown(what: str, known: Iterable[str]) -> ValidationError:
    message = f"Expected one of {', '.join(sorted(known))}"
    return ValidationError([{"type": "value_error", "loc": ["query", what], "msg": message}])


def _reasons(
    law: PolicySet, action: str, kind: str, facts: Subjects, told: dict[str, list[str]]
) -> tuple[list[AppliedRule], list[AppliedRule]]:
    rules = law.rules_for(kind, action)
    applying = [rule for rule in rules if rule.who in facts]
    effect = "deny" if any(rule.effect == "deny" for rule in applying) else "allow"
    because = [_because(rule, told) for rule in applying if rule.effect == effect]
    missing = [r for r in rules if r.effect == "allow" and r.who not in facts]
    return because, [AppliedRule(str(rule), rule.origin, rule.effect, []) for rule in missing]


def _because(rule: Rule, told: dict[str, list[str]]) -> AppliedRule:
    return AppliedRule(str(rule), rule.origin, rule.effect, told.get(rule.who, []))


def _explain_principals(
    law: PolicySet, words: list[str], actor: Actor, groups: list[dict[str, Any]]
) -> dict[str, list[str]]:
    """For each word that is true of somebody whatever the thing: why."""
    names = {f"member:{group['id']}": group["name"] for group in groups}
    told: dict[str, list[str]] = {}
    for word in words:
        prefix, _, value = word.partition(":")
        if prefix == "role":
            told[word] = [f"their account has the role {value}"]
        elif prefix == "bypass":
            switch = {
                "admin": "BYPASS_ADMIN_ACCESS_CONTROL",
                "models": "BYPASS_MODEL_ACCESS_CONTROL",
                "chats": "ENABLE_ADMIN_CHAT_ACCESS",
                "export": "ENABLE_ADMIN_EXPORT",
            }
            told[word] = [f"{switch[value]} is on, and their role is {actor.role}"]
        elif prefix == "member":
            told[word] = [f"they are in the group {names.get(word, '?')} ({value})"]
        elif prefix == "permission":
            told[word] = _explain_permission(value, groups)
        else:
            told[word] = ["they are this account"]
    for line in law.role_rules_for(words):
        how = "; ".join(told.get(line.who, []))
        told.setdefault(line.role, []).append(f"`{line}` ({line.origin}): {how or line.who}")
    return told


def _explain_permission(permission: str, groups: list[dict[str, Any]]) -> list[str]:
    granting = [
        f"{permission} is permitted through the group {group['name']} ({group['id']})"
        for group in groups
        if f"permission:{permission}" in words_of_group(group["permissions"])
    ]
    return granting or [f"{permission} is permitted by default"]


async def _explain_relations(
    actor: Actor, resource: Resource, groups: list[dict[str, Any]]
) -> dict[str, list[str]]:
    """For each tie between somebody and a thing: why."""
    told: dict[str, list[str]] = {}
    names = {group["id"]: group["name"] for group in groups}
    if resource.owner_id is not None and resource.owner_id == actor.id:
        told[OWNER] = ["it is theirs"]
    for held in await fetch_all(_HELD, resource.kind, resource.id, actor.id):
        if held["principal_kind"] == "everyone":
            told.setdefault(EVERYONE, []).append("everyone was given read access")
        elif held["principal_kind"] == "user":
            told.setdefault(RELATION_BY_ACTION[held["action"]], []).append(
                f"they were given {held['action']} access by name"
            )
        else:
            group = f"{names.get(held['principal_id'], '?')} ({held['principal_id']})"
            told.setdefault(RELATION_BY_ACTION[held["action"]], []).append(
                f"the group {group} was given {held['action']} access, and they are in it"
            )
    return told
