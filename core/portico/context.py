"""Sets a context variable for a block."""

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

T = TypeVar("T")


class ContextValue(Generic[T]):
    """A context manager that sets a context variable. A class, since it is entered in every request and must be fast."""

    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self._variable = variable
        self._value = value

    def __enter__(self) -> T:
        self._token: Token[T] = self._variable.set(self._value)
        return self._value

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)
