"""Checks that the settings class of a plugin can be read at all: the types of its settings, their bounds and defaults."""

import re
from collections.abc import Iterator
from typing import Final, get_args

import msgspec
from msgspec import inspect

from portico.errors import error_text
from portico.settings.fields import Field, bare, field_of, plugin_fields
from portico.settings.section import Secret, Section
from portico.settings.text_forms import TextForm, cleaned
from portico.settings.type_descriptions import describe_type

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMS: Final = tuple(form for form in get_args(TextForm) if form)


def schema_fault(plugin: str, schema: type[Section]) -> str:
    """Return why the settings of a plugin cannot be read, as a sentence; empty = they can. Plugins may declare anything."""
    try:
        fields = plugin_fields(plugin, schema)  # remembered for the reading that follows
    except Exception:  # noqa: BLE001 - msgspec raises several, and a default factory anything
        return _unreadable_field(schema)
    for field in fields:
        if fault := _field_fault(field):
            return f"the setting {field.name!r} of {schema.__name__} {fault}"
    return ""


def _unreadable_field(schema: type[Section]) -> str:
    """Return which setting cannot be read, and why."""
    try:
        items = msgspec.structs.fields(schema)
    except NameError as error:
        return f"{schema.__name__}: the type of a setting is not defined: {error}; import it"
    for item in items:
        try:
            field_of(item, (), "")
        except Exception as error:  # noqa: BLE001 - as above
            where = f"the setting {item.name!r} of {schema.__name__}"
            return f"{where} cannot be read: {error_text(error)}; correct its type, its bounds or its default"
    return f"{schema.__name__} cannot be read; write a class of settings with annotated fields"


def _field_fault(field: Field) -> str:
    unreadable = next(_unreadable(field.shape), None)
    if unreadable is not None:
        return (
            f"has the type {unreadable.__name__}, which neither a file nor a variable can hold; "
            "use str, int, float, bool, Secret, a Literal, or a list, a dict or a Struct of these"
        )
    names = field.variables
    if not isinstance(names, tuple) or not all(
        isinstance(name, str) and _VARIABLE.fullmatch(name) for name in names
    ):
        return f"has env={names!r}; write the name of a variable, or several in a tuple"
    if field.form and field.form not in _FORMS:
        return f"has the form {field.form!r}; there is {', '.join(_FORMS)}"
    return "" if field.required else _default_fault(field)


def _default_fault(field: Field) -> str:
    try:
        msgspec.convert(cleaned(field.default, field.form), field.annotation)
    except ValueError:
        value = "" if field.is_secret else f" {field.default!r}"
        return (
            f"has a default{value} that it does not allow itself: expected {describe_type(field)}"
        )
    return ""


def _unreadable(shape: inspect.Type) -> Iterator[type]:
    """Yield the types within a shape that cannot be read."""
    match bare(shape):
        case inspect.CustomType(cls=cls) if cls is not Secret:
            yield cls
        case inspect.UnionType(types=shapes) | inspect.TupleType(item_types=shapes):
            for one in shapes:
                yield from _unreadable(one)
        case inspect.CollectionType(item_type=item):
            yield from _unreadable(item)
        case inspect.DictType(key_type=key, value_type=value):
            yield from _unreadable(key)
            yield from _unreadable(value)
        case inspect.StructType(fields=fields):
            for part in fields:
                yield from _unreadable(part.type)
