"""Reads connections that an administrator sends: URLs, keys and options, each with masks in place of stored secrets."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from portico.errors import InvalidRequest
from portico.settings.section import Secret
from portico.upstream.connections.base_url import url_fault
from portico.upstream.connections.masked_secrets import MASK, is_mask
from portico.upstream.connections.source_options import OWN_OPTIONS, SourceOptions

MAX_CONNECTIONS: Final = 200
MAX_KEY_CHARS: Final = 4096
SEND_AGAIN: Final = "send it again: it is stored for another server"

OptionsT = TypeVar("OptionsT", bound=SourceOptions)


@dataclass(frozen=True, slots=True)
class OptionsForm(Generic[OptionsT]):
    """Reads the options of one connection.

    `fault(options)`: the first invalid one and why, empty if all are valid. `own_options`: further options that web clients
    do not know; a form without them does not change them. `usual`: values that mean the same as an option that is not
    set, by its name.
    """

    kind: type[OptionsT]
    fault: Callable[[OptionsT], str]
    own_options: Sequence[str] = ()
    usual: Mapping[str, Any] = field(default_factory=dict)

    def read(
        self, place: str, given: Mapping[str, Any] | None, stored: OptionsT | None
    ) -> OptionsT:
        """Return the options. `place`: named in errors. `stored`: those of the connection before.

        Raises: InvalidRequest.
        """
        given = given or {}
        names = {field.name for field in msgspec.structs.fields(self.kind)}
        values = {name: value for name, value in given.items() if value is not None}
        for name, value in values.items():
            if name not in names and value not in (False, "", [], {}):
                raise InvalidRequest(f"[ERROR: {place}.{name}: this option is not supported]")
        if stored is not None:
            plain = msgspec.to_builtins(stored, enc_hook=Secret.reveal)
            kept = (*OWN_OPTIONS, *self.own_options)
            values |= {n: plain[n] for n in kept if n in plain and n not in given}
        if isinstance(headers := values.get("headers"), Mapping):
            values["headers"] = _headers(f"{place}.headers", headers, stored) or None
        try:
            options = msgspec.convert(values, self.kind, dec_hook=_decode_secret)
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$")
            where = path.rstrip("`")
            raise InvalidRequest(f"[ERROR: {place}{where}: {reason.lower()}]") from None
        if fault := self.fault(options):
            raise InvalidRequest(f"[ERROR: {place}.{fault}]")
        return self.normalized(options)

    def normalized(self, options: OptionsT) -> OptionsT:
        """Return options in which what means the same is the same, so that they can be compared."""
        unset = {
            one.name: None
            for one in msgspec.structs.fields(self.kind)
            if one.default is None
            and getattr(options, one.name) in ("", {}, self.usual.get(one.name))
        }
        return msgspec.structs.replace(options, **unset)


def read_key(place: str, text: str, stored: Secret | None) -> str:
    """Return a key; a mask stands for the stored one. Raises: InvalidRequest if there is none, or the text is no key."""
    text = text.strip()
    if is_mask(text):
        if not stored:
            raise InvalidRequest(f"[ERROR: {place}: {SEND_AGAIN}]")
        return stored.reveal()
    return check_key(place, text)


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


def check_url(place: str, url: str) -> None:
    """Raises: InvalidRequest, with the place, if this is no base URL."""
    if fault := url_fault(url):
        raise InvalidRequest(f"[ERROR: {place}: {fault}]")


def check_urls(place: str, urls: Sequence[str]) -> None:
    """Raises: InvalidRequest, with the place and the number of the first that is no base URL."""
    if len(urls) > MAX_CONNECTIONS:
        raise InvalidRequest(f"[ERROR: {place}: at most {MAX_CONNECTIONS} connections]")
    for index, url in enumerate(urls):
        check_url(f"{place}.{index}", url)


def check_names(place: str, options: Sequence[SourceOptions], taken: Collection[str]) -> None:
    """Raises: InvalidRequest for a name that a source of another plugin has. `taken`: the names of those."""
    for index, one in enumerate(options):
        if one.name in taken:
            raise InvalidRequest(
                f"[ERROR: {place}.{index}.name: another model source has this name]"
            )


def _headers(place: str, given: Mapping[str, Any], stored: SourceOptions | None) -> dict[str, Any]:
    known = (stored.headers if stored else None) or {}
    by_name = {name.lower(): value.reveal() for name, value in known.items()}
    headers = dict(given)
    for name, value in given.items():
        if value == MASK:
            if name.lower() not in by_name:
                raise InvalidRequest(f"[ERROR: {place}.{name}: {SEND_AGAIN}]")
            headers[name] = by_name[name.lower()]
    return headers


def _decode_secret(kind: type, value: Any) -> Any:
    if not isinstance(value, str):
        raise TypeError("Expected `str`")
    return kind(value)
