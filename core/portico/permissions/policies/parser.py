"""Parses policy files into checked rules, or rejects them with file, line and reason.

A set of files is accepted whole or not at all. Casbin's own reader accepts lines of any length, keeps quotes, and
silently drops what it does not know; so every rule is checked here before Casbin gets it.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from portico.permissions.policies import former_words
from portico.permissions.policies.files import InvalidPolicy, PolicyFile
from portico.permissions.resource import ANY, PolicyRule, ResourceKind
from portico.permissions.subjects import PERMISSIONS, RELATIONS, ROLES, SWITCHES

EFFECTS = ("allow", "deny")
#: Policies with more rules are a mistake: access to single resources belongs in grants.
MAX_RULES = 10_000
#: Faults reported at once.
MAX_FAULTS = 50
#: Words that a fault lists, and among which it looks for the one that was meant.
MAX_KNOWN = 100

_RULE = ("p", "kind", "action", "subject", "effect")
_ROLE = ("g", "subject", "role")
_WORD = re.compile(r"[a-z][a-z0-9_:.-]*|\*")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A role rule: the subject has the role as well. `origin`: as a rule's."""

    subject: str
    role: str
    origin: str

    def __str__(self) -> str:
        return f"g, {self.subject}, {self.role}"


@dataclass(frozen=True, slots=True)
class ParsedPolicies:
    """All rules of all files, in their order. `inactive`: those for kinds that no active plugin has."""

    rules: tuple[PolicyRule, ...] = ()
    roles: tuple[RoleRule, ...] = ()
    inactive: tuple[PolicyRule, ...] = ()


def parse_files(
    kinds: Mapping[str, ResourceKind],
    files: Iterable[PolicyFile],
    *,
    allow_unknown_kinds: bool = False,
) -> ParsedPolicies:
    """Parse and check every line of every file.

    `allow_unknown_kinds`: rules for an unknown kind are inactive instead of a fault; for an application in which a
    plugin failed, so that its kinds are unknown. Raises: InvalidPolicy with all faults, not just the first.
    """
    faults: list[str] = []
    read: list[tuple[str, list[str]]] = []
    for origin, text in (line for file in files for line in _lines(file)):
        fields = [field.strip() for field in text.split(",")]
        try:
            _check_shape(fields)
        except ValueError as error:
            faults.append(f"{origin}: {error}")
        else:
            read.append((origin, fields))
    roles = tuple(RoleRule(f[1], f[2], origin) for origin, f in read if f[0] == "g")
    rules = [PolicyRule(f[1], f[2], f[3], f[4], origin) for origin, f in read if f[0] == "p"]
    defined_roles = {rule.role for rule in roles}
    checked_kinds = {ANY, *kinds, *former_words.KINDS}
    checked_kinds.update(rule.kind for rule in rules if not allow_unknown_kinds)
    inactive = [rule for rule in rules if rule.kind not in checked_kinds]
    active = [rule for rule in rules if rule.kind in checked_kinds]
    to_check: tuple[RoleRule | PolicyRule, ...] = (*roles, *active)
    for rule in to_check:
        if len(faults) >= MAX_FAULTS:
            break
        try:
            if isinstance(rule, RoleRule):
                _check_role(rule, defined_roles)
            else:
                _check_rule(rule, kinds, defined_roles)
        except ValueError as error:
            faults.append(f"{rule.origin}: {error}")
    if len(read) > MAX_RULES:
        faults.insert(0, f"there are {len(read)} policy rules; at most {MAX_RULES} are allowed")
    if faults:
        raise InvalidPolicy(faults[:MAX_FAULTS])
    return ParsedPolicies(tuple(active), roles, tuple(inactive))


def check_own_kinds(files: Iterable[PolicyFile], own: Collection[str]) -> None:
    """Check that the policies of a plugin are about its own kinds only. Raises: InvalidPolicy."""
    faults = []
    for origin, line in (one for file in files for one in _lines(file)):
        rule, _, rest = line.partition(",")
        kind = rest.partition(",")[0].strip()
        if rule.strip() == "p" and kind and kind not in own:
            faults.append(
                f"{origin}: the rule is about {kind!r}, which is no resource kind of this plugin; rules about other "
                "kinds belong into the operator's policy files"
            )
    if faults:
        raise InvalidPolicy(faults[:MAX_FAULTS])


