"""The parts of settings schemas: sections, the metadata of fields, secrets."""

from typing import Any, dataclass_transform

import msgspec

from portico.settings.text_forms import TextForm


class Secret:
    """A value that is not shown when it is printed, logged or part of an error. `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret text."""
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
    empty: bool = False,
    form: TextForm = "",
    part: str = "",
    **bounds: Any,
) -> Any:
    """Return the metadata of a field, for `Annotated`.

    Example: `port: Annotated[int, setting("TCP port to listen on", ge=1)] = 8080`.

    `description`: one sentence without a full stop, shown by `portico config`. `env`: variable names, of
    which the first that is set is used; none = the derived `PORTICO_*` name. An empty variable is not set, unless `empty` says
    that it is a value of its own. `form`: what kind of text it is, such as `url`: what surrounds it is removed, and it is checked
    when settings are loaded. `part`: the part of a plugin that the setting is about, such as one of its auth providers; if the
    value is invalid, `RuntimeSection.faults` says so and the setting has its default, where else the plugin fails. `separator` splits a list
    given as one variable. `allowed` completes the error for an invalid value where the type does not
    say enough. `runtime_key`: the name, such as `ui.enable_signup`, under which administrators may store
    another value while the server runs; read the current value from `RuntimeSettings`. A value that the
    operator has set cannot be changed so. `formerly`: earlier names of the setting, in the same section, or
    dotted (`limits.tries`), or as a variable (`PORTICO_…`); where one of them is set, the error names the
    new one. `bounds`: arguments of `msgspec.Meta` (`ge`, `le`, `pattern`, …), checked when settings are
    loaded; they are allowed on `int | None` as well.
    """
    names = (env,) if isinstance(env, str) else env
    old_names = (formerly,) if isinstance(formerly, str) else formerly
    return msgspec.Meta(
        description=description,
        # msgspec itself refuses bounds on `int | None`, so the loader applies them to the inner type.
        extra={
            "env": names,
            "separator": separator,
            "allowed": allowed,
            "runtime_key": runtime_key,
            "formerly": old_names,
            "empty": empty,
            "form": form,
            "part": part,
            "bounds": bounds,
        },
    )


# Without this, type checkers would ask every subclass to repeat `frozen=True`.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of sections of settings, of the core and of plugins."""
