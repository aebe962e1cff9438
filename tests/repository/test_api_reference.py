"""`help()` of `portico.api` and of its submodules says what each name is."""

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import portico.api

MODULES = [
    "portico.api",
    *(f"portico.api.{m.name}" for m in pkgutil.iter_modules(portico.api.__path__)),
]


def has_docstring(thing: object) -> bool:
    """Whether `help()` shows a docstring of the thing's own: constants show that of their type."""
    own = inspect.isclass(thing) or inspect.isroutine(thing) or isinstance(thing, ModuleType)
    return own and bool((thing.__doc__ or "").strip())


def names_in_table(module: ModuleType) -> set[str]:
    """The names that have a line of their own in the docstring of a module."""
    return set(re.findall(r"^    (\w+) +\S.*\.$", module.__doc__ or "", re.M))


@pytest.mark.parametrize("name", MODULES)
def test_public_name_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    things = {one: getattr(module, one) for one in module.__all__}
    needed = {one for one, thing in things.items() if not has_docstring(thing)}
    assert names_in_table(module) == needed, "the table in the module's docstring has exactly these"


def test_submodules_are_listed() -> None:
    listed = re.findall(r"^    (portico\.api\.\w+) +\S", portico.api.__doc__ or "", re.M)
    assert sorted(listed) == sorted(MODULES[1:])
