"""Values of single keys of a body whose values are raw JSON."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.errors import ValidationError, field_error
from portico.web.request.json_decoding import to_field_error
from portico.web.request.lenient_json import lenient_decoder


def required_value(data: Mapping[str, msgspec.Raw], key: str, kind: Any) -> Any:
    """Return the value of a key. Raises: ValidationError if the key is missing or its value has another type."""
    if key not in data:
        raise field_error(key, "missing", "Field required")
    return _decode(data[key], key, kind)


def optional_value(data: Mapping[str, msgspec.Raw], key: str, kind: Any) -> Any:
    """Return the value of a key; None without one. Raises: ValidationError if the value has another type."""
    return _decode(data[key], key, kind | None) if key in data else None


def _decode(raw: msgspec.Raw, key: str, kind: Any) -> Any:
    try:
        return lenient_decoder(kind).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError) and " - at `$" in str(error):  # inside of it
            inner = to_field_error(str(error), "body")
            raise ValidationError([inner | {"loc": ["body", key, *inner["loc"][1:]]}]) from None
        name = _NAMES.get(kind, "object")
        raise field_error(key, f"{name}_type", f"Expected `{name}`") from None


_NAMES: Final[Mapping[Any, str]] = {
    str: "string",
    str | None: "string",
    bool | None: "bool",
    int | None: "int",
    list[msgspec.Raw]: "list",
    list[msgspec.Raw] | None: "list",
    list[dict[str, msgspec.Raw]] | None: "list",
    list[str] | None: "list",
    str | list[str] | None: "string",
}
