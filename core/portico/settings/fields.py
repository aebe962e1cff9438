"""Settings schemas as flat lists of fields: key, variables and type of each setting."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from portico.settings.schema import CoreSettings
from portico.settings.section import Secret
from portico.settings.text_forms import TextForm

PREFIX = "PORTICO_"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. `derived`: the variable name derived from its key, used if it declares none.

    `empty`: an empty variable is a value of its own, not unset. `form`: how its texts are cleaned and checked. `annotation`: the type for msgspec; `shape`: the same type, inspected. `runtime_key`: the name under which a value is
    stored at run time; empty = it cannot be changed at run time. `part`: of the plugin, which alone is disabled by an invalid value. `former_keys`, `former_variables`: names that it had
    in earlier versions.
    """

    key: str
    name: str
    annotation: Any
    shape: inspect.Type
    default: Any
    required: bool
    variables: tuple[str, ...]
    derived: str
    separator: str
    allowed: str
    description: str
    empty: bool = False
    form: TextForm = ""
    runtime_key: str = ""
    part: str = ""
    former_keys: tuple[str, ...] = ()
    former_variables: tuple[str, ...] = ()

    @property
    def is_secret(self) -> bool:
        """Whether its type contains a `Secret`."""
        return _holds_secret(self.shape)


def variable_prefix(*path: str) -> str:
    """Return the start of derived variable names: `variable_prefix("open-id")` is `PORTICO_OPEN_ID_`."""
    return PREFIX + "".join(f"{re.sub(r'[^A-Z0-9]', '_', part.upper())}_" for part in path)


@lru_cache(maxsize=256)  # a schema does not change, and reading one takes milliseconds
def fields_of(schema: type[msgspec.Struct], *path: str, env_path: str | None = None) -> list[Field]:
    """Return the settings of the section at `path`, in the order they are declared.

    `env_path` replaces the path in derived variable names: `plugins.echo.times` is
    `PORTICO_ECHO_TIMES`.
    """
    prefix = variable_prefix(*(path if env_path is None else (env_path,)))
    return [field_of(item, path, prefix) for item in msgspec.structs.fields(schema)]


def plugin_fields(
    name: str, schema: type[msgspec.Struct], formerly: Sequence[str] = ()
) -> list[Field]:
    """Return the settings of the plugin of that name. `formerly`: names that the plugin had before."""
    fields = fields_of(schema, "plugins", name, env_path=name)
    return [_with_former_plugin(field, name, formerly) for field in fields] if formerly else fields


@cache
def core_sections() -> Mapping[str, type[msgspec.Struct]]:
    """Return the core's own sections by name, in the order they are declared."""
    shapes = {
        item.name: inspect.type_info(item.type) for item in msgspec.structs.fields(CoreSettings)
    }
    return {
        name: shape.cls for name, shape in shapes.items() if isinstance(shape, inspect.StructType)
    }


@cache
def core_fields() -> Mapping[str, list[Field]]:
    """Return the core's own settings by section; those outside of any section come first, under `""`."""
    sections = core_sections()
    sectionless = [field for field in fields_of(CoreSettings) if field.name not in sections]
    return {"": sectionless} | {name: fields_of(schema, name) for name, schema in sections.items()}


def bare(shape: inspect.Type) -> inspect.Type:
    """Return the shape without its metadata."""
    return bare(shape.type) if isinstance(shape, inspect.Metadata) else shape


def is_optional(shape: inspect.Type) -> bool:
    """Return whether None is among the values of this shape."""
    return isinstance(shape, inspect.UnionType) and shape.includes_none


def field_of(item: msgspec.structs.FieldInfo, path: tuple[str, ...], prefix: str) -> Field:
    """Return one setting of the section at `path`. `prefix`: of its derived variable."""
    info = inspect.type_info(item.type)
    extra = (info.extra if isinstance(info, inspect.Metadata) else None) or {}
    schema = (info.extra_json_schema if isinstance(info, inspect.Metadata) else None) or {}
    annotation = _bounded(item.type, extra.get("bounds"))
    default = item.default
    if item.default_factory is not msgspec.NODEFAULT:
        default = item.default_factory()
    derived = prefix + item.name.upper()
    old_keys, old_variables = _former_names(extra.get("formerly", ()), path, prefix)
    return Field(
        key=".".join((*path, item.name)),
        name=item.name,
        annotation=annotation,
        shape=bare(inspect.type_info(annotation)),
        default=default,
        required=item.required,
        variables=extra.get("env") or (derived,),
        derived=derived,
        separator=extra.get("separator", ","),
        allowed=extra.get("allowed", ""),
        description=schema.get("description", ""),
        empty=extra.get("empty", False),
        form=extra.get("form", ""),
        runtime_key=extra.get("runtime_key", ""),
        part=extra.get("part", ""),
        former_keys=old_keys,
        former_variables=old_variables,
    )


def _with_former_plugin(field: Field, plugin: str, formerly: Sequence[str]) -> Field:
    """Add the names that the setting had while its plugin had another name."""
    here, prefix = f"plugins.{plugin}.", variable_prefix(plugin)
    keys, variables = (field.key, *field.former_keys), (field.derived, *field.former_variables)
    tails = [key.removeprefix(here) for key in keys if key.startswith(here)]
    ends = [name.removeprefix(prefix) for name in variables if name.startswith(prefix)]
    return replace(
        field,
        former_keys=(*field.former_keys, *(f"plugins.{n}.{t}" for n in formerly for t in tails)),
        former_variables=(
            *field.former_variables,
            *(variable_prefix(n) + end for n in formerly for end in ends),
        ),
    )


def _former_names(
    names: tuple[str, ...], path: tuple[str, ...], prefix: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the dotted keys and the derived variables of `formerly`."""
    keys, variables = [], []
    for name in names:
        if name.startswith(PREFIX):
            variables.append(name)
        elif "." in name:
            keys.append(name)
            variables.append(variable_prefix(*name.removeprefix("plugins.").split("."))[:-1])
        else:
            keys.append(".".join((*path, name)))
            variables.append(prefix + name.upper())
    return tuple(keys), tuple(variables)


def _bounded(annotation: Any, bounds: Mapping[str, Any] | None) -> Any:
    """Return the annotation with the bounds on its type, or on each type of a union except None."""
    if not bounds:
        return annotation
    plain = get_args(annotation)[0]
    members = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    meta = msgspec.Meta(**bounds)
    return Union[tuple(m if m is NoneType else Annotated[m, meta] for m in members)]  # noqa: UP007


def _holds_secret(shape: inspect.Type) -> bool:
    match bare(shape):
        case inspect.CustomType(cls=cls):
            return cls is Secret
        case inspect.UnionType(types=shapes) | inspect.TupleType(item_types=shapes):
            return any(map(_holds_secret, shapes))
        case inspect.CollectionType(item_type=item):
            return _holds_secret(item)
        case inspect.DictType(value_type=item):
            return _holds_secret(item)
        case inspect.StructType(fields=fields):
            return any(_holds_secret(field.type) for field in fields)
        case _:
            return False
