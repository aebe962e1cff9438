"""Permissions on their way in: of the right shape, and not more than somebody may give away."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from portico.errors import Forbidden, ValidationError
from portico.identity.groups.permission_tree import PermissionTree, allows, default_tree
from portico.settings.permissions import PermissionDefaults

#: Every section and word there is.
WORDS: Final[Mapping[str, Collection[str]]] = {
    section: frozenset(words) for section, words in default_tree(PermissionDefaults()).items()
}
#: Faults that are told at a time.
MOST_FAULTS = 20
#: Characters of a client's own word in an answer.
LONGEST_WORD = 64

Fault = dict[str, Any]


def permission_errors(
    given: object, at: Sequence[str | int] = ("body", "permissions")
) -> list[Fault]:
    """What is wrong with the permissions of a group, each with its place; `at`: the place of the whole.

    Right are the sections and words of the tree, or some of them, and nothing but true and false.
    """
    found = []
    for fault in _faults(given, list(at)):
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    return found


def check_permissions(given: object, at: Sequence[str | int] = ("body", "permissions")) -> None:
    """Raises: Misshapen with every fault."""
    if faults := permission_errors(given, at):
        raise ValidationError(faults)


def read_defaults(given: Mapping[str, Any], missing: PermissionTree) -> PermissionTree:
    """A whole tree out of what somebody sent: words that are missing are those of `missing`, unknown ones dropped.

    Raises: Misshapen for a section that is not there, and for anything but true and false.
    """
    tree: PermissionTree = {}
    faults: list[Fault] = []
    for section, words in missing.items():
        place: list[str | int] = ["body", section]
        sent = given.get(section)
        if section not in given:
            faults.append(_fault("missing", place, "Field required"))
        elif not isinstance(sent, Mapping):
            faults.append(_fault("dict_type", place, "Expected `object`"))
        else:
            tree[section] = {word: sent.get(word, value) for word, value in words.items()}
            faults += [_no_bool([*place, w]) for w, v in tree[section].items() if not _is_bool(v)]
    if faults:
        raise ValidationError(faults)
    return tree


def granted_permissions(tree: object) -> set[str]:
    """The leaves of a tree, as `workspace.models`, that grant something. What has another shape grants nothing."""
    return {
        f"{section}.{word}"
        for section, words in (tree.items() if isinstance(tree, Mapping) else ())
        for word, value in (words.items() if isinstance(words, Mapping) else ())
        if value is True
    }


def check_may_grant(leaves: Collection[str], within: PermissionTree | None) -> None:
    """Nobody gives away what they do not have; `within` None = whoever may give everything. Raises: Forbidden."""
    if within is not None and not all(allows(within, leaf) for leaf in leaves):
        raise Forbidden


def _faults(given: object, at: list[str | int]) -> Iterator[Fault]:
    if not isinstance(given, Mapping):
        yield _fault("dict_type", at, "Expected `object | null`")
        return
    for section, words in given.items():
        place = [*at, str(section)[:LONGEST_WORD]]
        if section not in WORDS:
            yield _fault("extra_forbidden", place, "There is no such section")
        elif not isinstance(words, Mapping):
            yield _fault("dict_type", place, "Expected `object`")
        else:
            for word, value in words.items():
                leaf = [*place, str(word)[:LONGEST_WORD]]
                if word not in WORDS[section]:
                    yield _fault("extra_forbidden", leaf, "There is no such permission")
                elif not _is_bool(value):
                    yield _no_bool(leaf)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _no_bool(place: list[str | int]) -> Fault:
    return _fault("bool_parsing", place, "Expected `bool`")


def _fault(kind: str, place: list[str | int], msg: str) -> Fault:
    return {"type": kind, "loc": place, "msg": msg}
