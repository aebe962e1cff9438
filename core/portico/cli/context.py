"""What commands are given: the settings, and the application, started only when it is used."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portico.settings.load import LoadedSettings, load_settings

if TYPE_CHECKING:
    from portico.boot import Application
    from portico.plugins.contributions import Contribution


class CLIContext:
    """The object that commands receive through `click.pass_obj`.

    `config`, `data_dir`: the options of the root command. `settings`, `plugin`: of a plugin's command, its settings and what its `register_components` returned; else None.
    """

    def __init__(self, config: Path | None, data_dir: str | None = None) -> None:
        self.settings: Any = None
        self.plugin: Any = None
        self._config = config
        self._given = {"DATA_DIR": data_dir} if data_dir else {}
        self._loaded: LoadedSettings | None = None
        self._application: Application | None = None

    def load_settings(self, **overrides: Any) -> LoadedSettings:
        """Return the settings. `overrides`: values by environment variable; they win over all other sources."""
        if self._loaded is None or overrides:
            given = {name: str(value) for name, value in overrides.items() if value is not None}
            self._loaded = load_settings(toml_path=self._config, overrides=self._given | given)
        return self._loaded

    def application(self, *, routes: bool = False) -> "Application":
        """Return the application with its plugins loaded. It has opened nothing yet.

        `routes`: a new one, with the routes of the plugins.
        """
        if self._application is None or routes:
            from portico.boot import Application
            from portico.server.logging import configure_logging

            configure_logging(self.load_settings().settings.log)
            self._application = Application(self.load_settings(), routes=routes)
        return self._application

    def for_plugin(self, contribution: "Contribution") -> "CLIContext":
        """Return a context for commands of this plugin. Both share the settings and the application."""
        bound = copy(self)
        bound.settings, bound.plugin = contribution.settings, contribution.components
        return bound

    def run(
        self, work: Callable[[Any], Awaitable[Any]], *, packaged_policies_only: bool = False
    ) -> Any:
        """Start the application, await `work(app)`, stop the application, and return what `work` returned.

        `packaged_policies_only`: ignore the operator's policy files, for commands that check or repair them.
        """

        async def inside() -> Any:
            application = self.application()
            try:
                await application.prepare(packaged_policies_only=packaged_policies_only)
                with application.database.use():
                    return await work(application.context)
            finally:
                await application.stop()

        return asyncio.run(inside())
