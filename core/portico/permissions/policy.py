"""Reading the law: from files and lines to checked rules, or to a refusal that names file, line and reason.

A set of policies is taken whole or not at all. Casbin's own reader takes lines of any length, keeps quotes, and
drops what it does not know without a word; so every line is checked here before Casbin sees it.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from portico.errors import OperatorError
from portico.permissions.relations import RELATIONS
from portico.permissions.resource import PolicyFile, PolicyLine, ResourceKind

ANY = "*"
EFFECTS = ("allow", "deny")
#: A policy of more lines is a mistake: grants belong into rows.
MOST_LINES = 10_000

#: What holds for every kind, whichever plugins are there.
HOUSE_RULES = (PolicyFile("portico_policies", "roles.csv"),)

_FIELDS = ("p", "kind", "action", "who", "effect")
_WORD = re.compile(r"[a-z][a-z0-9_:-]*|\*")


class BadPolicy(OperatorError):
    """The law cannot be read. `faults`: one sentence each, beginning with `package/file:line`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Rule:
    """One checked line. `origin`: where it stands, such as `portico_policies/models.csv:12`."""

    kind: str
    action: str
    who: str
    effect: str
    origin: str

    def speaks_of(self, kind: str, action: str) -> bool:
        """Whether the line applies to this kind and action."""
        return self.kind in (ANY, kind) and self.action in (ANY, action)

    def __str__(self) -> str:
        return f"p, {self.kind}, {self.action}, {self.who}, {self.effect}"


def read_policies(
    kinds: Mapping[str, ResourceKind], policies: Iterable[PolicyFile | PolicyLine]
) -> list[Rule]:
    """Every line of every policy, in their order. Raises: BadPolicy with all that is wrong, not just the first."""
    rules: list[Rule] = []
    faults: list[str] = []
    for policy in policies:
        try:
            lines = list(_lines(policy))
        except (OSError, ImportError, UnicodeDecodeError) as error:
            faults.append(f"{policy}: it cannot be read: {error}")
            continue
        for origin, text in lines:
            try:
                rules.append(_rule(origin, text, kinds))
            except ValueError as error:
                faults.append(f"{origin}: {error}")
    if len(rules) > MOST_LINES:
        faults.append(f"there are {len(rules)} policy lines; at most {MOST_LINES} are read")
    if faults:
        raise BadPolicy(faults)
    return rules


def _lines(policy: PolicyFile | PolicyLine) -> Iterator[tuple[str, str]]:
    """Pairs of origin and text; comments and empty lines are left out."""
    if isinstance(policy, PolicyLine):
        yield f"line `{policy}`", str(policy)
        return
    text = resources.files(policy.package).joinpath(policy.name).read_text(encoding="utf-8")
    # Not splitlines(): it also breaks at characters that an editor shows inside one line.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield f"{policy}:{number}", line


def _rule(origin: str, text: str, kinds: Mapping[str, ResourceKind]) -> Rule:
    """The rule a line states. Raises: ValueError with what is wrong with it."""
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{len(fields)} fields where {len(_FIELDS)} are expected: {', '.join(_FIELDS)}"
        )
    mark, kind, action, who, effect = fields
    if mark != "p":
        raise ValueError(f"it begins with {mark!r}; only `p` lines exist")
    for name, field in zip(_FIELDS[1:], fields[1:], strict=True):
        if not _WORD.fullmatch(field):
            raise ValueError(f"{field!r} is no {name}: use a lower-case word, without quotes")
    actions = {word for one in kinds.values() if kind in (ANY, one.name) for word in one.actions}
    _known("kind", kind, {ANY, *kinds})
    _known("action" if kind == ANY else f"action of {kind!r}", action, {ANY, *actions})
    _known("relation", who, RELATIONS)
    _known("effect", effect, EFFECTS)
    return Rule(kind, action, who, effect, origin)


def _known(what: str, word: str, known: Collection[str]) -> None:
    if word in known:
        return
    if close := difflib.get_close_matches(word, known, n=1):
        raise ValueError(f"there is no {what} {word!r}; did you mean {close[0]!r}?")
    raise ValueError(f"there is no {what} {word!r}; there is {', '.join(sorted(known))}")
