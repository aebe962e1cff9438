"""The law in force: rules compiled into a table that decides, and Casbin beside it as the referee.

`enforce()` walks every line and evaluates an expression for each; the table looks up one entry. Both are made of the
lines Casbin holds, so what the referee would say and what is decided cannot come from different texts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from portico.permissions.policy import Rule
from portico.permissions.relations import ALWAYS, NEVER, RELATIONS, Bind, Facts, Me, Relation
from portico.permissions.resource import ResourceKind


@dataclass(frozen=True, slots=True)
class Plan:
    """What the law says of one action on one kind: who is denied it, and who is allowed it."""

    deny: tuple[Relation, ...] = ()
    allow: tuple[Relation, ...] = ()

    def decide(self, facts: Facts) -> bool:
        """Whether the facts suffice."""
        return not _any(self.deny, facts) and _any(self.allow, facts)

    def decide_without_grants(self, facts: Facts) -> bool | None:
        """The decision if no grant could change it, else None."""
        if _any((relation for relation in self.deny if not relation.from_grants), facts):
            return False
        if any(relation.from_grants for relation in self.deny):
            return None
        if _any((relation for relation in self.allow if not relation.from_grants), facts):
            return True
        return None if any(relation.from_grants for relation in self.allow) else False


@dataclass(frozen=True, slots=True)
class Template:
    """A condition without its caller: the text, and what stands behind each placeholder."""

    sql: str
    values: tuple[str | Me, ...] = ()


class Law:
    """A whole set of rules, never changed: another set is another law."""

    def __init__(self, kinds: Mapping[str, ResourceKind], rules: Iterable[Rule]) -> None:
        self.kinds = dict(kinds)
        self.rules = tuple(rules)
        self.referee = referee(self.rules)
        held = [
            Rule(kind, act, who, effect, "") for kind, act, who, effect in self.referee.get_policy()
        ]
        self._plans = {
            (kind.name, action): _plan(held, kind.name, action)
            for kind in self.kinds.values()
            for action in kind.actions
        }
        # Roles, kinds and actions are few; a caller's id is not part of the key.
        self.template = lru_cache(maxsize=1024)(self._template)

    def plan(self, kind: str, action: str) -> Plan:
        """What holds for this action; a word that no kind knows is allowed to nobody."""
        return self._plans.get((kind, action), Plan())

    def _template(self, kind: str, action: str, role: str, first: int) -> Template:
        """The condition under which rows of a kind are open to a caller of this role."""
        of, plan, values = self.kinds[kind], self.plan(kind, action), list[str | Me]()

        def bind(value: str | Me) -> str:
            if value not in values:
                values.append(value)
            return f"${first + values.index(value)}"

        def either(relations: Iterable[Relation], bind: Bind) -> str:
            found = [relation.condition(role, of, bind) for relation in relations]
            found = [condition for condition in found if condition != NEVER]
            if ALWAYS in found:
                return ALWAYS
            return f"({' OR '.join(found)})" if found else NEVER

        # Once without binding, to fold: PostgreSQL refuses values that the text then does not use.
        denied, allowed = either(plan.deny, _unbound), either(plan.allow, _unbound)
        if denied == ALWAYS or allowed == NEVER:
            return Template(NEVER)
        sql = allowed if allowed == ALWAYS else either(plan.allow, bind)
        if denied != NEVER:
            # IS NOT TRUE: for a row without an owner, `owner = …` is neither true nor false.
            sql = f"({sql} AND {either(plan.deny, bind)} IS NOT TRUE)"
        return Template(sql, tuple(values))


def referee(rules: Iterable[Rule]) -> Any:
    """A Casbin enforcer that holds these rules. It is asked with `enforce(kind, action, facts)`."""
    # Imported here: whoever only decides has no use for its evaluator.
    from casbin import Enforcer, Model
    from casbin.persist.adapter import load_policy_line

    model = Model()
    text = resources.files("portico_policies").joinpath("model.conf").read_text(encoding="utf-8")
    model.load_model_from_text(text)
    enforcer = Enforcer(model)  # this also silences its loggers, which write down every refusal
    for rule in rules:
        load_policy_line(str(rule), enforcer.get_model())
    enforcer.add_function("holds", _holds)
    return enforcer


def _holds(who: str, facts: Facts) -> bool:
    # Casbin tries an empty line where there is none.
    return who in RELATIONS and RELATIONS[who].holds(facts)


def _plan(rules: Iterable[Rule], kind: str, action: str) -> Plan:
    found: dict[str, dict[str, Relation]] = {"deny": {}, "allow": {}}
    for rule in rules:
        if rule.speaks_of(kind, action):
            found[rule.effect][rule.who] = RELATIONS[rule.who]
    return Plan(deny=tuple(found["deny"].values()), allow=tuple(found["allow"].values()))


def _any(relations: Iterable[Relation], facts: Facts) -> bool:
    return any(relation.holds(facts) for relation in relations)


def _unbound(_: str | Me) -> str:
    return "?"
