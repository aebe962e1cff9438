"""The list of all settings with value and origin, which `portico config` prints."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import msgspec

from portico.settings.fields import Field, core_fields, plugin_fields
from portico.settings.load import LoadedSettings
from portico.settings.masking import masked, shown
from portico.settings.problems import BadSettings, Problem


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One setting for display: secrets and passwords in URLs are masked.

    `value` and `default` are plain data, ready for JSON. `origin`: `default`, a file's path or
    `environment NAME`.
    """

    key: str
    variables: tuple[str, ...]
    value: Any
    origin: str
    default: Any
    description: str


def describe(
    loaded: LoadedSettings, plugin_schemas: Mapping[str, type[msgspec.Struct]] | None = None
) -> list[SettingRow]:
    """Return all settings of the core, then those of the plugins by name, in the order of the schemas.

    Raises: BadSettings with every problem of every plugin's settings.
    """
    rows: list[SettingRow] = []
    for section, fields in core_fields().items():
        values = getattr(loaded.settings, section) if section else loaded.settings
        rows += _rows(loaded, fields, values)
    problems: list[Problem] = []
    for name, schema in sorted((plugin_schemas or {}).items()):
        try:
            rows += _rows(loaded, plugin_fields(name, schema), loaded.plugin(name, schema))
        except BadSettings as error:
            problems += error.problems
        problems += chain(*loaded.part_problems(name).values())
    if problems:
        raise BadSettings(problems)
    return rows


def format_table(rows: Iterable[SettingRow]) -> str:
    """Return the rows as lines of text in three columns: key, value, origin."""
    cells = [(row.key, shown(row.value), row.origin) for row in rows]
    wide = [max(map(len, column), default=0) for column in list(zip(*cells, strict=True))[:2]]
    return "\n".join(
        f"{key:<{wide[0]}}  {value:<{wide[1]}}  {origin}" for key, value, origin in cells
    )


def _rows(
    loaded: LoadedSettings, fields: Iterable[Field], values: msgspec.Struct
) -> list[SettingRow]:
    return [
        SettingRow(
            key=field.key,
            variables=field.variables,
            value=masked(getattr(values, field.name)),
            origin=str(loaded.origins[field.key]),
            default=None if field.required else masked(field.default),
            description=field.description,
        )
        for field in fields
    ]