def _lines(file: PolicyFile) -> Iterator[tuple[str, str]]:
    """Yield pairs of origin and text, without comments and empty lines."""
    if file.location.startswith("line "):
        yield file.location, file.text
        return
    # Not splitlines(): it also splits at characters that an editor shows within one line.
    text = file.text.removeprefix("\ufeff").replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield f"{file.location}:{number}", line


def _check_shape(fields: list[str]) -> None:
    """Raise ValueError for anything but `p` or `g` and the right number of plain words."""
    names = _ROLE if fields[0] == "g" else _RULE
    if fields[0] not in ("p", "g"):
        raise ValueError(f"it begins with {fields[0]!r}; a rule begins with `p` or `g`")
    if len(fields) != len(names):
        raise ValueError(
            f"{len(fields)} fields where {len(names)} are expected: {', '.join(names)}"
        )
    for name, field in zip(names[1:], fields[1:], strict=True):
        if not _WORD.fullmatch(field):
            raise ValueError(
                f"{field!r} is not a valid {name}: use a lower-case word, without quotes"
            )


def _check_rule(
    rule: PolicyRule, kinds: Mapping[str, ResourceKind], defined_roles: set[str]
) -> None:
    actions = {
        action
        for kind in kinds.values()
        if rule.kind in (ANY, kind.name)
        for action in kind.all_actions
    }
    _check_known("kind", rule.kind, {ANY, *kinds}, former_words.new_kind(rule.kind))
    _check_known(
        "action" if rule.kind == ANY else f"action of {rule.kind!r}",
        rule.action,
        {ANY, *actions},
        former_words.new_action(rule.kind, rule.action),
    )
    if rule.subject not in RELATIONS:
        _check_principal(rule.subject, defined_roles, RELATIONS)
    _check_known("effect", rule.effect, EFFECTS)


def _check_role(rule: RoleRule, defined_roles: set[str]) -> None:
    _check_principal(rule.subject, defined_roles)
    name = rule.role.removeprefix("role:")
    if name == rule.role or not name:
        raise ValueError(f"{rule.role!r} is not a valid role: write `role:` and a word of your own")
    if name in ROLES:
        raise ValueError(f"{rule.role!r} is a role of accounts; a role rule cannot give it")


def _check_principal(subject: str, defined_roles: set[str], others: Iterable[str] = ()) -> None:
    prefix, _, name = subject.partition(":")
    if prefix in ("group", "user") and name:
        if not _ID.fullmatch(name):
            holder = "a group" if prefix == "group" else "an account"
            raise ValueError(f"{name!r} is not a valid id of {holder}")
    elif prefix == "permission" and name:
        _check_known("permission", name, PERMISSIONS)
    else:
        roles = {f"role:{role}" for role in ROLES} | defined_roles
        known = {*others, *roles, *SWITCHES, "group:…", "user:…", "permission:…"}
        hint = f". A role of your own is given by a rule such as `g, group:<group id>, {subject}`"
        new_subject = former_words.new_subject(subject)
        _check_known("subject", subject, known, new_subject, hint if prefix == "role" else "")


def _check_known(
    name: str, word: str, known: Collection[str], new_word: str | None = None, hint: str = ""
) -> None:
    """Raise ValueError unless a word is known. `new_word`: differs from `word` if that was renamed."""
    if word in known:
        return
    if new_word is not None and new_word != word:
        raise ValueError(f"{name.partition(' ')[0]} {word!r} is now called {new_word!r}")
    known = sorted(known)[:MAX_KNOWN]
    if close := difflib.get_close_matches(word, known, n=1):
        raise ValueError(f"there is no {name} {word!r}; did you mean {close[0]!r}?{hint[1:]}")
    raise ValueError(f"there is no {name} {word!r}; there is {', '.join(known)}{hint}")
