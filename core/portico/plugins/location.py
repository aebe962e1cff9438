"""Where in a plugin's own code something is: its file and line, from its package on, such as `acme_notes/routes.py:12`."""

import functools
import inspect
import traceback
from pathlib import PurePath
from types import CodeType, ModuleType
from typing import Any


def location_of_error(error: BaseException | None, package: str) -> str:
    """Return the line of the package that raised the error, or called what raised it; empty = it passed none.

    `package`: the name of the plugin's package or module. An error that chains others is searched from the first one.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        found = ""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if _belongs(frame.f_globals.get("__name__"), package):
                found = location(frame.f_code.co_filename, line, package)
        if isinstance(error, SyntaxError) and package in _parts(error.filename):
            found = location(str(error.filename), error.lineno or 0, package)
        if found:
            return found
        error = error.__cause__ or error.__context__
    return ""


def location_of_code(thing: Any, package: str) -> str:
    """Return the line where a module, a function, a method or a class of the package is; empty = it is of none."""
    if isinstance(thing, ModuleType):
        is_own = _belongs(thing.__name__, package) and thing.__file__
        return location(str(thing.__file__), 1, package) if is_own else ""
    while isinstance(thing, functools.partial):
        thing = thing.func
    thing = inspect.unwrap(thing) if callable(thing) else thing
    code = getattr(getattr(thing, "__func__", thing), "__code__", None)
    if isinstance(code, CodeType) and _belongs(getattr(thing, "__module__", ""), package):
        return location(code.co_filename, code.co_firstlineno, package)
    kind = thing if inspect.isclass(thing) else type(thing)
    if not _belongs(kind.__module__, package):
        return ""
    try:
        return location(str(inspect.getsourcefile(kind)), inspect.getsourcelines(kind)[1], package)
    except (OSError, TypeError):
        return ""


def location(filename: str, line: int | None, package: str) -> str:
    """Return a file of the package, from the package's folder on, and a line of it."""
    parts = PurePath(filename).parts
    for index in reversed(range(len(parts))):
        if parts[index] in (package, f"{package}.py"):
            return f"{'/'.join(parts[index:])}:{line}"
    return f"{parts[-1] if parts else filename}:{line}"


def _belongs(module: object, package: str) -> bool:
    return isinstance(module, str) and (module == package or module.startswith(f"{package}."))


def _parts(filename: str | None) -> set[str]:
    path = PurePath(filename or "")
    return {*path.parts[:-1], path.stem}
