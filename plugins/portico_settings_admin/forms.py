"""The forms of clients: views of some runtime settings, by the names of their variables."""

from typing import TypeVar

import msgspec

from portico.api import AppContext
from portico.api.auth import Actor
from portico_settings_admin.schemas import (
    ConnectionsConfig,
    ConnectionsConfigAnswer,
    ModelsConfig,
    ModelsConfigAnswer,
)
from portico_settings_admin.settings import Banner, PromptSuggestion, SettingsAdminSettings

BANNERS = "WEBUI_BANNERS"
SUGGESTIONS = "DEFAULT_PROMPT_SUGGESTIONS"

AnswerT = TypeVar("AnswerT", ModelsConfigAnswer, ConnectionsConfigAnswer)


class SettingsForms:
    """Reads and changes the settings of a form, all or none. Changes raise InvalidRequest as `RuntimeSettings.change`."""

    def __init__(self, app: AppContext) -> None:
        self._runtime_settings = app.runtime_settings
        self._section = app.runtime_settings.section(SettingsAdminSettings)

    async def banners(self) -> list[Banner]:
        """Return the banners."""
        return (await self._section.current()).banners

    async def set_banners(self, actor: Actor, banners: list[Banner]) -> list[Banner]:
        """Replace the banners."""
        plain = msgspec.to_builtins(banners)
        await self._runtime_settings.change({BANNERS: plain}, actor.id)
        return await self.banners()

    async def set_suggestions(
        self, actor: Actor, suggestions: list[PromptSuggestion]
    ) -> list[PromptSuggestion]:
        """Replace the prompt suggestions."""
        plain = msgspec.to_builtins(suggestions)
        await self._runtime_settings.change({SUGGESTIONS: plain}, actor.id)
        return (await self._section.current()).prompt_suggestions

    async def models(self) -> ModelsConfigAnswer:
        """Return the default models and the order of models."""
        return await self._read(ModelsConfigAnswer)

    async def connections(self) -> ConnectionsConfigAnswer:
        """Return the switches of connections. One that no active plugin has is off."""
        return await self._read(ConnectionsConfigAnswer)

    async def set_models(self, actor: Actor, form: ModelsConfig) -> ModelsConfigAnswer:
        """Change the default models and the order of models. No order is the empty one."""
        await self._change(actor, form)
        return await self.models()

    async def set_connections(
        self, actor: Actor, form: ConnectionsConfig
    ) -> ConnectionsConfigAnswer:
        """Change the switches of connections. One that no active plugin has can only be off."""
        await self._change(actor, form)
        return await self.connections()

    async def _read(self, kind: type[AnswerT]) -> AnswerT:
        values = await self._runtime_settings.values()
        names = [name for name in kind.__struct_fields__ if name != "pinned"]
        pinned = self._runtime_settings.pinned(names)
        return kind(**{name: values.get(name, False) for name in names}, pinned=pinned)

    async def _change(self, actor: Actor, form: ModelsConfig | ConnectionsConfig) -> None:
        known = await self._runtime_settings.values()
        given = {name: getattr(form, name) for name in form.__struct_fields__}
        if given.get("MODEL_ORDER_LIST", []) is None:
            given["MODEL_ORDER_LIST"] = []
        changes = {name: value for name, value in given.items() if value or name in known}
        await self._runtime_settings.change(changes, actor.id)
