"""Which plugin a piece of code belongs to, and where in it: the plugin's own file and line, such as `acme/routes.py:12`."""

import functools
import inspect
import traceback
from pathlib import PurePath
from types import CodeType, ModuleType
from typing import Any, NamedTuple


class CodePlace(NamedTuple):
    """A line of a plugin. `at`: its file, from the plugin's package on, and the line. Both are empty if it is unknown."""

    plugin: str = ""
    at: str = ""


class PluginCode:
    """The modules of the plugins of one application, by the names of their packages."""

    def __init__(self) -> None:
        self._plugins: dict[str, str] = {}

    def add(self, plugin: str, module: str) -> None:
        """Note the module of a plugin. Its package is the plugin's too, unless another plugin has it already."""
        self._plugins[module] = plugin
        if (package := module.partition(".")[0]) != "portico":
            self._plugins.setdefault(package, plugin)

    def plugin_of(self, module: object) -> str:
        """Return the plugin that a module belongs to; empty = none."""
        name = module if isinstance(module, str) else ""
        while name:
            if name in self._plugins:
                return self._plugins[name]
            name = name.rpartition(".")[0]
        return ""

    def of_error(self, error: BaseException | None, plugin: str = "") -> CodePlace:
        """Return the innermost line of a plugin that raised an error, or called what raised it.

        `plugin`: only lines of this one. The cause of an error is searched before the error itself.
        """
        causes, contexts = _chain(error, "__cause__"), _chain(error, "__context__")
        for one in (*reversed(causes), *contexts):
            if (found := self._in_traceback(one, plugin)).at:
                return found
        return CodePlace()

    def of_definition(self, thing: Any) -> CodePlace:
        """Return the line of a plugin where a module, a class, a function, or the class of an object begins."""
        try:
            return self._of_definition(thing)
        except Exception:  # noqa: BLE001 - an object of a plugin may raise whatever it is asked
            return CodePlace()

    def _of_definition(self, thing: Any) -> CodePlace:
        while isinstance(thing, functools.partial):
            thing = thing.func
        thing = inspect.unwrap(thing) if callable(thing) else thing
        function = getattr(thing, "__func__", thing)
        code = getattr(function, "__code__", None)
        if isinstance(thing, ModuleType):
            return self._place(thing.__name__, thing.__file__, 1)
        if isinstance(code, CodeType):
            return self._place(function.__module__, code.co_filename, code.co_firstlineno)
        kind = thing if inspect.isclass(thing) else type(thing)
        if not self.plugin_of(kind.__module__):
            return CodePlace()
        try:
            return self._place(
                kind.__module__, inspect.getsourcefile(kind), inspect.getsourcelines(kind)[1]
            )
        except (OSError, TypeError):
            return CodePlace(self.plugin_of(kind.__module__))

    def _in_traceback(self, error: BaseException, plugin: str) -> CodePlace:
        found = CodePlace()
        for frame, line in traceback.walk_tb(error.__traceback__):
            module = frame.f_globals.get("__name__")
            owner = self.plugin_of(module)
            if owner and plugin in ("", owner):
                found = self._place(module, frame.f_code.co_filename, line)
        if isinstance(error, SyntaxError):
            found = self._place_of_file(error, plugin) or found
        return found

    def _place_of_file(self, error: SyntaxError, plugin: str) -> CodePlace | None:
        """Return the line that is no Python, if it is in a file of a plugin."""
        path = PurePath(error.filename or "")
        for part in (*reversed(path.parts[:-1]), path.stem):
            owner = self._plugins.get(part)
            if owner and plugin in ("", owner):
                return self._place(part, error.filename, error.lineno or 1)
        return None

    def _place(self, module: Any, file: str | None, line: int) -> CodePlace:
        plugin = self.plugin_of(module)
        if not plugin or file is None:
            return CodePlace(plugin)
        package = str(module).partition(".")[0]
        parts = PurePath(file).parts
        for index in reversed(range(len(parts))):
            if parts[index] in (package, f"{package}.py"):
                return CodePlace(plugin, f"{'/'.join(parts[index:])}:{line}")
        return CodePlace(plugin, f"{parts[-1]}:{line}")


def _chain(error: BaseException | None, link: str) -> list[BaseException]:
    """Return an error and those that `link` leads to, such as its causes."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = getattr(error, link)
    return found
