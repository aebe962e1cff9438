"""Validation of permission trees in requests: their shape, and that the caller may grant them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from portico.errors import Forbidden, ValidationError, fault
from portico.identity.groups.permission_tree import PermissionTree, allows, default_tree
from portico.settings.permissions import PermissionDefaults

#: Permissions by section.
KNOWN_PERMISSIONS: Final[Mapping[str, Collection[str]]] = {
    section: frozenset(words) for section, words in default_tree(PermissionDefaults()).items()
}
#: Errors in one response.
MAX_ERRORS = 20
#: Characters of a name of the client that an error repeats.
MAX_SHOWN_CHARS = 64

FieldError = dict[str, Any]


def permission_errors(
    given: object, at: Sequence[str | int] = ("body", "permissions")
) -> list[FieldError]:
    """Return the errors of the permissions of a group. `at`: their location in the request.

    Valid are some or all known sections and permissions with boolean values.
    """
    errors = []
    for error in _errors(given, list(at)):
        errors.append(error)
        if len(errors) == MAX_ERRORS:
            break
    return errors


def check_permissions(given: object, at: Sequence[str | int] = ("body", "permissions")) -> None:
    """Raises: ValidationError with all errors."""
    if errors := permission_errors(given, at):
        raise ValidationError(errors)


def read_defaults(given: Mapping[str, Any], missing: PermissionTree) -> PermissionTree:
    """Return a complete tree: missing permissions are taken from `missing`, unknown ones are dropped.

    Raises: ValidationError for a missing section, and for a value that is not a boolean.
    """
    tree: PermissionTree = {}
    errors: list[FieldError] = []
    for section, words in missing.items():
        place: list[str | int] = ["body", section]
        sent = given.get(section)
        if section not in given:
            errors.append(fault("missing", place, "Field required"))
        elif not isinstance(sent, Mapping):
            errors.append(fault("dict_type", place, "Expected `object`"))
        else:
            tree[section] = {word: sent.get(word, value) for word, value in words.items()}
            errors += [
                _not_a_bool([*place, w]) for w, v in tree[section].items() if not _is_bool(v)
            ]
    if errors:
        raise ValidationError(errors)
    return tree


def granted_permissions(tree: object) -> set[str]:
    """Return the granted permissions of a tree, such as `workspace.models`. Values of another shape grant nothing."""
    return {
        f"{section}.{word}"
        for section, words in (tree.items() if isinstance(tree, Mapping) else ())
        for word, value in (words.items() if isinstance(words, Mapping) else ())
        if value is True
    }


def check_may_grant(leaves: Collection[str], within: PermissionTree | None) -> None:
    """Check that `within`, the tree of the granting account, has these permissions; None = no limit. Raises: Forbidden."""
    if within is not None and not all(allows(within, leaf) for leaf in leaves):
        raise Forbidden


def _errors(given: object, at: list[str | int]) -> Iterator[FieldError]:
    if not isinstance(given, Mapping):
        yield fault("dict_type", at, "Expected `object | null`")
        return
    for section, words in given.items():
        place = [*at, str(section)[:MAX_SHOWN_CHARS]]
        if section not in KNOWN_PERMISSIONS:
            yield fault("extra_forbidden", place, "Unknown section")
        elif not isinstance(words, Mapping):
            yield fault("dict_type", place, "Expected `object`")
        else:
            for word, value in words.items():
                leaf = [*place, str(word)[:MAX_SHOWN_CHARS]]
                if word not in KNOWN_PERMISSIONS[section]:
                    yield fault("extra_forbidden", leaf, "Unknown permission")
                elif not _is_bool(value):
                    yield _not_a_bool(leaf)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _not_a_bool(place: list[str | int]) -> FieldError:
    return fault("bool_parsing", place, "Expected `bool`")
