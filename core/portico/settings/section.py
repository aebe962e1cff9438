"""What settings are made of: a section of fields, a field's metadata, a secret."""

from typing import Any, dataclass_transform

import msgspec


class Secret:
    """A value that is never printed, logged or put into an error; `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(********)" if self._value else "Secret()"


def setting(
    description: str,
    *,
    env: str | tuple[str, ...] = (),
    separator: str = ",",
    allowed: str = "",
    runtime_key: str = "",
    formerly: str | tuple[str, ...] = (),
    **bounds: Any,
) -> Any:
    """The meaning of a field and what it may hold, as metadata for `Annotated`.

    `env`: variable names, the first that is set wins; none = the derived `PORTICO_*` name.
    `separator` splits a list given as one variable. `allowed` completes the error for a bad value
    when the type does not say enough. `runtime_key`: the name under which an administrator may store
    another value while the house runs, such as `ui.enable_signup`; whoever needs the value of now
    asks `RuntimeSettings`. What the operator set stays as it is. `formerly`: names that the setting had before, in the
    same section, or dotted (`limits.tries`), or as a variable (`PORTICO_…`); where one of them is set, the error names
    the new one. `bounds`: what `msgspec.Meta` takes (`ge`, `le`,
    `pattern`, …), checked by the loader; they may stand on `int | None` as well.
    """
    names = (env,) if isinstance(env, str) else env
    old_names = (formerly,) if isinstance(formerly, str) else formerly
    return msgspec.Meta(
        description=description,
        # msgspec itself refuses bounds on `int | None`, so the loader puts them where they fit.
        extra={
            "env": names,
            "separator": separator,
            "allowed": allowed,
            "runtime_key": runtime_key,
            "formerly": old_names,
            "bounds": bounds,
        },
    )


# Without this, type checkers would ask every subclass to repeat `frozen=True`.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every group of settings, the core's and a plugin's alike."""
