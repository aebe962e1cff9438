"""`portico.toml`: which file is meant, and what is in it."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portico.settings.problems import BadSettings, Origin, Problem

CONFIG_VARIABLE = "PORTICO_CONFIG"
DEFAULT_FILE = Path("portico.toml")


def find_file(environ: Mapping[str, str], named: Path | None = None) -> tuple[Path, Origin] | None:
    """The settings file and who named it: `--config`, else `PORTICO_CONFIG`, else the default.

    None when nobody named one and the default is not there.
    """
    if named is not None:
        return named, Origin("file", "--config")
    if variable := environ.get(CONFIG_VARIABLE):
        return Path(variable), Origin("environment", CONFIG_VARIABLE)
    return (DEFAULT_FILE, Origin("default")) if DEFAULT_FILE.exists() else None


def read_file(path: Path, named_by: Origin) -> dict[str, Any]:
    """The tables of a settings file. Raises: BadSettings if it cannot be read or is not TOML."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise BadSettings([Problem(str(path), reason, named_by)]) from None
    try:
        # Editors on Windows put a byte order mark in front, which TOML does not know.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"line {line} is not valid UTF-8"
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r"(.*) \(at (.*)\)", r"\2: \1", str(error), flags=re.DOTALL)
    except (ValueError, RecursionError):
        reason = "holds a number or a nesting beyond all measure"
    raise BadSettings([Problem(str(path), reason)])
