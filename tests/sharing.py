"""Caches for all applications of a test process: what Litestar derives from handlers' signatures, entry points, hooks, policies.

Every application registers the same functions again, as new closures over its own services. What Litestar derives from
their signatures (the parsed signature, a struct for the arguments, the source of each argument) does not depend on the
closures, and takes more than half of the start of an application. A server starts one application per process, so only
tests profit from the cache.

Two signatures are equal if code, annotations and defaults are equal, so a handler with other annotations and the same
code is parsed separately.
"""

import importlib
import operator
import os
import sys
from collections import deque
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from litestar._kwargs import KwargsModel
from litestar._signature import SignatureModel
from litestar.utils.signature import ParsedSignature

# As modules of which attributes are replaced; the package of the second has a function of its name.
decisions: Any = importlib.import_module("portico.permissions.decisions")
migrate: Any = importlib.import_module("portico.db.migrate")
contributions: Any = importlib.import_module("portico.plugins.contributions")
declarations: Any = importlib.import_module("portico.plugins.checks.declarations")
discovery: Any = importlib.import_module("portico.plugins.discovery")
loader: Any = importlib.import_module("portico.plugins.loader")
builder: Any = importlib.import_module("portico.permissions.policies.builder")
#: Policies that are kept: those of the usual plugins, and of a few other choices.
MAX_POLICIES = 8
#: Attributes of a function that its parsed signature depends on, beside its code.
PARTS = ("__annotations__", "__defaults__", "__kwdefaults__")


class Signatures:
    """The cache. `parse`, `model`, `arguments`: Litestar's functions."""

    def __init__(
        self, parse: Callable[..., Any], model: Callable[..., Any], arguments: Callable[..., Any]
    ) -> None:
        self._parse, self._model, self._arguments = parse, model, arguments
        self._parsed: dict[CodeType, list[tuple[tuple[Any, ...], dict[str, Any], Any]]] = {}
        #: By the ids of the objects they are derived from, which are stored too, so that the ids are not reused.
        self._models: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._of_arguments: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def parsed(self, fn: Any, namespace: dict[str, Any]) -> Any:
        """Replaces `ParsedSignature.from_fn`."""
        function = fn.__func__ if isinstance(fn, MethodType) else fn
        if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
            return self._parse(fn, namespace)
        parts = (fn is function, *(getattr(function, name) for name in PARTS))
        known = self._parsed.setdefault(function.__code__, [])
        for others, within, found in known:
            if others == parts and within == namespace:
                return found
        found = self._parse(fn, namespace)
        known.append((parts, namespace, found))
        return found

    def model(
        self,
        dependency_name_set: set[str],
        fn: Any,
        parsed_signature: Any,
        type_decoders: Any,
        data_dto: Any = None,
    ) -> Any:
        """Replaces `SignatureModel.create`."""
        if dependency_name_set or type_decoders:
            return self._model(dependency_name_set, fn, parsed_signature, type_decoders, data_dto)
        key = id(parsed_signature), fn.__name__, id(data_dto)
        if key not in self._models:
            made = self._model(dependency_name_set, fn, parsed_signature, type_decoders, data_dto)
            self._models[key] = made, parsed_signature, data_dto
        return self._models[key][0]

    def arguments(
        self,
        signature_model: Any,
        parsed_signature: Any,
        dependencies: dict[str, Any],
        path_parameters: set[str],
        layered_parameters: dict[str, Any],
        ctx: Any = None,
    ) -> Any:
        """Replaces `KwargsModel.create_for_signature_model`."""
        make = self._arguments
        given = signature_model, parsed_signature, dependencies, path_parameters, layered_parameters
        if dependencies or layered_parameters:
            return make(*given, ctx)
        key = id(signature_model), id(parsed_signature), frozenset(path_parameters)
        if key not in self._of_arguments:
            self._of_arguments[key] = make(*given, ctx), signature_model, parsed_signature
        return self._of_arguments[key][0]


class InstalledPlugins:
    """Looks for entry points again only if a directory of the path has changed. `find`: the function of the library."""

    def __init__(self, find: Callable[..., Any]) -> None:
        self._find = find
        self._found: tuple[Any, Any] = (None, None)

    def __call__(self, *, group: str) -> Any:
        """Replaces `importlib.metadata.entry_points`."""
        state = group, [(path, _changed_at(path)) for path in sys.path]
        if self._found[0] != state:
            self._found = state, self._find(group=group)
        return self._found[1]


class Hooks:
    """What pluggy finds in the modules of our own plugins. `register`: the method of the library."""

    def __init__(self, register: Callable[..., Any]) -> None:
        self._register = register
        #: By plugin and name: how many names the module has, and its hooks.
        self._found: dict[tuple[Any, str], tuple[int, list[Any]]] = {}

    def registered(self, manager: Any, plugin: Any, name: str) -> Any:
        """Replaces `PluginManager.register`. A module of which a test has replaced a hook is examined again."""
        names, (count, hooks) = vars(plugin), self._found.get((plugin, name), (0, []))
        taken = manager._name2plugin
        if (
            count != len(names)
            or any(names.get(one.function.__name__) is not one.function for one in hooks)
            or name in taken
            or plugin in taken.values()
        ):
            result = self._register(manager, plugin, name)
            if plugin.__name__.startswith("portico_"):
                hooks = [
                    hook
                    for caller in manager.get_hookcallers(plugin) or ()
                    for hook in caller.get_hookimpls()
                    if hook.plugin is plugin
                ]
                self._found[plugin, name] = len(names), hooks
            return result
        taken[name] = plugin
        for hook in hooks:
            getattr(manager.hook, hook.function.__name__)._add_hookimpl(hook)
        return name


