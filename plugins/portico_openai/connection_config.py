"""The connections in the form of clients: shown with masks in place of secrets, changed all or none."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest, OperatorError, Secret
from portico.api.auth import Actor
from portico_openai.addresses import url_fault
from portico_openai.connection import OpenAIConnection, all_connections, trimmed
from portico_openai.connection_options import (
    NAMES,
    TIMEOUTS,
    ConnectionOptions,
    normalized,
    option_fault,
)
from portico_openai.masked_secrets import MASK, is_mask, masked_keys, stored_connections
from portico_openai.schemas import ConnectionsAnswer, ConnectionsForm
from portico_openai.settings import OpenAISettings

ENABLE: Final = "ENABLE_OPENAI_API"
URLS: Final = "OPENAI_API_BASE_URLS"
KEYS: Final = "OPENAI_API_KEYS"
CONFIGS: Final = "OPENAI_API_CONFIGS"
MAX_CONNECTIONS: Final = 200
MAX_KEY_CHARS: Final = 4096
SEND_AGAIN: Final = "send it again: it is stored for another server"

#: Options that web clients do not know, so a form without them does not change them.
_OWN_OPTIONS: Final = ("name", "access", "weight", "order", "operations", *TIMEOUTS)


class ConnectionConfig:
    """Reads and changes the connections."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._section = app.runtime_settings.section(OpenAISettings)

    async def current(self) -> ConnectionsAnswer:
        """Return all connections, with masks in place of keys and of the values of headers."""
        settings = await self._section.current()
        every = all_connections(settings)
        names = {ENABLE, URLS, KEYS, CONFIGS}
        return ConnectionsAnswer(
            enable=settings.enable,
            urls=[one.url for one in every],
            keys=masked_keys(every),
            configs={str(one.index): _shown(one.options) for one in every},
            pinned=[name for name in self._app.runtime_settings.pinned() if name in names],
        )

    async def update(self, actor: Actor, form: ConnectionsForm) -> ConnectionsAnswer:
        """Store connections; a mask leaves a secret as it is.

        Raises: InvalidRequest, naming the field, for an invalid value, an option that is not supported, another value of
        a pinned setting, and a mask that stands for nothing; then nothing is stored.
        """
        stored = all_connections(await self._section.current())
        urls = [trimmed(url) for url in form.urls]
        texts = [*form.keys, *([""] * len(urls))][: len(urls)]
        before = stored_connections(urls, texts, stored)
        keys = [_key(i, text, before[i]) for i, text in enumerate(texts)]
        options = [
            read_options(
                f"{CONFIGS}.{index}", form.configs.get(str(index)) or form.configs.get(url), was
            )
            for index, (url, was) in enumerate(zip(urls, before, strict=True))
        ]
        await self._app.runtime_settings.change(
            self._changes(form, stored, urls, keys, options), actor.id
        )
        return await self.current()

    def _changes(
        self,
        form: ConnectionsForm,
        stored: Sequence[OpenAIConnection],
        urls: Sequence[str],
        keys: Sequence[str],
        options: Sequence[ConnectionOptions],
    ) -> dict[str, Any]:
        """Return the values that differ from the present ones, checked."""
        changes: dict[str, Any] = {}
        if form.enable is not None:
            changes[ENABLE] = form.enable
        if urls != [one.url for one in stored]:
            _check_urls(urls)
            changes[URLS] = urls
        if keys != [one.key.reveal() for one in stored]:
            changes[KEYS] = keys
        if options != [normalized(one.options) for one in stored]:
            self._check_names(options)
            changes[CONFIGS] = {
                str(index): msgspec.to_builtins(one, enc_hook=Secret.reveal)
                for index, one in enumerate(options)
            }
        return changes

    def _check_names(self, options: Sequence[ConnectionOptions]) -> None:
        taken = {one.name for one in self._app.catalogue.statuses() if one.plugin != "openai"}
        for index, one in enumerate(options):
            if one.name in taken:
                raise InvalidRequest(
                    f"[ERROR: {CONFIGS}.{index}.name: another model source has this name]"
                )


