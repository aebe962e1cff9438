"""Explains a decision: the rules and grants it is based on, in sentences that an administrator can check.

It uses the same subjects and rules as the decision, and a test checks that both give the same answer.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from portico.db import fetch_all, fetch_one
from portico.errors import NotFound, ValidationError, field_error
from portico.identity import Actor
from portico.permissions.decisions import Permissions
from portico.permissions.policy_set import PolicySet
from portico.permissions.principals import group_permissions
from portico.permissions.resource import PolicyRule, Resource
from portico.permissions.subjects import EVERYONE, OWNER, RELATION_BY_ACTION, RELATIONS, Subjects

_ACCOUNT = "SELECT id, email, name, role FROM portico_account WHERE id = $1"
_GROUPS = (
    "SELECT g.id, g.name, g.permissions FROM portico_group g "
    "JOIN portico_group_member m ON m.group_id = g.id WHERE m.account_id = $1 ORDER BY g.name, g.id"
)
_GRANTS = (
    "SELECT action, principal_kind, principal_id FROM portico_grant "
    "WHERE resource_kind = $1 AND resource_id = $2 AND (principal_kind = 'everyone' "
    "OR (principal_kind = 'user' AND principal_id = $3) OR (principal_kind = 'group' AND principal_id IN "
    "(SELECT group_id FROM portico_group_member WHERE account_id = $3))) ORDER BY position"
)

#: For each subject that is true of an account: why, one sentence each.
Reasons = dict[str, list[str]]


class AppliedRule(msgspec.Struct, frozen=True):
    """A policy rule that applies. `reasons`: why its subject is true of this account, one sentence each."""

    rule: str
    origin: str
    effect: str
    reasons: list[str]


class AccessExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with its reasons. `id`: empty = the collection; `exists`: whether the kind's table has such a row.

    `summary`: the decision and its reason in a sentence. `casbin`: Casbin's decision by the same rules and subjects;
    if it differs from `allowed`, Portico has a bug.
    `because`: the rules it is based on: those that deny, or else those that allow; none = no rule allows it.
    `would_allow`: rules that allow it to other subjects.
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
    """Explain whether an account is allowed an action on a resource, or on the collection if it is empty.

    Raises: NotFound if there is no such account; ValidationError for an unknown kind or action.
    """
    policies = permissions.policies
    check_kind_and_action(policies, action, kind)
    account = await fetch_one(_ACCOUNT, account_id)
    if account is None:
        raise NotFound
    actor = Actor(account["id"], account["email"], account["name"], account["role"], "", "")
    resource = None
    if resource_id and "\x00" not in resource_id:
        resource = await permissions.find(kind, resource_id)
    groups = await fetch_all(_GROUPS, actor.id)
    principals = await permissions.principals.for_actor(actor)
    reasons = _explain_principals(policies, principals, actor, groups)
    if resource is not None:
        reasons |= await _explain_relations(actor, resource, groups)
    relations = RELATIONS & reasons.keys()
    subjects = policies.effective_principals(principals) | relations
    because, would_allow = _applied_rules(policies, action, kind, subjects, reasons)
    allowed = policies.action_rules(kind, action).allows(subjects)
    request = (
        f"{action} {kind} {resource_id}"
        if resource_id
        else f"{action} {kind} for the kind as a whole"
    )
    if resource_id and resource is None:
        request += f" (there is no such {kind}, so this is the answer for the kind as a whole)"
    return AccessExplanation(
        summary=_summary(actor.name, request, allowed, because),
        allowed=allowed,
        # Casbin adds the roles of role rules itself.
        casbin=policies.casbin_enforcer.enforce(kind, action, frozenset(principals) | relations),
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


def _summary(name: str, request: str, allowed: bool, because: list[AppliedRule]) -> str:
    verdict = "may" if allowed else "may not"
    if not because:
        return f"{name} {verdict} {request}: no rule allows it."
    first, more = because[0], len(because) - 1
    reasons = f": {'; '.join(first.reasons)}" if first.reasons else ""
    verb, verb_singular = ("allow", "allows") if allowed else ("deny", "denies")
    rest = ""
    if more:
        rest = f" {more} other {f'rules {verb}' if more > 1 else f'rule {verb_singular}'} it too."
    return f"{name} {verdict} {request}: `{first.rule}` ({first.origin}){reasons}.{rest}"


def check_kind_and_action(policies: PolicySet, action: str, kind: str) -> None:
    """Raise ValidationError for an unknown kind or action, with the known ones."""
    if kind not in policies.kinds:
        raise _unknown("kind", policies.kinds)
    if action not in policies.kinds[kind].all_actions:
        raise _unknown("action", policies.kinds[kind].all_actions)


def _unknown(name: str, known: Iterable[str]) -> ValidationError:
    message = f"Expected one of {', '.join(sorted(known))}"
    return field_error(name, "value_error", message, source="query")


def _applied_rules(
    policies: PolicySet, action: str, kind: str, subjects: Subjects, reasons: Reasons
) -> tuple[list[AppliedRule], list[AppliedRule]]:
    rules = policies.rules_for(kind, action)
    applying = [rule for rule in rules if rule.subject in subjects]
    effect = "deny" if any(rule.effect == "deny" for rule in applying) else "allow"
    because = [_applied(rule, reasons) for rule in applying if rule.effect == effect]
    others = [r for r in rules if r.effect == "allow" and r.subject not in subjects]
    return because, [_applied(rule, {}) for rule in others]


def _applied(rule: PolicyRule, reasons: Reasons) -> AppliedRule:
    return AppliedRule(str(rule), rule.origin, rule.effect, reasons.get(rule.subject, []))


def _explain_principals(
    policies: PolicySet, principals: list[str], actor: Actor, groups: list[dict[str, Any]]
) -> Reasons:
    """Return the reasons of each principal of the account, with the roles of role rules."""
    names = {f"group:{group['id']}": group["name"] for group in groups}
    reasons: Reasons = {}
    for principal in principals:
        prefix, _, value = principal.partition(":")
        if prefix == "role":
            reasons[principal] = [f"the account has the role {value}"]
        elif prefix == "switch":
            reasons[principal] = [f"{value.upper()} is on, and the account's role is {actor.role}"]
        elif prefix == "group":
            reasons[principal] = [
                f"the account is in the group {names.get(principal, '?')} ({value})"
            ]
        elif prefix == "permission":
            reasons[principal] = _explain_permission(value, groups)
        else:
            reasons[principal] = ["it is this account"]
    for rule in policies.role_rules_for(principals):
        why = "; ".join(reasons.get(rule.subject, []))
        reasons.setdefault(rule.role, []).append(f"`{rule}` ({rule.origin}): {why or rule.subject}")
    return reasons


def _explain_permission(permission: str, groups: list[dict[str, Any]]) -> list[str]:
    granting = [
        f"{permission} is permitted through the group {group['name']} ({group['id']})"
        for group in groups
        if f"permission:{permission}" in group_permissions(group["permissions"])
    ]
    return granting or [f"{permission} is permitted by default"]


async def _explain_relations(
    actor: Actor, resource: Resource, groups: list[dict[str, Any]]
) -> Reasons:
    """Return the reasons of each relation between the account and the resource."""
    reasons: Reasons = {}
    names = {group["id"]: group["name"] for group in groups}
    if resource.owner_id is not None and resource.owner_id == actor.id:
        reasons[OWNER] = ["the account owns it"]
    for grant in await fetch_all(_GRANTS, resource.kind, resource.id, actor.id):
        if grant["principal_kind"] == "everyone":
            reasons.setdefault(EVERYONE, []).append("everyone has read access")
        elif grant["principal_kind"] == "user":
            reasons.setdefault(RELATION_BY_ACTION[grant["action"]], []).append(
                f"the account has {grant['action']} access by name"
            )
        else:
            group = f"{names.get(grant['principal_id'], '?')} ({grant['principal_id']})"
            reasons.setdefault(RELATION_BY_ACTION[grant["action"]], []).append(
                f"the group {group} has {grant['action']} access, and the account is in it"
            )
    return reasons
