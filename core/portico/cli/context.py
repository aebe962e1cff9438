"""What every command is given: the key to the settings and to the house."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portico.settings.load import LoadedSettings, load_settings

if TYPE_CHECKING:
    from portico.app import Portico


class CommandContext:
    """What every command is given as `context.obj`: the settings, and the house, opened when asked for."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._loaded: LoadedSettings | None = None
        self._portico: Portico | None = None

    def load_settings(self, **overrides: Any) -> LoadedSettings:
        """The settings. `overrides`: what the command line says, by environment name; it wins over all."""
        if self._loaded is None or overrides:
            given = {name: str(value) for name, value in overrides.items() if value is not None}
            self._loaded = load_settings(toml_path=self._config, overrides=given)
        return self._loaded

    def application(self) -> "Portico":
        """The application with its plugins collected; nothing is opened yet."""
        if self._portico is None:
            from portico.app import Portico
            from portico.server.logging import configure_logging

            configure_logging(self.load_settings().settings.log)
            self._portico = Portico(self.load_settings())
        return self._portico

    def run(
        self, work: Callable[[Any], Awaitable[Any]], *, packaged_policies_only: bool = False
    ) -> Any:
        """Open the house, await `work(house)` in it, close it. Returns what the work returns.

        `packaged_policies_only`: without the operator's policy pages, for commands that look at bad ones or mend them.
        """

        async def inside() -> Any:
            portico = self.application()
            try:
                await portico.prepare(packaged_policies_only=packaged_policies_only)
                with portico.database.use():
                    return await work(portico.context)
            finally:
                await portico.stop()

        return asyncio.run(inside())
