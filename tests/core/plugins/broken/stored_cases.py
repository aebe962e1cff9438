"""Plugins whose settings or tables cannot be used."""

from tests.core.plugins.broken.plugin_sources import TABLE, Broken


def _settings(reason: str, fields: str) -> Broken:
    return Broken(
        "settings",
        reason,
        f"class Mine(Section):  #!\n    {fields}\n@hookimpl\ndef register_settings():\n    return Mine",
    )


STORED: dict[str, Broken] = {
    # -- settings ---------------------------------------------------------------------------------------------------
    "default_low": _settings(
        "default 0 that it does not allow itself: expected an integer of at least 1",
        "times: Annotated[int, setting('x', ge=1)] = 0",
    ),
    "default_type": _settings("default '5' that it does not allow", "times: int = '5'"),
    "default_secret": _settings(
        "has a default that it does not allow", "token: Secret = 'hunter2'"
    ),
    "custom_type": _settings(
        "has the type Path", "where: __import__('pathlib').Path | None = None"
    ),
    "union_type": _settings("cannot be read: Type unions", "what: list[int] | set[int] = []"),
    "no_such_type": _settings("is not defined", "what: 'Nope' = 5"),
    "bounds": _settings(
        "cannot be read: Can only set `ge`", "word: Annotated[str, setting('x', ge=1)] = 'a'"
    ),
    "form": _settings(
        "has the form 'urll'", "word: Annotated[str, setting('x', form='urll')] = ''"
    ),
    "variable": _settings("has env=5", "word: Annotated[str, setting('x', env=5)] = ''"),
    "operator": _settings(
        r"plugins.operator.times .*expected an integer of at least 1",
        "times: Annotated[int, setting('x', ge=1)] = 1",
    ),
    "misspelt_key": _settings("did you mean plugins.misspelt_key.times", "times: int = 1"),
    "misspelt_name": Broken(
        "settings",
        "PORTICO_MISSPELT_NAME_TIMS.*did you mean",
        "class Mine(Section):\n    times: int = 1\n@hookimpl\ndef register_settings():\n    return Mine",
    ),
    "unset": _settings("must be set, also possible as PORTICO_UNSET_TOKEN", "token: str"),
    "refuses": _settings("too few", "def __post_init__(self): raise ValueError('too few')"),
    "crashes": Broken(
        "settings",
        "settings: KeyError",
        "class Mine(Section):\n    def __post_init__(self):\n        raise KeyError('x')  #!\n"
        "@hookimpl\ndef register_settings():\n    return Mine",
    ),
    "bare": Broken("settings", "this plugin has no settings; remove the section", "x = 1"),
    # -- tables -----------------------------------------------------------------------------------------------------
    "tables_word": Broken("hook", "write a tuple", "return TableSet(Text, 'x')", "register_tables"),
    "tables_type": Broken(
        "hook", "is a subclass of piccolo", "return TableSet((int,), 'x')", "register_tables"
    ),
    "tables_refer": Broken(
        "hook",
        "write a tuple of Reference",
        "return TableSet((), 'x', references=('y',))",
        "register_tables",
    ),
    "tables_hide": Broken(
        "hook",
        "write a tuple of EncryptedColumn",
        "return TableSet((), 'x', encrypted_columns=('y',))",
        "register_tables",
    ),
    "tables_name": Broken(
        "conflict",
        "must be named tables_name_",
        TABLE.format("other")
        + "@hookimpl\ndef register_tables():\n    return TableSet((Thing,), 'x')",
    ),
    "no_steps": Broken(
        "migration",
        "cannot be read",
        TABLE.format("no_steps")
        + "@hookimpl\ndef register_tables():\n    return TableSet((Thing,), 'not_there_at_all')",
    ),
}


def migration(name: str, reason: str, **files: str) -> Broken:
    """Return a plugin with a table and one migration. `files`: its text by ending."""
    return Broken(
        "migration",
        reason,
        TABLE.format(name)
        + f"@hookimpl\ndef register_tables():\n    return TableSet((Thing,), 'made_up_{name}_steps')",
        migrations={f"0001_initial.{ending}": text for ending, text in files.items()},
    )


MIGRATIONS: dict[str, Broken] = {
    "sql": migration(
        "sql",
        "0001_initial: ",
        sql="CREATE TABLE sql_thing (id TEXT PRIMARY KEY); CREATE NONSENSE;",
    ),
    "commits": migration(
        "commits", "must not contain COMMIT", sql="CREATE TABLE commits_thing (id TEXT); COMMIT;"
    ),
    "python": migration(
        "python", "ZeroDivisionError", py="async def forwards(database):\n    1 / 0\n"
    ),
    "no_forwards": migration(
        "no_forwards", "no `async def forwards", py="def forwards(database): ...\n"
    ),
    "one_database": migration(
        "one_database", "one for each database", **{"sqlite.sql": "SELECT 1;"}
    ),
    "no_table": migration(
        "no_table", "no_table_thing", sql="CREATE TABLE no_table_other (id TEXT PRIMARY KEY);"
    ),
}

#: Only for a process of its own, whose tasks it cancels.
CANCELS_ALL = migration(
    "cancels_all",
    "cancels tasks that are not its own",
    py="import asyncio\nasync def forwards(database):\n    for task in asyncio.all_tasks():\n"
    "        task.cancel()\n    await asyncio.sleep(9)\n",
)
