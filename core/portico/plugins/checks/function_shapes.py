"""Checks of functions that a plugin hands over: whether they are async where they are awaited, and what they take."""

import inspect
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

from portico.plugins.faults import DeclarationFault


def check_function(what: str, function: Any, *arguments: str, is_async: bool | None) -> None:
    """Check that a function can be called with so many arguments. Raises: DeclarationFault.

    `what`: what the function is for, for the sentence. `arguments`: their names. `is_async`: True = it is awaited; False =
    it is not; None = it may be either.
    """
    call = f"({', '.join(arguments)})"
    if not callable(function) or inspect.isclass(function):
        kind = function.__name__ if inspect.isclass(function) else type(function).__name__
        raise DeclarationFault(f"{what} is a {kind}; give a function {call}", function)
    inner = _inner(function)
    name = getattr(inner, "__name__", type(inner).__name__)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise DeclarationFault(f"{what}, {name}, has a yield; write a function without it", inner)
    if is_async is True and _is_plain(inner):
        raise DeclarationFault(f"{what}, {name}, is not async; write `async def {name}`", inner)
    if is_async is False and inspect.iscoroutinefunction(inner):
        raise DeclarationFault(
            f"{what}, {name}, is async and nothing awaits it; write `def {name}`", inner
        )
    if not _takes(function, len(arguments)):
        raise DeclarationFault(f"{what}, {name}, must take {call} and no more", inner)


def _inner(function: Any) -> Any:
    """Return the function that was written: without partials and decorators, and of an object its `__call__`."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    if inspect.isroutine(function):
        return function
    return type(function).__call__


def _is_plain(function: Any) -> bool:
    """Return whether a function certainly returns nothing that can be awaited.

    A lambda, a function in C, and one that is annotated so, may return the awaitable of another.
    """
    if not inspect.isfunction(inspect.unwrap(getattr(function, "__func__", function))):
        return False
    if inspect.iscoroutinefunction(function) or function.__name__ == "<lambda>":
        return False
    returned = str(inspect.get_annotations(getattr(function, "__func__", function)).get("return"))
    return not any(word in returned for word in ("Awaitable", "Coroutine", "Task", "Future"))


def is_simple(function: FunctionType) -> bool:
    """Return whether a function has only arguments without defaults, which are given by place."""
    code = function.__code__
    varied = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return not (varied or code.co_kwonlyargcount or function.__defaults__)


def argument_names(function: FunctionType) -> tuple[str, ...]:
    """Return the names of the arguments of a simple function."""
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def _takes(function: Callable[..., Any], count: int) -> bool:
    plain = getattr(function, "__func__", function)
    if isinstance(plain, FunctionType) and is_simple(plain) and not hasattr(plain, "__wrapped__"):
        return len(argument_names(plain)) == count + (plain is not function)
    try:
        inspect.signature(function).bind(*(None,) * count)
    except TypeError:
        return False
    except ValueError:  # a function in C without a signature
        return True
    return True
