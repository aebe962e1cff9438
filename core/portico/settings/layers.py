"""Fills a section from its three layers: default < settings file < environment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portico.errors import error_text
from portico.settings.conversion import InvalidValue, NotJSON, convert
from portico.settings.env_values import is_set, read_text
from portico.settings.fields import Field
from portico.settings.masking import MASK, masked, shown
from portico.settings.problems import DEFAULT, Origin, Problem, did_you_mean
from portico.settings.text_forms import ADDRESS_FORMS
from portico.settings.type_descriptions import describe_type


@dataclass(frozen=True, slots=True)
class LoadedSection:
    """The result for one section. `values` by field name, `origins` by dotted key."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SettingsLayers:
    """The settings file and the environment, which override the defaults.

    `options`: variables whose value was given as an option on the command line.
    """

    file: Origin
    environ: Mapping[str, str] = field(repr=False)
    options: frozenset[str] = frozenset()

    def fill(self, fields: Iterable[Field], table: Mapping[str, Any]) -> LoadedSection:
        """Return each field's value from the strongest layer that sets it.

        An invalid value in the file is a problem even where the environment overrides it, since it
        would be used as soon as the variable is removed.
        """
        filled = LoadedSection()
        for item in fields:
            value, origin = item.default, DEFAULT
            if item.name in table:
                value, origin = self._set(table[item.name], self.file, item, filled), self.file
            for variable in item.variables:
                if is_set(self.environ.get(variable), item):
                    given = variable in self.options
                    origin = Origin("command line" if given else "environment", variable)
                    value = self._set(self.environ[variable], origin, item, filled)
                    break
            if item.required and origin is DEFAULT:
                reason = f"must be set, also possible as {' or '.join(item.variables)}"
                filled.problems.append(Problem(item.key, reason))
            filled.values[item.name] = value
            filled.origins[item.key] = origin
        return filled

    def _set(self, raw: Any, origin: Origin, item: Field, filled: LoadedSection) -> Any:
        try:
            return convert(raw if origin is self.file else read_text(raw, item), item)
        except InvalidValue as error:
            detail = f"; {text}" if (text := error_text(error)) else ""
            may_hold_password = item.form in ADDRESS_FORMS and "@" in str(raw)
            is_unreadable = isinstance(error, NotJSON) or may_hold_password
            value = None if is_unreadable else shown(masked(raw))
            if item.is_secret:
                value = MASK
            reason = f"expected {describe_type(item)}{detail}"
            filled.problems.append(Problem(item.key, reason, origin, value))
            return item.default

    def unknown_key(self, path: str, name: str, fields: Iterable[Field]) -> Problem:
        """Return the problem of a key in the file that no field of the section at `path` has.

        The value is left out, since it may be a secret.
        """
        fields = list(fields)
        key = f"{path}{name}"
        for item in fields:
            if key in item.former_keys:
                return Problem(key, f"this setting is now called {item.key}", self.file)
        keys = [item.key for item in fields]
        tails = [key.removeprefix(path) for key in keys if key.startswith(path)]
        siblings = {word: f"{path}{word}" for word in (tail.split(".")[0] for tail in tails)}
        # The right word in the wrong section is a more likely mistake than a similar word in the right one.
        elsewhere = [key for key in keys if key.endswith(f".{name}")]
        hint = f"; did you mean {elsewhere[0]}?" if elsewhere else did_you_mean(name, siblings)
        return Problem(key, f"there is no such setting{hint}", self.file)
