"""Reads `deploy/`: the Dockerfile, and the compose files with the variables of an environment put in."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
#: `$$`, or `${NAME}`, `${NAME:-default}`, `${NAME:?what is missing}`. Source: the compose specification, "Interpolation".
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<way>[-?])(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """A service of a compose file. `health`: the words of its health check; None = that of the image."""

    name: str
    command: list[str] | None
    environment: dict[str, str]
    health: list[str] | None
    replicas: int
    image: str
    document: Mapping[str, Any]


def read_compose(file: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of a compose file, by name. Raises: LookupError for a variable that must be set."""
    document = _filled(yaml.safe_load(file.read_text()), variables)
    return {name: _service(name, found, variables) for name, found in document["services"].items()}


def _service(name: str, found: Mapping[str, Any], variables: Mapping[str, str]) -> Service:
    # A variable without a value is taken from the environment that starts the services, or is not set.
    given = {
        key: variables.get(key) if value is None else str(value)
        for key, value in found.get("environment", {}).items()
    }
    check = found.get("healthcheck", {}).get("test")
    return Service(
        name,
        [str(word) for word in found["command"]] if "command" in found else None,
        {key: value for key, value in given.items() if value is not None},
        check[1:] if check else None,
        found.get("deploy", {}).get("replicas", 1),
        found["image"],
        found,
    )


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        if given := variables.get(match["name"]):
            return given
        if match["way"] == "?":
            raise LookupError(f"{match['name']}: {match['rest']}")
        return match["rest"] or ""

    return _VARIABLE.sub(replacement, value)


@dataclass
class Stage:
    """A stage of a Dockerfile: its instructions in order, each as its name and its text."""

    base: str
    name: str = ""
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Return the texts of all instructions of this name."""
        return [text for name, text in self.steps if name == instruction]

    def words(self, instruction: str) -> list[str]:
        """Return the words of an instruction in JSON form; of the last one, which counts."""
        text = self.all(instruction)[-1]
        found: list[str] = json.loads(text[text.index("[") :])
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The variables that `ENV` sets."""
        pairs = " ".join(self.all("ENV")).split()
        return dict(pair.split("=", 1) for pair in pairs)


def read_dockerfile(file: Path) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for instruction in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        name, _, text = instruction.strip().partition(" ")
        if name.upper() == "FROM":
            base, *alias = text.split()
            stages.append(Stage(base, alias[-1] if alias else ""))
        elif name:
            stages[-1].steps.append((name.upper(), text.strip()))
    return stages


def let_through(paths: Sequence[str], ignore: Path) -> set[str]:
    """Return those of these files that a `.dockerignore` lets through to the builder. The last matching line counts."""
    found = set()
    lines = [line.strip() for line in ignore.read_text().splitlines()]
    rules = [line for line in lines if line and not line.startswith("#")]
    for path in paths:
        ignored = False
        for rule in rules:
            pattern = rule.removeprefix("!")
            if _matches(path, pattern):
                ignored = not rule.startswith("!")
        if not ignored:
            found.add(path)
    return found


def _matches(path: str, pattern: str) -> bool:
    """Return whether a line names this file or a folder above it."""
    expression = "".join(
        {"**/": "(?:.*/)?", "*": "[^/]*"}.get(part, re.escape(part))
        for part in re.split(r"(\*\*/|\*)", pattern)
    )
    return re.match(rf"{expression}(?:/|\Z)", path) is not None
