"""The connections in the form of clients: shown with masks in place of secrets, changed all or none."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest, Secret
from portico.api.auth import Actor
from portico.api.connections import (
    MASK,
    ConnectionKind,
    check_url,
    masked_keys,
    options_at,
    read_key,
    shown_options,
    stored_connections,
    trimmed,
)
from portico_openai.connection import OpenAIConnection, all_connections
from portico_openai.connection_options import (
    ENTRA_AUTH_TYPES,
    NO_ENTRA_IDENTITY,
    OPTIONS_FORM,
    OpenAIOptions,
)
from portico_openai.schemas import ConnectionsAnswer, ConnectionsForm, VerifyForm
from portico_openai.settings import OpenAISettings

ENABLE: Final = "ENABLE_OPENAI_API"
URLS: Final = "OPENAI_API_BASE_URLS"
KEYS: Final = "OPENAI_API_KEYS"
CONFIGS: Final = "OPENAI_API_CONFIGS"
KIND: Final = ConnectionKind("openai", ENABLE, URLS, CONFIGS, OPTIONS_FORM)


class OpenAIConnectionConfig:
    """Reads and changes the connections."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._section = app.runtime_settings.section(OpenAISettings)
        app.runtime_settings.add_reader(
            OpenAISettings, lambda given: KIND.read_values(given, self._read_plain)
        )

    async def current(self) -> ConnectionsAnswer:
        """Return all connections, with masks in place of keys and of the values of headers."""
        settings = await self._section.current()
        every = all_connections(settings)
        names = {ENABLE, URLS, KEYS, CONFIGS}
        return ConnectionsAnswer(
            enable=settings.enable,
            urls=[one.url for one in every],
            keys=masked_keys(every, self._app.encryptor),
            configs={str(one.index): _shown(one.options) for one in every},
            pinned=self._app.runtime_settings.pinned(names),
        )

    async def update(self, actor: Actor, form: ConnectionsForm) -> ConnectionsAnswer:
        """Store connections; a mask leaves a secret as it is.

        Raises: InvalidRequest, naming the field, for an invalid value, an option that is not supported, another value of
        a pinned setting, and a mask that stands for nothing; then nothing is stored.
        """
        async with self._app.runtime_settings.locked(OpenAISettings):
            await self._change(actor, form)
        return await self.current()

    async def connection_to_verify(self, form: VerifyForm) -> OpenAIConnection:
        """Return the connection of a form. A mask stands for what is stored for its URL. Raises: InvalidRequest."""
        url = trimmed(form.url)
        check_url("url", url)
        stored = all_connections(await self._section.current())
        [was] = stored_connections([url], [form.key.strip()], stored, self._app.encryptor)
        given = dict(form.config or {})
        if was is not None and was.options.headers and "headers" not in given:
            given["headers"] = dict.fromkeys(was.options.headers, MASK)
        if given.get("azure") and not given.get("model_ids"):
            given["model_ids"] = ["any"]  # deployments are named later
        options = OPTIONS_FORM.read("config", given, was.options if was else None)
        self._check_identity("config", options)
        name = was.name if was else options.name or "new connection"
        key = read_key("key", form.key, was.key if was else None)
        return OpenAIConnection(0, name, url, Secret(key), options)

    async def _change(self, actor: Actor, form: ConnectionsForm) -> None:
        await self._app.runtime_settings.change(await self._changes(form), actor.id)

    async def _read_plain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        current = msgspec.to_builtins(await self.current())
        return await self._changes(msgspec.convert(current | values, ConnectionsForm))

    async def _changes(self, form: ConnectionsForm) -> dict[str, Any]:
        """Return the settings that differ from the stored ones, by variable. Raises: InvalidRequest."""
        stored = all_connections(await self._section.current())
        urls = [trimmed(url) for url in form.urls]
        texts = [*form.keys, *([""] * len(urls))][: len(urls)]
        before = stored_connections(urls, texts, stored, self._app.encryptor)
        keys = [
            read_key(f"{KEYS}.{index}", text, was.key if was else None)
            for index, (text, was) in enumerate(zip(texts, before, strict=True))
        ]
        options = [
            OPTIONS_FORM.read(
                f"{CONFIGS}.{index}",
                options_at(form.configs, index, url),
                was.options if was else None,
            )
            for index, (url, was) in enumerate(zip(urls, before, strict=True))
        ]
        for index, one in enumerate(options):
            self._check_identity(f"{CONFIGS}.{index}", one)
        changes = KIND.changes(
            enable=form.enable,
            urls=urls,
            options=options,
            stored=stored,
            statuses=self._app.catalogue.statuses(),
        )
        if keys != [one.key.reveal() for one in stored]:
            changes[KEYS] = keys
        return changes

    def _check_identity(self, place: str, options: OpenAIOptions) -> None:
        if (
            options.auth_type in ENTRA_AUTH_TYPES
            and not self._section.configured.has_entra_identity
        ):
            raise InvalidRequest(f"[ERROR: {place}.{NO_ENTRA_IDENTITY}]")


def check_settings(settings: OpenAISettings) -> None:
    """Raises: OperatorError for connections of the operator that can never work."""
    every = all_connections(settings)
    KIND.check(every)
    for one in every:
        if one.options.auth_type in ENTRA_AUTH_TYPES and not settings.has_entra_identity:
            raise KIND.option_error(one, NO_ENTRA_IDENTITY)


def _shown(options: OpenAIOptions) -> dict[str, Any]:
    return shown_options(options) | {"auth_type": options.auth_type or "bearer"}
