"""The states of the schema that landed on main: how to build a database of each one.

A state is the number of applied steps of each owner of tables, under the name that the owner had then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from portico.db import Database, TableSet
from portico.db.migrate import MIGRATION_TABLE
from portico.db.migration_files import read_migrations

#: Present names of owners whose states were recorded under another name.
FORMER_OWNERS = {"keys": "api_keys"}

FIRST = {"identity": 3, "permissions": 1, "models": 1, "chats": 1}
BEFORE_SHARED_DATABASES = {
    "audit": 1,
    "configuration": 1,
    "identity": 6,
    "limits": 1,
    "permissions": 2,
    "vault": 1,
    "models": 6,
    "folders": 1,
    "chats": 5,
    "keys": 1,
    "oauth": 1,
    "ldap": 1,
}
BEFORE_PLAIN_WORDS = BEFORE_SHARED_DATABASES | {
    "instances": 1,
    "retention": 1,
    "identity": 8,
    "limits": 2,
    "models": 8,
    "chats": 10,
}
#: Plugins with their present names; audit log, policies and models still with their former words.
WITH_RENAMED_PLUGINS = {
    owner: steps for owner, steps in BEFORE_PLAIN_WORDS.items() if owner != "keys"
} | {"api_keys": 2, "oauth": 2, "ldap": 2}

STATES = {
    "first": FIRST,
    "before-shared-databases": BEFORE_SHARED_DATABASES,
    "before-plain-words": BEFORE_PLAIN_WORDS,
    "with-renamed-plugins": WITH_RENAMED_PLUGINS,
}


@dataclass(frozen=True)
class State:
    """A state of the schema. `steps`: the number of applied steps by present owner."""

    recorded: Mapping[str, int]

    @property
    def steps(self) -> dict[str, int]:
        return {FORMER_OWNERS.get(owner, owner): number for owner, number in self.recorded.items()}


async def build(database: Database, sets: Mapping[str, TableSet], state: State) -> None:
    """Apply the steps of a state to an empty database, and record each under the owner's name of then."""
    await database.execute(MIGRATION_TABLE)
    names = {FORMER_OWNERS.get(name, name): name for name in state.recorded}
    assert names.keys() <= sets.keys()
    for owner, tables in sets.items():
        steps = read_migrations(tables.migrations, database.dialect)
        for step in steps[: state.steps.get(owner, 0)]:
            async with database.transaction():
                await step.run(database)
                await database.execute(
                    "INSERT INTO portico_migration VALUES ($1, $2, 1)", names[owner], step.name
                )