class PackagedFiles:
    """The policy files of our own packages, which do not change. `read`: the function of this name."""

    def __init__(self, read: Callable[[Any], list[Any]]) -> None:
        self._read = read
        self._found: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def __call__(self, policies: Any) -> list[Any]:
        """Replaces `packaged_files`."""
        policies = tuple(policies)
        packages = [getattr(policy, "package", "portico_") for policy in policies]
        if not all(package.startswith("portico_") for package in packages):
            return self._read(policies)
        if policies not in self._found:
            self._found[policies] = tuple(self._read(policies))
        return list(self._found[policies])


class Policies:
    """Compiled policies, which are immutable, for applications with equal kinds and files. `parse`, `build`: as replaced."""

    def __init__(self, parse: Callable[..., Any], build: Callable[..., Any]) -> None:
        self._parse, self._build = parse, build
        self._parsed: deque[tuple[Any, Any]] = deque(maxlen=MAX_POLICIES)
        self._built: deque[tuple[Any, Any, Any]] = deque(maxlen=MAX_POLICIES)

    def parsed(self, kinds: Any, files: Any, *, allow_unknown_kinds: bool = False) -> Any:
        """Replaces `parse_files`."""
        given = dict(kinds), tuple(files), allow_unknown_kinds
        for known, found in self._parsed:
            if known == given:
                return found
        found = self._parse(*given[:2], allow_unknown_kinds=allow_unknown_kinds)
        self._parsed.append((given, found))
        return found

    def policy_set(self, kinds: Any, parsed: Any) -> Any:
        """Replaces `PolicySet`."""
        for known, of, found in self._built:
            if of is parsed and known == kinds:
                return found
        found = self._build(kinds, parsed)
        self._built.append((dict(kinds), parsed, found))
        return found


class Migrations:
    """Names and checksums of the migrations of our own packages, of which no file changes.

    `find`, `checksum`: the functions of these names.
    """

    def __init__(
        self, find: Callable[[str], dict[str, set[str]]], checksum: Callable[..., str]
    ) -> None:
        self._find, self._checksum = find, checksum
        self._found: dict[str, dict[str, set[str]]] = {}
        self._checksums: dict[tuple[Any, ...], str] = {}

    def checksum(self, package: str, name: str, endings: set[str], dialect: Any) -> str:
        """Replaces `file_checksum`."""
        key = package, name, frozenset(endings), dialect
        if not package.startswith(("portico.", "portico_")):
            return self._checksum(package, name, endings, dialect)
        if key not in self._checksums:
            self._checksums[key] = self._checksum(package, name, endings, dialect)
        return self._checksums[key]

    def __call__(self, package: str) -> dict[str, set[str]]:
        """Replaces `list_migrations`."""
        if not package.startswith(("portico.", "portico_")):
            return self._find(package)
        if package not in self._found:
            self._found[package] = self._find(package)
        return dict(self._found[package])


class Checks:
    """Checks of our own plugins at load that have passed once: of what is defined in a module, which does not change.

    `hooks`, `function`: the functions that check the hooks of a module, and a function.
    """

    def __init__(
        self,
        hooks: Callable[[ModuleType], None],
        function: Callable[..., None],
    ) -> None:
        self._hooks, self._function = hooks, function
        #: The functions of a module when its hooks were checked; a test may replace one.
        self._modules: dict[ModuleType, list[Any]] = {}
        self._functions: set[tuple[Any, ...]] = set()

    def check_hooks(self, module: ModuleType) -> None:
        """Replaces the function of this name."""
        members = list(vars(module).values())
        known = self._modules.get(module, [])
        if len(known) != len(members) or any(map(operator.is_not, known, members)):
            self._hooks(module)
            if module.__name__.startswith("portico_"):
                self._modules[module] = members

    def check_function(
        self, what: str, function: Any, *arguments: str, is_async: bool | None
    ) -> None:
        """Replaces the function of this name."""
        inner = getattr(function, "__func__", function)
        is_own = isinstance(inner, FunctionType) and inner.__module__.startswith("portico_")
        if not is_own or hasattr(inner, "__wrapped__"):
            self._function(what, function, *arguments, is_async=is_async)
            return
        key = inner.__code__, inner is function, arguments, is_async
        if key not in self._functions:
            self._function(what, function, *arguments, is_async=is_async)
            self._functions.add(key)


def _changed_at(path: str) -> int:
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return 0


def share() -> None:
    """Install the caches; called once in each process of the tests."""
    signatures = Signatures(
        ParsedSignature.from_fn, SignatureModel.create, KwargsModel.create_for_signature_model
    )
    ParsedSignature.from_fn = signatures.parsed  # type: ignore[method-assign, assignment]
    SignatureModel.create = signatures.model  # type: ignore[method-assign]
    KwargsModel.create_for_signature_model = signatures.arguments  # type: ignore[method-assign]
    policies = Policies(decisions.parse_files, decisions.PolicySet)
    decisions.parse_files = policies.parsed
    decisions.PolicySet = policies.policy_set
    builder.packaged_files = PackagedFiles(builder.packaged_files)
    migrations = Migrations(migrate.list_migrations, migrate.file_checksum)
    migrate.list_migrations = migrations
    migrate.file_checksum = migrations.checksum
    hooks = Hooks(loader.HookManager.register)
    loader.HookManager.register = lambda *given: hooks.registered(*given)
    checks = Checks(loader.check_hooks, declarations.check_function)
    loader.check_hooks = checks.check_hooks
    declarations.check_function = checks.check_function
    discovery.entry_points = InstalledPlugins(discovery.entry_points)
