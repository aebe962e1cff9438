"""Checks the hooks of a plugin's module before any is called: marks, names, arguments, and whether they may be async."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any, Final

from portico import hookspecs
from portico.plugins.checks.function_shapes import argument_names, is_simple
from portico.plugins.faults import DeclarationFault

#: Hooks that may be `async def`.
_AWAITED: Final = ("startup", "shutdown")
#: Hooks that return one thing or none, so a `yield` in them is a mistake.
_ONE: Final = (*_AWAITED, "register_settings", "register_tables", "register_components", "register_commands")  # fmt: skip
_MARK: Final = "portico_impl"


@cache
def hook_arguments() -> dict[str, tuple[str, ...]]:
    """Return the arguments of each hook, by its name."""
    return {
        name: tuple(inspect.signature(spec).parameters)
        for name, spec in vars(hookspecs).items()
        if hasattr(spec, "portico_spec")
    }


def check_hooks(module: ModuleType) -> None:
    """Check the hooks of a module. Raises: DeclarationFault for the first that cannot be called as it is written."""
    members = vars(module)
    for name, arguments in hook_arguments().items():
        found = members.get(name)
        if found is not None and (_is_marked(found) or _is_own(found, module)):
            _check_hook(name, found, arguments)
    for name, found in members.items():
        if name not in hook_arguments() and isinstance(found, FunctionType) and _is_marked(found):
            near = difflib.get_close_matches(name, hook_arguments(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; remove @hookimpl"
            raise DeclarationFault(f"there is no hook {name!r}{hint}", found)
        if inspect.isclass(found) and found.__module__ == module.__name__:
            _check_class(found)


def _check_hook(name: str, found: Any, arguments: tuple[str, ...]) -> None:
    if not _is_marked(found):
        raise DeclarationFault(
            f"{name} is not marked as a hook; write @hookimpl above it, or rename it", found
        )
    if not isinstance(found, FunctionType):
        raise DeclarationFault(
            f"{name} is a {type(found).__name__}; a hook is a plain function without other decorators",
            found,
        )
    options = found.portico_impl  # type: ignore[attr-defined]
    if options.get("wrapper") or options.get("hookwrapper"):
        raise DeclarationFault(
            f"{name} is a hook wrapper; write @hookimpl without arguments", found
        )
    if name not in _AWAITED and inspect.iscoroutinefunction(found):
        raise DeclarationFault(
            f"{name} is async, but a hook is called once; write `def {name}`", found
        )
    if inspect.isasyncgenfunction(found) or (name in _ONE and inspect.isgeneratorfunction(found)):
        raise DeclarationFault(f"{name} has a yield; return what it registers instead", found)
    _check_arguments(name, found, arguments)


def _check_arguments(name: str, found: FunctionType, arguments: tuple[str, ...]) -> None:
    if is_simple(found) and set(argument_names(found)) <= set(arguments):
        return  # as good as all are, and ten times faster than their signatures
    known = ", ".join(arguments) or "none"
    for one in inspect.signature(found).parameters.values():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.KEYWORD_ONLY):
            raise DeclarationFault(
                f"{name} has the argument {one}, which is never given; it may have {known}", found
            )
        if one.name not in arguments:
            near = difflib.get_close_matches(one.name, arguments, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it may have {known}"
            raise DeclarationFault(f"{name} has no argument {one.name!r}; {hint}", found)
        if one.default is not one.empty:
            raise DeclarationFault(
                f"the argument {one.name!r} of {name} has a default, so it is never given; remove the default",
                found,
            )


def _check_class(kind: type[Any]) -> None:
    for name, member in _functions(kind):
        if _is_marked(member):
            raise DeclarationFault(
                f"the hook {name} is in the class {kind.__name__}; hooks are functions of the plugin's module",
                member,
            )


def _functions(kind: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, member in vars(kind).items():
        function = getattr(member, "__func__", member)
        if isinstance(function, FunctionType):
            yield name, function


def _is_marked(thing: Any) -> bool:
    return isinstance(getattr(thing, _MARK, None), dict)


def _is_own(thing: Any, module: ModuleType) -> bool:
    """Return whether a function was written in this plugin, not imported from elsewhere."""
    package = module.__name__.partition(".")[0]
    return inspect.isfunction(thing) and thing.__module__.partition(".")[0] == package
