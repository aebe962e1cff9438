"""Checks what a route declares, when it is decorated: an unknown word would make the route open to more than was meant."""

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, Final, Literal, get_args

from litestar.enums import HttpMethod

from portico.permissions.subjects import PERMISSIONS
from portico.web.error_format import ErrorFormat

Access = Literal["public", "user", "verified", "admin"]

ACCESS_LEVELS: Final[tuple[str, ...]] = get_args(Access)
_METHODS: Final = tuple(method.value for method in HttpMethod)
#: The arguments of `route`, as far as they are often misspelt.
_OWN_OPTIONS: Final = ("access", "requires", "permission", "response_type", "errors", "placeholder")
_ERROR_FORMATS: Final[tuple[str, ...]] = get_args(ErrorFormat)


def check_word(what: str, word: object, known: Collection[str]) -> None:
    """Check one word of a declaration. Raises: ValueError, with the words that there are."""
    if word in known:
        return
    near = difflib.get_close_matches(str(word), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(sorted(known))}"
    raise ValueError(f"there is no {what} {word!r}; {hint}")


def check_access(access: object, requires: object, permission: object) -> None:
    """Check who may call a route, as its decorator is given it. Raises: ValueError."""
    check_word("access", access, ACCESS_LEVELS)
    if permission is not None:
        check_word("permission", permission, PERMISSIONS)
    if requires is None:
        return
    parts = requires.split(":") if isinstance(requires, str) else []
    if len(parts) != 2 or not all(parts):  # noqa: PLR2004 - a kind and an action
        raise ValueError(f"requires={requires!r}; write a kind and an action, such as 'chat:read'")
    if access == "public":
        raise ValueError(
            f"requires={requires!r} on a public route, which has no caller; "
            "leave out access='public', or requires"
        )


def check_method(method: object, errors: object) -> None:
    """Check the method of a route and the format of its errors. Raises: ValueError."""
    check_word("method", method, _METHODS)
    if errors is not None:
        check_word("errors format", errors, _ERROR_FORMATS)


def check_options(options: Iterable[str], known: Collection[str]) -> None:
    """Check the names of options: Litestar would take a misspelled one for one of the application's own.

    Raises: TypeError.
    """
    for option in sorted(set(options) - set(known)):
        near = difflib.get_close_matches(option, (*_OWN_OPTIONS, *known), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise TypeError(f"a route has no option {option}{hint}")


def check_handler(handler: Callable[..., Any], *, may_be_plain: bool = False) -> None:
    """Check that a handler is an async function. Raises: TypeError.

    `may_be_plain`: the route says with `sync_to_thread` where a plain function runs.
    """
    function = inspect.unwrap(handler.func if isinstance(handler, partial) else handler)
    name = getattr(function, "__name__", repr(function))
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"the handler {name} has a yield; return `stream_response(…)`")
    if not (may_be_plain or inspect.iscoroutinefunction(function)):
        raise TypeError(f"the handler {name} is not async; write `async def {name}`")
