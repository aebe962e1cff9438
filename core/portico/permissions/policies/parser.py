"""Reading the law: from pages to checked lines, or to a refusal that names file, line and reason.

A set of pages is taken whole or not at all. Casbin's own reader takes lines of any length, keeps quotes, and drops
what it does not know without a word; so every line is checked here before Casbin sees it.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from portico.permissions.policies.files import InvalidPolicy, PolicyFile
from portico.permissions.resource import ResourceKind
from portico.permissions.subjects import PERMISSIONS, RELATIONS, ROLES, SWITCHES

ANY = "*"
EFFECTS = ("allow", "deny")
#: A law of more lines is a mistake: grants belong into rows.
MOST_LINES = 10_000
#: Faults told at once; whoever made more knows by then.
MOST_FAULTS = 50
#: Words among which a fault looks for the one that was meant, and that it lists.
MOST_KNOWN = 100

_RULE = ("p", "kind", "action", "who", "effect")
_ROLE = ("g", "who", "role")
_WORD = re.compile(r"[a-z][a-z0-9_:.-]*|\*")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Rule:
    """Whoever is `who` to a thing of this kind may, or may not, do this. `origin`: `portico_policies/models.csv:12`."""

    kind: str
    action: str
    who: str
    effect: str
    origin: str

    def applies_to(self, kind: str, action: str) -> bool:
        """Whether the line applies to this kind and action."""
        return self.kind in (ANY, kind) and self.action in (ANY, action)

    def __str__(self) -> str:
        return f"p, {self.kind}, {self.action}, {self.who}, {self.effect}"


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Whoever is `who` has this role as well. `origin`: as a rule's."""

    who: str
    role: str
    origin: str

    def __str__(self) -> str:
        return f"g, {self.who}, {self.role}"


@dataclass(frozen=True, slots=True)
class ParsedPolicies:
    """All lines of all pages, in their order. `idle`: those of kinds that no active plugin has."""

    rules: tuple[Rule, ...] = ()
    roles: tuple[RoleRule, ...] = ()
    inactive: tuple[Rule, ...] = ()


def parse_files(
    kinds: Mapping[str, ResourceKind], pages: Iterable[PolicyFile], *, tolerant: bool = False
) -> ParsedPolicies:
    """Every line of every page.

    `tolerant`: lines of an unknown kind are idle instead of wrong; for a house in which a plugin was set aside,
    whose kinds nobody knows now. Raises: InvalidPolicy with all that is wrong, not just the first.
    """
    faults: list[str] = []
    read: list[tuple[str, list[str]]] = []
    for origin, text in (line for page in pages for line in _lines(page)):
        fields = [field.strip() for field in text.split(",")]
        try:
            _check_shape(fields)
        except ValueError as error:
            faults.append(f"{origin}: {error}")
        else:
            read.append((origin, fields))
    roles = tuple(RoleRule(f[1], f[2], origin) for origin, f in read if f[0] == "g")
    rules = [Rule(f[1], f[2], f[3], f[4], origin) for origin, f in read if f[0] == "p"]
    made = {line.role for line in roles}
    known = {ANY, *kinds, *(rule.kind for rule in rules if not tolerant)}
    idle = [rule for rule in rules if rule.kind not in known]
    kept = [rule for rule in rules if rule.kind in known]
    lines: tuple[RoleRule | Rule, ...] = (*roles, *kept)
    for line in lines:
        if len(faults) >= MOST_FAULTS:
            break
        try:
            if isinstance(line, RoleRule):
                _check_role(line, made)
            else:
                _check_rule(line, kinds, made)
        except ValueError as error:
            faults.append(f"{line.origin}: {error}")
    if len(read) > MOST_LINES:
        faults.insert(0, f"there are {len(read)} policy lines; at most {MOST_LINES} are read")
    if faults:
        raise InvalidPolicy(faults[:MOST_FAULTS])
    return ParsedPolicies(tuple(kept), roles, tuple(idle))


def _lines(page: PolicyFile) -> Iterator[tuple[str, str]]:
    """Pairs of origin and text; comments and empty lines are left out."""
    if page.location.startswith("line "):
        yield page.location, page.text
        return
    # Not splitlines(): it also breaks at characters that an editor shows inside one line.
    text = page.text.removeprefix("\ufeff").replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield f"{page.location}:{number}", line


def _check_shape(fields: list[str]) -> None:
    """Raises: ValueError for anything but a mark and the right number of plain words."""
    names = _ROLE if fields[0] == "g" else _RULE
    if fields[0] not in ("p", "g"):
        raise ValueError(f"it begins with {fields[0]!r}; there are `p` and `g` lines")
    if len(fields) != len(names):
        raise ValueError(
            f"{len(fields)} fields where {len(names)} are expected: {', '.join(names)}"
        )
    for name, field in zip(names[1:], fields[1:], strict=True):
        if not _WORD.fullmatch(field):
            raise ValueError(f"{field!r} is no {name}: use a lower-case word, without quotes")


def _check_rule(rule: Rule, kinds: Mapping[str, ResourceKind], made: set[str]) -> None:
    actions = {w for one in kinds.values() if rule.kind in (ANY, one.name) for w in one.all_actions}
    _check_known("kind", rule.kind, {ANY, *kinds})
    _check_known(
        "action" if rule.kind == ANY else f"action of {rule.kind!r}", rule.action, {ANY, *actions}
    )
    if rule.who not in RELATIONS:
        _check_principal(rule.who, made, RELATIONS)
    _check_known("effect", rule.effect, EFFECTS)


def _check_role(line: RoleRule, made: set[str]) -> None:
    _check_principal(line.who, made)
    name = line.role.removeprefix("role:")
    if name == line.role or not name:
        raise ValueError(f"{line.role!r} is no role: write `role:` and a word of your own")
    if name in ROLES:
        raise ValueError(f"{line.role!r} comes with the account; it cannot be given by a line")


def _check_principal(word: str, made: set[str], others: Iterable[str] = ()) -> None:
    prefix, _, name = word.partition(":")
    if prefix in ("member", "user") and name:
        if not _ID.fullmatch(name):
            raise ValueError(
                f"{name!r} is no id of {'a group' if prefix == 'member' else 'an account'}"
            )
    elif prefix == "permission" and name:
        _check_known("permission", name, PERMISSIONS)
    else:
        roles = {f"role:{role}" for role in ROLES} | made
        known = {*others, *roles, *SWITCHES, "member:…", "user:…", "permission:…"}
        hint = f". A role of your own is given by a line such as `g, member:<group id>, {word}`"
        _check_known("relation", word, known, hint if prefix == "role" else "")


def _check_known(what: str, word: str, known: Collection[str], hint: str = "") -> None:
    if word in known:
        return
    known = sorted(known)[:MOST_KNOWN]
    if close := difflib.get_close_matches(word, known, n=1):
        raise ValueError(f"there is no {what} {word!r}; did you mean {close[0]!r}?{hint[1:]}")
    raise ValueError(f"there is no {what} {word!r}; there is {', '.join(known)}{hint}")
