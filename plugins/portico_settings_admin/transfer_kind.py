"""Export and import of stored settings, one record each: an invalid one is left out alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from portico.api import PINNED, AppContext, DomainError, SettingState
from portico.api.db import RollBack, transaction
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    imported,
    rejected,
    skipped,
    unchanged,
)

NAME: Final = "settings"
UNKNOWN: Final = "no plugin here has this setting"
STORED_HERE: Final = "an administrator has set it here, and that stays"
ADMIN_ROLE: Final = "new accounts would become administrators; --keep-admins takes it"
NO_GROUP: Final = "the group that it names was not taken"
#: Settings that hold the id of a group.
GROUP_SETTINGS: Final = frozenset({"ui.default_group_id"})
ROLE_SETTING: Final = "ui.default_user_role"


class SettingRecord(msgspec.Struct, kw_only=True):
    """A setting that an administrator has stored. `name`: its path in `GET /api/v1/configs/export`."""

    name: str
    value: Any


class StoredSettingsTransfer(TransferKind):
    """Settings that administrators have stored. Those that are stored here stay."""

    name = NAME
    after = ("groups", "default_permissions")

    def __init__(self, app: AppContext) -> None:
        self._settings = app.runtime_settings
        self._reader = RecordReader(SettingRecord, "name")

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield the stored settings; those with secrets only if they are wanted."""
        if scope.is_whole:
            values = await self._settings.stored_values(with_secrets=scope.with_secrets)
            yield [
                msgspec.json.encode(SettingRecord(name=name, value=value))
                for name, value in values.items()
                if scope.with_secrets or not self._is_secret(name)
            ]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import settings in one transaction. Each is validated as when an administrator sets it."""
        read, outcomes = self._reader.read(records)
        with suppress(RollBack):
            async with transaction():
                states = {one.key: one for one in await self._settings.states()}
                waiting: dict[int, tuple[str, Any]] = {}
                for place, record in read:
                    value = _value(record, run)
                    outcome = (
                        value
                        if isinstance(value, Outcome)
                        else await self._present(states.get(record.name), record, value[0])
                    )
                    if outcome is not None:
                        outcomes[place] = outcome
                    elif not isinstance(value, Outcome):
                        waiting[place] = (record.name, value[0])
                stored = await self._store(waiting)
                kept = await self._settings.stored_values()
                outcomes |= {  # what is the default in another form is not stored
                    place: unchanged(one.id)
                    if one.state == "imported" and one.id not in kept
                    else one
                    for place, one in stored.items()
                }
                if run.dry_run:
                    raise RollBack
        return [outcomes[place] for place in range(len(records))]

    async def _present(
        self, state: SettingState | None, record: SettingRecord, value: Any
    ) -> Outcome | None:
        """Return what becomes of a setting that is not to be stored here; None = it is."""
        if state is None:
            return skipped(record.name, UNKNOWN)
        if await self._settings.is_current(state.variable, value):
            return unchanged(record.name)
        if state.pinned:
            return skipped(record.name, PINNED)
        if not state.is_stored:
            return None
        is_same = await self._is_stored(state.variable, value)
        return unchanged(record.name) if is_same else skipped(record.name, STORED_HERE)

    async def _is_stored(self, variable: str, value: Any) -> bool:
        """Return whether storing a value would change nothing, since what its plugin makes of it is stored."""
        same = False
        with suppress(RollBack, DomainError):
            async with transaction():
                before = (await self._settings.values())[variable]
                await self._settings.submit({variable: value}, "")
                same = (await self._settings.values())[variable] == before
                raise RollBack
        return same

    def _is_secret(self, name: str) -> bool:
        owner = self._settings.owner(name)
        return owner is not None and owner[1].is_secret

    async def _store(self, waiting: dict[int, tuple[str, Any]]) -> dict[int, Outcome]:
        """Store values, all at once if they are valid together, else one by one until no further one is."""
        if not waiting or not await self._submit(dict(waiting.values())):
            return {place: imported(name) for place, (name, _) in waiting.items()}
        outcomes: dict[int, Outcome] = {}
        refused: dict[int, Outcome] = {}
        while True:
            left = {place: one for place, one in waiting.items() if place not in outcomes}
            refused = {}
            for place, (name, value) in left.items():
                if reason := await self._submit({name: value}):
                    refused[place] = rejected(name, reason)
                else:
                    outcomes[place] = imported(name)
            if len(refused) in (0, len(left)):  # one may need another that came later
                return outcomes | refused

    async def _submit(self, values: dict[str, Any]) -> str:
        """Store values by path. Returns why they cannot be stored, in a sentence; empty = they are."""
        given = {}
        for name, value in values.items():
            owner = self._settings.owner(name)
            assert owner is not None  # its state was found
            given[owner[0]] = value
        try:
            async with transaction():
                await self._settings.submit(given, "")
        except DomainError as error:
            return error.detail.removeprefix("[ERROR: ").removesuffix("]")
        return ""


def _value(record: SettingRecord, run: ImportRun) -> tuple[Any] | Outcome:
    """Return the value to store here, or why it is left out."""
    if record.name == ROLE_SETTING and record.value == "admin" and not run.choices.keep_admins:
        return skipped(record.name, ADMIN_ROLE)
    if record.name in GROUP_SETTINGS and record.value:
        group = run.groups.get(record.value) if isinstance(record.value, str) else None
        return skipped(record.name, NO_GROUP) if group is None else (group,)
    return (record.value,)
