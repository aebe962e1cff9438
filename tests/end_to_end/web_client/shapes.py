"""Compares answers with the shapes in `shapes.txt`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("shapes.txt")
_TOKEN = re.compile(r"\s*([{}\[\],:|?]|[\w-]+)")
_VARIABLE_KEY = re.compile(r"\{(uuid|n|version)\}:")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (object,),
}


class ShapeReader:
    """Turns the text of a shape into values: a dict of fields, a list with one shape, or a tuple of names of types."""

    def __init__(self, text: str) -> None:
        # A key that stands for many is written like a field of its own.
        self._tokens = _TOKEN.findall(_VARIABLE_KEY.sub(r"every_\1:", text))

    def read(self) -> Any:
        first = self._tokens.pop(0)
        if first == "{":
            return self._fields()
        if first == "[":
            inner = None if self._tokens[0] == "]" else self.read()
            self._expect("]")
            return [inner] if inner is not None else []
        names = [first]
        while self._tokens[:1] == ["|"]:
            self._expect("|")
            names.append(self._tokens.pop(0))
        return tuple(names)

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        while self._tokens[0] != "}":
            name = self._tokens.pop(0)
            if self._tokens[0] == "?":
                name += self._tokens.pop(0)
            self._expect(":")
            fields[name] = self.read()
            if self._tokens[0] == ",":
                self._expect(",")
        self._expect("}")
        return fields

    def _expect(self, token: str) -> None:
        found = self._tokens.pop(0)
        assert found == token, f"expected {token}, found {found} before {self._tokens[:5]}"


class Shapes:
    """The table of all shapes, by method and path."""

    def __init__(self) -> None:
        lines = [line for line in TABLE.read_text().splitlines() if line[:1] not in ("", "#")]
        rows = [line.split(maxsplit=2) for line in lines]
        self._named = {
            path: ShapeReader(text).read() for kind, path, text in rows if kind == "TYPE"
        }
        self._by_route = {(method, path): text for method, path, text in rows}

    def differences(self, method: str, path: str, answer: Any) -> list[str]:
        """Return what does not fit, as texts; nothing for a route without a shape."""
        text = self._by_route.get((method, path))
        if text is None or (text.endswith(" or null") and answer is None):
            return []
        shape = ShapeReader(text.removesuffix(" or null")).read()
        return [f"{method} {path}: {one}" for one in self._compare(shape, answer, "answer")]

    def _compare(self, shape: Any, value: Any, where: str) -> Iterator[str]:
        if isinstance(shape, tuple):
            yield from self._compare_scalar(shape, value, where)
        elif isinstance(shape, list):
            if not isinstance(value, list):
                yield f"{where} is no list: {value!r:.80}"
                return
            for number, one in enumerate(value if shape else ()):
                yield from self._compare(shape[0], one, f"{where}[{number}]")
        elif not isinstance(value, dict):
            yield f"{where} is no object: {value!r:.80}"
        else:
            yield from self._compare_fields(shape, value, where)

    def _compare_fields(
        self, shape: dict[str, Any], value: dict[str, Any], where: str
    ) -> Iterator[str]:
        for name, inner in shape.items():
            if name.startswith("every_"):
                for key, one in value.items():
                    yield from self._compare(inner, one, f"{where}[{key}]")
            elif name.rstrip("?") in value:
                plain = name.rstrip("?")
                if not (name.endswith("?") and value[plain] is None):
                    yield from self._compare(inner, value[plain], f"{where}.{plain}")
            elif not name.endswith("?"):
                yield f"{where}.{name} is missing"

    def _compare_scalar(self, names: tuple[str, ...], value: Any, where: str) -> Iterator[str]:
        named = [self._named[name] for name in names if name in self._named]
        if named:
            yield from self._compare(named[0], value, where)
            return
        kinds = tuple(kind for name in names for kind in _TYPES[name])
        is_number = "bool" not in names and "null" not in names and isinstance(value, bool)
        if not isinstance(value, kinds) or is_number:
            yield f"{where} is {value!r:.80}, expected {'|'.join(names)}"
