"""Immutable compiled policies: for each kind and action, the subjects that allow or deny it.

Casbin's `enforce()` evaluates an expression for each rule; the compiled table reads one entry. Both are made of the
same checked rules, and a test checks that they give the same answers.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Literal

from portico.permissions.policies.parser import ParsedPolicies, RoleRule
from portico.permissions.resource import ANY, PolicyRule, ResourceKind
from portico.permissions.subjects import (
    ALWAYS,
    GRANT_BY_RELATION,
    NEVER,
    RELATIONS,
    Bind,
    CallerId,
    Subjects,
    held_ids,
    lookup_condition,
    row_condition,
)

EMPTY: Subjects = frozenset()
_GRANTED = frozenset(GRANT_BY_RELATION)

#: How a condition finds rows: by the ids that the caller holds, or row by row. The result is the same.
SQLStrategy = Literal["lookup", "scan"]


@dataclass(frozen=True, slots=True)
class ActionRules:
    """The rules for one action on one kind: the subjects that deny it, and those that allow it.

    `uses_groups`, `uses_permissions`: whether the decision depends on group membership, or on the permission tree.
    """

    deny: Subjects = EMPTY
    allow: Subjects = EMPTY
    uses_groups: bool = False
    uses_permissions: bool = False

    def allows(self, subjects: Subjects) -> bool:
        """Return whether these subjects are allowed the action."""
        return self.deny.isdisjoint(subjects) and not self.allow.isdisjoint(subjects)

    def allows_without_grants(self, subjects: Subjects) -> bool | None:
        """Return the decision if no grant could change it, else None."""
        if not self.deny.isdisjoint(subjects):
            return False
        if not self.deny.isdisjoint(_GRANTED):
            return None
        if not self.allow.isdisjoint(subjects):
            return True
        return False if self.allow.isdisjoint(_GRANTED) else None


@dataclass(frozen=True, slots=True)
class SQLTemplate:
    """A condition for any caller: `values` are the arguments, with `CallerId.ID` in the place of the caller's id."""

    sql: str
    values: tuple[str | CallerId, ...] = ()


_NO_RULES = ActionRules()


