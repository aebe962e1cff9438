"""Settings as administrators see them: plain data, with secrets masked."""

from typing import Any

import msgspec

from portico.errors import InvalidRequest, error_text
from portico.runtime_settings.store import StoredSetting
from portico.settings.conversion import InvalidValue, convert
from portico.settings.fields import Field
from portico.settings.masking import masked
from portico.settings.section import Secret
from portico.settings.type_descriptions import describe_type


class SettingState(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is now. Units: `changed_at` in epoch seconds.

    `key`: its path in exports. `value`: secrets are masked. `pinned`: the operator has set it, so it cannot be changed.
    `version`: the number of its last change; 0 = none is known. `is_stored`: an administrator has set it.
    """

    variable: str
    key: str
    value: Any
    pinned: bool
    version: int
    is_stored: bool
    changed_at: int | None
    changed_by: str
    description: str


def last_change(stored: StoredSetting | None) -> dict[str, Any]:
    """Return the fields of `SettingState` that say when a setting was changed last."""
    if stored is None:
        return {"version": 0, "is_stored": False, "changed_at": None, "changed_by": ""}
    return {
        "version": stored.version,
        "is_stored": stored.is_set,
        "changed_at": stored.updated_at or None,
        "changed_by": stored.updated_by,
    }


def converted(variable: str, value: Any, field: Field) -> Any:
    """Return a value in the type of its setting. Raises: InvalidRequest."""
    try:
        return convert(value, field)
    except InvalidValue as error:
        detail = f"; {text}" if (text := error_text(error)) else ""
        raise InvalidRequest(
            f"[ERROR: {variable}: expected {describe_type(field)}{detail}]"
        ) from None


def shown(value: Any, field: Field) -> Any:
    """Return a value as plain data, with secrets masked. None for one that does not fit its setting."""
    if not field.is_secret:
        return msgspec.to_builtins(value)
    try:
        return masked(convert(msgspec.to_builtins(value, enc_hook=Secret.reveal), field))
    except InvalidValue:
        return None
