"""What the commands say, to people and to programs."""

import json
from typing import Any

import click
import msgspec

as_json = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")


def say(value: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(msgspec.to_builtins(value), indent=2))


def members(count: int) -> str:
    """How many there are."""
    return "1 member" if count == 1 else f"{count} members"
