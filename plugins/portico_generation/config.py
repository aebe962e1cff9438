"""The settings of generation in one form, as clients show it to administrators."""

from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico_generation.schemas import GenerationConfig, GenerationConfigAnswer


class GenerationConfigService:
    """Reads and changes the runtime settings in the form of clients."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def current(self) -> GenerationConfigAnswer:
        """Return the active values."""
        values = await self._app.runtime_settings.values()
        pinned = self._app.runtime_settings.pinned(_NAMES)
        return GenerationConfigAnswer(**{name: values[name] for name in _NAMES}, pinned=pinned)

    async def update(self, actor: Actor, form: GenerationConfig) -> GenerationConfigAnswer:
        """Store the values that differ from the active ones, all or none.

        Raises: InvalidRequest, naming the field, for an invalid value, and for another value of a pinned setting.
        """
        given: dict[str, Any] = {name: getattr(form, name) for name in _NAMES}
        changes = {name: "" if value is None else value for name, value in given.items()}
        await self._app.runtime_settings.change(changes, actor.id)
        return await self.current()


_NAMES = tuple(field.name for field in msgspec.structs.fields(GenerationConfig))
