"""Caches what Litestar derives from handlers' signatures, and entry points, for all applications of a test process.

Every application registers the same functions again, as new closures over its own services. What Litestar derives from
their signatures (the parsed signature, a struct for the arguments, the source of each argument) does not depend on the
closures, and takes more than half of the start of an application. A server starts one application per process, so only
tests profit from the cache.

Two signatures are equal if code, annotations and defaults are equal, so a handler with other annotations and the same
code is parsed separately.
"""

import os
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any

from litestar._kwargs import KwargsModel
from litestar._signature import SignatureModel
from litestar.utils.signature import ParsedSignature

from portico.plugins import discovery

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
    discovery.entry_points = InstalledPlugins(discovery.entry_points)  # type: ignore[assignment]
