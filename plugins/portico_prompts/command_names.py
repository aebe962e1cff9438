"""Commands of prompts: what a user types after a slash."""

import unicodedata
from typing import Final

from portico.api import InvalidRequest
from portico.api.text import normalized, normalized_id

#: Characters.
MAX_COMMAND_CHARS: Final = 128
#: Characters of a normalized command, so that an index can contain it: some letters become several.
MAX_NORMALIZED_CHARS: Final = 512
#: Besides letters, marks and digits. A slash, a blank or `?` would not fit into the path of a route.
PUNCTUATION: Final = "-_.:"

_REFUSED: Final = f"[ERROR: command must have 1 to {MAX_COMMAND_CHARS} letters, digits and characters of {PUNCTUATION}]"


def read_command(command: str) -> str:
    """Return a command as it is stored: without the slash in front, which clients send, in the Unicode form NFC.

    Raises: InvalidRequest if it is too long, or has characters that are not allowed.
    """
    command = command.removeprefix("/")
    if len(command) > MAX_COMMAND_CHARS:
        raise InvalidRequest(_REFUSED)
    command = normalized("NFC", command)
    kinds = {unicodedata.category(one)[0] for one in command if one not in PUNCTUATION}
    key = normalized_id(command)
    # Browsers remove a command of dots from a path.
    if not kinds <= set("LMN") or not key.strip(".") or len(key) > MAX_NORMALIZED_CHARS:
        raise InvalidRequest(_REFUSED)
    return command


def command_key(command: str) -> str:
    """Return the key by which commands are compared: equal for commands that look alike; empty if there is none such."""
    command = command.removeprefix("/")
    return normalized_id(command) if len(command) <= MAX_COMMAND_CHARS else ""
