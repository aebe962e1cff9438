"""Permissions on their way in: of the right shape, and not more than somebody may give away."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from portico.errors import Forbidden, ValidationError
from portico.identity.groups.permission_tree import PermissionTree, allows, default_tree
from portico.settings.permissions import PermissionDefaults

#: Every section and word there is.
KNOWN_PERMISSIONS: Final[Mapping[str, Collection[str]]] = {
    section: frozenset(words) for section, words in default_tree(PermissionDefaults()).items()
}
#: Faults that are told at a time.
MAX_ERRORS = 20
#: Characters of a client's own word in an answer.
MAX_SHOWN_CHARS = 64

FieldError = dict[str, Any]


def permission_errors(
    given: object, at: Sequence[str | int] = ("body", "permissions")
) -> list[FieldError]:
    """What is wrong with the permissions of a group, each with its place; `at`: the place of the whole.

    Right are the sections and words of the tree, or some of them, and nothing but true and false.
    """
    found = []
    for fault in _errors(given, list(at)):
        found.append(fault)
        if len(found) == MAX_ERRORS:
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
    faults: list[FieldError] = []
    for section, words in missing.items():
        place: list[str | int] = ["body", section]
        sent = given.get(section)
        if section not in given:
            faults.append(_field_error("missing", place, "Field required"))
        elif not isinstance(sent, Mapping):
            faults.append(_field_error("dict_type", place, "Expected `object`"))
        else:
            tree[section] = {word: sent.get(word, value) for word, value in words.items()}
            faults += [
                _not_a_bool([*place, w]) for w, v in tree[section].items() if not _is_bool(v)
            ]
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


def _errors(given: object, at: list[str | int]) -> Iterator[FieldError]:
    if not isinstance(given, Mapping):
        yield _field_error("dict_type", at, "Expected `object | null`")
        return
    for section, words in given.items():
        place = [*at, str(section)[:MAX_SHOWN_CHARS]]
        if section not in KNOWN_PERMISSIONS:
            yield _field_error("extra_forbidden", place, "There is no such section")
        elif not isinstance(words, Mapping):
            yield _field_error("dict_type", place, "Expected `object`")
        else:
            for word, value in words.items():
                leaf = [*place, str(word)[:MAX_SHOWN_CHARS]]
                if word not in KNOWN_PERMISSIONS[section]:
                    yield _field_error("extra_forbidden", leaf, "There is no such permission")
                elif not _is_bool(value):
                    yield _not_a_bool(leaf)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _not_a_bool(place: list[str | int]) -> FieldError:
    return _field_error("bool_parsing", place, "Expected `bool`")


def _field_error(kind: str, place: list[str | int], msg: str) -> FieldError:
    return {"type": kind, "loc": place, "msg": msg}