def check_settings(settings: OpenAISettings) -> None:
    """Raises: OperatorError for connections of the operator that can never work."""
    for one in all_connections(settings):
        # An empty URL keeps the place of a connection that was removed.
        if one.url and (fault := url_fault(one.url)):
            raise OperatorError(f"plugins.openai.base_urls ({URLS}), number {one.index}: {fault}")
        if one.options.enable and (fault := option_fault(one.options)):
            raise OperatorError(f"plugins.openai.configs ({CONFIGS}), {one.index}.{fault}")


def read_options(
    place: str, given: Mapping[str, Any] | None, stored: OpenAIConnection | None
) -> ConnectionOptions:
    """Return the options of one connection of a form. `place`: named in errors. `stored`: the connection before.

    Raises: InvalidRequest.
    """
    values = {name: value for name, value in (given or {}).items() if value is not None}
    for name, value in values.items():
        if name not in NAMES and value not in (False, "", [], {}):
            raise InvalidRequest(f"[ERROR: {place}.{name}: this option is not supported]")
    if stored is not None:
        plain = msgspec.to_builtins(stored.options, enc_hook=Secret.reveal)
        values |= {n: plain[n] for n in _OWN_OPTIONS if n in plain and n not in (given or {})}
    if isinstance(headers := values.get("headers"), Mapping):
        values["headers"] = _headers(f"{place}.headers", headers, stored) or None
    try:
        options = msgspec.convert(values, ConnectionOptions, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        where = path.rstrip("`")
        raise InvalidRequest(f"[ERROR: {place}{where}: {reason.lower()}]") from None
    if fault := option_fault(options):
        raise InvalidRequest(f"[ERROR: {place}.{fault}]")
    return normalized(options)


def _headers(
    place: str, given: Mapping[str, Any], stored: OpenAIConnection | None
) -> dict[str, Any]:
    known = (stored.options.headers if stored else None) or {}
    by_name = {name.lower(): value.reveal() for name, value in known.items()}
    headers = dict(given)
    for name, value in given.items():
        if value == MASK:
            if name.lower() not in by_name:
                raise InvalidRequest(f"[ERROR: {place}.{name}: {SEND_AGAIN}]")
            headers[name] = by_name[name.lower()]
    return headers


def _key(index: int, text: str, stored: OpenAIConnection | None) -> str:
    text = text.strip()
    if is_mask(text):
        if stored is None or not stored.key:
            raise InvalidRequest(f"[ERROR: {KEYS}.{index}: {SEND_AGAIN}]")
        return stored.key.reveal()
    return check_key(f"{KEYS}.{index}", text)


def check_key(place: str, text: str) -> str:
    """Return a new key. Raises: InvalidRequest if it cannot be part of a header, or is a mask that was edited."""
    fault = ""
    if text.startswith(MASK):
        fault = "it begins like the mask of a stored key; send the whole key"
    elif len(text) > MAX_KEY_CHARS or not text.isascii() or not text.isprintable():
        fault = "it is too long, or contains characters that keys do not have"
    if fault:
        raise InvalidRequest(f"[ERROR: {place}: {fault}]")
    return text


def _check_urls(urls: Sequence[str]) -> None:
    if len(urls) > MAX_CONNECTIONS:
        raise InvalidRequest(f"[ERROR: {URLS}: at most {MAX_CONNECTIONS} connections]")
    for index, url in enumerate(urls):
        if fault := url_fault(url):
            raise InvalidRequest(f"[ERROR: {URLS}.{index}: {fault}]")


def _shown(options: ConnectionOptions) -> dict[str, Any]:
    """Return options as clients see them: those that web clients know are always there."""
    known = {
        "enable": options.enable,
        "tags": options.tags,
        "prefix_id": options.prefix_id or "",
        "model_ids": options.model_ids,
        "connection_type": options.connection_type,
        "auth_type": options.auth_type or "bearer",
    }
    plain: dict[str, Any] = msgspec.to_builtins(options, enc_hook=lambda _: MASK)
    return plain | known


def _decode_secret(kind: type, value: Any) -> Any:
    if not isinstance(value, str):
        raise TypeError("Expected `str`")
    return kind(value)
