"""What commands are given: the settings, and the application, started only when it is used."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portico.plugins.registry import FaultKind
from portico.settings.load import LoadedSettings, load_settings

if TYPE_CHECKING:
    from portico.boot import Application
    from portico.cli.start_check import StartCheck
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

    def check_start(self, *, packaged_policies_only: bool = False) -> "StartCheck":
        """Return what serving would say of each plugin. Changes nothing that lasts. Raises: OperatorError.

        `packaged_policies_only`: without the operator's policy files.
        """
        from portico.cli.start_check import check_start
        from portico.server.logging import configure_logging

        configure_logging(self.load_settings().settings.log)
        return check_start(self.load_settings(), packaged_policies_only=packaged_policies_only)

    def for_plugin(self, contribution: "Contribution") -> "CLIContext":
        """Return a context for commands of this plugin. Both share the settings and the application."""
        bound = copy(self)
        bound.settings, bound.plugin = contribution.settings, contribution.components
        return bound

    def run(
        self,
        work: Callable[[Any], Awaitable[Any]],
        *,
        packaged_policies_only: bool = False,
        as_served: bool = False,
        claims_keys: bool = False,
    ) -> Any:
        """Start the application, await `work(app)`, stop the application, and return what `work` returned.

        `packaged_policies_only`: ignore the operator's policy files, for commands that check or repair them. `as_served`:
        without the plugins that fail when serving, which are printed. `claims_keys`: the configured keys become those of the
        database, as when serving, for commands that encrypt what they store. Raises: OperatorError if it has others.
        """
        failing = self._failing_plugins(packaged_policies_only) if as_served else []

        async def inside() -> Any:
            application = self.application()
            for one in failing:
                if any(c.plugin_name == one["name"] for c in application.contributions):
                    application.fail_plugin(
                        one["name"], one["reason"], kind=FaultKind(one["fault"]), at=one["at"]
                    )
            try:
                await application.prepare(packaged_policies_only=packaged_policies_only)
                with application.database.use():
                    if claims_keys:
                        await _claim_keys(application)
                    return await work(application.context)
            finally:
                await application.stop()

        return asyncio.run(inside())

    def _failing_plugins(self, packaged_policies_only: bool) -> list[dict[str, Any]]:
        """Return the plugins that fail when serving, and print them."""
        found = self.check_start(packaged_policies_only=packaged_policies_only)
        for refusal in found.refusals:
            click.echo(f"note: the server would not start: {refusal}", err=True)
        for one in found.failed:
            click.echo(
                f"note: plugin {one['name']!r} fails ({one['fault']}): {one['reason']}", err=True
            )
        return found.failed


async def _claim_keys(application: "Application") -> None:
    from portico.encryption import check_encryption_key
    from portico.identity.secret_key_check import check_secret_key
    from portico.settings.secret_key import ensure_secret_key

    settings, data_dir = application.settings, Path(application.settings.data_dir)
    await check_secret_key(ensure_secret_key(settings, data_dir.absolute()))  # noqa: ASYNC240 - no other work
    await check_encryption_key(application.encryptor)
