"""The connections in the form of clients: shown with masks in place of secrets, changed all or none."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest, Secret
from portico.api.auth import Actor
from portico.api.connections import (
    ConnectionKind,
    check_url,
    is_mask,
    masked_keys,
    options_at,
    read_key,
    shown_options,
    stored_connections,
)
from portico_ollama.connection import OllamaConnection, all_connections, server_url
from portico_ollama.connection_options import (
    IGNORED_OPTIONS,
    OPTIONS_FORM,
    OllamaOptions,
)
from portico_ollama.schemas import OllamaConnectionsAnswer, OllamaConnectionsForm
from portico_ollama.servers import OllamaServers
from portico_ollama.settings import OllamaSettings

ENABLE: Final = "ENABLE_OLLAMA_API"
URLS: Final = "OLLAMA_BASE_URLS"
CONFIGS: Final = "OLLAMA_API_CONFIGS"
KIND: Final = ConnectionKind("ollama", ENABLE, URLS, CONFIGS, OPTIONS_FORM)


class OllamaConnectionConfig:
    """Reads and changes the connections."""

    def __init__(self, app: AppContext, servers: OllamaServers) -> None:
        self._app, self._servers = app, servers
        self._section = app.runtime_settings.section(OllamaSettings)
        app.runtime_settings.add_reader(
            OllamaSettings, lambda given: KIND.read_values(given, self._read_plain)
        )

    async def current(self) -> OllamaConnectionsAnswer:
        """Return all connections, with masks in place of keys and of the values of headers."""
        settings = await self._section.current()
        every = all_connections(settings)
        names = {ENABLE, URLS, CONFIGS}
        return OllamaConnectionsAnswer(
            enable=settings.enable,
            urls=[one.url for one in every],
            configs={
                str(one.index): _shown(one.options, mask)
                for one, mask in zip(every, masked_keys(every, self._app.encryptor), strict=True)
            },
            pinned=self._app.runtime_settings.pinned(names),
        )

    async def update(self, actor: Actor, form: OllamaConnectionsForm) -> OllamaConnectionsAnswer:
        """Store connections; a mask leaves a secret as it is.

        Raises: InvalidRequest, naming the field, for an invalid value, an option that is not supported, another value of
        a pinned setting, and a mask that stands for nothing; then nothing is stored.
        """
        async with self._app.runtime_settings.locked(OllamaSettings):
            await self._change(actor, form)
        return await self.current()

    async def _change(self, actor: Actor, form: OllamaConnectionsForm) -> None:
        await self._app.runtime_settings.change(await self._changes(form), actor.id)

    async def _read_plain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        current = msgspec.to_builtins(await self.current())
        return await self._changes(msgspec.convert(current | values, OllamaConnectionsForm))

    async def _changes(self, form: OllamaConnectionsForm) -> dict[str, Any]:
        """Return the settings that differ from the stored ones, by variable. Raises: InvalidRequest."""
        stored = all_connections(await self._section.current())
        urls = [server_url(url) for url in form.urls]
        given = [options_at(form.configs, index, url) for index, url in enumerate(urls)]
        keys = [str((config or {}).get("key") or "").strip() for config in given]
        before = stored_connections(urls, keys, stored, self._app.encryptor)
        options = [
            _read(f"{CONFIGS}.{index}", config, key, was)
            for index, (config, key, was) in enumerate(zip(given, keys, before, strict=True))
        ]
        return KIND.changes(
            enable=form.enable,
            urls=urls,
            options=options,
            stored=stored,
            statuses=self._app.catalogue.statuses(),
        )

    async def verify(self, url: str, key: str) -> str:
        """Return the version of a server that need not be stored; a masked key is the stored one of the same URL.

        Raises: InvalidRequest for an address or a key that is none; SourceFailed.
        """
        url = server_url(url)
        check_url("url", url)
        stored = all_connections(await self._section.current())
        [known] = stored_connections([url], [key.strip()], stored, self._app.encryptor)
        secret = Secret(read_key("key", key, known.key if known else None))
        options = known.options if known and is_mask(key.strip()) else OllamaOptions()
        options = msgspec.structs.replace(options, key=secret)
        connection = OllamaConnection(0, "ollama", url, options)
        return await self._servers.source_of(connection).client.version()


def check_settings(settings: OllamaSettings) -> None:
    """Raises: OperatorError for connections of the operator that can never work."""
    KIND.check(all_connections(settings))


def _read(
    place: str, given: Mapping[str, Any] | None, key: str, stored: OllamaConnection | None
) -> OllamaOptions:
    values = {name: value for name, value in (given or {}).items() if name not in IGNORED_OPTIONS}
    if not isinstance(values.get("key", ""), str | None):
        raise InvalidRequest(f"[ERROR: {place}.key: expected a text]")
    values["key"] = read_key(f"{place}.key", key, stored.key if stored else None)
    return OPTIONS_FORM.read(place, values, stored.options if stored else None)


def _shown(options: OllamaOptions, mask: str) -> dict[str, Any]:
    return shown_options(options) | {"key": mask}
