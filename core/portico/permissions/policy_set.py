"""The law in force: lines compiled into a table that decides, and Casbin beside it as the referee.

`enforce()` walks every line and evaluates an expression for each; the table looks up one entry. Both are made of the
same checked lines, and a test holds them to the same answers.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Literal

from portico.permissions.policies.parser import ParsedPolicies, RoleRule, Rule
from portico.permissions.resource import ResourceKind
from portico.permissions.subjects import (
    ALWAYS,
    GRANTED,
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
_GRANTED = frozenset(GRANTED)

#: How a condition finds rows. `few`: by what the caller holds; `many`: row by row. They mean the same.
SQLStrategy = Literal["few", "many"]


@dataclass(frozen=True, slots=True)
class ActionRules:
    """What the law says of one action on one kind: the words that deny it, and those that allow it.

    `uses_groups`, `uses_permissions`: whether it matters which groups somebody is in, and what they are permitted.
    """

    deny: Subjects = EMPTY
    allow: Subjects = EMPTY
    uses_groups: bool = False
    uses_permissions: bool = False

    def allows(self, facts: Subjects) -> bool:
        """Whether the facts suffice."""
        return self.deny.isdisjoint(facts) and not self.allow.isdisjoint(facts)

    def allows_without_grants(self, facts: Subjects) -> bool | None:
        """The decision if no grant could change it, else None."""
        if not self.deny.isdisjoint(facts):
            return False
        if not self.deny.isdisjoint(_GRANTED):
            return None
        if not self.allow.isdisjoint(facts):
            return True
        return False if self.allow.isdisjoint(_GRANTED) else None


@dataclass(frozen=True, slots=True)
class SQLTemplate:
    """A condition without its caller: the text, and what stands behind each placeholder."""

    sql: str
    values: tuple[str | CallerId, ...] = ()


class PolicySet:
    """A whole set of lines, never changed: another set is another law."""

    def __init__(self, kinds: Mapping[str, ResourceKind], lines: ParsedPolicies) -> None:
        self.kinds = dict(kinds)
        self.rules, self.roles, self.idle = lines.rules, lines.roles, lines.inactive
        self._confers: dict[str, list[str]] = {}
        self._holders: dict[str, list[str]] = {}
        for line in self.roles:
            self._confers.setdefault(line.who, []).append(line.role)
            self._holders.setdefault(line.role, []).append(line.who)
        self._mentioned = frozenset(rule.who for rule in self.rules) | frozenset(self._confers)
        self._plans = {
            (kind.name, action): self._compile(kind.name, action)
            for kind in self.kinds.values()
            for action in kind.all_actions
        }
        # Few are different: what the law does not mention, such as most ids, is not part of the key.
        self._standing = lru_cache(maxsize=1024)(self._make_standing)
        self._template = lru_cache(maxsize=1024)(self._make_template)

    def plan(self, kind: str, action: str) -> ActionRules:
        """What holds for this action; a word that no kind knows is allowed to nobody."""
        return self._plans.get((kind, action), ActionRules())

    def effective_principals(self, words: Iterable[str]) -> Subjects:
        """All words that are true of somebody of whom these are: the roles that lines confer, and what those confer.

        Words of which the law says nothing are left out.
        """
        return self._standing(self._mentioned.intersection(words))

    def rules_for(self, kind: str, action: str) -> list[Rule]:
        """The lines that speak of an action, in their order."""
        return [rule for rule in self.rules if rule.applies_to(kind, action)]

    def role_rules_for(self, words: Iterable[str]) -> list[RoleRule]:
        """The role lines that apply to whoever these words are true of, in their order."""
        standing = self.effective_principals(words) | frozenset(words)
        return [line for line in self.roles if line.who in standing]

    @cached_property
    def casbin_enforcer(self) -> Any:
        """A Casbin enforcer that holds these lines. It is asked with `enforce(kind, action, words)`."""
        return _referee((*self.rules, *self.roles))

    # -- lists ----------------------------------------------------------------------------------------------

    def condition(
        self, kind: str, action: str, standing: Subjects, form: SQLStrategy = "few", first: int = 1
    ) -> SQLTemplate:
        """SQL that is true for the rows of a kind open to a caller of this standing; placeholders from `$first`."""
        of, plan = self.kinds[kind], self.plan(kind, action)
        if not of.table:
            raise LookupError(f"{kind!r} has no rows to list")
        if not plan.deny.isdisjoint(standing):
            return SQLTemplate(NEVER)
        everything = not plan.allow.isdisjoint(standing)
        return self._template(of, plan, everything, form, first)

    def relations_for(self, kind: str, action: str, standing: Subjects) -> Subjects:
        """The ties that decide which rows a caller of this standing finds; none where rows do not matter."""
        plan = self.plan(kind, action)
        if plan.allows(standing) or not plan.deny.isdisjoint(standing):
            return EMPTY
        return plan.allow & RELATIONS

    def held_ids_sql(self, kind: str, ties: Subjects, first: int = 1) -> SQLTemplate:
        """SQL that selects the ids of rows to which a caller has one of these ties."""
        values: list[str | CallerId] = []
        return SQLTemplate(held_ids(self.kinds[kind], ties, _binder(values, first)), tuple(values))

    def _make_standing(self, mentioned: Subjects) -> Subjects:
        return frozenset(_reached(mentioned, self._confers))

    def _make_template(
        self, of: ResourceKind, plan: ActionRules, everything: bool, form: SQLStrategy, first: int
    ) -> SQLTemplate:
        values: list[str | CallerId] = []
        bind = _binder(values, first)
        allow, deny = plan.allow & RELATIONS, plan.deny & RELATIONS
        if everything:
            sql = ALWAYS
        elif not allow:
            return SQLTemplate(NEVER)
        elif form == "many":
            sql = row_condition(of, allow, bind)
        else:
            sql = lookup_condition(of, allow, bind)
        if deny:
            # Tested row by row: whoever may see much is denied little.
            sql = f"({sql} AND NOT {row_condition(of, deny, bind)})"
        return SQLTemplate(sql, tuple(values))

    # -- compiling ------------------------------------------------------------------------------------------

    def _compile(self, kind: str, action: str) -> ActionRules:
        rules = self.rules_for(kind, action)
        words = {rule.who for rule in rules}
        # These words, and all from which role lines lead to them.
        sources = _reached(words, self._holders)
        return ActionRules(
            deny=frozenset(rule.who for rule in rules if rule.effect == "deny"),
            allow=frozenset(rule.who for rule in rules if rule.effect == "allow"),
            uses_groups=any(word.startswith("member:") for word in sources),
            uses_permissions=any(word.startswith("permission:") for word in sources),
        )


def _reached(start: Iterable[str], steps: Mapping[str, Iterable[str]]) -> set[str]:
    """Where one gets to from these words, themselves included."""
    found = set(start)
    waiting = list(found)
    while waiting:
        for word in steps.get(waiting.pop(), ()):
            if word not in found:
                found.add(word)
                waiting.append(word)
    return found


def _binder(values: list[str | CallerId], first: int) -> Bind:
    """Each value once, so that PostgreSQL sees one type for it."""

    def bind(value: str | CallerId) -> str:
        if value not in values:
            values.append(value)
        return f"${first + values.index(value)}"

    return bind


def _referee(lines: Iterable[Rule | RoleRule]) -> Any:
    # Imported here: whoever only decides has no use for its evaluator.
    from casbin import Enforcer, Model
    from casbin.persist.adapter import load_policy_line
    from casbin.rbac.default_role_manager import RoleManager

    logging.getLogger("casbin.policy").disabled = True  # it would write the model into the log
    model = Model()
    text = resources.files("portico_policies").joinpath("model.conf").read_text(encoding="utf-8")
    model.load_model_from_text(text)
    enforcer = Enforcer(model)  # this also silences its loggers, which write down every refusal
    lines = list(lines)
    for line in lines:
        load_policy_line(str(line), enforcer.get_model())
    roles = RoleManager(len(lines) + 1)  # as deep as there are lines
    enforcer.set_role_manager(roles)
    enforcer.build_role_links()

    def holds(who: str, words: Subjects) -> bool:
        return who in words or any(roles.has_link(word, who) for word in words)

    enforcer.add_function("holds", holds)
    return enforcer