class PolicySet:
    """Immutable compiled policies. `inactive`: rules for kinds that no active plugin has."""

    def __init__(self, kinds: Mapping[str, ResourceKind], parsed: ParsedPolicies) -> None:
        self.kinds = dict(kinds)
        self.rules, self.roles, self.inactive = parsed.rules, parsed.roles, parsed.inactive
        self._roles_of: dict[str, list[str]] = {}
        self._subjects_with: dict[str, list[str]] = {}
        for rule in self.roles:
            self._roles_of.setdefault(rule.subject, []).append(rule.role)
            self._subjects_with.setdefault(rule.role, []).append(rule.subject)
        self._mentioned = frozenset(rule.subject for rule in self.rules) | frozenset(self._roles_of)
        self._action_rules: dict[tuple[str, str], ActionRules] = {}
        for kind in self.kinds.values():
            rules = [rule for rule in self.rules if rule.kind in (ANY, kind.name)]
            for action in kind.all_actions:
                applying = [rule for rule in rules if rule.applies_to(kind.name, action)]
                self._action_rules[kind.name, action] = self._compile(applying)
        # Principals that no rule mentions, such as most ids, are not part of the key: few keys differ.
        self._effective = lru_cache(maxsize=1024)(self._find_effective)
        self._template = lru_cache(maxsize=1024)(self._build_template)

    def action_rules(self, kind: str, action: str) -> ActionRules:
        """Return the rules for this action; an action that the kind does not have is allowed to no subject."""
        return self._action_rules.get((kind, action), _NO_RULES)

    def effective_principals(self, principals: Iterable[str]) -> Subjects:
        """Return these principals with the roles that role rules give them, directly and through other roles.

        Principals that no rule mentions are left out.
        """
        return self._effective(self._mentioned.intersection(principals))

    def rules_for(self, kind: str, action: str) -> list[PolicyRule]:
        """Return the rules that apply to an action, in the order of the files."""
        return [rule for rule in self.rules if rule.applies_to(kind, action)]

    def role_rules_for(self, principals: Iterable[str]) -> list[RoleRule]:
        """Return the role rules that apply to these principals, in the order of the files."""
        effective = self.effective_principals(principals) | frozenset(principals)
        return [rule for rule in self.roles if rule.subject in effective]

    @cached_property
    def casbin_enforcer(self) -> Any:
        """A Casbin enforcer with the same rules, to be called as `enforce(kind, action, subjects)`."""
        return _casbin_enforcer((*self.rules, *self.roles))

    # -- lists ----------------------------------------------------------------------------------------------

    def condition(
        self,
        kind: str,
        action: str,
        principals: Subjects,
        strategy: SQLStrategy = "lookup",
        first: int = 1,
    ) -> SQLTemplate:
        """Return SQL that is true for the rows on which these effective principals are allowed the action.

        Placeholders begin with `$first`. Raises: LookupError for a kind without rows.
        """
        of, rules = self.kinds[kind], self.action_rules(kind, action)
        if not of.table:
            raise LookupError(f"{kind!r} has no rows to list")
        if not rules.deny.isdisjoint(principals):
            return SQLTemplate(NEVER)
        all_rows = not rules.allow.isdisjoint(principals)
        return self._template(of, rules, all_rows, strategy, first)

    def relations_for(self, kind: str, action: str, principals: Subjects) -> Subjects:
        """Return the relations that decide which rows these principals see; none where rows do not matter."""
        rules = self.action_rules(kind, action)
        if rules.allows(principals) or not rules.deny.isdisjoint(principals):
            return EMPTY
        return rules.allow & RELATIONS

    def held_ids_sql(self, kind: str, relations: Subjects, first: int = 1) -> SQLTemplate:
        """Return SQL that selects the ids of rows to which a caller has one of these relations."""
        values: list[str | CallerId] = []
        sql = held_ids(self.kinds[kind], relations, _binder(values, first))
        return SQLTemplate(sql, tuple(values))

    def _find_effective(self, mentioned: Subjects) -> Subjects:
        return frozenset(_reachable(mentioned, self._roles_of))

    def _build_template(
        self,
        of: ResourceKind,
        rules: ActionRules,
        all_rows: bool,
        strategy: SQLStrategy,
        first: int,
    ) -> SQLTemplate:
        values: list[str | CallerId] = []
        bind = _binder(values, first)
        allow, deny = rules.allow & RELATIONS, rules.deny & RELATIONS
        if all_rows:
            sql = ALWAYS
        elif not allow:
            return SQLTemplate(NEVER)
        elif strategy == "scan":
            sql = row_condition(of, allow, bind)
        else:
            sql = lookup_condition(of, allow, bind)
        if deny:
            # Row by row, because an actor who may see many rows is denied few of them.
            sql = f"({sql} AND NOT {row_condition(of, deny, bind)})"
        return SQLTemplate(sql, tuple(values))

    # -- compiling ------------------------------------------------------------------------------------------

    def _compile(self, rules: list[PolicyRule]) -> ActionRules:
        # The subjects of the rules, and all principals that role rules lead to them.
        sources = _reachable({rule.subject for rule in rules}, self._subjects_with)
        return ActionRules(
            deny=frozenset(rule.subject for rule in rules if rule.effect == "deny"),
            allow=frozenset(rule.subject for rule in rules if rule.effect == "allow"),
            uses_groups=any(subject.startswith("group:") for subject in sources),
            uses_permissions=any(subject.startswith("permission:") for subject in sources),
        )


def _reachable(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Return all nodes reachable from `start`, which are included."""
    found = set(start)
    pending = list(found)
    while pending:
        for node in edges.get(pending.pop(), ()):
            if node not in found:
                found.add(node)
                pending.append(node)
    return found


def _binder(values: list[str | CallerId], first: int) -> Bind:
    """Bind each value once, so that PostgreSQL infers one type for it."""

    def bind(value: str | CallerId) -> str:
        if value not in values:
            values.append(value)
        return f"${first + values.index(value)}"

    return bind


def _casbin_enforcer(rules: Iterable[PolicyRule | RoleRule]) -> Any:
    # Imported here, because decisions do not need it.
    from casbin import Enforcer, Model
    from casbin.persist.adapter import load_policy_line
    from casbin.rbac.default_role_manager import RoleManager

    logging.getLogger("casbin.policy").disabled = True  # it would write the model into the log
    model = Model()
    text = resources.files("portico_policies").joinpath("model.conf").read_text(encoding="utf-8")
    model.load_model_from_text(text)
    enforcer = Enforcer(model)  # this also silences its loggers, which log every denial
    rules = list(rules)
    for rule in rules:
        load_policy_line(str(rule), enforcer.get_model())
    roles = RoleManager(len(rules) + 1)  # role rules may form a chain of that length
    enforcer.set_role_manager(roles)
    enforcer.build_role_links()

    def holds(subject: str, subjects: Subjects) -> bool:
        return subject in subjects or any(roles.has_link(one, subject) for one in subjects)

    enforcer.add_function("holds", holds)
    return enforcer
