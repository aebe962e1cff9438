"""Finds and reads the settings file, `portico.toml`."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portico.settings.problems import BadSettings, Origin, Problem

CONFIG_VARIABLE = "PORTICO_CONFIG"
DEFAULT_FILE = Path("portico.toml")


def find_file(environ: Mapping[str, str], named: Path | None = None) -> tuple[Path, Origin] | None:
    """Return the settings file and what named it: `--config`, else `PORTICO_CONFIG`, else the default.

    None if nothing names one and the default file does not exist.
    """
    if named is not None:
        return named, Origin("file", "--config")
    if variable := environ.get(CONFIG_VARIABLE):
        return Path(variable), Origin("environment", CONFIG_VARIABLE)
    return (DEFAULT_FILE, Origin("default")) if DEFAULT_FILE.exists() else None


def read_file(path: Path, named_by: Origin) -> dict[str, Any]:
    """Return the tables of a settings file. Raises: BadSettings if it cannot be read or is not TOML."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise BadSettings([Problem(str(path), reason, named_by)]) from None
    try:
        # Editors on Windows add a byte-order mark, which TOML does not allow.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"line {line} is not valid UTF-8"
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r"(.*) \(at (.*)\)", r"\2: \1", str(error), flags=re.DOTALL)
    except (ValueError, RecursionError):
        reason = "contains a number that is too large, or is nested too deeply"
    raise BadSettings([Problem(str(path), reason)])
